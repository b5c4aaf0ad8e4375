# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a process that uses the link normal? Reasons for and against, and what to look at next. Never 'it is malware'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.rescue.remote_login.plugins.plugin_utils import peers

Process = Mapping[str, Any]
Program = Mapping[str, Any]

# Names of kernel threads, which run no program, and names that are almost theirs.
KERNEL_THREAD = re.compile(
    r"^\[[\w/:.+#-]{1,32}\]$"
    r"|^(?:kworker|ksoftirqd|kthreadd?|kthrotld|kswapd|kdevtmpfs|kauditd|kintegrityd|kblockd|khungtaskd|khugepaged"
    r"|kcompactd|kpsmoused|xfsaild)(?:[/\d:].*|[a-z]{0,2})$"
    r"|^(?:migration|watchdog|irq|jbd2|scsi_eh_|md\d+_raid)[/\d].*$|^rcu_(?:sched|bh|preempt|gp|par_gp|tasks\w*)$",
    re.IGNORECASE,
)
# Programs that a system has once, in its own folders.
SYSTEM_NAMES = frozenset(
    "init systemd systemd-journal systemd-journald systemd-logind systemd-udevd systemd-resolve systemd-network"
    " systemd-timesyn sshd sshd-session crond cron atd dbus-daemon rsyslogd syslogd agetty login udevd auditd chronyd"
    " ntpd polkitd NetworkManager".split()
)
SYSTEM_FOLDERS = re.compile(r"^(?:/usr(?:/local)?)?/(?:s?bin|lib\w*)/|^/(?:nix/store|gnu/store)/")
# Where only the manager of packages has something to put.
PACKAGED_FOLDERS = re.compile(r"^(?:/usr)?/(?:s?bin|lib\w*)/")
# Where administrators put what no package brings.
LOCAL_FOLDERS = re.compile(r"^/(?:usr/local|opt|srv|nix/store|gnu/store|var/lib/rancher)/")
SNAP = re.compile(r"^(?:/var/lib/snapd)?/snap/([^/]+)/")
NETWORK_FILE_SYSTEMS = frozenset("nfs nfs4 cifs smb3 ceph glusterfs fuse.glusterfs lustre gpfs afs 9p".split())
TEMPORARY = re.compile(r"^/(?:tmp|var/tmp|dev/shm|run/shm)/")
MEMORY_FILE = re.compile(r"^/memfd:")
# Folders in a home that hold tools which people install for themselves.
USUAL_HIDDEN = frozenset(
    ".local .config .cargo .rustup .pyenv .rbenv .rvm .nvm .fnm .npm .asdf .sdkman .virtualenvs .venv .venvs .gem .m2"
    " .vscode-server .cursor-server .dotnet .deno .bun .volta .nodenv .jenv .linuxbrew .steam .krew .linkerd2 .pm2"
    " .jdks".split()
)


@dataclass(frozen=True)
class Settings:
    """What the operator says."""

    expected_networks: Sequence[str] = ()
    expected_countries: Sequence[str] = ()
    # {vendor, name, path}: each part of the path is a pattern of its own.
    agents: Sequence[Mapping[str, str]] = ()
    # The ISO code of the country of an address, where there is a database.
    country_of: Callable[[str], str | None] | None = None


@dataclass
class Judgement:
    """What was found about one process."""

    for_it: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.against:
            return "suspicious"
        return "normal" if self.for_it else "unknown"


def judge(process: Process, settings: Settings) -> dict[str, Any]:
    """{verdict, reasons, look_at}: normal, suspicious or unknown."""
    judged = Judgement()
    program = process.get("program") or {}
    if not process.get("exists"):
        judged.open.append("it has ended: its program can no longer be looked at")
        judged.against += [*_of_its_place(process), *_of_names(process, {})]
    elif not program:
        judged.open.append("its files could not be looked at")
        judged.against += [*_of_its_place(process), *_of_names(process, {})]
    else:
        judged.against += [*_of_program(process, program), *_of_names(process, program), *_of_files(program)]
        judged.for_it += _for(process, program, settings)
        if not judged.for_it:
            _note_origin(judged, process, program)
        judged.open += _open(process, program)
    judged.against += peers.unexpected(
        process, settings.expected_networks, settings.expected_countries, settings.country_of
    )
    reasons = judged.against + judged.open + judged.for_it
    return {"verdict": judged.verdict, "reasons": reasons, "look_at": list(_look_at(process, judged))}


# --- what speaks against it ---


