# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress in one line a step, errors in full, and the report last: nothing that hides it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: brief
type: stdout
short_description: One line a step, errors in full, no recap of hosts that are well
version_added: 0.1.0
description:
  - Prints the name of each step as it starts, and what fails.
  - What a step returned is printed with C(-v) only. The recap is printed only when a task has failed.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
author:
  - rescue.remote_login authors (@rescue)
"""

from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default


class CallbackModule(Default):
    """ansible.builtin.default with less to read."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "rescue.remote_login.brief"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Nothing: the steps are announced themselves."""

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if task.action not in ("include_tasks", "ansible.builtin.include_tasks", "ansible.builtin.include_role"):
            self._display.display(f"- {task.get_name().split(' : ', 1)[-1]}")

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._display.verbosity > 0:
            super().v2_runner_on_ok(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if self._display.verbosity > 0:
            super().v2_runner_item_on_ok(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Nothing: a step that a host does not need is no news."""

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Nothing, as above."""

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Nothing: the steps inside are announced themselves."""

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Nothing: the play for saved evidence mostly has no host. That none matched at all is told at the end."""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if not stats.processed:
            self._display.warning("No host matched: look at the inventory and --limit.")
        elif stats.failures:
            super().v2_playbook_on_stats(stats)
