# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build the root file systems of images.yml, once, into a cache outside the tree."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
DEFINITIONS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "images.yml").read_text())
UNUSED_S = 24 * 3600
FINISH = HERE / "finish_image.sh"


def cache_dir() -> Path:
    """The folder that a clean checkout finds again: downloads, images and the lab's login key."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rescue-remote-login"
    path = Path(os.environ.get("REMOTE_LOGIN_CACHE") or default)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time build NAME; tests run in several."""
    with (cache_dir() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def login_key() -> Path:
    """The private key that every lab host lets in."""
    key = cache_dir() / "lab_key"
    with locked("lab_key"):
        if not key.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)],
                check=True,
                stdin=subprocess.DEVNULL,
            )
    return key


def root_of(name: str) -> Path:
    """The root file system of image NAME, built when it is missing or its definition has changed."""
    definition = DEFINITIONS[name]
    parent = definition["source"].get("image")
    parent_root = root_of(parent) if parent else None
    content = json.dumps(definition, sort_keys=True) + FINISH.read_text() + login_key().with_suffix(".pub").read_text()
    version = hashlib.sha256(f"{content}{parent_root}".encode()).hexdigest()[:12]
    root = cache_dir() / "images" / f"{name}-{version}"
    with locked(f"image-{name}"):
        if not root.exists():
            _build(name, definition, parent_root, root)
        os.utime(root)
    return root


def build_all() -> None:
    """Build what is missing, two at a time. A container image is only built when a test asks for it."""
    names = [name for name, definition in DEFINITIONS.items() if "container" not in definition["source"]]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(root_of, names))


def _prune(folder: Path, name: str) -> None:
    """Delete what no longer fits its definition and was not used for long: a running host may stand on it."""
    for old in folder.glob(f"{name}-????????????"):
        if time.time() - old.stat().st_mtime > UNUSED_S:
            shutil.rmtree(old)


def _build(name: str, definition: dict[str, Any], parent_root: Path | None, root: Path) -> None:
    print(f"lab: building image {name} (about a minute, once)", flush=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    _prune(root.parent, name)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f"{name}-build-") as folder:
        work = Path(folder) / "root"
        log = root.parent / f"{name}.log"
        with log.open("w") as output:
            try:
                _bootstrap(definition["source"], parent_root, work, output)
                _finish(definition, work, output)
            except subprocess.CalledProcessError as error:
                raise RuntimeError(f"image {name} could not be built, see {log}: {error}") from error
        work.rename(root)


def _bootstrap(source: dict[str, Any], parent_root: Path | None, work: Path, output: Any) -> None:
    if parent_root is not None:
        _run(["cp", "-a", str(parent_root), str(work)], output)
    elif "container" in source:
        work.mkdir()
        script = 'id=$(podman create "$1" true) && podman export "$id" | tar -x -C "$2"; podman rm -f "$id"'
        _run(["sh", "-ec", script, "sh", source["container"], str(work)], output)
    else:
        options = ["--variant=minbase"]
        for option in ("include", "exclude"):
            if source.get(option):
                options.append(f"--{option}={','.join(source[option])}")
        _run(["debootstrap", *options, source["debootstrap"], str(work)], output)


def _finish(definition: dict[str, Any], work: Path, output: Any) -> None:
    (work / "etc/resolv.conf").unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", work / "etc/resolv.conf")
    shutil.copy(login_key().with_suffix(".pub"), work / "root/lab_key.pub")
    shutil.copy(FINISH, work / "root/finish_image.sh")
    _run(["chroot", str(work), "sh", "-e", "/root/finish_image.sh", *definition["packages"]], output)


def _run(argv: list[str], output: Any) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
