"""Which address mail leaves from."""

from typing import Any

import msgspec
import pytest

from postwright import domains, ips
from postwright.delivery.sources import Source, Sources
from postwright.ips import Assigned, Book, Pool, SourceIp
from postwright.ips.projector import ReputationProjection
from postwright.kernel.settings import load
from postwright.mail import headers
from postwright.mail.mime import parse_head
from postwright.messages import Meta
from postwright.testing.sink import Sink

from ..ips.conftest import child
from .conftest import HOST, Rig, Rigs

DECLARED = "127.0.0.21=a.example.com,127.0.0.22=b.example.com,127.0.0.23"


def meta(**more: str) -> Meta:
    return Meta(
        id=1,
        account_id="a",
        domain_id="d",
        domain="x.test",
        message_id="m",
        from_="",
        to="",
        subject="",
        size=0,
        recipients=[],
        method="HTTP",
        accepted_at=0,
        received="",
        storage_url="",
        storage_key="",
        return_host="x.test",
        **more,
    )


def sources(declared: str = DECLARED, pools: tuple[Pool, ...] = (), **in_pool: str) -> Any:
    """Addresses of account "a"; `in_pool`: those of pools, with commas."""
    book = Book(None)
    given = ips.declared(load({"POSTWRIGHT_SOURCE_IPS": declared}))
    book.fill(
        [
            SourceIp(
                address=each.address,
                ehlo=each.ehlo,
                account_id="a" if each.dedicated else "",
                dedicated=each.dedicated,
                band="",
                enabled=True,
                origin="settings",
                pool_id=next((name for name, held in in_pool.items() if each.address in held.split(",")), ""),
                created_at=0,
                pool_changed_at=0,
                domains_changed_at=0,
            )
            for each in given
        ],
        pools=pools,
    )
    made: Any = Sources(book, "mail.example.com")
    made.book = book
    return made


def test_without_declared_addresses_the_system_chooses() -> None:
    assert sources("").choose(meta(), "there.test", "192.0.2.1") == Source("", "mail.example.com")


def test_a_message_gets_the_address_it_asks_for_with_its_name() -> None:
    asked = meta(sending_ip="127.0.0.22")
    assert sources().choose(asked, "there.test", "192.0.2.1") == Source("127.0.0.22", "b.example.com")


def test_a_domain_with_addresses_of_its_own_uses_only_those() -> None:
    made = sources()
    own = ("127.0.0.23", "127.0.0.21", "127.9.9.9")  # the last is not declared any more
    made.book.assign(Assigned("d", "a", own))
    chosen = {made.choose(meta(), f"{n}.test", "192.0.2.1") for n in range(50)}
    assert chosen == {Source("127.0.0.21", "a.example.com"), Source("127.0.0.23", "mail.example.com")}


def test_an_operators_wish_beats_that_of_a_message() -> None:
    both = meta(sending_ip="127.0.0.22", ips="127.0.0.21")
    assert sources().choose(both, "there.test", "192.0.2.1") == Source("127.0.0.21", "a.example.com")


def test_accounts_without_addresses_use_shared_ones_and_no_others() -> None:
    made = sources("127.0.0.21,127.0.0.22;shared")
    stranger = msgspec.structs.replace(meta(), account_id="b")
    assert {made.choose(stranger, f"{n}.test", "192.0.2.1").address for n in range(20)} == {"127.0.0.22"}
    assert {made.choose(meta(), f"{n}.test", "192.0.2.1").address for n in range(20)} == {"127.0.0.21"}
    assert sources("127.0.0.21").choose(stranger, "x.test", "192.0.2.1").address == ""


def test_addresses_in_pools_are_for_those_who_use_the_pool() -> None:
    made = sources(p="127.0.0.21")
    assert {made.choose(meta(), f"{n}.test", "192.0.2.1").address for n in range(30)} == {
        "127.0.0.22",
        "127.0.0.23",
    }
    asked = meta(sending_ip_pool="p")
    assert made.choose(asked, "x.test", "192.0.2.1").address == "127.0.0.21"
    made.book.assign(Assigned("d", "a", pool_id="p"))
    assert made.choose(meta(), "x.test", "192.0.2.1").address == "127.0.0.21"


