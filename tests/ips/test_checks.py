"""PTR records, EHLO names and blocklists, as a resolver tells of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import ips
from postwright.kernel.db import Db
from postwright.kernel.settings import SettingsError, load
from postwright.testing.dns import Failure, FakeDns
from tests.world import World, world

from .conftest import refused

V4, V6, SHARED = "192.0.2.10", "2001:db8::10", "192.0.2.80"
REVERSED = "10.2.0.192"
LIST, DOMAINS = "bl.test", "dbl.test"
HOUR = 3600


class Watched:
    """Addresses, what DNS says of them, and who looks."""

    def __init__(self, api: World, dns: FakeDns, lists: FakeDns) -> None:
        self.api, self.dns, self.lists = api, dns, lists
        self.told: list[tuple[str, str, str, str]] = []
        self.watch = ips.Watch(api.context.settings, api.db, api.clock, "mail.example.com", self.announce)

    def announce(self, tx: Any, now: int, account_id: str, kind: str, facts: Any, *, level: str) -> int:
        assert facts["message"]
        self.told.append((account_id, kind, facts.get("ip") or facts["domain"], facts["blocklist"]))
        return 1

    async def look(self) -> dict[str, tuple[str, str]]:
        """What a look an hour later finds of the first address: outcome and detail, by kind."""
        self.api.clock.advance(HOUR)
        await self.watch.run_once()
        shown = await self.api.ok("GET", f"/postwright/v1/ips/{V4}/checks")
        assert (shown["ip"], shown["ehlo"]) == (V4, "out.example.com")
        return {
            each["check"]: (each["outcome"], each["problem"] or each["detail"]) for each in shown["items"]
        }

    def list_it(self, code: str = "127.0.0.2", why: str = "spam was seen") -> None:
        self.lists.set(f"{REVERSED}.{LIST}", "A", code)
        self.lists.set(f"{REVERSED}.{LIST}", "TXT", why)


@pytest.fixture
async def watched(db: Db, tmp_path: Path, fake_dns: FakeDns) -> AsyncIterator[Watched]:
    async with FakeDns() as lists:
        settings = {
            "source_ips": f"{V4}=out.example.com,{V6},{SHARED};shared",
            "delivery": "live",
            "dns": fake_dns.address,
            "blocklists": f"{LIST}., {LIST}",
            "domain_blocklists": DOMAINS,
            "blocklist_dns": lists.address,
        }
        async with world(db, tmp_path, **settings) as api:
            yield Watched(api, fake_dns, lists)


async def test_names_of_an_address(watched: Watched) -> None:
    dns = watched.dns
    found = await watched.look()
    assert found["ptr"] == (
        "invalid",
        f"{V4} has no PTR record: let who owns the network set it to the EHLO name",
    )
    assert found["ehlo"][0] == "invalid" and found[f"blocklist:{LIST}"] == ("clear", "")
    dns.set_ptr(V4, "Other.example.com")
    assert (await watched.look())["ptr"] == (
        "invalid",
        f"no name of the PTR record leads back to {V4}: give it an A or AAAA record",
    )
    dns.set("other.example.com", "A", V4)
    found = await watched.look()
    assert found["ptr"] == ("valid", "")
    assert found["ehlo"][1].startswith("out.example.com does not lead to the address")
    dns.set("out.example.com", "A", "192.0.2.1", V4)
    assert (await watched.look())["ehlo"] == ("invalid", "the PTR record does not name out.example.com")
    dns.set_ptr(V4, "other.example.com", "OUT.example.com")
    found = await watched.look()
    assert (found["ptr"], found["ehlo"]) == (("valid", ""), ("valid", ""))
    # IPv6, and the installation's name for an address without one.
    dns.set_ptr(V6, "mail.example.com")
    dns.set("mail.example.com", "AAAA", V6)
    await watched.look()
    (item,) = [
        i for i in (await watched.api.ok("GET", "/postwright/v1/ips/checks"))["items"] if i["ip"] == V6
    ]
    assert [each["outcome"] for each in item["items"]] == ["clear", "valid", "valid"]


async def test_what_nobody_can_tell_changes_nothing(watched: Watched) -> None:
    watched.dns.set_ptr(V4, "out.example.com")
    watched.dns.set("out.example.com", "A", V4)
    watched.list_it()
    assert (await watched.look())[f"blocklist:{LIST}"] == ("listed", "spam was seen")
    for name in (f"{REVERSED}.in-addr.arpa", "out.example.com"):
        watched.dns.fail(name, Failure.SERVFAIL)
    watched.lists.fail(f"{REVERSED}.{LIST}", Failure.SERVFAIL)
    found = await watched.look()
    assert found["ptr"][0] == found["ehlo"][0] == "valid" and found["ptr"][1].startswith("DNS could not tell")
    assert found[f"blocklist:{LIST}"][0] == "listed"
    assert found[f"blocklist:{LIST}"][1].startswith("DNS could not tell")
    assert len(watched.told) == 1


async def test_listed_told_once_and_delisted(watched: Watched) -> None:
    one = watched.api.one.account_id
    assert (await watched.look())[f"blocklist:{LIST}"][0] == "clear"
    watched.list_it()
    for _ in range(3):
        assert (await watched.look())[f"blocklist:{LIST}"] == ("listed", "spam was seen")
    assert watched.told == [(one, "ip_listed", V4, LIST)]
    watched.lists.remove(f"{REVERSED}.{LIST}")
    assert (await watched.look())[f"blocklist:{LIST}"][0] == "clear"
    assert watched.told[1:] == [(one, "ip_delisted", V4, LIST)]
    changes = await watched.api.ok("GET", f"/postwright/v1/ips/{V4}/checks/history", params={"limit": 2})
    assert [(each["before"], each["outcome"]) for each in changes["items"]] == [
        ("listed", "clear"),
        ("clear", "listed"),
    ]
    assert changes["items"][1]["detail"] == "spam was seen"
    page = await watched.api.ok("GET", changes["paging"]["next"])
    assert {each["before"] for each in page["items"]} == {""}
    assert (await watched.api.ok("GET", page["paging"]["previous"]))["items"][-1] == changes["items"][1]
    # What is everybody's is told to who runs the installation.
    watched.lists.set(f"80.2.0.192.{LIST}", "A", "127.0.0.4")
    await watched.look()
    assert watched.told[2:] == [(one, "ip_listed", SHARED, LIST)]


@pytest.mark.parametrize("code", ["127.255.255.254", "127.255.255.252", "127.0.0.1", "192.0.2.66"])
async def test_an_answer_that_is_no_listing(watched: Watched, code: str) -> None:
    watched.list_it(code)
    outcome, problem = (await watched.look())[f"blocklist:{LIST}"]
    assert outcome == "unknown" and problem.startswith(LIST)
    assert ("POSTWRIGHT_BLOCKLIST_DNS" in problem) == code.startswith("127")
    assert watched.told == []


async def test_a_list_that_lists_everything_is_not_believed(watched: Watched) -> None:
    watched.list_it()
    watched.lists.set(f"1.0.0.127.{LIST}", "A", "127.0.0.2")
    assert (await watched.look())[f"blocklist:{LIST}"] == (
        "unknown",
        f"{LIST} lists everything: it does not work any more",
    )
    assert watched.told == []


async def test_domains_are_looked_at_each_day(watched: Watched) -> None:
    api = watched.api
    watched.lists.set(f"two.example.org.{DOMAINS}", "A", "127.0.1.2")
    await watched.look()
    two = (api.two.account_id, "domain_listed", "two.example.org", DOMAINS)
    assert watched.told == [two]
    path = "/postwright/v1/domains/two.example.org/blocklists"
    shown = await api.ok("GET", path, key=api.two.key)
    assert [(each["check"], each["outcome"], each["found"]) for each in shown["items"]] == [
        (f"blocklist:{DOMAINS}", "listed", ["127.0.1.2"])
    ]
    assert (await refused(api, "GET", path))[0] == 404
    watched.lists.remove(f"two.example.org.{DOMAINS}")
    asked = watched.lists.asked(f"two.example.org.{DOMAINS}")
    await watched.look()
    assert watched.lists.asked(f"two.example.org.{DOMAINS}") == asked
    api.clock.advance(23 * HOUR)
    await watched.look()
    assert watched.told[1:] == [(api.two.account_id, "domain_delisted", *two[2:])]
    assert len((await api.ok("GET", f"{path}/history", key=api.two.key))["items"]) == 2


async def test_many_addresses_and_many_who_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    api = watched.api
    many = [ips.Declared(f"198.51.100.{n}") for n in range(1, 51)]
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, many, ips.COMMAND)
    looked: Counter[str] = Counter()
    look = watched.watch.looker.address

    async def counting(address: str, ehlo: str) -> Any:
        looked[address] += 1
        return await look(address, ehlo)

    monkeypatch.setattr(watched.watch.looker, "address", counting)
    await asyncio.gather(*(watched.watch.run_once() for _ in range(3)))
    assert len(looked) == 53 and set(looked.values()) == {1}
    shown = await api.ok("GET", "/postwright/v1/ips/checks", params={"limit": 10, "skip": 45})
    assert shown["total_count"] == 53 and len(shown["items"]) == 8
    assert all(len(item["items"]) == 3 for item in shown["items"])
    # What is gone is forgotten.
    await api.db.write(ips.remove, "198.51.100.7")
    await watched.look()
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, many[6:7], ips.COMMAND)
    assert (await api.ok("GET", "/postwright/v1/ips/198.51.100.7/checks"))["items"] == []


async def test_strangers_and_settings(watched: Watched) -> None:
    await watched.look()
    for path in ("checks", "checks/history"):
        answer = await refused(watched.api, "GET", f"/postwright/v1/ips/{V4}/{path}", key=watched.api.two.key)
        assert answer == (404, "IP not found")
    own = (await watched.api.ok("GET", "/postwright/v1/ips/checks", key=watched.api.two.key))["items"]
    assert [item["ip"] for item in own] == [SHARED]
    for name, value in (
        ("BLOCKLISTS", "zen..org"),
        ("BLOCKLIST_DNS", "nonsense"),
        ("ADDRESS_CHECK_SECONDS", "0"),
    ):
        with pytest.raises(SettingsError, match=name):
            load({f"POSTWRIGHT_{name}": value})


async def test_capture_asks_nobody(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path, source_ips=V4, blocklists=LIST) as api:
        watch = ips.Watch(api.context.settings, db, api.clock, "mail.example.com", lambda *a, **k: 0)
        await watch.run_once()
        assert (await api.ok("GET", f"/postwright/v1/ips/{V4}/checks"))["items"] == []
