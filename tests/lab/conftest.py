# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's fixtures, which the benchmarks use as well."""

from batches import batch, batches
from fixtures import diagnose, lab, playbook, start

__all__ = ["batch", "batches", "diagnose", "lab", "playbook", "start"]
