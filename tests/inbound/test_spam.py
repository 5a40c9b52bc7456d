"""Spam scores over rspamd's protocol: a stand-in server, and the real program where it is installed."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.inbound import rspamd
from postwright.kernel.db import Db
from postwright.testing.ports import free_ports

from .conftest import MESSAGE, Mx, change, opened


class StandIn:
    """Answers `POST /checkv2` as rspamd does."""

    def __init__(self) -> None:
        self.answer: Any = {"action": "no action", "score": 0.5, "symbols": {}}
        self.status = 200
        self.delay = 0.0
        self.asked: list[tuple[Any, bytes]] = []
        self.url = ""

    async def check(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers, await request.read()))
        await asyncio.sleep(self.delay)
        text = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        return web.Response(text=text, status=self.status)


@pytest.fixture
async def scanner() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/checkv2", stand_in.check)
    runner = web.AppRunner(app)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    stand_in.url = f"http://127.0.0.1:{port}"
    yield stand_in
    await runner.cleanup()


@pytest.fixture
async def mx(sqlite_db: Db, tmp_path: Path, scanner: StandIn) -> AsyncIterator[Mx]:
    async with opened(sqlite_db, tmp_path, delivery="capture", rspamd=scanner.url) as door:
        await change(door, spam_action="tag")
        yield door


def answer(action: str, score: float, *symbols: str) -> dict[str, Any]:
    return {
        "action": action,
        "score": score,
        "symbols": {name: {"name": name, "score": 1.0} for name in symbols},
    }


async def fields(mx: Mx) -> dict[str, str]:
    await mx.work()
    shown = await mx.api.ok("GET", mx.collect.got[-1][0].storage_url.partition("8025")[2])
    return {name: value for name, value in shown.items() if name.startswith("X-Mailgun-S")}


async def test_a_score_is_told_in_headers(mx: Mx, scanner: StandIn) -> None:
    scanner.answer = answer("add header", 7.25, "MISSING_DATE", "BAYES_SPAM")
    assert (await mx.send())[0] == 250
    assert await fields(mx) == {
        "X-Mailgun-Sflag": "Yes",
        "X-Mailgun-Sscore": "7.2",
        "X-Mailgun-Spam-Rules": "BAYES_SPAM, MISSING_DATE",
    }
    head, body = scanner.asked[0]
    assert body == MESSAGE
    assert (head["IP"], head["Helo"], head["From"], head["Rcpt"]) == (
        "127.0.0.1",
        "client.there.test",
        "ann@there.test",
        "bob@one.example.com",
    )
    scanner.answer = answer("no action", -1.5)
    await mx.send()
    assert (await fields(mx))["X-Mailgun-Sflag"] == "No"
    assert (await fields(mx))["X-Mailgun-Sscore"] == "-1.5"
    assert mx.collect.got[-1][0].spam is not None


@pytest.mark.parametrize(
    ("action", "setting", "code"),
    [
        ("reject", "block", 550),
        ("add header", "block", 550),
        ("rewrite subject", "block", 550),
        ("soft reject", "block", 451),
        ("greylist", "block", 451),
        ("no action", "block", 250),
        ("reject", "tag", 250),
        ("greylist", "tag", 250),
        ("reject", "disabled", 250),
    ],
)
async def test_what_a_verdict_leads_to(
    mx: Mx, scanner: StandIn, action: str, setting: str, code: int
) -> None:
    await change(mx, spam_action=setting)
    scanner.answer = answer(action, 20.0)
    got, text = await mx.send()
    assert (got, len(await mx.told())) == (code, code == 250), text
    assert len(scanner.asked) == (setting != "disabled")
    if setting == "disabled":
        assert await fields(mx) == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [("no json", 200), ("[]", 200), ('{"action": "reject"}', 200), ('{"action":"reject","score":1}', 500)],
)
async def test_no_answer_means_unscored(mx: Mx, scanner: StandIn, body: str, status: int) -> None:
    await change(mx, spam_action="block")
    scanner.answer, scanner.status = body, status
    assert (await mx.send())[0] == 250
    assert await fields(mx) == {}


async def test_a_scanner_that_hangs_is_not_waited_for(
    mx: Mx, scanner: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rspamd, "SECONDS", 0.2)
    scanner.delay = 5.0
    assert (await mx.send())[0] == 250
    assert await fields(mx) == {}


async def test_domains_with_other_rules_come_in_another_transaction(mx: Mx, scanner: StandIn) -> None:
    scanner.answer = answer("add header", 9.0)

    def work(client: Any) -> list[int]:
        client.mail("ann@there.test")
        return [client.rcpt("bob@one.example.com")[0], client.rcpt("eve@two.example.org")[0]]

    assert await mx.ask(work) == [250, 452]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["action", "score", "symbols", "x"]), inner, max_size=4)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    try:
        found = rspamd.parse(body)
    except ValueError:
        return
    assert isinstance(found.spam.score, float)


@pytest.mark.skipif(shutil.which("rspamd") is None, reason="rspamd is not installed")
async def test_real_rspamd(sqlite_db: Db, tmp_path: Path) -> None:
    """GTUBE is spam to every scanner; a plain message is not."""
    (port,) = free_ports(1)
    config = tmp_path / "rspamd.conf"
    (tmp_path / "suffixes").write_text("com\ntest\n")  # the whole list takes long to compile
    config.write_text(
        f'options {{ pidfile = "{tmp_path}/pid"; url_tld = "{tmp_path}/suffixes"; }}\n'
        f'logging {{ type = "file"; filename = "{tmp_path}/log"; }}\n'
        f'worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}\n'
        'metric { name = "default"; actions { reject = 15; add_header = 6; } }\n'
    )
    process = await asyncio.create_subprocess_exec("rspamd", "-f", "-i", "-c", str(config))
    try:
        async with asyncio.timeout(90), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/ping") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)
        async with opened(sqlite_db, tmp_path, delivery="capture", rspamd=f"http://127.0.0.1:{port}") as door:
            await change(door, spam_action="block")
            gtube = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
            assert (await door.send(MESSAGE + gtube))[0] == 550
            assert (await door.send())[0] == 250
            assert "X-Mailgun-Sscore" in await fields(door)
    finally:
        process.terminate()
        await process.wait()
