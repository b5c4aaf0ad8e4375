# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repairs on real hosts: people get in again, nobody else does, and what is not safe is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from faults import ALL, KEYS, RESTART_FAILING, STOP, SYSTEMD
from faults_account import BY_PASSWORD, KNOWN_HOST_KEY, OPS, RHEL, failures
from fixtures import Playbook, on_each_image
from fleet import Host
from images import DEFINITIONS

Start = Callable[..., Host]

MAIN, DROP_INS = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"
INCLUDE = f"grep -q Include {MAIN} || sed -i '1i Include {DROP_INS}/*.conf' {MAIN}; "
REPAIRS = ["install_sshd", "repair_sshd_config", "repair_host_keys", "repair_authorized_keys", "unlock_account"]
# The user's files, and root's that nobody may get: owner, mode and content of all.
STATE = (
    "find /etc/ssh /home /root/.ssh /etc/shadow /etc/passwd -exec stat -c '%n %F %U %G %a %s %Y' {} + | sort;"
    " cat /etc/ssh/sshd_config 2>/dev/null; md5sum /etc/ssh/ssh_host* /etc/shadow 2>/dev/null;"
    " ls -ld /run/sshd 2>/dev/null | cut -c1-25; pidof sshd | wc -w"
)
STARTING = "while systemctl show -p ActiveState ssh 2>/dev/null | grep -q activating; do sleep 0.2; done"
# For the answers of one play.
KEEP: dict[str, Any] = {
    "name": "Keep the answers",
    "ansible.builtin.copy": {"content": "{{ answers | to_json }}", "dest": "{{ answer_file }}", "mode": "0600"},
    "delegate_to": "localhost",
    "check_mode": False,
    "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}


def tasks_of(number: int, script: str, module: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Break the host, look at it, repair it, look again."""
    look: dict[str, Any] = {"ansible.builtin.shell": {"cmd": STATE}, "check_mode": False, "failed_when": False}
    return [
        {"name": "Break", "ansible.builtin.shell": {"cmd": script}, "check_mode": False, "when": bool(script)},
        {"name": "Look", **look, "register": f"before{number}"},
        {"name": "Repair", f"rescue.remote_login.{module}": options, "register": f"answer{number}",
         "ignore_errors": True},
        {"name": "Look again", **look, "register": f"after{number}"},
    ]  # fmt: skip


@dataclass
class Repair:
    """Runs modules on a host out of band, several cases in one play."""

    playbook: Playbook

    def __call__(self, host: Host, module: str, *flags: str, **options: Any) -> dict[str, Any]:
        return self.all(host, [("", module, options)], *flags)[0]

    def all(self, host: Host, cases: Sequence[tuple[str, str, dict[str, Any]]], *flags: str) -> list[dict[str, Any]]:
        """The answer to each (script that breaks the host, module, options), with ``untouched``."""
        tasks = [task for number, case in enumerate(cases) for task in tasks_of(number, *case)]
        keys = ", ".join(f"[before{n}.stdout, answer{n}, after{n}.stdout]" for n in range(len(cases)))
        play, answers = self.playbook.folder / "repair.yml", self.playbook.folder / "answers.json"
        answers.unlink(missing_ok=True)
        keep = {**KEEP, "vars": {**KEEP["vars"], "answers": f"{{{{ [{keys}] }}}}"}}
        play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [*tasks, keep]}]))
        way = {"ansible_connection": "containers.podman.podman", "ansible_host": host.name}
        old = bool(DEFINITIONS[host.image]["python"].endswith("2.7"))
        run = self.playbook(str(play), {host.name: {**host.inventory(), **way}}, *flags, old=old,
                            timeout_s=900, answer_file=str(answers))  # fmt: skip
        assert "Traceback" not in run.text, run.text
        assert answers.exists(), run.text
        return [{**answer, "untouched": before == after} for before, answer, after in json.loads(answers.read_text())]


@pytest.fixture
def repair(playbook: Playbook) -> Repair:
    return Repair(playbook)


def state_of(host: Host) -> str:
    return host.run(STATE, check=False).stdout


def append(text: str, file: str = MAIN) -> str:
    return f"{INCLUDE}printf '{text}' >> {file}; {STOP}; {RESTART_FAILING}; "


# --- remediate: diagnosed, repaired, started, logged in, still so after a reboot ---

SFTP = "\tsftp\t/usr/lib/openssh/sftp-server"
# Of the configuration: each bad line, and what takes its place; None is the same line commented out.
Lines = dict[str, str | None]
# name, images, cause, how it is broken, whether a reboot is tried as well, the bad lines
CASES: list[tuple[str, tuple[str, ...], str, str, bool, Lines]] = [
    ("main file", ALL, "sshd_config_invalid", append(r"PrintMotdd yes\n"), True, {"PrintMotdd yes": None}),
    ("keyword misspelt", ALL, "sshd_config_invalid",
     f"sed -i s/^Subsystem/Subsytem/ {MAIN}; " + append(r"MaxAuthTrys 3\n"), False,
     {f"Subsytem{SFTP}": f"Subsystem{SFTP}", "MaxAuthTrys 3": None}),
    ("several lines", ("trixie",), "sshd_config_invalid",
     append(r"Nonsense yes\nMaxSessions many\nPermitRootLogni yes\nLogLevel LOUD\n"), False,
     dict.fromkeys(("Nonsense yes", "MaxSessions many", "PermitRootLogni yes", "LogLevel LOUD"))),
    ("drop-in", ("bookworm",), "sshd_config_invalid", append(r"\n\nMaxSessions many\n", f"{DROP_INS}/50-x.conf"), True,
     {"MaxSessions many": None}),
    ("match block of a drop-in", ("bookworm",), "sshd_config_invalid",
     append(r"Match User bob\n  Port 22\n", f"{DROP_INS}/50-x.conf"), False, {"  Port 22": None}),
    ("template and escape sequences", ("bookworm", "bullseye"), "sshd_config_invalid",
     append(r'{{ lookup("pipe", "touch /tmp/evil") }} \033[2J\n'), False,
     {'{{ lookup("pipe", "touch /tmp/evil") }} \x1b[2J': None}),
    ("a key of each type gone", ALL, "host_keys_missing", f"rm {KEYS}; {STOP}; {RESTART_FAILING}", True, {}),
    ("keys readable by all", ("bookworm",), "host_keys_permissions",
     f"chmod 644 {KEYS}; {STOP}; {RESTART_FAILING}", False, {}),
    ("keys readable by the group of RHEL's helper", ("trixie",), "host_keys_permissions",
     f"groupadd ssh_keys; chgrp ssh_keys {KEYS}; chmod 640 {KEYS}; {STOP}; {RESTART_FAILING}", False, {}),
    ("configured key gone", ("trixie",), "host_keys_missing",
     f"mkdir /etc/ssh/keys; echo HostKey /etc/ssh/keys/my_ecdsa >> {MAIN}; {STOP}; {RESTART_FAILING}", False, {}),
    ("directory gone", ("bookworm",), "privilege_separation_missing", "rm -r /run/sshd", False, {}),
    ("directory open to all", ("bullseye",), "privilege_separation_missing", "chmod 777 /run/sshd", False, {}),
    ("user gone", ALL, "privilege_separation_missing",
     f"sed -i /^sshd:/d /etc/passwd; {STOP}; {RESTART_FAILING}", True, {}),
    ("configuration and keys", ("bookworm", "bullseye"), "sshd_config_invalid",
     f"rm {KEYS}; " + append(r"Nonsense yes\n"), True, {"Nonsense yes": None}),
]  # fmt: skip


def changed_lines(host: Host) -> Lines:
    """What differs between sshd's files and the backups beside them, line by line."""
    found: Lines = {}
    for backup in host.run("find /etc/ssh -name '*.remote-login-*'").stdout.split():
        before = host.run(f"cat {backup}").stdout.split("\n")
        after = host.run(f"cat {backup.partition('.remote-login-')[0]}").stdout.split("\n")
        for old, new in zip(before, after, strict=True):
            if old != new:
                found[old] = None if new == f"# remote_login: {old}" else new
    return found


@pytest.mark.parametrize(("image", "cause", "script", "reboot", "bad"), on_each_image(CASES))
def test_people_get_in_again(
    start: Start, playbook: Playbook, image: str, cause: str, script: str, reboot: bool, bad: Lines
) -> None:
    host = start(image, script)
    assert host.ssh()[0] != 0, "the fault keeps nobody out"
    # systemd tries a daemon that fails some times more.
    host.run(f"timeout 20 sh -c '{STARTING}'", check=False)
    before = state_of(host)
    tried = playbook("remediate", [host], "--check", "--diff", remote_login_allow=REPAIRS)
    assert tried[host]["cause"] == cause, tried.text
    assert state_of(host) == before
    run = playbook("remediate", [host], remote_login_allow=REPAIRS)
    assert run.status == 0, run.text
    assert run[host]["after"]["verdict"] == "can_login", run.text
    assert host.ssh()[0] == 0
    assert host.run("test ! -e /tmp/evil && sshd -t").returncode == 0
    assert changed_lines(host) == bad
    if any(bad.values()):
        assert "restored" in run[host]["changes"][0]["detail"], run.text
        assert host.ssh("sftp", "-s")[0] == 0
    again = playbook("remediate", [host], remote_login_allow=REPAIRS)
    assert again[host]["verdict"] == "can_login", again.text
    assert not [change for change in again[host]["changes"] if change["changed"]], again.text
    if reboot:
        host.restart()
        assert host.ssh()[0] == 0


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_no_repair_is_made_that_nobody_allowed(start: Start, playbook: Playbook, image: str) -> None:
    host = start(image, f"rm {KEYS}; " + append(r"Nonsense yes\n"))
    host.run(f"timeout 20 sh -c '{STARTING}'", check=False)
    before = state_of(host)
    run = playbook("remediate", [host], old=image == "bullseye")
    assert (run[host]["verdict"], run[host]["cause"]) == ("cannot_login", "sshd_config_invalid"), run.text
    changes = {change["remedy"]: change for change in run[host]["changes"]}
    for name in ("repair_sshd_config", "repair_host_keys"):
        assert "not in remote_login_allow" in changes[name]["detail"], run.text
    assert not [change for change in changes.values() if change["changed"]]
    assert state_of(host) == before


# --- accounts ---

CONTENT = "find /home | sort; cat /home/ops/.ssh/authorized_keys; md5sum /etc/passwd /etc/group /root/.ssh/*"
MODES = "find /home -printf '%m\n'"
# name, images, cause, how it is broken, variables
ACCOUNTS: list[tuple[str, tuple[str, ...], str, str, dict[str, Any]]] = [
    ("directory writable by all", ("trixie", "bullseye"), "authorized_keys_permissions", "chmod 777 /home/ops/.ssh",
     OPS),
    ("home writable by the group, and the file another's", ("bookworm",), "authorized_keys_permissions",
     "chmod 775 /home/ops; chown 65534 /home/ops/.ssh/authorized_keys; usermod -aG ops www-data", OPS),
    ("locked by failed logins", ("bookworm", "trixie"), "login_failures_locked",
     f"{RHEL}; {KNOWN_HOST_KEY}; {failures(3)}", BY_PASSWORD),
    ("password locked", ("bookworm", "bullseye"), "account_locked", f"{KNOWN_HOST_KEY}; usermod -L ops",
     {**BY_PASSWORD, "remote_login_unlock_password": True}),
]  # fmt: skip


@pytest.mark.parametrize(("image", "cause", "script", "variables"), on_each_image(ACCOUNTS))
def test_a_user_gets_in_again(
    start: Start, playbook: Playbook, image: str, cause: str, script: str, variables: dict[str, Any]
) -> None:
    host = start(image, script)
    inventory, old = {host.name: host.inventory(**variables)}, image == "bullseye"
    before = state_of(host)
    told = playbook("remediate", inventory, old=old)
    assert (told[host]["verdict"], told[host]["cause"]) == ("cannot_login", cause), told.text
    assert "not in remote_login_allow" in told[host]["changes"][0]["detail"]
    plan = playbook("remediate", inventory, "--check", "--diff", old=old, remote_login_allow=REPAIRS)
    assert [change["changed"] for change in plan[host]["changes"]] == [True], plan.text
    assert state_of(host) == before
    content, modes = host.run(CONTENT).stdout, host.run(MODES).stdout
    run = playbook("remediate", inventory, old=old, remote_login_allow=REPAIRS)
    assert (run.status, run[host]["after"]["verdict"]) == (0, "can_login"), run.text
    assert host.run(CONTENT).stdout == content
    # Nobody may do more with a file than before.
    narrowed = zip(modes.split(), host.run(MODES).stdout.split(), strict=True)
    assert not [(was, now) for was, now in narrowed if int(now, 8) & ~int(was, 8)]
    again = playbook("remediate", inventory, old=old, remote_login_allow=REPAIRS)
    assert again[host]["verdict"] == "can_login", again.text
    assert not [change for change in again[host]["changes"] if change["changed"]], again.text


# --- the configuration ---

REFUSED = [
    ("AllowUsrs bob", "allowusers"),
    ("DenyUsrs ops", "denyusers"),
    ("PermitRootLogni no", "permitrootlogin would then be"),
    ("PasswordAuthentication off", "passwordauthentication would then be yes"),
    ("Mtach User bob", "match"),
    ("AuthenticationMethods foo", "authenticationmethods"),
    ("LogLevel INFO PermitRootLogin no", "permitrootlogin as well"),
    ("ForceComand /bin/false", "forcecommand"),
    ("<<<<<<< HEAD", "unfinished merge"),
    ("AuthorizedKeysCommand /bin/x", "names no line"),
    (r"Match User bob\n PermitRootLogin nope", "Match block"),
]


def test_what_could_let_more_people_in_is_left_alone(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"cp {MAIN} /root/kept")
    scripts = [f"cp /root/kept {MAIN}; printf '{text}\\n' >> {MAIN}" for text, _words in REFUSED]
    answers = repair.all(host, [(script, "sshd_config_line", {}) for script in scripts])
    for answer, (text, words) in zip(answers, REFUSED, strict=True):
        assert answer["failed"], text
        assert words in answer["msg"], answer["msg"]
        assert answer["untouched"], text
        assert not answer["changed"]


def test_a_switch_that_is_strict_all_the_same_may_go(start: Start, repair: Repair) -> None:
    host = start("trixie", append(r"PermitRootLogin no\nPermitRootLogin nope\n"))
    answer = repair(host, "sshd_config_line")
    assert answer["changed"], answer
    assert "permitrootlogin no" in host.run("sshd -T").stdout
    assert host.ssh()[0] != 0, "root stays out"
    assert host.ssh(user="ops")[0] == 0


@pytest.mark.parametrize(("image", "command"), [("trixie", "systemctl reload ssh"), ("bullseye", "service ssh reload")])
def test_a_daemon_that_runs_is_not_reloaded_and_that_is_told(
    start: Start, repair: Repair, image: str, command: str
) -> None:
    host = start(image, f"echo 'MaxAuthTrys 3' >> {MAIN}")
    before = host.run("pidof sshd").stdout
    answer = repair(host, "sshd_config_line")
    assert answer["changed"], answer
    assert command in answer["detail"]
    assert host.run("sshd -t; pidof sshd").stdout == before
    assert not repair(host, "sshd_config_line")["changed"]


def test_owner_mode_and_attributes_stay_and_a_backup_is_not_read(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"sed -i 's,d/[*].conf,d/*,' {MAIN}; printf 'LogLevel LOUD\\n' > {DROP_INS}/50-x;"
                 f" chmod 640 {DROP_INS}/50-x; chgrp adm {DROP_INS}/50-x; python3 -c 'import os;"
                 f" os.setxattr(\"{DROP_INS}/50-x\", \"user.mine\", b\"1\")' || true; {STOP}")  # fmt: skip
    owner = host.run(f"stat -c '%U %G %a' {DROP_INS}/50-x").stdout
    attributes = host.run(f"python3 -c 'import os; print(os.listxattr(\"{DROP_INS}/50-x\"))'").stdout
    answer = repair(host, "sshd_config_line")
    assert answer["changed"], answer
    (backup,) = answer["backups"].values()
    assert host.run(f"cat {backup}").stdout == "LogLevel LOUD\n"
    for path in (backup, f"{DROP_INS}/50-x"):
        assert host.run(f"stat -c '%U %G %a' {path}").stdout == owner
        assert host.run(f"python3 -c 'import os; print(os.listxattr(\"{path}\"))'").stdout == attributes
    assert host.ssh()[0] == 0
    assert repair(host, "sshd_config_line")["changed"] is False


STRANGE = [
    (f"mkfifo {DROP_INS}/a.conf", "not a regular file"),
    (f"rm {MAIN}", "is missing"),
    (f"mv {MAIN} /tmp/c; ln -s /tmp/c {MAIN}; echo Foo bar >> /tmp/c", "can change /tmp"),
    (f"echo Foo bar >> {MAIN}; ln {MAIN} /etc/ssh/other", "hard links"),
    (f"for i in $(seq 25); do echo Foo$i bar; done >> {MAIN}", "more than 20"),
    (f"echo Foo bar >> {MAIN}; mount --bind /etc/ssh /etc/ssh; mount -o remount,ro,bind /etc/ssh", "Read-only file"),
]


def test_a_strange_configuration_is_told_and_not_touched(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"{STOP}; cp -a /etc/ssh /root/ssh")
    anew = "rm -rf /etc/ssh; cp -a /root/ssh /etc/ssh; "
    answers = repair.all(host, [(anew + script, "sshd_config_line", {}) for script, _words in STRANGE])
    for answer, (script, words) in zip(answers, STRANGE, strict=True):
        assert answer["failed"], (script, answer)
        assert words in answer["msg"], (script, answer["msg"])
        assert answer["untouched"], script


def test_a_symlinked_configuration_stays_one(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"mkdir /srv/conf; mv {MAIN} /srv/conf/c; ln -s /srv/conf/c {MAIN};"
                 f" echo Foo bar >> {MAIN}; {STOP}")  # fmt: skip
    assert repair(host, "sshd_config_line")["changed"]
    assert host.run(f"readlink {MAIN}").stdout.strip() == "/srv/conf/c"
    assert host.ssh()[0] == 0


# --- host keys ---


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_keys_that_exist_are_never_replaced(start: Start, repair: Repair, image: str) -> None:
    host = start(image, "cd /etc/ssh; : > ssh_host_rsa_key; chmod 644 ssh_host_ecdsa_key; rm ssh_host_ed25519_key.pub;"
                 " chown ops ssh_host_ecdsa_key ssh_host_ed25519_key;"
                 f" echo broken > ssh_host_own; chmod 600 ssh_host_own; for k in rsa ecdsa ed25519; do"
                 f" echo HostKey /etc/ssh/ssh_host_${{k}}_key; done >> {MAIN}; echo HostKey /etc/ssh/ssh_host_own"
                 f" >> {MAIN}; echo HostKey /mnt/none/key >> {MAIN}")  # fmt: skip
    keys = "md5sum /etc/ssh/ssh_host_*key /etc/ssh/ssh_host_own; ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key"
    before, state = host.run(keys).stdout, state_of(host)
    assert repair(host, "sshd_host_keys", "--check")["changed"]
    assert state_of(host) == state
    answer = repair(host, "sshd_host_keys")
    assert answer["changed"], answer
    for words in ("ssh_host_rsa_key is empty", "ssh_host_own", "/mnt/none/key is missing, and so is its folder"):
        assert words in " ".join(answer["told"]), answer
    assert host.run(keys).stdout == before
    owners = host.run("stat -c '%U %a' /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_ed25519_key").stdout
    assert owners.splitlines() == ["root 600", "root 600"]
    assert host.run("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[0] == "ssh-ed25519"
    assert repair(host, "sshd_host_keys")["changed"] is False


def test_nothing_but_empty_keys_is_a_failure_in_words(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"for k in {KEYS}; do : > $k; done; {STOP}")
    before = state_of(host)
    answer = repair(host, "sshd_host_keys")
    assert answer["failed"], answer
    assert "ssh-keygen -q -t ed25519" in answer["msg"]
    assert state_of(host) == before


# --- authorized_keys ---

BAD_MODES = [
    "chmod 777 /home/ops", "chmod 777 /home/ops/.ssh", "chmod 666 /home/ops/.ssh/authorized_keys",
    "chown -R nobody /home/ops", "cd /home/ops/.ssh; chown -R root:root .; chmod 600 authorized_keys; chmod 700 .",
    "chown -R 4242:4242 /home/ops",
    "chmod 000 /home/ops/.ssh/authorized_keys /home/ops/.ssh",
]  # fmt: skip


@pytest.mark.parametrize("image", ["bookworm", "bullseye"])
def test_sshd_takes_the_keys_again(start: Start, repair: Repair, image: str) -> None:
    host = start(image, "cp -a /home/ops /root/ops")
    asked = ("", "authorized_keys_permissions", {"user": "ops"})
    for script in BAD_MODES:
        host.run(f"rm -rf /home/ops; cp -a /root/ops /home/ops; {script}")
        assert host.ssh(user="ops")[0] != 0, script
        (tried,) = repair.all(host, [asked], "--check", "--diff")
        assert (tried["changed"], tried["untouched"]) == (True, True), (script, tried)
        first, second = repair.all(host, [asked, asked])
        assert (first["changed"], second["changed"]) == (True, False), (script, first)
        assert host.ssh(user="ops")[0] == 0, (script, first)
        assert host.run("diff -r /root/ops /home/ops", check=False).stdout == ""


HOSTILE = [
    ("ln -s /etc/shadow authorized_keys", "symbolic link"),
    ("mkfifo authorized_keys", "no regular file"),
    ("mkdir authorized_keys", "no regular file"),
    ("mknod authorized_keys c 1 5", "no regular file"),
    ("ln /etc/ssh/secret authorized_keys", "hard links"),
    ("cp /etc/shadow authorized_keys; chmod 600 authorized_keys", "something else than public keys"),
    ("cd ..; rmdir .ssh; ln -s /etc/ssh .ssh", "symbolic link"),
    ("cd ..; rmdir .ssh; mv /etc/ssh/treasure .ssh", "holds more than keys"),
    ("cd /; mv /home/ops /home/x; ln -s /etc /home/ops", "symbolic link"),
    ("usermod -d /etc ops", "no home of a user"),
    ("usermod -d /root ops", "home of root"),
    ("chmod 777 /home", "others than root can change /home"),
]


def test_nobody_else_s_file_is_handed_over(start: Start, repair: Repair) -> None:
    host = start("bookworm", "sysctl -qw fs.protected_hardlinks=0 || true; cp -a /etc/passwd /root/passwd")
    anew = (
        "cp -a /root/passwd /etc/passwd; chmod 755 /home; rm -rf /home/x /home/ops /etc/ssh/secret /etc/ssh/treasure;"
        " mkdir -p /home/ops/.ssh; chown -R ops: /home/ops; echo s > /etc/ssh/secret; chmod 600 /etc/ssh/secret;"
        " mkdir -m 700 /etc/ssh/treasure; touch /etc/ssh/treasure/gold /etc/ssh/treasure/authorized_keys;"
        " cd /home/ops/.ssh; "
    )
    asked = {"user": "ops"}
    answers = repair.all(host, [(anew + script, "authorized_keys_permissions", asked) for script, _words in HOSTILE])
    for answer, (script, words) in zip(answers, HOSTILE, strict=True):
        assert answer["failed"], (script, answer)
        assert words in answer["msg"], (script, answer["msg"])
        assert answer["untouched"], script


def test_a_name_that_is_none_is_refused(start: Start, repair: Repair) -> None:
    host = start("bookworm")
    names = ("-x", "ops\nroot", "../ops", "ops;id", "", "nobody-here", "x" * 300)
    modules = ("authorized_keys_permissions", "account_lock")
    for answer in repair.all(host, [("", module, {"user": name}) for name in names for module in modules]):
        assert answer["failed"], answer
        assert not answer.get("changed")


# --- accounts ---

FAILLOCK = """echo 'deny = 2' >> /etc/security/faillock.conf; echo ops:open-sesame | chpasswd
cat > /etc/pam.d/common-auth <<'END'
auth required pam_faillock.so preauth
auth sufficient pam_unix.so
auth [default=die] pam_faillock.so authfail
END
echo 'account required pam_faillock.so' >> /etc/pam.d/common-account
"""


def password_works(host: Host, password: str) -> bool:
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        client.connect(host.address, username="ops", password=password, allow_agent=False, look_for_keys=False)
    except paramiko.AuthenticationException:
        return False
    finally:
        client.close()
    return True


def test_failed_logins_are_forgotten(start: Start, repair: Repair) -> None:
    host = start("bookworm", FAILLOCK)
    assert password_works(host, "open-sesame")
    for tool in ("true", "mv /usr/sbin/faillock /root/"):
        for _attempt in range(3):
            assert not password_works(host, "wrong")
        host.run(tool)
        assert not password_works(host, "open-sesame"), "it is not locked"
        before = host.run("md5sum /var/run/faillock/ops").stdout
        assert repair(host, "account_lock", "--check", user="ops")["changed"]
        assert host.run("md5sum /var/run/faillock/ops").stdout == before
        answer = repair(host, "account_lock", "--diff", user="ops")
        assert answer["changed"], answer
        assert password_works(host, "open-sesame")
        assert repair(host, "account_lock", user="ops")["changed"] is False


@pytest.mark.parametrize("image", ["trixie", "bullseye"])
def test_a_password_is_unlocked_only_where_asked_and_there_is_one(start: Start, repair: Repair, image: str) -> None:
    host = start(image, "echo ops:open-sesame | chpasswd; passwd -q -l ops; chage -E 1 ops; useradd -m empty;"
                 " sed -i 's/^empty:[^:]*/empty:!/' /etc/shadow")  # fmt: skip
    shadow = host.run("cat /etc/shadow").stdout
    answer = repair(host, "account_lock", user="ops")
    assert answer["changed"] is False
    assert "password is locked" in answer["detail"]
    assert "expired on 1970-01-02" in answer["detail"]
    assert repair(host, "account_lock", user="empty", password=True)["changed"] is False
    assert repair(host, "account_lock", "--check", user="ops", password=True)["changed"]
    assert host.run("cat /etc/shadow").stdout == shadow
    answer = repair(host, "account_lock", user="ops", password=True)
    assert answer["changed"], answer
    assert "$" not in json.dumps(answer), "a hash was returned"
    assert "expired on" in answer["detail"], "the expiry stays"
    host.run("chage -E -1 ops")
    assert password_works(host, "open-sesame")
    assert repair(host, "account_lock", user="ops", password=True)["changed"] is False


# --- the package ---

# The installed package as an archive again, in a repository of the host's own.
REPOSITORY = """
mkdir -p /srv/repo/p/DEBIAN; cd /srv/repo/p
dpkg -L openssh-server | while read f; do if [ -d "$f" ]; then mkdir -p ".$f"; else cp -a --parents "$f" .; fi; done
for f in preinst postinst prerm postrm conffiles templates config; do
  [ -e /var/lib/dpkg/info/openssh-server.$f ] && cp /var/lib/dpkg/info/openssh-server.$f DEBIAN/$f; done
dpkg-query -s openssh-server | grep -v '^Status:' | awk '/^Conffiles:/{s=1;next} /^[^ ]/{s=0} !s' > DEBIAN/control
dpkg-deb -b /srv/repo/p /srv/repo/openssh-server.deb >/dev/null; cd /srv/repo
{ dpkg-deb -f openssh-server.deb; echo "Filename: ./openssh-server.deb"; echo "Size: $(stat -c %s openssh-server.deb)"
  echo "SHA256: $(sha256sum openssh-server.deb | cut -d' ' -f1)"; echo; } > Packages
rm -f /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list
"""
GONE = {
    "package purged": "systemctl stop ssh; dpkg --force-depends --purge openssh-server >/dev/null 2>&1",
    # The package manager still has it for installed.
    "program deleted": "systemctl stop ssh; rm /usr/sbin/sshd",
}


@pytest.mark.parametrize("name", GONE)
@pytest.mark.parametrize("image", SYSTEMD)
def test_the_server_is_installed_again(start: Start, playbook: Playbook, image: str, name: str) -> None:
    host = start(image, f"{REPOSITORY}{GONE[name]}")
    packages = "dpkg-query -W -f '${Package} ${Version}\\n' | grep -v openssh-server"
    before = host.run(packages).stdout
    tried = playbook("remediate", [host], "--check", remote_login_allow=REPAIRS)
    assert tried[host]["cause"] == "sshd_not_installed", tried.text
    assert host.run("command -v sshd", check=False).returncode != 0
    run = playbook("remediate", [host], remote_login_allow=REPAIRS)
    assert run.status == 0, run.text
    assert run[host]["after"]["verdict"] == "can_login", run.text
    assert host.run(packages).stdout == before
    host.restart()
    assert host.ssh()[0] == 0


def test_without_a_repository_the_reason_is_told(start: Start, repair: Repair) -> None:
    host = start("trixie", GONE["package purged"])
    host.run("rm -f /etc/apt/sources.list.d/*; echo 'deb http://127.0.0.1:9/x x main' > /etc/apt/sources.list")
    answer = repair(host, "sshd_package")
    assert answer["failed"], answer
    assert "no repository can be reached" in answer["msg"], answer["msg"]


def test_a_package_manager_at_work_is_waited_for_and_left_alone(start: Start, repair: Repair) -> None:
    host = start("bookworm", f"{REPOSITORY}{GONE['package purged']}; apt-get -q update >/dev/null 2>&1;"
                 " (setsid python3 -c 'import fcntl, time; f = open(\"/var/lib/dpkg/lock-frontend\", \"w\");"
                 " fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(300)' &) >/dev/null 2>&1; sleep 1")  # fmt: skip
    answer = repair(host, "sshd_package")
    assert answer["failed"], answer
    assert "holds its lock" in answer["msg"], answer["msg"]
    assert host.run("pgrep -f lock-frontend").returncode == 0