def test_each_site_keeps_its_address_and_sites_are_spread() -> None:
    sites = [f"{n}.test" for n in range(300)]
    chosen = {site: sources().choose(meta(), site, "192.0.2.1") for site in sites}
    assert chosen == {site: sources().choose(meta(), site, "192.0.2.1") for site in sites}
    shares = [list(chosen.values()).count(source) for source in set(chosen.values())]
    assert len(shares) == 3
    assert min(shares) > 60
    # An address more takes its share of the sites, and no other site moves.
    more = {site: sources(DECLARED + ",127.0.0.24").choose(meta(), site, "192.0.2.1") for site in sites}
    moved = {more[site] for site in sites if more[site] != chosen[site]}
    assert {source.address for source in moved if source} == {"127.0.0.24"}


def test_a_source_reaches_targets_of_its_own_kind() -> None:
    both = sources("127.0.0.21,::1")
    assert both.choose(meta(), "there.test", "2001:db8::1") == Source("::1", "mail.example.com")
    assert both.choose(meta(), "there.test", "192.0.2.1") == Source("127.0.0.21", "mail.example.com")
    assert sources().choose(meta(), "there.test", "2001:db8::1") is None
    assert sources().choose(meta(sending_ip="127.0.0.21"), "there.test", "2001:db8::1") is None


@pytest.fixture
async def rig(rig_of: Rigs) -> Rig:
    return await rig_of(source_ips=DECLARED)


async def test_the_connection_is_bound_to_the_address_and_says_its_name(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(o__sending_ip="127.0.0.22")
    (message,) = mx.messages
    assert (message.peer, message.helo) == ("127.0.0.22", "b.example.com")
    assert event["envelope"]["sending-ip"] == "127.0.0.22"


async def test_without_a_wish_the_site_decides(rig: Rig, mx: Sink) -> None:
    names = {"127.0.0.21": "a.example.com", "127.0.0.22": "b.example.com", "127.0.0.23": "mail.example.com"}
    for n in range(8):
        rig.mx(f"site{n}.test", HOST)
    await rig.send([f"{who}@site{n}.test" for n in range(8) for who in ("ann", "bob")])
    told = await rig.outcomes(16)
    of_site: dict[str, set[str]] = {}
    for message in mx.messages:
        of_site.setdefault(message.recipients[0].partition("@")[2], set()).add(message.peer)
        assert message.helo == names[message.peer]
    assert all(len(peers) == 1 for peers in of_site.values())
    assert len(set.union(*of_site.values())) > 1
    assert {event["envelope"]["sending-ip"] for event in told} == set.union(*of_site.values())


async def test_a_message_does_not_share_a_connection_from_another_address(rig: Rig, mx: Sink) -> None:
    for number, address in enumerate(("127.0.0.21", "127.0.0.22", "127.0.0.22", "127.0.0.21"), 1):
        await rig.send(o__sending_ip=address)
        await rig.outcomes(number)
    assert [m.peer for m in mx.messages] == ["127.0.0.21", "127.0.0.22", "127.0.0.22", "127.0.0.21"]
    assert mx.counts.connections == 3


async def test_the_capture_inbox_is_reached_from_anywhere(rig_of: Rigs, mx: Sink) -> None:
    """Declared addresses are those of the machine that will send, not of the one where mail is captured."""
    rig = await rig_of(delivery="capture", source_ips="192.0.2.7=x.example.com")
    rig.api.context.capture_port.write_text(str(mx.port))
    async with Sink(host="127.0.0.1", port=mx.port) as inbox:
        event = await rig.outcome(o__sending_ip="192.0.2.7")
        assert event["event"] == "delivered"
        assert event["envelope"]["sending-ip"] == "192.0.2.7"
        assert inbox.messages[0].helo == "x.example.com"


async def test_a_pool_takes_a_domains_mail_at_once_and_says_so(rig: Rig, mx: Sink) -> None:
    api = rig.api
    fields = {"name": "Märkte", "description": "", "ip": "127.0.0.22"}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": pool})
    await rig.delivery._sources.refresh()
    event = await rig.outcome()
    (message,) = mx.messages
    assert (message.peer, message.helo) == ("127.0.0.22", "b.example.com")
    assert event["envelope"]["i-ip-pool-id"] == pool
    assert event["envelope"]["i-ip-pool-name"] == "Märkte"
    head = dict(decoded(message.data))
    assert head["X-Mailgun-Sending-Ip"] == "127.0.0.22"
    assert head["X-Mailgun-Sending-Ip-Pool"] == pool
    assert head["X-Mailgun-Sending-Ip-Pool-Name"] == "Märkte"
    # Mail that is already accepted follows its domain.
    await api.ok("DELETE", "/v3/domains/{d}/ips/ip_pool", params={"ip": "127.0.0.23"})
    await rig.delivery._sources.refresh()
    await rig.send()
    await rig.outcomes(2)
    assert mx.messages[1].peer == "127.0.0.23"
    assert "X-Mailgun-Sending-Ip-Pool" not in dict(decoded(mx.messages[1].data))


async def test_a_message_asks_for_a_pool(rig: Rig, mx: Sink) -> None:
    api = rig.api
    fields = {"name": "p", "description": "", "ip": "127.0.0.23"}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    await rig.delivery._sources.refresh()
    await rig.outcome(o__sending_ip_pool=pool)
    assert mx.messages[0].peer == "127.0.0.23"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("o:sending-ip", "192.0.2.9", "Rejected: IP 192.0.2.9 can't be used to send the message"),
        ("o:sending-ip-pool", "ff", "Rejected: IP pool ff does not exist"),
    ],
)
async def test_what_is_not_the_accounts_is_refused(rig: Rig, field: str, value: str, text: str) -> None:
    given = {"from": "a@one.example.com", "to": "b@there.test", "text": "x", field: value}
    answer = await rig.api.call("POST", "/v3/{d}/messages", data=given)
    assert (answer.status_code, answer.json()) == (403, {"message": text})


