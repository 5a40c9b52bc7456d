"""Packages of Node: installed once, into the user's cache."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

JS = Path(__file__).with_name("js")
GHOST = "6.65.0"
INSTALL_SECONDS = 300
# All of Ghost would be a hundred times as much: its client needs two files of its own.
_GHOSTS = "package/core/server/services/lib/"


def installed() -> Path:
    """The folder with `node_modules`."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise SystemExit(
            "clients for JavaScript need node and npm: install them (Debian: apt install nodejs npm)"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "postwright-compat"
    wanted = (JS / "package.json").read_text() + GHOST
    mark = cache / "installed"
    if mark.exists() and mark.read_text() == wanted:
        return cache
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(JS / "package.json", cache)
    _npm(cache, "install", "--no-audit", "--no-fund", "--ignore-scripts")
    _npm(cache, "pack", f"ghost@{GHOST}", "--silent")
    archive = cache / f"ghost-{GHOST}.tgz"
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(_GHOSTS) and ".." not in member.name:
                file = tar.extractfile(member)
                path = cache / "ghost" / member.name.removeprefix("package/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"" if file is None else file.read())
    archive.unlink()
    mark.write_text(wanted)
    return cache


def version_of(name: str) -> str:
    """The version that is pinned."""
    pinned: str = json.loads((JS / "package.json").read_text())["dependencies"][name]
    return pinned


def _npm(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    if done.returncode:
        raise SystemExit(f"npm {' '.join(arguments)}: {done.stderr[-2000:]}")
