# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gives an environment of ansible-test its pip: Python's own copy, whatever version is asked for.

noxfile.py lays it where ansible-test keeps the script that it would download from a host of its
own, which a machine behind a package mirror does not reach.
"""

from __future__ import annotations

import ensurepip

ensurepip.bootstrap()
