# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A matrix of configurations of sshd, users and addresses, made by a generator with a fixed seed."""

from __future__ import annotations

import random
from typing import Any

FOLDER = "/etc/ssh/matrix"
SECRET = "matrix-secret"
KEY = "/root/matrix/key"
CLIENTS = ("127.0.0.1", "127.0.1.7", "127.9.0.1", "ADDRESS")
# What is in the file of each user: KEY stands for the line of the public key.
USERS = ("root", "toor", "ops", "bob", "deploy-1", "guest")
GROUPS = {"bob": "staff2,admins", "deploy-1": "robots", "guest": "staff2"}

WHO = (
    "User ops", "User ro*", "User *,!bob", "User !ops,*", "User bob,deploy-?", "User=root", "User toor,root",
    "Group admins", "Group robots,admins", "Group *,!staff2", "Group !robots,*", "Address 127.0.0.1",
    "Address 127.0.0.0/16", "Address 127.0.0.0/8,!127.9.0.0/16", "Address 127.0.*", "Host 127.0.0.*",
    "Host *,!127.0.0.1", "LocalPort 2200", "LocalPort 22", "LocalAddress 127.0.0.1", "LocalAddress 10.0.0.0/8", "all",
    "User bob Address 127.0.0.0/16", "Group staff2 User !guest,*", "Host *.Example.com", "User root Host 127.9.*", "Address *",
)  # fmt: skip
RULES = (
    "DenyUsers bob", "DenyUsers root@127.0.0.1 toor", "DenyUsers *@127.9.0.0/16", "DenyUsers !ops",
    "AllowUsers root ops", "AllowUsers *@127.0.0.0/16", "AllowUsers bob@127.0.1.* ro* deploy-?",
    "AllowUsers *@!127.9.0.1,127.*", "AllowUsers toor", "AllowUsers *@client.example.com",
    "DenyUsers b*@*.example.com,!127.9.0.1", "DenyGroups staff2", "DenyGroups r?bots adm*",
    "AllowGroups root ops", "AllowGroups admins robots root", "AllowGroups *", "DenyUsers guest\nAllowUsers guest bob",
    "PermitRootLogin no", "PermitRootLogin yes", "PermitRootLogin prohibit-password", "PermitRootLogin without-password",
    "PermitRootLogin forced-commands-only", "PubkeyAuthentication no", "PubkeyAuthentication yes",
    "PasswordAuthentication no", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes",
    "ChallengeResponseAuthentication no", "AuthenticationMethods publickey", "AuthenticationMethods password",
    "AuthenticationMethods publickey,password", "AuthenticationMethods password publickey",
    "AuthenticationMethods keyboard-interactive:pam publickey", "AuthenticationMethods any", "MaxAuthTries 0",
    "MaxAuthTries 1", "AuthorizedKeysFile /etc/ssh/matrix-keys/%u", "AuthorizedKeysFile none",
    "AuthorizedKeysFile /etc/ssh/matrix-keys/%U .ssh/authorized_keys", "AuthorizedKeysFile %h/.ssh/authorized_keys",
    "AuthorizedKeysFile .ssh/%u_keys", "MaxSessions 0", "ForceCommand true", "PermitTTY no",
    "ChrootDirectory /srv/loose", "RevokedKeys /etc/ssh/matrix-keys/revoked", "RevokedKeys /etc/ssh/matrix-keys/others",
    "RevokedKeys /etc/ssh/matrix-keys/absent", "PubkeyAcceptedAlgorithms -ssh-ed25519",
    "PubkeyAcceptedAlgorithms rsa-sha2-*", "PubkeyAcceptedAlgorithms ssh-ed25519", "ForceCommand false",
)  # fmt: skip
OF_ALL = ("StrictModes no", "UsePAM no", "UsePAM yes", "StrictModes yes", "UseDNS yes")
# PubkeyAcceptedAlgorithms was called otherwise before OpenSSH 8.5.
OLDER = {
    "PubkeyAcceptedAlgorithms": "PubkeyAcceptedKeyTypes",
    "KbdInteractiveAuthentication": "ChallengeResponseAuthentication",
}

