"""Mail passed on to addresses, as it arrives at a real SMTP server, judged by dkimpy; and bounces passed back."""

from pathlib import Path
from typing import Any

import dkim

from postwright import domains
from postwright.domains import store
from postwright.kernel.db import Db, Read
from postwright.mail.arc import Sealer
from postwright.mail.dkim import Signer, generate_key
from postwright.testing.dns import FakeDns
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Site, site_on
from .samples import FULL, PLAIN

PEM, RECORD = generate_key(1024)
AUTHOR = Signer("there.test", "s", PEM)


def _records(tx: Read, account_id: str) -> dict[bytes, bytes]:
    return {
        f"{row.selector}._domainkey.{row.authority}.".encode(): row.public.encode()
        for row in store.keys(tx, account_id, DOMAIN)
    }


async def lookup(site: Site) -> Any:
    found = await site.api.db.read(_records, site.api.one.account_id)
    found[b"s._domainkey.there.test."] = RECORD.encode()
    return lambda name, timeout=5: found.get(name)


async def test_a_forward_arrives_as_it_came(site: Site) -> None:
    signed = AUTHOR.sign(FULL, 1_700_000_000) + FULL
    route = await site.route("catch_all()", 'forward("eve@example.net, carl@example.org")')
    await site.receive(signed, sender="ann@there.test")
    messages = await site.sink.wait(2)
    assert {message.recipients[0] for message in messages} == {"eve@example.net", "carl@example.org"}
    for message in messages:
        assert message.data.endswith(signed)  # not an octet of it is different
        # The author's own proof still holds, and so does our word for what we found.
        keys = await lookup(site)
        assert dkim.verify(message.data, dnsfunc=keys)
        cv, _, reason = dkim.arc_verify(message.data, dnsfunc=keys)
        assert (cv, reason) == (b"pass", "success")
        head = message.data[: -len(signed)]
        assert f"Delivered-To: bob@{DOMAIN}\r\n".encode() in head and head.count(b"Received:") == 2
        assert b"ARC-Authentication-Results: i=1; mail.example.com" in head
        # SPF is checked for us, and bounces come to us.
        assert message.sender.startswith("SRS0=") and message.sender.endswith(f"=there.test=ann@{DOMAIN}")
    delivered = await site.until(lambda found: len(found) == 2, "delivered")
    assert {event["recipient"] for event in delivered} == {"eve@example.net", "carl@example.org"}
    for event in delivered:
        assert event["flags"]["is-routed"] is True and event["flags"]["is-authenticated"] is False
        assert event["envelope"]["transport"] == "smtp" and event["delivery-status"]["code"] == 250
    routed = [event for event in await site.told("accepted") if "routes" in event]
    assert {event["envelope"]["targets"] for event in routed} == {"eve@example.net", "carl@example.org"}
    assert routed[0]["routes"][0]["id"] == route["id"]
    assert {event["storage"]["key"] for event in delivered} == {routed[0]["storage"]["key"]}


async def test_a_false_end_with_nul_is_not_handed_on(site: Site) -> None:
    """The next server may drop NUL, and would see the end of a message, and commands behind it."""
    await site.route("catch_all()", 'forward("eve@example.net")')
    await site.receive(FULL + b"a\r\n\0.\r\nMAIL FROM:<x@y.test>\r\n", sender="ann@there.test")
    (message,) = await site.sink.wait(1)
    assert message.data.endswith(
        b"a\r\n.\r\nMAIL FROM:<x@y.test>\r\n"
    )  # one message; its dot was doubled on the way
    assert b"\0" not in message.data


async def test_a_bounce_goes_back_to_who_sent_it(site: Site) -> None:
    await site.route('match_recipient("bob@")', 'forward("eve@example.net")')
    await site.receive(PLAIN, sender="ann@there.test")
    (out,) = await site.sink.wait(1)
    bounce = b"From: mailer-daemon@example.net\r\nSubject: Undelivered\r\n\r\nNo such user.\r\n"
    await site.receive(bounce, to=out.sender, sender="")
    _, back = await site.sink.wait(2)
    assert back.sender == "" and back.recipients == ["ann@there.test"] and back.data.endswith(bounce)
    # Nobody else can use us to reach somebody.
    for forged in (
        out.sender.replace("there.test=ann", "there.test=victim"),
        f"SRS0=aaaaaa=aa=there.test=x@{DOMAIN}",
    ):
        assert (await site.door.send(bounce, forged, ""))[0] == 550