def _of_program(process: Process, program: Program) -> Iterator[str]:
    """The program that runs is gone or another one than its file."""
    executable = str(process.get("executable") or "")
    if MEMORY_FILE.match(executable):
        yield f"its program is in no file, only in memory ({executable})"
    elif process.get("executable_exists") is False and not program.get("there_again"):
        yield f"its program {executable} has been deleted while it runs"
    elif process.get("executable_exists") is False and _replaced_by_update(program) is False:
        yield f"runs another program than {executable} is now, and no update of its package explains that"
    if program.get("input_from_network") and program.get("is_interpreter") and not _is_told(process, program):
        yield f"the interpreter {executable} gets its input from the network, and runs what no file holds"
    if program.get("script_exists") is False:
        yield f"the text {program.get('script')} that it runs has been deleted"


def _is_told(process: Process, program: Program) -> bool:
    """Whether it is known what an interpreter runs; a shell that a service starts for each connection is declared."""
    return bool(program.get("script") or process.get("declared_in"))


def _of_its_place(process: Process) -> Iterator[str]:
    """Where its program is, or was where that was seen while it lived: that alone can be told without the file."""
    executable, is_or_was = str(process.get("executable") or ""), "is" if process.get("exists") else "was"
    if MEMORY_FILE.match(executable):
        yield f"its program {is_or_was} in no file, only in memory ({executable})"
    elif TEMPORARY.match(executable):
        yield f"its program {is_or_was} {executable}, where everybody may write"


def _replaced_by_update(program: Program) -> bool | None:
    """Whether a package has been updated since the process was started; None where none is known."""
    found = program.get("replaced_by_update")
    return None if found is None or program.get("script") else bool(found)


def _of_names(process: Process, program: Program) -> Iterator[str]:
    """It calls itself by the name of something that it is not."""
    executable, name = str(process.get("executable") or ""), str(process.get("name") or "")
    command = str(process.get("command") or "")
    if not executable:
        return
    if name != name.strip() or not name.isprintable():
        yield f"its name {name!r} has blanks or signs that cannot be seen"
    name = name.strip()
    title = command.partition(" ")[0]
    titles = (name, title, title.strip("[]") if title.startswith("[") else "")
    own = str(program.get("path") or "").rpartition("/")[2][:15] if _is_packaged(program) else None
    stolen = [said for said in titles if KERNEL_THREAD.match(said) and said[:15] != own]
    if stolen:
        yield f"has the name of a thread of the kernel ({stolen[0]}), but runs {executable}"
    if name in SYSTEM_NAMES and not _may_be_called_so(name, executable, process, program):
        yield f"is called {name} as the system's own program, but runs {executable}"
    elif program.get("claims"):
        yield f"calls itself {program['claims']}, but runs {executable}"


def _is_packaged(program: Program) -> bool:
    """Whether a package's own program is what bears the name, rather than a text or an argument."""
    code_known = not program.get("is_interpreter") or bool(program.get("script"))
    return bool(program.get("package")) and not program.get("modified") and code_known


def _may_be_called_so(name: str, executable: str, process: Process, program: Program) -> bool:
    if SYSTEM_FOLDERS.match(executable):
        return not program.get("is_interpreter") or bool(program.get("script"))
    if process.get("declared_in") and program.get("only_root_writes"):
        return True
    return name in ("init", "systemd") and bool(program.get("own_root") or process.get("container"))


def _of_files(program: Program) -> Iterator[str]:
    """Where the files are that it runs, and whether they are as they should be."""
    for part in (program, program.get("interpreter") or {}):
        path = part.get("path")
        if part.get("writable_place") == path and path:
            yield f"everybody may write to {path}"
        elif part.get("writable_place") and not _is_app_image(part) and not _is_of_image(part):
            yield f"{path} is in {part['writable_place']}, where everybody may write"
        if part.get("modified"):
            yield f"{path} is not as its package {part.get('package')} left it"
        hidden = [name for name in part.get("hidden") or [] if name not in USUAL_HIDDEN]
        if hidden and not _is_app_image(part):
            yield f"{path} is hidden ({hidden[0]})"
    for library in program.get("preloaded") or []:
        if not _is_trusted(library):
            yield f"the library {library.get('path')} is loaded before its own"


def _is_of_image(part: Program) -> bool:
    """Images are made with such folders, for users whose number is not known before."""
    return bool(part.get("in_image")) and not TEMPORARY.match(f"{part.get('writable_place')}/")


def _is_trusted(library: Mapping[str, Any]) -> bool:
    if library.get("package"):
        return not library.get("modified")
    return bool(LOCAL_FOLDERS.match(str(library.get("path"))) and library.get("only_root_writes"))


def _is_app_image(part: Mapping[str, Any]) -> bool:
    """An AppImage mounts itself at such a place for its user."""
    mounted, kind = str(part.get("mounted_at") or ""), str(part.get("file_system") or "")
    return kind.startswith("fuse") and bool(re.match(r"^/tmp/\.mount_[^/]+$", mounted))