async def test_a_strangers_address_and_pool_are_refused(rig: Rig) -> None:
    api = rig.api
    fields = {"name": "p", "description": "", "ip": "127.0.0.23"}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    for field, value in (("o:sending-ip", "127.0.0.21"), ("o:sending-ip-pool", pool)):
        given = {"from": "a@two.example.org", "to": "b@there.test", "text": "x", field: value}
        answer = await api.call("POST", "/v3/two.example.org/messages", key=api.two.key, data=given)
        assert answer.status_code == 403


async def test_a_subaccount_sends_from_the_pool_that_its_parent_gave_it(rig: Rig, mx: Sink) -> None:
    api = rig.api
    kid, key = child(api)
    fields = {"name": "p", "description": "", "ip": "127.0.0.22"}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    await api.ok("PUT", f"/v5/accounts/subaccounts/{kid}/ip_pool", data={"pool_id": pool})
    await api.ok("POST", "/v4/domains", key=key, data={"name": "kid.test"})
    await api.db.write(lambda tx: tx.run(domains.domains_table.update().values(state="active")))
    await rig.delivery._sources.refresh()
    given = {"from": "a@kid.test", "to": "bob@there.test", "text": "x"}
    await api.ok("POST", "/v3/kid.test/messages", key=key, data=given)
    await rig.outcomes()
    assert mx.messages[0].peer == "127.0.0.22"


def decoded(data: bytes) -> list[tuple[str, str]]:
    return [(name, headers.decode(value)) for name, value in parse_head(data)]


async def test_a_domain_sends_from_the_dynamic_pool_that_its_figures_choose(rig: Rig, mx: Sink) -> None:
    """The new senders' address at first, the good one when much was delivered, the poor one after bounces."""
    api = rig.api
    pools = {"good_reputation": "127.0.0.21", "poor_reputation": "127.0.0.22", "new_senders": "127.0.0.23"}
    await api.ok("POST", "/v3/dynamic_pools/all", data=pools)
    await api.ok("POST", "/v3/domains/{d}/dynamic_pools")
    await rig.delivery._sources.refresh()
    timers, projection = ips.Timers(api.context.settings, api.db, api.clock), ReputationProjection()
    await api.db.write(projection.begin)
    mx.fail("gone", 550, "5.1.1 No such user")

    async def pool_after(outcomes: int) -> str:
        """What is counted once so much has its outcome, and an hour later the next message's address."""
        await rig.outcomes(outcomes, timeout=60)
        while await projection.catch_up(api.db):
            pass
        api.clock.advance(3600)
        await timers.run_once()
        await rig.delivery._sources.refresh()
        before = len(mx.messages)
        await rig.send()
        return (await mx.wait(before + 1))[before].peer

    await rig.send([f"u{n}@there.test" for n in range(499)])
    assert await pool_after(499) == "127.0.0.23"
    assert {message.peer for message in mx.messages} == {"127.0.0.23"}
    assert await pool_after(500) == "127.0.0.21"
    for _ in range(40):
        await rig.send("gone@there.test")
    assert await pool_after(541) == "127.0.0.22"
    event = (await rig.outcomes(542))[-1]
    assert event["envelope"]["i-ip-pool-name"] == "dynamic_poor"