# Shapes of a home, each a user of its own: what is done as root after the home was made with the key in it.
HOMES = {
    "h-plain": "true",
    "h-home-open": "chmod 777 ~",
    "h-home-group": "chmod 775 ~",
    "h-home-group-of-two": "chmod 775 ~; usermod -aG $USER ops",
    "h-home-foreign-group": "chgrp staff2 ~; chmod 775 ~",
    "h-ssh-group-writable": "chmod 770 ~/.ssh",
    "h-ssh-open": "chmod 777 ~/.ssh",
    "h-file-group": "chmod 664 ~/.ssh/authorized_keys",
    "h-file-open": "chmod 666 ~/.ssh/authorized_keys",
    "h-file-of-root": "chown root:root ~/.ssh/authorized_keys; chmod 644 ~/.ssh/authorized_keys",
    "h-file-of-root-closed": "chown root:root ~/.ssh/authorized_keys; chmod 600 ~/.ssh/authorized_keys",
    "h-file-of-ops": "chown ops ~/.ssh/authorized_keys; chmod 644 ~/.ssh/authorized_keys",
    "h-ssh-of-ops": "chown ops ~/.ssh; chmod 755 ~/.ssh",
    "h-ssh-of-root-closed": "chown root:root ~/.ssh; chmod 700 ~/.ssh",
    "h-home-of-root": "chown root:root ~; chmod 755 ~",
    "h-home-of-ops": "chown ops ~; chmod 755 ~",
    "h-link": "mkdir -p /srv/keys/h; mv ~/.ssh /srv/keys/h/1; ln -s /srv/keys/h/1 ~/.ssh",
    "h-link-loose": "mkdir -p /srv/open; chmod 777 /srv/open; mv ~/.ssh /srv/open/2; ln -s /srv/open/2 ~/.ssh",
    "h-link-tmp": "mv ~/.ssh/authorized_keys /tmp/k3; ln -s /tmp/k3 ~/.ssh/authorized_keys",
    "h-link-nowhere": "rm ~/.ssh/authorized_keys; ln -s /srv/nowhere ~/.ssh/authorized_keys",
    "h-link-loop": "rm ~/.ssh/authorized_keys; ln -s authorized_keys ~/.ssh/authorized_keys",
    "h-fifo": "rm ~/.ssh/authorized_keys; mkfifo ~/.ssh/authorized_keys; chown $USER ~/.ssh/authorized_keys",
    "h-folder": "rm ~/.ssh/authorized_keys; mkdir ~/.ssh/authorized_keys",
    "h-device": "rm ~/.ssh/authorized_keys; ln -s /dev/zero ~/.ssh/authorized_keys",
    "h-absent": "rm ~/.ssh/authorized_keys",
    "h-empty": ": > ~/.ssh/authorized_keys",
    "h-no-home": "rm -r ~",
    "h-home-linked": "mv ~ /srv/h-home; ln -s /srv/h-home ~",
    "h-second-file": "mv ~/.ssh/authorized_keys ~/.ssh/authorized_keys2",
    "h-wrong-name": "mv ~/.ssh/authorized_keys ~/.ssh/authorised_keys",
}
# Shapes of the line: KEY is type and key, OTHER another key.
LINES = {
    "l-comment": "KEY me@home\n",
    "l-commented": "#KEY\n",
    "l-blanks": "   \tKEY\n",
    "l-no-newline": "OTHER\nKEY",
    "l-crlf": "OTHER\r\nKEY me\r\n",
    "l-crlf-bare": "KEY\r\n",
    "l-bom": "\ufeffKEY\n",
    "l-split": "SPLIT\n",
    "l-other": "OTHER\n",
    "l-cut": "CUT\n",
    "l-type-wrong": "ssh-rsa BLOB\n",
    "l-only-blob": "BLOB\n",
    "l-from-in": 'from="127.0.0.0/8" KEY\n',
    "l-from-out": 'from="192.0.2.0/24" KEY\n',
    "l-from-negated": 'from="!127.0.1.7,127.*" KEY\n',
    "l-from-name": 'from="*.example.com,localhost" KEY\n',
    "l-from-bits": 'from="127.0.0.1/8" KEY\n',
    "l-from-unquoted": "from=127.0.0.1 KEY\n",
    "l-from-twice": 'from="127.*",from="127.*" KEY\n',
    "l-two-lines": 'from="192.0.2.1" KEY\nKEY\n',
    "l-expired": 'expiry-time="20200101" KEY\n',
    "l-not-expired": 'expiry-time="20990101" KEY\n',
    "l-expired-minute": 'expiry-time="202001011200" KEY\n',
    "l-bad-expiry": 'expiry-time="soon" KEY\n',
    "l-expiry-hour": 'expiry-time="2099010112" KEY\n',
    "l-expiry-second": 'expiry-time="20990101120000" KEY\n',
    "l-expiry-z": 'expiry-time="20990101Z" KEY\n',
    "l-expiry-utc": 'expiry-time="209901011200uTc" KEY\n',
    "l-expiry-zz": 'expiry-time="20990101ZZ" KEY\n',
    "l-expiry-z-over": 'expiry-time="20200101Z" KEY\n',
    "l-expiry-no-day": 'expiry-time="20990231" KEY\n',
    "l-expiry-no-hour": 'expiry-time="209901012400" KEY\n',
    "l-expiry-blank": 'expiry-time="2099 1 1" KEY\n',
    "l-expiry-two": 'expiry-time="20200101",expiry-time="20990101" KEY\n',
    "l-restrict": "restrict KEY\n",
    "l-no-pty": "no-pty,no-X11-forwarding KEY\n",
    "l-command": 'command="true" KEY\n',
    "l-command-quotes": 'command="echo \\"a b\\", true" KEY\n',
    "l-authority": "cert-authority KEY\n",
    "l-principals": 'principals="x" KEY\n',
    "l-unknown-option": "no-fun KEY\n",
    "l-blank-in-options": "no-pty, no-user-rc KEY\n",
    "l-comma-behind": "no-pty, KEY\n",
    "l-environment": 'environment="A=b" KEY\n',
    "l-tunnel": 'tunnel="1",permitopen="localhost:80" KEY\n',
    "l-verify": "verify-required KEY\n",
    "l-capitals": 'FROM="127.*",No-PTY KEY\n',
    "l-two-keys": "KEY OTHER\n",
    "l-behind-other": "OTHER KEY\n",
    "l-tabs": "TABS\n",
}


