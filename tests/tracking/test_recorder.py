"""Hits to events, on each database: uniqueness, machines, journals of the dead."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from postwright import domains, events, tracking
from postwright.events import Event
from postwright.kernel.clock import SECOND
from postwright.kernel.settings import SettingsError
from postwright.tracking import Places
from postwright.tracking.clients import client
from postwright.tracking.journal import Hit, Journal
from postwright.tracking.tokens import domain_octets, pack_id

from ..world import World

ID = "20261127110322.4521c221870b1300@one.example.com"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
PUBLIC = "8.8.8.8"


class Bench:
    """A recorder, a domain and a delivered message."""

    def __init__(self, api: World, folder: Path) -> None:
        self.api = api
        self.folder = folder
        self.domain = api.db.read_now(domains.find, api.one.account_id, api.one.domain)
        assert self.domain is not None
        for name in ("accepted", "delivered"):
            api.db.write_now(events.append, api.clock.now(), [self._event(name)])
        api.clock.advance(5)
        self.recorder = self.new()

    def _event(self, name: str) -> Event:
        data = {"tags": ["news"], "user-variables": {"a": "b"}, "recipient-provider": "Gmail"}
        about = {"account_id": self.domain.account_id, "domain_id": self.domain.id}
        return Event(name=name, recipient="Bob@example.net", message_id=ID, data=data, **about)

    def new(self) -> tracking.Recorder:
        return tracking.Recorder(db=self.api.db, clock=self.api.clock, folder=self.folder, places=Places())

    def hit(self, name: str = "opened", **more: Any) -> Hit:
        values = {
            "at": self.api.clock.now(),
            "name": name,
            "domain_id": domain_octets(self.domain.id),
            "message": pack_id(ID, self.domain.name),
            "recipient": "Bob@example.net",
            "url": "https://example.com/" if name == "clicked" else "",
            "ip": PUBLIC,
            "agent": CHROME,
            "head": False,
        }
        return Hit(**values | more)

    async def told(self, *hits: Hit, name: str = "") -> list[dict[str, Any]]:
        """Take hits in, tell them, and show the events of their kind."""
        for hit in hits:
            self.recorder.take(hit)
        await self.recorder.finish()
        return await self.events(name or hits[0].name)

    async def events(self, name: str) -> list[dict[str, Any]]:
        found = await self.api.ok("GET", "/v3/{d}/events", params={"event": name, "ascending": "yes"})
        return found["items"]


@pytest.fixture
def bench(api: World, tmp_path: Path) -> Bench:
    return Bench(api, tmp_path / "hits")


async def test_opens_within_a_minute_are_one_and_each_week_has_a_first(bench: Bench) -> None:
    clock = bench.api.clock
    (event,) = await bench.told(bench.hit(), bench.hit())
    assert event["i-unique"] is True and event["tags"] == ["news"] and event["user-variables"] == {"a": "b"}
    assert event["recipient-provider"] == "Gmail" and event["geolocation"]["country"] == "US"
    assert event["ip"] == PUBLIC and isinstance(event["delivered-at"], int)
    clock.advance(61)
    assert ["i-unique" in e for e in await bench.told(bench.hit())] == [True, False]
    clock.advance(7 * 86400)
    assert ["i-unique" in e for e in await bench.told(bench.hit())] == [True, False, True]
    # A machine's first open is its own, and takes nobody else's.
    found = await bench.told(bench.hit(agent="Mozilla/5.0"))
    assert found[-1]["client-info"]["bot"] == "apple" and found[-1]["i-unique"] is True


async def test_clicks_of_scanners(bench: Bench) -> None:
    clock = bench.api.clock
    links = [bench.hit("clicked", url=f"https://example.com/{n}") for n in range(4)]
    found = await bench.told(*links)
    assert [e["client-info"]["bot"] for e in found] == ["", "", "generic", "generic"]
    clock.advance(10)
    found = await bench.told(bench.hit("clicked"), bench.hit("clicked", head=True))
    assert [e["client-info"]["bot"] for e in found[4:]] == ["", "generic"]
    local = [bench.hit("clicked", url=f"https://example.com/{n}", ip="127.0.0.1") for n in range(4)]
    found = await bench.told(*local)
    assert {e["client-info"]["bot"] for e in found[6:]} == {""}


async def test_a_click_right_after_delivery_and_without_an_open_is_a_machines(bench: Bench) -> None:
    soon = bench.api.clock.now() - 4 * SECOND
    (event,) = await bench.told(bench.hit("clicked", at=soon))
    assert event["client-info"]["bot"] == "generic"
    await bench.told(bench.hit(at=soon))
    assert (await bench.told(bench.hit("clicked", at=soon)))[1]["client-info"]["bot"] == ""


async def test_a_message_the_log_forgot_and_a_domain_that_is_gone(bench: Bench) -> None:
    gone = bench.hit(domain_id=b"\x01" * 12)
    (event,) = await bench.told(gone, bench.hit(recipient="eve@example.org", message=pack_id("x@y", "z")))
    assert event["message"]["headers"]["message-id"] == "x@y" and event["tags"] == []
    assert event["recipient-provider"] == "Other" and "delivered-at" not in event
    assert not list(bench.folder.iterdir())


async def test_the_hits_of_a_dead_process_are_told_exactly_once(bench: Bench) -> None:
    for number in range(70):
        bench.recorder.take(bench.hit("clicked", url=f"https://example.com/{number}"))
    journal = bench.recorder._journal
    assert journal is not None
    # It dies after the first batch is in the store, with a torn record at the end of its file.
    hits, position = journal.read(32)
    await bench.api.db.write(bench.recorder._store, journal.name, position, hits)
    with journal.path.open("ab") as torn:
        torn.write(b"\0\0\1\0half a rec")
    living = Journal.create(bench.folder)
    journal._fd, kept = -1, journal._fd
    os.close(kept)  # what holds the lock is gone
    stop = asyncio.Event()
    running = asyncio.create_task(bench.new().run(stop))
    async with asyncio.timeout(20):
        while journal.path.exists():  # noqa: ASYNC110  another program would see only the file
            await asyncio.sleep(0.01)
    stop.set()
    await running
    found = await bench.events("clicked")
    assert sorted(e["url"] for e in found) == sorted(f"https://example.com/{n}" for n in range(70))
    assert living.path.exists()  # another's that lives is left alone
    living.remove()


async def test_one_hit_that_cannot_be_told_does_not_hold_up_the_rest(bench: Bench, monkeypatch: Any) -> None:
    real = bench.recorder._event
    monkeypatch.setattr(
        bench.recorder, "_event", lambda tx, hit: 1 / 0 if hit.url == "bad" else real(tx, hit)
    )
    links = [bench.hit("clicked", url=url) for url in ("a", "bad", "b", "c")]
    assert [e["url"] for e in await bench.told(*links)] == ["a", "b", "c"]


async def test_engagements_are_forgotten(bench: Bench) -> None:
    await bench.told(bench.hit(), bench.hit("clicked"))
    now = bench.api.clock.now()
    assert await bench.api.db.write(tracking.expire, now) == 0
    assert await bench.api.db.write(tracking.expire, now + 9 * 86400 * SECOND) > 0
    assert await bench.api.db.write(tracking.expire, now + 9 * 86400 * SECOND) == 0


@pytest.mark.parametrize(
    ("agent", "kind", "device", "bot"),
    [
        (CHROME, "browser", "desktop", ""),
        ("Mozilla/5.0", "other", "unknown", "apple"),
        (
            "Mozilla/5.0 Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
            "browser",
            "unknown",
            "gmail",
        ),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko (via ggpht.com GoogleImageProxy)",
            "email client",
            "desktop",
            "",
        ),
        ("YahooMailProxy; https://help.yahoo.com", "email client", "unknown", ""),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", "robot", "unknown", "generic"),
        ("Barracuda Sentinel (EE)", "robot", "unknown", "generic"),
        ("python-requests/2.31", "library", "unknown", ""),
        ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) Mobile/15E148", "mobile browser", "tablet", ""),
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:115.0) Gecko/20100101 Thunderbird/115.0",
            "email client",
            "desktop",
            "",
        ),
        ("", "other", "unknown", ""),
        ("\0\xff" * 5000, "other", "unknown", ""),
    ],
)
def test_programs(agent: str, kind: str, device: str, bot: str) -> None:
    found = client(agent)
    assert (found.type, found.device, found.bot) == (kind, device, bot)
    assert len(found.agent) <= 1024


def test_places() -> None:
    assert Places().find("8.8.8.8")["country"] == "US"
    assert set(Places().find("not an address").values()) == {"Unknown"}
    with pytest.raises(SettingsError, match="POSTWRIGHT_GEOIP"):
        Places("/nowhere.mmdb")


async def test_mail_unsubscribes(bench: Bench) -> None:
    api = bench.api
    address = tracking.Tokens(api.context.vault).mail_address(api.one.domain, ID, "bob@example.net")
    assert await tracking.take_mail_unsubscribe(api.db, api.context.vault, api.clock, address.upper())
    (entry,) = (await api.ok("GET", "/v3/{d}/unsubscribes"))["items"]
    assert (entry["address"], entry["tags"]) == ("bob@example.net", ["*"])
    (event,) = await bench.events("unsubscribed")
    assert event["message"]["headers"]["message-id"] == ID and event["tags"] == ["*"]
    forged = address.replace("u+", "u+a")
    assert not await tracking.take_mail_unsubscribe(api.db, api.context.vault, api.clock, forged)
