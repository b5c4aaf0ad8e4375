# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The test sessions. make runs them, in .venv-test, and ends with one summary over all: python noxfile.py SESSION…

A part of the tests is a session that keeps a tally: it goes on after a failure, and what it
could not run it skips by name. Nothing is left out silently.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / ".build"
RESULTS = BUILD / "results"
COLLECTIONS = BUILD / "collections"
COLLECTION = "ansible_collections/rescue/remote_login"
PACKAGE = COLLECTION.replace("/", ".")
CACHE = Path(
    os.environ.get("REMOTE_LOGIN_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rescue-remote-login"
)
BIN = Path(sys.executable).parent
ENVIRONMENT = {
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
}

# What ansible-test asks for by name, and the oldest of each line that target code runs on.
PYTHONS = ("2.7", *(f"3.{minor}" for minor in range(6, 15)))
OLDEST_TARGETS = ("2.7", "3.6")
TARGET_CODE = ("module_utils", "modules")

LAB_PACKAGES = (
    *("podman", "runc", "conmon", "catatonit", "netavark", "aardvark-dns"),
    *("debootstrap", "openssh-client", "nftables", "iproute2"),
)
# What the measurement of bandwidth is held against.
BENCH_PACKAGES = ("nethogs", "iftop", "iperf3")
LAB_COMMANDS = ("podman", "runc", "debootstrap", "ssh", "nft", "ip")

# Sanity tests of what a collection like this one never has.
NEVER_APPLICABLE = ("empty-init", "pslint")

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "sanity", "unit", "lab"]


@dataclasses.dataclass
class Tally:
    """What one part counts."""

    passed: int = 0
    failed: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)

    def add(self, passed: int, failed: list[str], skipped: list[str]) -> None:
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def add_junit(self, report: Path, suite: str | None = None) -> None:
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{suite or case.get('classname')} {case.get('name')}".strip()
            outcomes = {child.tag: child for child in case}
            if "failure" in outcomes or "error" in outcomes:
                self.failed.append(name)
            elif "skipped" in outcomes:
                reason = outcomes["skipped"].get("message") or outcomes["skipped"].text
                self.skipped.append(f"{name}: {reason}")
            else:
                self.passed += 1

    def run(self, session: nox.Session, name: str, *command: Any) -> None:
        """Run a command that is one test."""
        session.log(name)
        try:
            session.run(*map(str, command), external=True, env=ENVIRONMENT, log=False)
        except CommandFailed:
            self.failed.append(name)
        else:
            self.passed += 1

    def run_pytest(self, session: nox.Session, folder: str, *options: str, env: dict[str, str]) -> None:
        if not any((ROOT / folder).rglob("test_*.py")):
            self.skipped.append(f"{folder}: there is no test yet")
            return
        report = RESULTS / f"{session.name}.xml"
        report.unlink(missing_ok=True)
        command = [str(BIN / "pytest"), folder, f"--junit-xml={report}", *options, *session.posargs]
        try:
            # 5: the arguments select no test.
            session.run(*command, external=True, env=env, success_codes=[0, 5])
        except CommandFailed as error:
            if report.exists():
                self.add_junit(report)
            if not self.failed:
                self.failed.append(f"pytest: {error}")
        else:
            self.add_junit(report)