def setup(public_key: str, other_key: str) -> str:
    """The script that makes the users with their homes."""
    kind, blob = public_key.split()[:2]
    script = [
        # The lab has no name server to wait for.
        "sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf; echo '127.0.1.7 client.example.com' >> /etc/hosts",
        "groupadd staff2; groupadd admins; groupadd robots; mkdir -p /srv/loose /etc/ssh/matrix-keys; chmod 777 /srv/loose",
        "useradd -m -o -u 0 -g 0 -d /home/toor -s /bin/sh toor",
        f"printf '%s\\n' '{public_key}' > /etc/ssh/matrix-keys/revoked",
        f"printf '%s\\n' '{other_key}' > /etc/ssh/matrix-keys/others",
        f"printf '%s\\n' '{public_key}' > /etc/ssh/matrix-keys/bob",
        f"printf '%s\\n' '{public_key}' > /etc/ssh/matrix-keys/root; cp /etc/ssh/matrix-keys/root /etc/ssh/matrix-keys/0",
    ]
    for user in USERS:
        if user not in ("root", "toor", "ops"):
            script.append(f"useradd -m -s /bin/sh -G {GROUPS[user]} {user}")
    people = [*USERS, *HOMES, *LINES]
    script += [f"useradd -m -s /bin/sh {user}" for user in (*HOMES, *LINES)]
    for user in people:
        home = "/root" if user == "root" else f"/home/{user}"
        script.append(
            f"mkdir -p {home}/.ssh; printf '%s\\n' '{public_key}' > {home}/.ssh/authorized_keys;"
            f" chown -R {user}: {home}; chmod 755 {home}; chmod 700 {home}/.ssh; chmod 600 {home}/.ssh/authorized_keys"
        )
        script.append(f"echo {user}:{SECRET} | chpasswd")
    words = {
        "KEY": f"{kind} {blob}",
        "OTHER": other_key,
        "SPLIT": f"{kind} {blob[:40]}\n{blob[40:]}",
        "CUT": f"{kind} {blob[:-12]}",
        "BLOB": blob,
        "TABS": f"{kind}\t\t{blob}\tme",
    }
    for user, line in LINES.items():
        for word, text in words.items():
            line = line.replace(word, text)
        script.append(f"cat > /home/{user}/.ssh/authorized_keys <<'END'\n{line}\nEND")
        script.append(f"truncate -s -1 /home/{user}/.ssh/authorized_keys")
    for user, change in HOMES.items():
        script.append(f"( USER={user}; HOME=/home/{user}; {change} )")
    return "\n".join(script)


