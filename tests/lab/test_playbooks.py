# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator relies on beyond the single cause: fleets, vantages, gates, saved evidence, no way in, bad input."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import ALL, FAULTS, HEALTHY, STOP
from faults_account import BY_PASSWORD, KNOWN_HOST_KEY
from fixtures import CORE216, Playbook, Run
from fleet import Host, Lab
from images import DEFINITIONS, login_key
from upstream import upstream

Start = Callable[..., Host]
Diagnose = Callable[..., Run]

DROP = "nft add table inet t; nft 'add chain inet t i { type filter hook input priority 0; }'; nft add rule inet t i"
FLEET_SIZE = 30


def test_a_fleet_of_thirty_with_mixed_faults_gets_one_right_report(lab: Lab, playbook: Playbook) -> None:
    every = [fault for fault in (*FAULTS, *HEALTHY) if "bookworm" in fault.images or "trixie" in fault.images]
    chosen = [every[number * len(every) // FLEET_SIZE] for number in range(FLEET_SIZE)]
    hosts, expected, inventory = [], {}, {}
    try:
        for number, fault in enumerate(chosen):
            host = lab.start(
                fault.images[number % len(fault.images)] if number % 3 else fault.images[0], name=f"f{number}"
            )
            hosts.append(host)
            host.run(fault.script)
            expected[host.name] = (fault.outcome, fault.cause or None)
            inventory[host.name] = host.inventory(**fault.variables)
        run = playbook("diagnose", inventory, old=CORE216 is not None)
    finally:
        for host in hosts:
            host.remove()
    assert run.status == 0, run.text
    found = {name: (diagnosis["outcome"], diagnosis["cause"]) for name, diagnosis in run.report["hosts"].items()}
    assert found == expected
    assert sorted(path.stem for path in (run.folder / "evidence").glob("*.json")) == sorted(expected)


# --- from outside ---


@pytest.mark.parametrize("image", ALL)
def test_a_host_that_is_off_is_unreachable(image: str, start: Start, diagnose: Diagnose) -> None:
    host = start(image)
    host.switch_off()
    run = diagnose([host])
    assert (run[host]["outcome"], run[host]["cause"]) == ("no_route", "host_unreachable")
    assert run[host]["unchecked"], "nobody could look inside, and the report must say so"


@pytest.mark.parametrize("image", ALL)
def test_one_vantage_fails_and_another_logs_in(image: str, start: Start, diagnose: Diagnose) -> None:
    vantage, host = start("vantage"), start(image)
    vantage.run(f"cat > /root/key <<'KEY'\n{login_key().read_text()}KEY\nchmod 600 /root/key")
    inventory = {
        host.name: host.inventory(remote_login_private_key_file="/root/key"),
        vantage.name: vantage.inventory(ansible_connection="containers.podman.podman", ansible_host=vantage.name),
    }
    old = image == "bullseye"
    with upstream(host, "ip saddr 10.77.1.1 ip daddr ADDRESS tcp dport 22 drop"):
        run = diagnose(inventory, "--limit", host.name, old=old, remote_login_vantages=["localhost", vantage.name])
        turned = diagnose(inventory, "--limit", host.name, old=old, remote_login_vantages=[vantage.name, "localhost"])
    assert (run[host]["outcome"], run[host]["cause"]) == ("timed_out", "local_network_problem"), run.text
    assert vantage.name in run.finding(host, "local_network_problem")["detail"]
    assert (turned[host]["verdict"], turned[host]["cause"]) == ("can_login", None)
    assert turned.finding(host, "local_network_problem")["severity"] == "risk"


def test_a_vantage_without_paramiko_uses_its_ssh(start: Start, diagnose: Diagnose) -> None:
    vantage, well, stopped = start("bookworm"), start("trixie"), start("bookworm", STOP)
    vantage.run(f"cat > /root/key <<'KEY'\n{login_key().read_text()}KEY\nchmod 600 /root/key")
    inventory = {host.name: host.inventory(remote_login_private_key_file="/root/key") for host in (well, stopped)}
    inventory[vantage.name] = vantage.inventory(
        ansible_connection="containers.podman.podman", ansible_host=vantage.name
    )
    run = diagnose(inventory, "--limit", f"!{vantage.name}", remote_login_vantages=[vantage.name])
    assert run[well]["verdict"] == "can_login", run.text
    assert (run[stopped]["outcome"], run[stopped]["cause"]) == ("refused", "sshd_stopped")


def test_a_vantage_that_is_down_leaves_the_verdict_unknown(start: Start, diagnose: Diagnose) -> None:
    vantage, host = start("vantage"), start("bookworm")
    inventory = {
        host.name: host.inventory(),
        vantage.name: vantage.inventory(ansible_connection="containers.podman.podman", ansible_host=vantage.name),
    }
    vantage.switch_off()
    run = diagnose(inventory, "--limit", host.name, remote_login_vantages=[vantage.name])
    assert (run[host]["verdict"], run[host]["outcome"], run[host]["cause"]) == ("unknown", None, None)
    assert f"the vantage {vantage.name} could not probe" in " ".join(run.text.split())


# --- no way inside, or only half of one ---


def test_with_no_way_inside_the_diagnosis_says_what_to_type(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", STOP)
    inventory = {key: value for key, value in host.inventory().items() if "oob" not in key}
    run = diagnose({host.name: inventory})
    assert (run[host]["verdict"], run[host]["cause"]) == ("cannot_login", None)
    left_open = [cause["id"] for cause in run[host]["open_causes"]]
    assert {"sshd_stopped", "sshd_masked", "sshd_failed", "sshd_config_invalid", "port_taken"} <= set(left_open)
    for command in ("systemctl status sshd", "service sshd start", "ss -plnt"):
        assert f"\n    {command}\n" in run.text
    assert "remote_login_oob_connection" in run.text


def test_without_root_what_needs_it_is_unchecked_and_the_rest_is_there(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", f"rm /etc/sudoers.d/ops; {STOP}")
    inventory = {host.name: host.inventory(remote_login_oob_user="ops", remote_login_become=False)}
    run = diagnose(inventory)
    assert (run[host]["verdict"], run[host]["cause"]) == ("cannot_login", "sshd_stopped"), run.text
    assert {"sshd.config.valid", "sshd.host_keys"} <= {entry["section"] for entry in run[host]["unchecked"]}
    assert "needs root" in run.text


def test_the_user_who_is_diagnosed_need_not_be_the_one_who_looks(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", "rm /home/ops/.ssh/authorized_keys")
    inventory = {key: value for key, value in host.inventory().items() if "oob" not in key}
    run = diagnose({host.name: {**inventory, "remote_login_user": "ops"}})
    assert run[host]["outcome"] == "auth_denied"
    assert run[host]["unchecked"] == [], "root's own connection still leads inside"


def test_a_host_without_sudo_is_seen_by_its_root(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", "rm /usr/bin/sudo")
    assert diagnose([host])[host]["unchecked"] == []


def test_an_ordinary_user_becomes_root(start: Start, diagnose: Diagnose) -> None:
    host = start("trixie")
    run = diagnose({host.name: host.inventory(ansible_user="ops")})
    assert (run[host]["verdict"], run[host]["unchecked"]) == ("can_login", []), run.text


# --- the run itself ---


def test_a_gate_fails_on_the_severities_that_it_names(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", "systemctl disable ssh")
    assert playbook("diagnose", [host], remote_login_fail_on=["blocking"]).status == 0
    gate = playbook("diagnose", [host], remote_login_fail_on=["blocking", "risk"])
    assert gate.status != 0
    assert f"{host.name} (sshd_disabled_at_boot)" in gate.text
    assert gate.report["hosts"], "the report is written all the same"


def test_saved_evidence_gives_the_same_diagnosis_and_touches_no_host(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", STOP)
    live = diagnose([host])
    host.remove()
    again = diagnose({}, remote_login_evidence_from=str(live.folder))
    assert again.report["hosts"] == live.report["hosts"]


def test_a_wrong_rule_stops_the_run_before_any_host_is_touched(
    start: Start, playbook: Playbook, tmp_path: Path
) -> None:
    host = start("bookworm")
    (tmp_path / "mine.yml").write_text(
        "- {id: mine, title: t, rung: port, severity: blocking, when: '[', detail: d, source: s}"
    )
    run = playbook("diagnose", [host], remote_login_rules_dirs=[str(tmp_path)])
    assert run.status != 0
    assert "mine.yml: rule mine: when: bad JMESPath" in run.text
    assert "Traceback" not in run.text
    assert not run.report
    assert "Connection from" not in host.run("journalctl -u ssh --no-pager").stdout


def test_a_rule_of_the_operator_is_asked(start: Start, diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(
        "- {id: old_openssh, title: OpenSSH is old, rung: null, severity: note, needs: [sshd], source: us,\n"
        "   when: \"starts_with(inside.sshd.version, 'OpenSSH_9')\", facts: {v: inside.sshd.version}, detail: '{v}'}"
    )
    host = start("bookworm")
    run = diagnose([host], remote_login_rules_dirs=[str(tmp_path)])
    assert run.finding(host, "old_openssh")["detail"].startswith("OpenSSH_9")


def test_bad_hosts_in_the_inventory_do_not_spoil_the_others(start: Start, diagnose: Diagnose) -> None:
    well = start("bookworm")
    usual = {key: value for key, value in well.inventory().items() if "oob" not in key}
    bad = {
        "no-name": {**usual, "ansible_host": "no-such-host.invalid"},
        "bad-port": {**usual, "remote_login_port": 70000},
        "no-key": {**usual, "ansible_ssh_private_key_file": "/nonexistent/key"},
    }
    run = diagnose({well.name: well.inventory(), **bad})
    assert run[well]["verdict"] == "can_login", run.text
    assert run["no-name"]["outcome"] == "name_not_resolved"
    assert (run["bad-port"]["verdict"], run["no-key"]["verdict"]) == ("unknown", "unknown")
    assert "70000" in run.text
    assert "/nonexistent/key does not exist" in run.text


@pytest.mark.parametrize("old", [False, True], ids=["newest core", "core 2.16"])
def test_no_secret_and_no_template_reaches_anybody(start: Start, playbook: Playbook, old: bool, tmp_path: Path) -> None:
    if old and CORE216 is None:
        pytest.skip("needs ansible-core 2.16 (REMOTE_LOGIN_CORE216)")
    mark = tmp_path / "mark"
    evil = f"{{{{ lookup('pipe', 'touch {mark}') }}}} \x1b[2J"
    encoded = base64.b64encode(evil.encode()).decode()
    host = start("bookworm", "echo ops:open-sesame | chpasswd")
    host.run(f"(echo; echo {encoded} | base64 -d; echo) >> /etc/ssh/sshd_config")
    host.run("systemctl restart ssh", check=False)
    secret = host.inventory(remote_login_user="ops", remote_login_password="open-sesame")
    secret["remote_login_private_key_file"] = None
    run = playbook("diagnose", {host.name: secret}, "-vvv", old=old)
    assert run.status == 0, run.text
    assert run[host]["cause"] == "sshd_config_invalid"
    assert "lookup" in run.finding(host, "sshd_config_invalid")["detail"]
    assert not mark.exists(), "text of a broken host was evaluated"
    assert "\x1b[2J" not in run.text.replace("\\u001b", "")
    everything = run.text + "".join(path.read_text() for path in run.folder.rglob("*.json"))
    assert "open-sesame" not in everything


def test_a_password_that_is_a_word_of_the_diagnosis_spoils_nobody_s(start: Start, playbook: Playbook) -> None:
    healthy, other = start("bookworm"), start("bookworm", KNOWN_HOST_KEY)
    by_password = other.inventory(**{**BY_PASSWORD, "remote_login_password": "auth"})
    run = playbook("diagnose", {healthy.name: healthy.inventory(), other.name: by_password}, "-vvv")
    assert (run[healthy]["verdict"], run[healthy]["outcome"]) == ("can_login", "ok"), run.text
    assert (run[other]["verdict"], run[other]["outcome"]) == ("cannot_login", "auth_denied"), run.text
    assert '"password": "auth"' not in run.text


def test_the_report_is_for_its_owner_only(start: Start, diagnose: Diagnose) -> None:
    run = diagnose([start("bookworm")])
    for path in run.folder.rglob("*.json"):
        assert path.stat().st_mode & 0o077 == 0


# --- remedies ---


def test_a_remedy_that_cannot_help_says_why_and_changes_nothing(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", f"touch /etc/ssh/sshd_not_to_be_run; {STOP}; systemctl disable ssh")
    run = playbook("remediate", [host])
    assert run.status != 0
    (change,) = run[host]["changes"]
    assert (change["changed"], change["failed"]) == (False, True)
    assert "/etc/ssh/sshd_not_to_be_run" in change["detail"]
    assert host.run("systemctl is-enabled ssh", check=False).stdout.strip() == "disabled"


def test_a_remedy_that_is_not_allowed_is_left_out(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", STOP)
    run = playbook("remediate", [host], remote_login_allow=["open_port"])
    assert run.status == 0, run.text
    assert "not in remote_login_allow" in run[host]["changes"][0]["detail"]
    assert host.ssh()[0] != 0


def test_nothing_is_changed_while_a_window_is_set_that_nobody_judges(start: Start, playbook: Playbook) -> None:
    host = start("bookworm", STOP)
    run = playbook("remediate", [host], remote_login_change_freezes=[{"name": "year end"}])
    assert run.status != 0
    assert host.ssh()[0] != 0


def test_looking_changes_nothing(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", STOP)
    listing = "find / -xdev -newer /root/before -type f -not -path '/var/log/journal/*' -not -path '/run/*' 2>/dev/null"
    host.run("touch /root/before; sleep 1.1")
    diagnose([host])
    changed = host.run(f"{listing}; ls -a /root /tmp", check=False).stdout
    assert changed.split() == host.run("ls -a /root /tmp").stdout.split(), changed


def test_images_name_what_each_needs() -> None:
    for name, definition in DEFINITIONS.items():
        assert {"source", "packages", "init", "python"} == set(definition), name


def test_a_python_that_is_too_old_for_this_ansible_is_told_in_words(start: Start, playbook: Playbook) -> None:
    host = start("bullseye", STOP)
    run = playbook("diagnose", [host], old=False)
    assert "2.16 is the last one that drives Python 2.7" in " ".join(run.text.split()), run.text


def test_a_host_whose_disk_is_full_stays_in_the_report(start: Start, diagnose: Diagnose) -> None:
    full = "mkdir -p {0}; mount -t tmpfs -o size=8k none {0}; dd if=/dev/zero of={0}/fill bs=1k 2>/dev/null || true"
    host, well = start("bookworm", f"{full.format('/tmp')}; {full.format('/root/.ansible')}; {STOP}"), start("bookworm")
    run = diagnose([host, well])
    assert (run[host]["verdict"], run[host]["outcome"]) == ("cannot_login", "refused"), run.text
    assert run[host]["unchecked"]
    assert run[well]["verdict"] == "can_login"


def test_the_file_that_a_user_s_process_names_is_not_read_as_root(start: Start, diagnose: Diagnose) -> None:
    host = start("bookworm", f"echo 'secret {'x' * 20}' > /root/secret; chmod 600 /root/secret;"
                 " cp /bin/sleep /home/ops/sshd;"
                 " (setsid su ops -c 'exec -a \"/home/ops/sshd -f /root/secret\" /home/ops/sshd 5000' &)"
                 f" >/dev/null 2>&1; sleep 0.3; {STOP}")  # fmt: skip
    run = diagnose([host])
    assert run[host]["cause"] == "sshd_stopped", run.text
    assert "xxxxx" not in (run.folder / "report.json").read_text()


def test_a_host_has_vantages_of_its_own(start: Start, diagnose: Diagnose) -> None:
    vantage, host, other = (
        start("vantage"),
        start("bookworm", f"{DROP} ip saddr 10.77.1.1 tcp dport 22 drop"),
        start("trixie"),
    )
    vantage.run(f"cat > /root/key <<'KEY'\n{login_key().read_text()}KEY\nchmod 600 /root/key")
    inventory = {
        other.name: other.inventory(),
        host.name: host.inventory(
            remote_login_private_key_file="/root/key", remote_login_vantages=["localhost", vantage.name]
        ),
        vantage.name: vantage.inventory(ansible_connection="containers.podman.podman", ansible_host=vantage.name),
    }
    run = diagnose(inventory, "--limit", f"{host.name},{other.name}")
    assert (run[host]["cause"], run[other]["verdict"]) == ("firewall_blocks_port", "can_login"), run.text
    evidence = json.loads((run.folder / "evidence" / f"{host.name}.json").read_text())
    seen = {probe["vantage"]: probe["outcome"] for probe in evidence["outside"]}
    assert seen == {"localhost": "timed_out", vantage.name: "ok"}


def test_only_the_host_on_which_a_remedy_failed_is_marked_failed(start: Start, playbook: Playbook) -> None:
    bad, good = start("bookworm", f"touch /etc/ssh/sshd_not_to_be_run; {STOP}"), start("bookworm", STOP)
    run = playbook("remediate", [good, bad])
    assert run.status != 0
    assert run[good]["after"]["verdict"] == "can_login"
    recap = {line.split()[0]: line for line in run.text.splitlines() if "failed=" in line}
    assert "failed=0" in recap[good.name]
    assert "failed=1" in recap[bad.name]