@contextlib.contextmanager
def tally_of(session: nox.Session) -> Iterator[Tally]:
    """Keep the part's tally where the summary finds it, however the part ends."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    try:
        yield tally
    except BaseException as error:
        tally.failed.append(f"did not finish: {error!r}")
        raise
    finally:
        (RESULTS / f"{session.name}.json").write_text(json.dumps(dataclasses.asdict(tally)))
    if tally.failed:
        session.error(f"{len(tally.failed)} failed")


@functools.cache
def find_python(version: str) -> str | None:
    """A Python of this version: on PATH, or beside our own, where version managers put them."""
    name = f"python{version}"
    candidates = [shutil.which(name), *map(str, Path(sys.base_prefix).parent.glob(f"*/bin/{name}"))]
    for candidate in filter(None, candidates):
        # A name on PATH can be a version manager's stub that only fails: ask it.
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None


def core216(session: nox.Session) -> Path | None:
    """The environment of ansible-core 2.16, made when it is first needed; None without a Python for it."""
    venv = ROOT / ".venv-core216"
    stamp = venv / "stamp"
    files = [ROOT / "requirements.txt", ROOT / "tests" / "requirements-core216.txt"]
    wanted = "".join(file.read_text() for file in files)
    if stamp.exists() and stamp.read_text() == wanted:
        return venv
    python = next(filter(None, map(find_python, ("3.11", "3.10", "3.12"))), None)
    if python is None:
        return None
    session.run(python, "-m", "venv", "--clear", str(venv), external=True)
    session.run(str(venv / "bin" / "pip"), "install", "--quiet", "-r", str(files[1]), external=True)
    stamp.write_text(wanted)
    return venv


@nox.session
def lint(session: nox.Session) -> None:
    """Format, style, types, metadata, and whether target code is still Python 2.7."""
    with tally_of(session) as tally:
        tally.run(session, "ruff format", BIN / "ruff", "format", "--diff", ".")
        tally.run(session, "ruff check", BIN / "ruff", "check", ".")
        tally.run(session, "yamllint", BIN / "yamllint", "--strict", ".")
        tally.run(session, "ansible-lint", BIN / "ansible-lint")
        tally.run(session, "antsibull-changelog", BIN / "antsibull-changelog", "lint")

        folders = {file.relative_to(ROOT / "plugins").parts[0] for file in python_files("plugins")}
        packages = [f"-p={PACKAGE}.plugins.{folder}" for folder in sorted(folders.difference(TARGET_CODE))]
        if packages:
            tally.run(session, "mypy", BIN / "mypy", *packages)

        target_files = [file for folder in TARGET_CODE for file in python_files(f"plugins/{folder}")]
        compile_all = "import sys\nfor name in sys.argv[1:]: compile(open(name, 'rb').read(), name, 'exec')"
        for version in OLDEST_TARGETS:
            python = find_python(version)
            if python:
                tally.run(session, f"compile with Python {version}", python, "-c", compile_all, *target_files)
            else:
                tally.skipped.append(f"compile with Python {version}: not found")


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@nox.session
def sanity(session: nox.Session) -> None:
    """ansible-test sanity, with the newest ansible-core and with the one that knows Python 2.7."""
    with tally_of(session) as tally:
        run_sanity(session, tally, BIN)
        venv = core216(session)
        if venv:
            run_sanity(session, tally, venv / "bin")
        else:
            tally.skipped.append("ansible-core 2.16: needs Python 3.10, 3.11 or 3.12")


def run_sanity(session: nox.Session, tally: Tally, tools: Path) -> None:
    copy = copy_of_tree(session)
    pythons = filter(None, map(find_python, PYTHONS))
    path = [str(tools), *(str(Path(python).parent) for python in pythons), ENVIRONMENT["PATH"]]
    env = {"PATH": os.pathsep.join(path), "HOME": str(sanity_home(tools))}
    failures = len(tally.failed)
    try:
        with session.chdir(copy):
            session.run(str(tools / "ansible-test"), "sanity", "--local", "--junit", external=True, env=env)
        crashed = None
    except CommandFailed as error:
        crashed = error
    reports = sorted((copy / "tests" / "output" / "junit").glob("*.xml"))
    for report in reports:
        if not report.stem.removeprefix("ansible-test-sanity-").startswith(NEVER_APPLICABLE):
            tally.add_junit(report, suite=core_version(tools))
    # It also ends well when it found nothing to look at.
    if not reports or (crashed and len(tally.failed) == failures):
        tally.failed.append(f"{core_version(tools)} ansible-test: {crashed or 'no result'}")


@functools.cache
def core_version(tools: Path) -> str:
    printed = subprocess.run([tools / "ansible-test", "--version"], capture_output=True, text=True, check=True)
    return ".".join(printed.stdout.split()[-1].split(".")[:2])


def copy_of_tree(session: nox.Session) -> Path:
    """What git does not ignore, in a folder of the collection's own name: ansible-test looks at the path."""
    copy = BUILD / "sanity" / COLLECTION
    shutil.rmtree(copy, ignore_errors=True)
    listed = session.run("git", "ls-files", "-co", "--exclude-standard", "-z", external=True, silent=True, log=False)
    for name in str(listed).split("\0"):
        if os.path.lexists(name) and name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, copy / name, follow_symlinks=False)
    # Else ansible-test asks the checkout around it, which ignores the copy.
    session.run("git", "init", "--quiet", str(copy), external=True, log=False)
    return copy


def sanity_home(tools: Path) -> Path:
    """A home for ansible-test, which caches its environments there and passes on HOME but no variable of pip's."""
    home = CACHE / "ansible-test"
    config = home / ".config" / "pip"
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip"
    config.parent.mkdir(parents=True, exist_ok=True)
    if own.is_dir() and not config.is_symlink():
        config.symlink_to(own)
    scripts = home / ".ansible" / "test" / "cache"
    scripts.mkdir(parents=True, exist_ok=True)
    (source,) = tools.parent.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"pip='([\d.]+)'", source.read_text()):
        shutil.copy(ROOT / "tests" / "sanity" / "get_pip.py", scripts / f"get_pip_{version.replace('.', '_')}.py")
    return home