# --- what speaks for it ---


def _for(process: Process, program: Program, settings: Settings) -> Iterator[str]:
    path = str(program.get("path") or "")
    if is_kernel_thread(process):
        yield "is a thread of the kernel"
    if _is_packaged(program):
        state = "unmodified" if program.get("modified") is False else "not compared"
        where = " of its container" if program.get("own_root") else ""
        yield f"{path} belongs to the package {program['package']}{where} ({state})"
    if process.get("declared_in"):
        yield f"is a service of the host: {process['declared_in']} starts it"
    for agent in settings.agents:
        if program.get("only_root_writes") and not program.get("own_root") and matches(path, agent["path"]):
            yield f"is the agent of {agent['vendor']}: {agent['name']}"
    snap = SNAP.match(path)
    if snap and program.get("file_system") == "squashfs" and program.get("only_root_writes"):
        yield f"{path} is part of the snap {snap.group(1)}"


def is_kernel_thread(process: Process) -> bool:
    """A process of the kernel's own: nobody else has that parent."""
    started_by = [str(parent) for parent in process.get("parents") or []]
    its_own = process.get("pid") == 2 and process.get("name") == "kthreadd"
    return (
        not process.get("executable") and not process.get("command") and (its_own or started_by[:1] == ["kthreadd (2)"])
    )


def matches(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern in which * stands for anything but another folder, and ** for that too."""
    parts = re.split(r"(\*\*|\*)", pattern)
    return bool(re.fullmatch("".join({"**": ".+", "*": "[^/]+"}.get(part, re.escape(part)) for part in parts), path))


def _note_origin(judged: Judgement, process: Process, program: Program) -> None:
    """What is to be said of a program that nothing speaks for: suspicious only where nobody can have vouched for it."""
    path = str(program.get("path") or "")
    if program.get("is_interpreter") and not program.get("script"):
        what = "what no file holds" if program.get("inline") else "what its command line does not tell"
        judged.open.append(f"the interpreter {path} runs {what}")
    elif program.get("why_unknown"):
        judged.open.append(f"its package is not known: {program['why_unknown']}")
    elif _is_container(process, program):
        _note_container(judged, path, program)
    elif process.get("declared_beside"):
        judged.open.append(
            f"{path} is in the folder of what {process['declared_beside']} starts, where not only root can have put it"
        )
    elif _is_app_image(program):
        judged.open.append(f"{path} is in an AppImage, which anybody can make")
    elif program.get("file_system") in NETWORK_FILE_SYSTEMS:
        judged.open.append(
            f"{path} is on a network file system ({program['file_system']}), where no package of this host is"
        )
    elif LOCAL_FOLDERS.match(path) and program.get("only_root_writes"):
        judged.open.append(f"{path} belongs to no package and to no declared service; only root can have put it there")
    elif PACKAGED_FOLDERS.match(path):
        judged.against.append(
            f"{path} is among the programs of the system, but belongs to no package and to no service"
        )
    else:
        judged.against.append(f"{path} belongs to no package and to no service of the host")


def _is_container(process: Process, program: Program) -> bool:
    return bool(process.get("container") or program.get("own_root"))


def _note_container(judged: Judgement, path: str, program: Program) -> None:
    if program.get("in_image") is False and not program.get("is_interpreter"):
        judged.against.append(
            f"{path} was put into its container after that had been started, and belongs to no package"
        )
    elif program.get("in_image"):
        judged.open.append(f"{path} is part of its container's image, and belongs to no package")
    else:
        judged.open.append(f"{path} belongs to no package of its container, as is usual there")


def _open(process: Process, program: Program) -> Iterator[str]:
    if process.get("executable_exists") is False and program.get("there_again"):
        by_update = _replaced_by_update(program)
        if by_update is not False:
            yield "its program was replaced since it started" + (", by an update of its package" if by_update else "")
    if process.get("container"):
        yield f"runs in the container {str(process['container'])[:12]}"
    for library in program.get("preloaded") or []:
        if _is_trusted(library):
            yield f"loads {library.get('path')} before its own libraries"


# --- what to look at next ---


def _look_at(process: Process, judged: Judgement) -> Iterator[str]:
    """Commands that tell more; only numbers that are ours go into them."""
    if judged.verdict == "normal" or not process.get("exists"):
        return
    pid = int(process["pid"])
    yield f"ls -l /proc/{pid}/exe /proc/{pid}/cwd; tr '\\0' ' ' < /proc/{pid}/cmdline"
    yield f"ls -l /proc/{pid}/fd; cat /proc/{pid}/cgroup; grep PPid /proc/{pid}/status"
    if judged.against:
        yield f"sha256sum /proc/{pid}/exe  (the very program that runs, also where its file is gone)"
