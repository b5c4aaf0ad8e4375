# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from mmdb import database

from ansible_collections.rescue.remote_login.plugins.plugin_utils import countries
from ansible_collections.rescue.remote_login.plugins.plugin_utils.judgement import Settings, judge, matches

ROLE = Path(__file__).resolve().parents[3] / "roles" / "bandwidth"
AGENTS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__remote_login_cloud_agents"]
SETTINGS = Settings(agents=AGENTS)
PACKAGED = {"package": "nginx-core", "modified": False}
LOCAL = {"only_root_writes": True}


def process(path: str = "/usr/sbin/nginx", program: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A process as bandwidth_info tells it; without more a program that no package has."""
    usual: dict[str, Any] = {
        "path": path, "script": None, "inline": False, "is_interpreter": False, "interpreter": None, "own_root": False,
        "in_image": None, "claims": None, "there_again": True, "preloaded": [], "package": None, "modified": None,
        "why_unknown": None, "updated_at": None, "replaced_by_update": None, "writable_place": None, "hidden": [],
        "only_root_writes": True, "file_system": "ext4", "mounted_at": "/",
    }  # fmt: skip
    found: dict[str, Any] = {
        "pid": 4711, "exists": True, "name": path.rpartition("/")[2][:15], "command": path, "executable": path,
        "executable_exists": True, "unit": None, "container": None, "declared_in": None, "parents": ["systemd (1)"],
        "peers": [{"address": "192.0.2.7", "port": 443}], "program": {**usual, **(program or {})},
    }  # fmt: skip
    return {**found, **more}


def script(path: str, **program: Any) -> dict[str, Any]:
    by = "/usr/bin/python3.11"
    its = {"path": by, "package": "python3.11-minimal", "modified": False, "hidden": [], "writable_place": None}
    told = {"script": path, "is_interpreter": True, "interpreter": its, **program}
    return process(path, told, executable=by, name="python3", command=f"python3 {path}")


HARMLESS = {
    "a packaged daemon": (process(program=PACKAGED), "normal"),
    "a packaged daemon with another title": (process(program=PACKAGED, command="nginx: worker process"), "normal"),
    "a packaged daemon whose digest nobody has": (process(program={"package": "x", "modified": None}), "normal"),
    "a packaged script": (script("/usr/bin/fail2ban-server", package="fail2ban", modified=False), "normal"),
    "a user's copy over ssh": (process("/usr/bin/ssh", {"package": "openssh-client", "modified": False}), "normal"),
    "a vendor's service": (process("/opt/v/d", LOCAL, declared_in="/etc/systemd/system/v.service"), "normal"),
    "an app in a home that is a service": (
        process("/home/app/bin/d", {"only_root_writes": False}, declared_in="/etc/systemd/system/d.service"),
        "normal",
    ),
    "a daemon that an update replaced": (
        process(program={**PACKAGED, "replaced_by_update": True}, executable_exists=False),
        "normal",
    ),
    "a shell that a service starts for each connection": (
        process(
            "/usr/bin/bash",
            {**PACKAGED, "is_interpreter": True, "inline": True, "input_from_network": True},
            declared_in="/etc/systemd/system/x@.service",
        ),
        "normal",
    ),
    "a program beside a service's own, in its user's folder": (
        process("/home/app/lib/d", {"only_root_writes": False}, declared_beside="/etc/systemd/system/d.service"),
        "unknown",
    ),
    "a program in /usr/local": (process("/usr/local/bin/rclone", LOCAL), "unknown"),
    "a script that pip installed": (script("/usr/local/bin/gunicorn", **LOCAL), "unknown"),
    "a program in a container's image": (
        process("/app/server", {"own_root": True, "in_image": True}, container="0123456789abcdef"),
        "unknown",
    ),
    "a folder for all in a container's image": (
        process("/app/d", {"own_root": True, "in_image": True, "writable_place": "/app"}, container="01234567"),
        "unknown",
    ),
    "a packaged program in a container": (
        process(program={**PACKAGED, "own_root": True}, container="0123456789abcdef"),
        "normal",
    ),
    "a program in a system container": (process("/srv/x", {"own_root": True, "in_image": None}), "unknown"),
    "a snap": (process("/snap/lxd/123/bin/lxd", {**LOCAL, "file_system": "squashfs"}), "normal"),
    "an AppImage": (
        process(
            "/tmp/.mount_abc/usr/bin/x",
            {"hidden": [".mount_abc"], "file_system": "fuse.x.AppImage", "mounted_at": "/tmp/.mount_abc"},
        ),
        "unknown",
    ),
    "a program on NFS": (process("/mnt/tools/x", {"file_system": "nfs4", "only_root_writes": False}), "unknown"),
    "a thread of the kernel": (
        process("", {"path": None}, executable=None, command="", name="nfsd", parents=["kthreadd (2)"]),
        "normal",
    ),
    "a system that knows no packages": (process(program={"why_unknown": "neither dpkg nor rpm"}), "unknown"),
    "the watchdog daemon": (process("/usr/sbin/watchdog", {"package": "watchdog", "modified": False}), "normal"),
    "systemd by its other name": (process("/usr/lib/systemd/systemd", PACKAGED, command="/sbin/init"), "normal"),
    "the first process of a container": (
        process("/init", {"own_root": True, "in_image": True}, container="01234567"),
        "unknown",
    ),
    "a user's tool in its usual hidden place": (
        process("/home/u/.nvm/v18/bin/d", {"hidden": [".nvm"], **PACKAGED}),
        "normal",
    ),
    "a library of the operator's": (
        process(
            program={**PACKAGED, "preloaded": [{"path": "/usr/local/lib/libjemalloc.so", "package": None, **LOCAL}]}
        ),
        "normal",
    ),
    "a worker with a title in brackets": (
        process(
            "/usr/bin/python3.11",
            {**PACKAGED, "is_interpreter": True, "inline": None},
            command="[celeryd: celery@web:ForkPoolWorker-1]",
            declared_in=None,
        ),
        "unknown",
    ),
    "one line of code at the prompt": (
        process("/usr/bin/perl", {**PACKAGED, "is_interpreter": True, "inline": True}),
        "unknown",
    ),
    "a process that has ended": (process(exists=False, program={}), "unknown"),
    "a session that has ended": (process("/usr/sbin/sshd", exists=False, program={}, name="sshd"), "unknown"),
    "one of which only the name is known": (process("", exists=False, program={}, name="sshd"), "unknown"),
    "a process of another user, seen without root": (
        process("", {"path": None, "why_unknown": "the program cannot be seen"}, executable=None),
        "unknown",
    ),
}

EVIL = {
    "a program in /tmp": (
        process("/tmp/x", {"writable_place": "/tmp"}),
        "/tmp/x is in /tmp, where everybody may write",
    ),
    "a service in /tmp": (
        process("/tmp/x", {"writable_place": "/tmp"}, declared_in="/etc/systemd/system/x.service"),
        "/tmp",
    ),
    "a script in /tmp": (script("/tmp/x.py", writable_place="/tmp"), "/tmp/x.py is in /tmp"),
    "a packaged script that another interpreter runs": (
        {
            **script(
                "/usr/bin/apt",
                package="apt",
                modified=False,
                interpreter={"path": "/var/tmp/python3", "hidden": [], "writable_place": "/var/tmp"},
            )
        },
        "/var/tmp/python3 is in /var/tmp",
    ),
    "a file that everybody may write to": (
        process("/opt/x", {"writable_place": "/opt/x"}),
        "everybody may write to /opt/x",
    ),
    "one that has ended, in /tmp": (process("/tmp/x", exists=False), "where everybody may write"),
    "one that has ended, in memory": (process("/memfd:x", exists=False), "only in memory"),
    "one that has ended, by another's name": (
        process("/opt/x", exists=False, name="kworker/0:1"),
        "thread of the kernel",
    ),
    "one whose files do not answer, in /tmp": (dict(process("/tmp/x"), program=None), "where everybody may write"),
    "one whose files do not answer, by another's name": (
        dict(process("/opt/x", name="kworker/0:1"), program=None),
        "thread of the kernel",
    ),
    "a program in memory": (process("/memfd:x", executable_exists=False), "only in memory"),
    "a deleted program": (process("/opt/x", {"there_again": False}, executable_exists=False), "has been deleted"),
    "a program that was swapped": (
        process(program={**PACKAGED, "replaced_by_update": False}, executable_exists=False),
        "runs another program",
    ),
    "a modified program": (process(program={"package": "p", "modified": True}), "is not as its package p left it"),
    "a modified interpreter": (
        script(
            "/usr/bin/apt",
            package="apt",
            modified=False,
            interpreter={
                "path": "/usr/bin/python3",
                "package": "p",
                "modified": True,
                "hidden": [],
                "writable_place": None,
            },
        ),
        "/usr/bin/python3 is not as its package p",
    ),
    "a hidden program": (process("/usr/bin/.sshd", {"hidden": [".sshd"]}), "hidden (.sshd)"),
    "a hidden folder": (process("/var/lib/.x/d", {"hidden": [".x"]}), "hidden (.x)"),
    "no package among the system's programs": (process("/usr/bin/x"), "is among the programs of the system"),
    "no package at all": (
        process("/var/www/x", {"only_root_writes": False}),
        "belongs to no package and to no service",
    ),
    "root's own folder": (process("/root/x", LOCAL), "belongs to no package and to no service"),
    "a thread of the kernel by title": (process("/opt/x", command="[kworker/0:1]"), "name of a thread of the kernel"),
    "a thread of the kernel by name": (process("/opt/x", LOCAL, name="kworker/u4:2"), "name of a thread of the kernel"),
    "a thread of the kernel by a title with arguments": (
        process("/opt/x", LOCAL, command="[kworker/0:1] /opt/y"),
        "name of a thread of the kernel",
    ),
    "a thread of the kernel by a title with a blank": (
        process("/opt/x", LOCAL, command="[kworker/0:1 events]"),
        "name of a thread of the kernel",
    ),
    "almost a thread of the kernel": (process("/opt/x", LOCAL, name="kdevtmpfsi"), "name of a thread of the kernel"),
    "a thread's name on a packaged interpreter": (
        process("/usr/bin/perl", {**PACKAGED, "is_interpreter": True}, name="ksoftirqd/0"),
        "name of a thread",
    ),
    "a thread's title on a packaged program": (
        process(program=PACKAGED, command="[kworker/u8:4]"),
        "name of a thread of the kernel ([kworker/u8:4])",
    ),
    "a shell at the other end of a connection": (
        process("/usr/bin/bash", {**PACKAGED, "is_interpreter": True, "inline": True, "input_from_network": True}),
        "gets its input from the network",
    ),
    "a text that was deleted": (script("/opt/x.py", script_exists=False), "/opt/x.py that it runs has been deleted"),
    "a name with a blank at its end": (process("/usr/local/bin/x", LOCAL, name="nginx "), "blanks or signs"),
    "sshd from elsewhere": (process("/opt/x/sshd", LOCAL), "is called sshd"),
    "another path in the title": (
        process("/opt/x", {**LOCAL, "claims": "/usr/sbin/sshd"}),
        "calls itself /usr/sbin/sshd",
    ),
    "a preloaded library": (
        process(program={**PACKAGED, "preloaded": [{"path": "/var/x.so", "package": None, "only_root_writes": True}]}),
        "/var/x.so is loaded before its own",
    ),
    "a program put into a container": (
        process("/root/x", {"own_root": True, "in_image": False}, container="0123456789abcdef"),
        "was put into its container",
    ),
    "a folder for all of a container that is no image's": (
        process("/tmp/x", {"own_root": True, "in_image": True, "writable_place": "/tmp"}, container="01234567"),
        "/tmp",
    ),
    "a look-alike of an agent": (
        process("/home/u/usr/local/qcloud/stargate/bin/sgagent", {"only_root_writes": False}),
        "no package",
    ),
    "an agent's path where users can write": (
        process("/usr/local/qcloud/stargate/bin/sgagent64", {"only_root_writes": False}),
        "no package",
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_not_called_suspicious(name: str) -> None:
    case, verdict = HARMLESS[name]
    judged = judge(case, SETTINGS)
    assert judged["verdict"] == verdict, judged
    assert judged["reasons"]
    assert bool(judged["look_at"]) == (verdict != "normal" and case["exists"])


@pytest.mark.parametrize("name", EVIL)
def test_what_looks_wrong_is_told_with_its_reason(name: str) -> None:
    case, words = EVIL[name]
    judged = judge(case, SETTINGS)
    assert judged["verdict"] == "suspicious", judged
    assert words in " ".join(judged["reasons"])
    assert ("sha256sum /proc/4711/exe" in " ".join(judged["look_at"])) == case["exists"]


@pytest.mark.parametrize(
    ("path", "vendor"),
    [
        ("/usr/local/qcloud/YunJing/YDEyes/YDService", "Tencent Cloud"),
        ("/usr/local/qcloud/monitor/barad/bin/barad_agent", "Tencent Cloud"),
        ("/usr/local/qcloud/stargate/bin/sgagent64", "Tencent Cloud"),
        ("/usr/local/qcloud/tat_agent/tat_agent", "Tencent Cloud"),
        ("/usr/local/aegis/aegis_client/aegis_12_37/AliYunDun", "Alibaba Cloud"),
        ("/usr/local/aegis/aegis_update/AliYunDunUpdate", "Alibaba Cloud"),
        ("/usr/local/cloudmonitor/bin/argusagent", "Alibaba Cloud"),
        ("/usr/local/share/aliyun-assist/2.2.3.579/aliyun-service", "Alibaba Cloud"),
        ("/snap/amazon-ssm-agent/7993/amazon-ssm-agent", "AWS"),
        ("/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent", "AWS"),
        ("/opt/microsoft/azuremonitoragent/bin/mdsd", "Azure"),
        ("/var/lib/waagent/WALinuxAgent-2.9.1.1/bin/WALinuxAgent-2.9.1.1-py3.8.egg", "Azure"),
    ],
)
def test_the_agents_of_the_clouds_are_known(path: str, vendor: str) -> None:
    judged = judge(process(path, LOCAL), SETTINGS)
    assert judged["verdict"] == "normal"
    assert vendor in judged["reasons"][0]


def test_an_operator_adds_an_agent_of_theirs() -> None:
    mine = {"vendor": "Example", "name": "metrics", "path": "/var/lib/example/*/metricsd"}
    case = process("/var/lib/example/v1/metricsd", LOCAL)
    assert judge(case, SETTINGS)["verdict"] == "suspicious"
    assert judge(case, Settings(agents=[*AGENTS, mine]))["verdict"] == "normal"


def test_a_star_stays_in_its_folder() -> None:
    assert matches("/a/x/b", "/a/*/b")
    assert not matches("/a/x/y/b", "/a/*/b")
    assert matches("/a/x/y/b", "/a/**")
    assert not matches("/z/a/x", "/a/**")
    assert not matches("/a/", "/a/**")


# --- peers ---


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("192.0.2.7", False),
        ("::ffff:192.0.2.7", False),
        ("198.51.100.9", True),
        ("2001:db8:1::1", False),
        ("2001:db8:2::1", True),
        ("fe80::1%eth0", False),
        ("169.254.169.254", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("not an address", False),
    ],
)
def test_a_peer_outside_of_the_expected_networks_is_a_reason(address: str, outside: bool) -> None:
    settings = Settings(expected_networks=["192.0.2.0/24", "2001:db8:1::/64"])
    judged = judge(process(program=PACKAGED, peers=[{"address": address}]), settings)
    assert (judged["verdict"] == "suspicious") is outside
    assert any("outside of the expected networks" in reason for reason in judged["reasons"]) is outside


def test_a_peer_that_is_not_ip_is_no_reason() -> None:
    settings = Settings(expected_networks=["192.0.2.0/24"])
    assert judge(process(program=PACKAGED, peers=[{"address": None}]), settings)["verdict"] == "normal"


def test_a_peer_in_another_country_is_a_reason_only_where_countries_are_expected() -> None:
    def country_of(text: str) -> str | None:
        return {"198.51.100.9": "DE", "203.0.113.9": "XX"}.get(text)

    case = process(program=PACKAGED, peers=[{"address": "203.0.113.9"}, {"address": "10.0.0.1"}])
    assert judge(case, Settings(country_of=country_of))["verdict"] == "normal"
    judged = judge(case, Settings(country_of=country_of, expected_countries=["de"]))
    assert judged["verdict"] == "suspicious"
    assert "203.0.113.9 (XX)" in judged["reasons"][0]


# --- the database ---


class Database:
    """Stands for a reader of maxminddb."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def get(self, _address: str) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "US"}}, "DE"),
        ({"registered_country": {"iso_code": "US"}}, "US"),
        ({"country": "FR"}, "FR"),
        ({"country_code": "CN", "country": "China"}, "CN"),
        ({"country": {"names": {"en": "Germany"}}}, None),
        ({}, None),
        (None, None),
        ("text", None),
        (ValueError("an IPv6 address in an IPv4 database"), None),
    ],
)
def test_the_country_is_found_in_each_kind_of_database(record: Any, expected: str | None) -> None:
    assert countries.country_of(Database(record), "8.8.8.8") == expected


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "169.254.1.1", "fe80::1", "fd00::1", "127.0.0.1", "x"])
def test_a_private_address_has_no_country(address: str) -> None:
    assert countries.country_of(Database({"country": {"iso_code": "DE"}}), address) is None


def test_a_missing_library_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(countries, "HAS_MAXMINDDB", False)
    with pytest.raises(countries.NoCountries, match="pip install maxminddb"):
        countries.reader("/x.mmdb")


def test_a_missing_database_is_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb")
    with pytest.raises(countries.NoCountries, match=r"x\.mmdb: cannot be read"):
        countries.reader(str(tmp_path / "x.mmdb"))
    (tmp_path / "y.mmdb").write_text("no database")
    with pytest.raises(countries.NoCountries, match=r"y\.mmdb: cannot be read"):
        countries.reader(str(tmp_path / "y.mmdb"))


def test_a_database_is_read(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb")
    path = tmp_path / "c.mmdb"
    path.write_bytes(database({"8.8.8.0/24": "US", "193.0.0.0/21": "NL"}))
    country_of = countries.reader(str(path))
    addresses = ("8.8.8.8", "::ffff:193.0.6.139", "1.1.1.1", "10.0.0.1", "2001:4860:4860::8888", "fe80::1%eth0")
    assert [country_of(text) for text in addresses] == ["US", "NL", None, None, None, None]
