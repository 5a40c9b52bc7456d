"""Which address mail leaves from."""

import pytest

from postwright.delivery.sources import Source, Sources
from postwright.kernel.settings import load
from postwright.messages import Meta
from postwright.testing.sink import Sink

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


def sources(declared: str = DECLARED) -> Sources:
    return Sources(load({"POSTWRIGHT_SOURCE_IPS": declared}), "mail.example.com")


def test_without_declared_addresses_the_system_chooses() -> None:
    assert sources("").choose(meta(), "there.test", "192.0.2.1") == Source("", "mail.example.com")


def test_a_message_gets_the_address_it_asks_for_with_its_name() -> None:
    asked = meta(sending_ip="127.0.0.22", ips="127.0.0.21")
    assert sources().choose(asked, "there.test", "192.0.2.1") == Source("127.0.0.22", "b.example.com")


def test_a_domain_with_addresses_of_its_own_uses_only_those() -> None:
    own = meta(ips="127.0.0.23,127.0.0.21,127.9.9.9")  # the last is not declared any more
    chosen = {sources().choose(own, f"{n}.test", "192.0.2.1") for n in range(50)}
    assert chosen == {Source("127.0.0.21", "a.example.com"), Source("127.0.0.23", "mail.example.com")}


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
