"""What was delivered is posted to the archive: the same octets, once for each delivery, until it takes them."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from postwright import archives
from postwright.archives.tables import archive_calls
from postwright.spool.tables import bodies
from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink
from tests.world import World


async def send(api: World, url: str = "", **fields: Any) -> None:
    given: dict[str, Any] = {
        "from": "a@one.example.com",
        "to": "bob@example.net",
        "subject": "s",
        "text": "Hällo",
    } | fields
    if url:
        given["o:archive-to"] = url
    await api.ok("POST", "/v3/{d}/messages", data=given)


async def calls(api: World) -> list[tuple[str, int, int, str]]:
    """Recipient, attempts, last status and error of each call; only ended ones have an end."""
    table = archive_calls.c
    stmt = select(table.recipient, table.attempts, table.last_status, table.last_error, table.finished_at)
    return [tuple(row) for row in await api.db.read(lambda tx: tx.rows(stmt.order_by(table.id)))]


async def copies(api: World) -> int:
    """How many bodies there are beside those of messages."""
    stmt = select(func.count()).where(bodies.c.id.in_(select(archive_calls.c.id)))
    return int(await api.db.read(lambda tx: tx.scalar(stmt)))


async def until(look: Callable[[], Awaitable[Any]], timeout: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := await look()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


async def ended(api: World) -> bool:
    rows = await calls(api)
    return bool(rows) and all(row[4] for row in rows)


async def test_each_delivery_is_posted_once_as_it_was_delivered(
    api: World, sink: Sink, catcher: Catcher
) -> None:
    sink.fail("eve", 550, "5.1.1 no", at="RCPT")
    await send(api, catcher.url("/a"), to="bob@example.net, eve@example.net, ann@example.net")
    posts = await catcher.wait(2)
    await until(lambda: ended(api))
    assert len(catcher.caught) == 2 and {post.path for post in posts} == {"/a"}
    assert {post.headers["content-type"] for post in posts} == {"application/mime"}
    # What the receiver got, but for the line that the receiver adds itself.
    assert sorted(post.body for post in posts) == sorted(message.data for message in sink.messages)
    assert all(re.search(rb"^DKIM-Signature:", post.body, re.M) for post in posts)
    assert await copies(api) == 0
    # They are counted as what the account used; what was not delivered is not.
    usage = await api.ok(
        "POST", "/v1/analytics/usage/metrics", json={"metrics": ["archived_count", "processed_count"]}
    )
    assert usage["items"][0]["metrics"] == {"archived_count": 2, "processed_count": 3}


async def test_large_copies_leave_no_file(api: World, sink: Sink, catcher: Catcher, tmp_path: Path) -> None:
    await send(api, catcher.url("/big"), text="line\n" * 100_000)
    (post,) = await catcher.wait(1)
    assert post.body == sink.messages[0].data and len(post.body) > 500_000
    await until(lambda: ended(api))
    assert len(list((tmp_path / "bodies").iterdir())) == 1  # the stored message


async def test_retries(api: World, catcher: Catcher) -> None:
    catcher.script = [500, 302, 200]
    await send(api, catcher.url())
    for count, wait in ((1, 600), (2, 900), (3, 0)):
        await catcher.wait(count)
        await until(lambda count=count: _tried(api, count))
        api.clock.advance(wait)
    assert [row[:4] for row in await calls(api)] == [("bob@example.net", 2, 200, "")]
    assert len({post.body for post in catcher.caught}) == 1 and await copies(api) == 0


async def _tried(api: World, count: int) -> bool:
    rows = await calls(api)
    return bool(rows) and (rows[0][1] >= count or bool(rows[0][4]))


async def test_giving_up(api: World, catcher: Catcher) -> None:
    catcher.script = 500
    await send(api, catcher.url())
    for count, wait in ((1, 600), (2, 900), (3, 0)):
        await catcher.wait(count)
        await until(lambda count=count: _tried(api, count))
        api.clock.advance(wait)
    await until(lambda: ended(api))
    assert [row[:4] for row in await calls(api)] == [("bob@example.net", 2, 500, "HTTP 500")]
    assert await copies(api) == 0


async def test_a_receiver_that_does_not_want_it(api: World, catcher: Catcher) -> None:
    catcher.script = 406
    await send(api, catcher.url())
    await until(lambda: ended(api))
    assert len(catcher.caught) == 1 and await copies(api) == 0


async def test_private_addresses_are_not_called(api: World, sink: Sink) -> None:
    await send(api, "http://10.0.0.1/archive")
    await sink.wait(1)
    await until(lambda: _tried(api, 1))
    assert (await calls(api))[0][2:4] == (0, "10.0.0.1 is not a public address")


async def test_bad_urls_are_refused(api: World) -> None:
    sent = {"from": "a@one.example.com", "to": "bob@example.net", "text": "x"}
    for url in ("ftp://x.test/", "x", "http://", "http://a:b@x.test/", "http://x.test:25/"):
        answer = await api.call("POST", "/v3/{d}/messages", data=sent | {"o:archive-to": url})
        assert answer.status_code == 400 and "o:archive-to is not a valid URL" in answer.json()["message"]


async def test_test_mode_archives_nothing(api: World, catcher: Catcher) -> None:
    await send(api, catcher.url("/t"), **{"o:testmode": "yes"})
    await send(api, catcher.url("/real"))
    await catcher.wait(1)
    assert [post.path for post in catcher.caught] == ["/real"]


async def test_the_domain_s_archive(api: World, catcher: Catcher) -> None:
    await api.ok("PUT", "/v3/domains/{d}", data={"archive_to": catcher.url("/domain")})
    await send(api)
    await catcher.wait(1)
    await send(api, catcher.url("/message"))
    await catcher.wait(2)
    assert [post.path for post in catcher.caught] == ["/domain", "/message"]
    await api.ok("PUT", "/v3/domains/{d}", data={"archive_to": ""})
    await until(lambda: ended(api))
    # Deleted domains leave nothing.
    domain = await api.db.read(lambda tx: tx.scalar(select(archive_calls.c.domain_id)))
    while await archives.forget_domain(api.db, api.context.spool, domain):
        pass
    assert await calls(api) == []
