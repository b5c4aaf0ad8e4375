# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tests of this folder find evidence_helpers.py beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
