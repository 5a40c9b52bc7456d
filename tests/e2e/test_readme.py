"""The samples of the README do what it says."""

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import aiohttp

from postwright.testing.server import Server

from .conftest import DOMAIN, Api

README = (Path(__file__).parents[2] / "README.md").read_text()


def samples(server: Server, start: str) -> list[str]:
    """The code blocks that begin with `start`, for this server."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", README, re.DOTALL)
    filled = [
        block.replace("YOUR-KEY", server.api_key)
        .replace("YOUR-DOMAIN", DOMAIN)
        .replace("http://127.0.0.1:8025", server.base_url)
        for block in blocks
    ]
    return [block for block in filled if block.startswith(start)]


async def run(*command: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


async def test_the_samples(start_server: Any, http: aiohttp.ClientSession) -> None:
    server = await start_server(domain=DOMAIN)
    send, look = samples(server, "curl")
    answer = json.loads(await run("bash", "-c", send))
    assert answer["message"] == "Queued. Thank you."
    await Api(server, http).wait_event("delivered", answer["id"].strip("<>"))
    shown = await run("bash", "-c", look.replace("\n", "; echo\n"))
    inbox, events = (json.loads(line) for line in shown.splitlines())
    assert [item["subject"] for item in inbox["items"]] == ["Hello"]
    assert [item["event"] for item in events["items"]] == ["delivered", "accepted"]
    (program,) = samples(server, "from mailgun")
    assert await run(sys.executable, "-c", program) == "Queued. Thank you.\n"


def test_the_first_commands_are_serve_and_test() -> None:
    first = re.findall(r"```\n(.*?)```", README, re.DOTALL)[0]
    assert first == "make serve\nmake test\n"
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "\nserve:" in makefile and "\ntest:" in makefile


def test_the_number_of_operations_is_true() -> None:
    operations = tomllib.loads((Path(__file__).parents[2] / "contract" / "operations.toml").read_text())[
        "operation"
    ]
    works = sum(operation["state"] == "works" for operation in operations)
    assert f"{works} of the {len(operations)} operations" in README
