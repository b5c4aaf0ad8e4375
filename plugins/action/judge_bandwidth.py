# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the processes of one host by what was registered there. What a host told is never templated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.rescue.remote_login.plugins.plugin_utils import bandwidth, countries, judgement, peers

AGENT = {name: {"type": "str", "required": True} for name in ("vendor", "name", "path")}


class ActionModule(ActionBase):
    """Runs on the controller alone."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "looks": {"type": "dict", "required": True},
                "expected_networks": {"type": "list", "elements": "str", "default": []},
                "expected_countries": {"type": "list", "elements": "str", "default": []},
                "geoip_database": {"type": "path"},
                "cloud_agents": {"type": "list", "elements": "dict", "options": AGENT, "default": []},
            },
        )
        try:
            settings = _settings(arguments)
        except ValueError as error:
            return {"failed": True, "msg": str(error)}
        no_countries = None
        try:
            settings = replace(settings, country_of=_countries(arguments))
        except countries.NoCountries as error:
            no_countries = str(error)
        if not arguments["looks"]:
            # Only the operator's wishes are to be checked. Who looks for what fills a link wants the rest all the same.
            return {"changed": False, "warnings": [f"Countries are not told: {no_countries}"] if no_countries else []}
        variables = task_vars or {}
        looks = [(way, plain(variables[name])) for name, way in arguments["looks"].items() if variables.get(name)]
        return {"changed": False, "bandwidth": {**bandwidth.judged(looks, settings), "no_countries": no_countries}}


def _settings(arguments: Mapping[str, Any]) -> judgement.Settings:
    try:
        peers.networks_of(arguments["expected_networks"])
    except ValueError as error:
        raise ValueError(f"remote_login_expected_networks: {error}") from error
    return judgement.Settings(
        expected_networks=arguments["expected_networks"],
        expected_countries=arguments["expected_countries"],
        agents=arguments["cloud_agents"],
    )


def _countries(arguments: Mapping[str, Any]) -> Callable[[str], str | None] | None:
    database = arguments["geoip_database"]
    if arguments["expected_countries"] and not database:
        raise countries.NoCountries("remote_login_expected_countries needs remote_login_geoip_database")
    try:
        return countries.reader(database) if database else None
    except countries.NoCountries as error:
        raise countries.NoCountries(f"remote_login_geoip_database: {error}") from error


def plain(value: Any) -> Any:
    """What a module returned, without the kinds of text by which Ansible marks it."""
    return json.loads(json.dumps(value, default=str))