async def test_a_null_sender_stays_null(site: Site) -> None:
    await site.route("catch_all()", 'forward("eve@example.net")')
    await site.receive(PLAIN, sender="")
    (out,) = await site.sink.wait(1)
    assert out.sender == ""


async def test_a_sender_too_long_becomes_our_bounce_address(site: Site) -> None:
    await site.route("catch_all()", 'forward("eve@example.net")')
    await site.receive(PLAIN, sender="a" * 60 + "@there.test")
    (out,) = await site.sink.wait(1)
    assert out.sender.startswith("bounce+") and len(out.sender.rpartition("@")[0]) <= 64


async def test_a_loop_ends(site: Site) -> None:
    """The target sends it back to us: the second time it is not passed on."""
    await site.route("catch_all()", 'forward("eve@example.net")', "store()")
    await site.receive(PLAIN)
    (out,) = await site.sink.wait(1)
    await site.receive(out.data, sender=out.sender)
    (failed,) = await site.told("failed")
    assert failed["severity"] == "permanent" and failed["delivery-status"]["enhanced-code"] == "5.4.6"
    assert len(site.sink.messages) == 1 and len(await site.told("stored")) == 2


async def test_a_refusal_is_told(site: Site) -> None:
    site.sink.fail("eve", 550, "5.1.1 no such user")
    await site.route("catch_all()", 'forward("eve@example.net")')
    await site.receive(PLAIN)
    (failed,) = await site.until(len, "failed")
    assert failed["severity"] == "permanent" and failed["recipient"] == "eve@example.net"
    assert failed["flags"]["is-routed"] is True


async def test_a_chain_that_was_not_judged_gets_no_seal(site: Site) -> None:
    await site.route("catch_all()", 'forward("eve@example.net")')
    set_ = (
        b"ARC-Seal: i=1; cv=none\r\nARC-Message-Signature: i=1; b=x\r\nARC-Authentication-Results: i=1; x\r\n"
    )
    await site.receive(set_ + PLAIN)
    (out,) = await site.sink.wait(1)
    assert out.data.count(b"ARC-Seal:") == 1 and out.data.endswith(set_ + PLAIN)


async def test_a_domain_with_a_bounce_host(site: Site) -> None:
    await site.api.ok("PUT", "/v3/domains/{d}", data={"mailfrom_host": f"b.{DOMAIN}"})
    await site.route("catch_all()", 'forward("eve@example.net")')
    await site.receive(PLAIN, sender="ann@there.test")
    (out,) = await site.sink.wait(1)
    assert out.sender.endswith(f"@b.{DOMAIN}")
    await site.receive(b"Subject: bounce\r\n\r\nx\r\n", to=out.sender, sender="")
    _, back = await site.sink.wait(2)
    assert back.recipients == ["ann@there.test"]
    assert await site.api.db.read(domains.find, site.api.one.account_id, DOMAIN)


async def test_a_good_chain_gets_another_seal(db: Db, tmp_path: Path, sink: Sink, fake_dns: FakeDns) -> None:
    """Another forwarder sealed it before us, and its key is in DNS: the door finds the chain good."""
    fake_dns.set("s._domainkey.there.test", "TXT", RECORD)
    sealed = Sealer("there.test", "s", PEM).seal(FULL, "mx.there.test", ["spf=pass"], 1_700_000_000) + FULL
    async with site_on(db, tmp_path, sink, dns=fake_dns.address) as site:
        await site.route("catch_all()", 'forward("eve@example.net")')
        await site.receive(sealed)
        (out,) = await sink.wait(1)
        cv, found, reason = dkim.arc_verify(out.data, dnsfunc=await lookup(site))
    assert (cv, reason) == (b"pass", "success") and [one["instance"] for one in found] == [2, 1]
    assert b"arc=pass" in out.data[: -len(sealed)] and out.data.endswith(sealed)


async def test_a_broken_chain_gets_none(db: Db, tmp_path: Path, sink: Sink, fake_dns: FakeDns) -> None:
    fake_dns.set("s._domainkey.there.test", "TXT", RECORD)
    sealed = Sealer("there.test", "s", PEM).seal(FULL, "mx.there.test", ["spf=pass"], 1_700_000_000) + FULL
    async with site_on(db, tmp_path, sink, dns=fake_dns.address) as site:
        await site.route("catch_all()", 'forward("eve@example.net")')
        await site.receive(sealed.replace(b"Subject: Files", b"Subject: Other"))
        (out,) = await sink.wait(1)
    assert out.data.count(b"ARC-Seal:") == 1
