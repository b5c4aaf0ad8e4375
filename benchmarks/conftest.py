# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Benchmarks stand on the lab's fixtures."""

from fixtures import diagnose, lab, playbook, start

__all__ = ["diagnose", "lab", "playbook", "start"]
