"""Every sample of the documentation does what its page says; what cannot run says why.

A block of `sh` or `python` is run, in the order of its page and against a server of its own, with URL, KEY, DOMAIN and
the `postwright` command as its readers have them; curl fails where the server refuses. `<!-- prints: text -->` behind a
block is looked for in what it prints; `<!-- not run: why -->` before it says why it is not run. Blocks of `toml` and
`json` must be such; what people read is `text`.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from .conftest import DOMAIN, Api

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs" / "guide").glob("*.md"), ROOT / "docs" / "tutorial.md"])
SECONDS = 180  # the command starts a program each time
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+?) -->\n)?"
    r"^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```\n"
    r"(?:<!-- prints: (?P<prints>[^\n]+?) -->)?",
    re.DOTALL | re.MULTILINE,
)


class Sample(NamedTuple):
    """A block of a page."""

    kind: str
    text: str
    why: str | None
    prints: str | None


def samples(page: Path) -> list[Sample]:
    return [Sample(m["kind"], m["text"], m["why"], m["prints"]) for m in _BLOCK.finditer(page.read_text())]


def runs(page: Path) -> bool:
    return any(sample.kind in ("sh", "python") and not sample.why for sample in samples(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_not_run_is_what_it_says(page: Path) -> None:
    assert len(samples(page)) * 2 == len(re.findall(r"^```", page.read_text(), re.MULTILINE))
    for sample in samples(page):
        assert sample.kind in ("sh", "python", "toml", "json", "text"), (
            f"a block of no kind: {sample.text[:80]}"
        )
        if sample.kind == "toml":
            tomllib.loads(sample.text)
        elif sample.kind == "json":
            json.loads(sample.text)


def test_the_site_leads_to_every_guide() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    assert not [
        page.name for page in PAGES if f"/{page.name}\n" not in site and f" {page.name}\n" not in site
    ]


async def test_the_samples_run(start_server: Any, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    server = await start_server(domain=DOMAIN, source_ips="192.0.2.11")
    folder = tmp_path / "bin"
    folder.mkdir()
    curl = shutil.which("curl")
    (folder / "curl").write_text(f'#!/bin/sh\nexec {curl} --fail-with-body --max-time 30 "$@"\n')
    command = f'#!/bin/sh\nexec {sys.executable} -m postwright.apps.cli "$@"\n'
    (folder / "postwright").write_text(command)
    for each in folder.iterdir():
        each.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTWRIGHT_")}
    settings = {f"POSTWRIGHT_{name.upper()}": value for name, value in server.settings.items()}
    own = {"URL": server.base_url, "KEY": server.api_key, "API_KEY": server.api_key, "DOMAIN": DOMAIN}
    own |= {"SMTP_HOST": server.smtp[0], "SMTP_PORT": str(server.smtp[1])}
    env = kept | settings | own | {"PATH": f"{folder}:{os.environ['PATH']}"}
    wrong = []
    for page in filter(runs, PAGES):
        for what in ("messages", "rules"):  # what other pages left behind
            await Api(server, http).call("DELETE", f"/postwright/v1/capture/{what}")
        for sample in samples(page):
            if sample.why or sample.kind not in ("sh", "python"):
                continue
            program = ["bash", "-euo", "pipefail", "-c"] if sample.kind == "sh" else [sys.executable, "-c"]
            done = await asyncio.to_thread(
                subprocess.run,
                [*program, sample.text],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                env=env,
                cwd=tmp_path,
            )
            if done.returncode or (sample.prints or "") not in done.stdout:
                wrong.append(f"{page.name}: {sample.text}\n{done.stdout}\n{done.stderr}")
    assert not wrong, "\n".join(wrong)
