# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that start sshd once they have repaired it; the arguments are in repair/start.py."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  start:
    description: Start sshd afterwards where it does not run.
    type: bool
    default: true
  wait:
    description: How many seconds to wait for the daemon to listen.
    type: int
    default: 15
"""
