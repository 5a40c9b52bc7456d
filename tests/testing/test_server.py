"""Starting and ending the whole program, shown on a stand-in that has processes and a health page too."""

import sys
from pathlib import Path

import aiohttp
import pytest

from postwright.testing import server as module
from postwright.testing.processes import alive
from postwright.testing.server import Server, ServerError

STAND_IN = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        shown = {k: v for k, v in os.environ.items() if k.startswith("POSTWRIGHT_")}
        self.wfile.write(json.dumps(shown).encode())
    def log_message(self, *args):
        pass

if os.fork() == 0:
    signal.pause()
def end(*_):
    os.killpg(0, signal.SIGUSR1) if "stubborn" not in sys.argv else None
    os._exit(3)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.SIGTERM, end)
print("stand-in", os.getpid(), flush=True)
host, _, port = os.environ["POSTWRIGHT_HTTP"].partition(":")
HTTPServer((host, int(port)), Page).serve_forever()
"""


def _server(folder: Path, *arguments: str, code: str = STAND_IN, **settings: str) -> Server:
    return Server(folder, command=[sys.executable, "-c", code, *arguments], **settings)


async def _environment(server: Server) -> dict[str, str]:
    async with aiohttp.ClientSession() as client, client.get(server.base_url) as answer:
        return dict(await answer.json(content_type=None))


async def test_it_gets_its_settings_and_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTWRIGHT_DELIVERY", "live")
    async with _server(tmp_path / "new", domain="example.com") as server:
        seen = await _environment(server)
        pids = server.pids()
    assert seen["POSTWRIGHT_DOMAIN"] == "example.com" and seen["POSTWRIGHT_API_KEY"] == server.api_key
    assert seen["POSTWRIGHT_DATA"].startswith(str(tmp_path)) and "POSTWRIGHT_DELIVERY" not in seen
    assert len({seen[f"POSTWRIGHT_{name}"] for name in ("HTTP", "SUBMISSION", "MX")}) == 3
    assert len(pids) == 2 and not any(alive(pid) for pid in pids)


async def test_restart_kills_every_process_and_keeps_the_address(tmp_path: Path) -> None:
    async with _server(tmp_path) as server:
        before, address = server.pids(), server.base_url
        await server.restart()
        assert not any(alive(pid) for pid in before)
        assert server.base_url == address and len(server.pids()) == 2
    assert server.log_tail().count("stand-in") == 2


async def test_terminate_gives_the_exit_code(tmp_path: Path) -> None:
    async with _server(tmp_path) as server:
        pids = server.pids()
        assert await server.terminate() == 3
        assert server.pids() == [] and not any(alive(pid) for pid in pids)


async def test_terminate_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    async with _server(tmp_path, "stubborn") as server:
        pids = server.pids()
        with pytest.raises(ServerError, match="still running"):
            await server.terminate()
        assert not any(alive(pid) for pid in pids)


async def test_a_failing_start_shows_the_log(tmp_path: Path) -> None:
    server = _server(tmp_path, code="raise SystemExit('unknown setting')")
    with pytest.raises(ServerError, match="unknown setting"):
        await server.start()
    assert server.pids() == []
