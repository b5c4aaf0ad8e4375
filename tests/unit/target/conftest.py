# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pytest finds target_helpers.py as unittest's discovery does: beside the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