@nox.session
def unit(session: nox.Session) -> None:
    """tests/unit, and tests/unit/target once more on the oldest Pythons that a target has."""
    with tally_of(session) as tally:
        tally.run_pytest(session, "tests/unit", env=ENVIRONMENT)
        target_tests = ROOT / "tests" / "unit" / "target"
        for version in OLDEST_TARGETS if any(target_tests.glob("test_*.py")) else ():
            python = find_python(version)
            if not python:
                tally.skipped.append(f"target code on Python {version}: not found")
                continue
            report = RESULTS / f"unit-{version}.json"
            report.unlink(missing_ok=True)
            command = [python, "-B", "tests/run_target_tests.py", str(target_tests), str(report)]
            with contextlib.suppress(CommandFailed):
                session.run(*command, external=True, env={"PYTHONPATH": str(shim_tree(session))})
            if report.exists():
                counted = json.loads(report.read_text())
                named = {key: [f"Python {version} {name}" for name in counted[key]] for key in ("failed", "skipped")}
                tally.add(counted["passed"], **named)
            else:
                tally.failed.append(f"target code on Python {version}: did not finish")


def shim_tree(session: nox.Session) -> Path:
    """Target code as packages: Python 2.7 imports nothing from a folder without __init__.py."""
    tree = BUILD / "target"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in TARGET_CODE:
        for source in python_files(f"plugins/{folder}"):
            link = tree / COLLECTION / source.relative_to(ROOT)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
    venv = core216(session)
    if venv:
        (tree / "ansible").mkdir(parents=True)
        (module_utils,) = venv.glob("lib/python*/site-packages/ansible/module_utils")
        (tree / "ansible" / "module_utils").symlink_to(module_utils)
    for path, _folders, _files in os.walk(tree):
        (Path(path) / "__init__.py").touch()
    return tree


@nox.session
def lab(session: nox.Session) -> None:
    """tests/lab, on a fleet of real hosts."""
    with tally_of(session) as tally:
        reason = lab_lacks(session)
        if reason:
            tally.skipped.append(f"the whole lab: {reason}")
        else:
            # Most tests wait for a time-out or a boot; where many hosts are looked at, FORKS bounds the load.
            options = ("-n", "4", "--dist", "loadgroup")
            tally.run_pytest(session, "tests/lab", *options, env=lab_environment(session, tally))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """benchmarks, in the lab's environment."""
    in_the_lab(session, "pytest", "benchmarks", "-s", packages=LAB_PACKAGES + BENCH_PACKAGES)


@nox.session(default=False)
def fleet(session: nox.Session) -> None:
    """Start or remove the lab that one plays in by hand: nox -s fleet -- up|down."""
    in_the_lab(session, "python", "tests/lab/fleet.py")


def in_the_lab(session: nox.Session, tool: str, *arguments: str, packages: tuple[str, ...] = LAB_PACKAGES) -> None:
    reason = lab_lacks(session, packages)
    if reason:
        session.error(f"the lab {reason}")
    session.run(str(BIN / tool), *arguments, *session.posargs, external=True, env=lab_environment(session))


def lab_lacks(session: nox.Session, packages: tuple[str, ...] = LAB_PACKAGES) -> str | None:
    """Why the lab cannot run here, or None. Debian packages that it lacks are installed."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("apt-get"):
        query = ["dpkg-query", "-W", "-f=${Package}=${db:Status-Status}\n", *packages]
        status = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
        missing = [name for name in packages if f"{name}=installed" not in status]
        if missing:
            session.log(f"the lab lacks packages and installs them: {' '.join(missing)}")
            session.run("apt-get", "update", "-qq", external=True)
            install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
            session.run(*install, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
        return None
    missing = [name for name in LAB_COMMANDS if not shutil.which(name)]
    return f"needs {', '.join(missing)}" if missing else None


def lab_environment(session: nox.Session, tally: Tally | None = None) -> dict[str, str]:
    """Where the lab finds the collection, and ansible-core 2.16 for hosts that the newest cannot drive."""
    venv = core216(session)
    if venv:
        return {**ENVIRONMENT, "REMOTE_LOGIN_CORE216": str(venv)}
    session.warn("no ansible-core 2.16: it needs Python 3.10, 3.11 or 3.12")
    if tally:
        tally.skipped.append("hosts with Python 2.7 or 3.6: ansible-core 2.16 needs Python 3.10, 3.11 or 3.12")
    return ENVIRONMENT


def summary(parts: list[str]) -> int:
    """Say what all the parts counted, loudest what did not run; the last line is the sum alone."""
    total = Tally()
    lines = []
    for part in parts:
        report = RESULTS / f"{part}.json"
        tally = Tally(**json.loads(report.read_text())) if report.exists() else Tally(failed=["left no result"])
        lines.append(f"  {part:<8}{count(tally)}")
        total.add(
            tally.passed, [f"{part}: {name}" for name in tally.failed], [f"{part}: {name}" for name in tally.skipped]
        )
    lines += [f"  SKIPPED {name}" for name in total.skipped]
    lines += [f"  FAILED  {name}" for name in total.failed]
    text = "\n".join(["", "Summary", *lines, count(total)])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "summary.txt").write_text(text + "\n")
    print(text)
    return 1 if total.failed else 0


def count(tally: Tally) -> str:
    return f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped"


if __name__ == "__main__":
    sys.exit(summary(sys.argv[1:]))