def written(number: int, lines: list[str], drop_ins: list[list[str]], older: bool, trixie: bool) -> dict[str, Any]:
    """The files of one configuration. INCLUDE in a line stands for the next drop-in."""
    folder = f"{FOLDER}/{number}"
    files = {}
    rest = list(drop_ins)
    text = ["PerSourcePenalties no"] if trixie else []
    for line in lines:
        if line.strip() == "INCLUDE" and rest:
            name = f"{folder}/{len(files)}.conf"
            files[name] = "\n".join(rest.pop(0)) + "\n"
            line = f"Include {name}"
        text.append(line)
    files[f"{folder}/sshd_config"] = "\n".join(text) + "\n"
    if older:
        for name, content in files.items():
            for new, old in OLDER.items():
                content = content.replace(new, old)
            files[name] = content
    return {"files": files, "main": f"{folder}/sshd_config"}


def block(choose: random.Random) -> list[str]:
    """Lines as people write them: some rules, and some below Match."""
    lines = [choose.choice(RULES) for _number in range(choose.randint(0, 2))]
    for _number in range(choose.randint(0, 2)):
        lines.append(f"Match {choose.choice(WHO)}")
        lines += [f"    {rule}" for rule in _several(choose)]
    return "\n".join(lines).split("\n")


def _several(choose: random.Random) -> list[str]:
    rules = [rule for rule in RULES if "\n" not in rule]
    return choose.sample(rules, choose.randint(1, 2))


def matrix(seed: int, configurations: int, image: str, address: str, fingerprint: str) -> list[dict[str, Any]]:
    """The cases of policy_worker.py."""
    choose = random.Random(seed)
    older, trixie = image == "bullseye", image == "trixie"
    cases = []

    def login(user: str, method: str = "publickey", client: str = "127.0.0.1") -> dict[str, Any]:
        client = address if client == "ADDRESS" else client
        return {"user": user, "method": method, "client": client, "key": KEY, "fingerprint": fingerprint,
                "address": address if client == address else "127.0.0.1"}  # fmt: skip

    def add(lines: list[str], drop_ins: list[list[str]], logins: list[dict[str, Any]]) -> None:
        cases.append({**written(len(cases), lines, drop_ins, older, trixie), "logins": logins})

    everybody = [login(user) for user in (*HOMES, *LINES)]
    add(["UsePAM yes"], [], everybody + [login("l-from-negated", client=client) for client in CLIENTS])
    add(["StrictModes no", "UsePAM yes"], [], [login(user) for user in HOMES])
    add(
        ["UseDNS yes", "UsePAM yes"],
        [],
        [login("l-from-name", client="127.0.1.7"), login("l-from-name"), login("l-from-in")],
    )
    for _number in range(configurations):
        lines = [choose.choice(OF_ALL)] if choose.random() < 0.4 else ["UsePAM yes"]
        lines += block(choose)
        drop_ins = [block(choose) for _place in range(choose.randint(0, 2))]
        for _drop_in in drop_ins:
            lines.insert(choose.randint(0, len(lines)), "INCLUDE")
        logins = [
            login(choose.choice(USERS), choose.choice(("publickey", "publickey", "password")), choose.choice(CLIENTS))
            for _attempt in range(5)
        ]
        add(lines, drop_ins, logins)
    return cases
