"""Several machines with roles of their own, on one PostgreSQL and one object storage, killed one after the other."""

import asyncio
import contextlib
import email
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from postwright.messages.records import decode_meta
from postwright.testing.server import Server, ServerError
from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.storage import names, s3

from .conftest import DOMAIN, Api, wait_for

LARGE = os.urandom(300_000)
_AMBIGUOUS = "SELECT m.meta FROM queue q JOIN messages m ON m.id = q.message WHERE q.ambiguous = 1"


class Load:
    """Sends without a pause; `accepted` are the subjects of what was answered with 200."""

    def __init__(self, doors: list[Api]) -> None:
        self._doors = doors
        self._next = 0
        self.accepted: dict[str, str] = {}  # by subject, the message's id
        self.stop = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(*(self._send() for _ in range(4)))

    async def _send(self) -> None:
        while not self.stop.is_set():
            self._next += 1
            number, door = self._next, self._doors[self._next % len(self._doors)]
            fields: dict[str, Any] = {"subject": f"s{number:05}"}
            with contextlib.suppress(aiohttp.ClientError, AssertionError):  # killed, or the store is away
                if number % 25:
                    self.accepted[fields["subject"]] = await door.send(**fields)
                else:
                    self.accepted[fields["subject"]] = await _large(door, **fields)
            await asyncio.sleep(0.02)


async def _large(door: Api, **fields: str) -> str:
    form = aiohttp.FormData({"from": f"ann@{DOMAIN}", "to": "bob@example.net", "text": "See.", **fields})
    form.add_field("attachment", LARGE, filename="large.bin")
    status, body = await door.call("POST", f"/v3/{DOMAIN}/messages", data=form)
    assert status == 200, body
    return str(body["id"]).strip("<>")


async def _watch(url: str, seen: set[str]) -> None:
    """What the store calls ambiguous at any time."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            async for row in await connection.execute(_AMBIGUOUS):
                seen.add(decode_meta(row[0]).message_id)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_any_node_may_die_under_load(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    store_url: str,
    tmp_path: Path,
) -> None:
    with s3("postwright"):
        common = settings | {
            "database": store_url,
            "bodies": "s3://postwright/bodies",
            "analytics": "s3://postwright/analytics",
            "api_key": "key-of-the-whole-installation",
        }
        first = await start_server(**common, roles="api,tracking,submission")
        common["key_file"] = str(tmp_path / "copied.key")
        shutil.copy(Path(first.settings["data"]) / "secret.key", common["key_file"])
        others = await asyncio.gather(
            *(
                start_server(**common, roles=roles)
                for roles in ("api", "delivery,projector", "delivery,projector,mx")
            )
        )
        nodes: list[Server] = [first, *others]
        load = Load([Api(first, http), Api(others[0], http)])
        ambiguous: set[str] = set()
        watching = asyncio.create_task(_watch(store_url, ambiguous))
        sending = asyncio.create_task(load.run())
        for node in nodes:
            count = len(load.accepted)
            await wait_for(lambda count=count: _true(len(load.accepted) >= count + 40), "load", 60)
            await node.restart()
        load.stop.set()
        await sending
        assert len(load.accepted) >= 160

        async def arrived() -> bool:
            return {_subject(each.data) for each in sink.messages} >= load.accepted.keys()

        # What a dead process held is free after a minute; what it may have sent waits a while longer.
        await wait_for(arrived, "all that was accepted", 240)
        api = Api(first, http)
        await wait_for(lambda: _is_empty(store_url), "an empty queue", 240)
        assert not watching.done()
        watching.cancel()

        copies = Counter(_subject(each.data) for each in sink.messages)
        twice = {subject for subject, count in copies.items() if count > 1}
        known = {subject for subject, message in load.accepted.items() if message in ambiguous}
        assert twice & load.accepted.keys() <= known
        for subject in twice:  # the same bytes, so that a receiver can tell
            assert len({each.data for each in sink.messages if _subject(each.data) == subject}) == 1
        for subject in [*known, *list(load.accepted)[:20], *list(load.accepted)[-20:]]:
            delivered = await api.events(event="delivered", **{"message-id": load.accepted[subject]})
            assert len(delivered) == 1, subject
        assert any(name.startswith("bodies/") for name in names("postwright"))


async def _true(value: bool) -> bool:
    return value


def _subject(data: bytes) -> str:
    return str(email.message_from_bytes(data)["Subject"])


async def _is_empty(url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute("SELECT count(*) FROM queue")).fetchone()
        return row is not None and row[0] == 0


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_who_works_and_who_serves_what(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    store_url: str,
    tmp_path: Path,
) -> None:
    """One projector at a time; another takes its seat when it dies. Roles serve what they are named for."""
    first = await start_server(**settings, database=store_url, roles="api,projector")
    key = str(Path(first.settings["data"]) / "secret.key")
    # Another key would seal what nobody else can open.
    with pytest.raises(ServerError, match="is not the key that this store's secrets are sealed with"):
        await start_server(**settings, database=store_url, roles="mx")
    second = await start_server(
        **settings, database=store_url, key_file=key, roles="tracking,submission,projector"
    )
    assert await _leads(http, first) == 1.0 and await _leads(http, second) == 0.0
    for server, api, link in ((first, 200, 404), (second, 404, 200)):
        status, _ = await Api(server, http).call("GET", "/v3/domains", key=first.api_key)
        assert status == api
        status, _ = await Api(server, http).call("GET", "/o/unknown.png")
        assert status == link
        status, _ = await Api(server, http).call("GET", "/postwright/health")
        assert status == 200
    for address, open_ in ((first.smtp, False), (second.smtp, True), (second.mx, False)):
        assert await _listens(address) is open_
    await first.kill()

    async def taken() -> bool:
        return await _leads(http, second) == 1.0

    await wait_for(taken, "another projector at work", 30)


async def _leads(http: aiohttp.ClientSession, server: Server) -> float:
    async with http.get(f"{server.base_url}/metrics") as page:
        for line in (await page.text()).splitlines():
            if line.startswith("postwright_projector_leader"):
                return float(line.rpartition(" ")[2])
    return -1.0


async def _listens(address: tuple[str, int]) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True
