"""Senders who prove who they are, and senders who do not: over SMTP, with a DNS of our own."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import authres
import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright import domains
from postwright.arrivals import Verdict
from postwright.inbound.judging import alignment, without_forged
from postwright.inbound.judging.results import render
from postwright.inbound.judging.signatures import check_arc, check_dkim
from postwright.kernel.db import Db
from postwright.mail.lookups import Lookups, make_resolver
from postwright.testing.dns import Failure, FakeDns

from .conftest import MESSAGE, Mx, change, opened

PAIR = domains.new_key(1024)
HOST = "mail.example.com"  # the world's host name


@pytest.fixture
async def mx(sqlite_db: Db, tmp_path: Path, fake_dns: FakeDns) -> AsyncIterator[Mx]:
    async with opened(sqlite_db, tmp_path, dns=fake_dns.address) as door:
        yield door


def signed(raw: bytes = MESSAGE, domain: str = "there.test", **more: Any) -> bytes:
    return dkim.sign(raw, b"k1", domain.encode(), PAIR.private.encode(), **more) + raw


def publish(fake_dns: FakeDns, domain: str = "there.test") -> None:
    fake_dns.set(f"k1._domainkey.{domain}", "TXT", PAIR.public)


async def results(mx: Mx, raw: bytes, **more: Any) -> dict[str, str]:
    """What our Authentication-Results field says, method by method."""
    code, text = await mx.send(raw, **more)
    assert code == 250, text
    await mx.work()
    message = mx.collect.got[-1][2]
    ours = rb"^Authentication-Results: mail\.example\.com(?:.*\r\n)(?:[ \t].*\r\n)*"
    (field,) = re.findall(ours, message, re.MULTILINE)
    parsed = authres.AuthenticationResultsHeader.parse(field.decode().replace("\r\n", "").strip())
    assert parsed.authserv_id == HOST
    return {result.method: result.result for result in parsed.results}


async def test_a_sender_who_proves_everything(mx: Mx, fake_dns: FakeDns) -> None:
    fake_dns.set("there.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    fake_dns.set("_dmarc.there.test", "TXT", "v=DMARC1; p=reject")
    publish(fake_dns)
    assert await results(mx, signed()) == {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none"}
    arrival = mx.collect.got[0][0]
    assert (arrival.verdict.dkim_domains, arrival.verdict.spf_domain) == (["there.test"], "there.test")


async def test_a_sender_who_proves_nothing_is_told_so(mx: Mx) -> None:
    assert await results(mx, MESSAGE) == {"spf": "none", "dkim": "none", "dmarc": "none", "arc": "none"}


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1 a:host.there.test -all", "pass"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 include:other.test -all", "pass"),
        ("v=spf1 redirect=other.test", "pass"),
        ("v=spf1 exists:%{i}.ok.there.test -all", "pass"),
        ("v=spf1 include:loop.test -all", "permerror"),
        ("v=spf1 a:v1.test a:v2.test a:v3.test -all", "permerror"),
        ("v=spf1 nonsense:x -all", "permerror"),
        ("v=spf1 include:broken.test -all", "temperror"),
    ],
)
async def test_spf(mx: Mx, fake_dns: FakeDns, record: str, result: str) -> None:
    fake_dns.set("there.test", "TXT", record)
    fake_dns.set("there.test", "MX", "10 host.there.test.")
    fake_dns.set("host.there.test", "A", "127.0.0.1")
    fake_dns.set("127.0.0.1.ok.there.test", "A", "127.0.0.2")
    fake_dns.set("other.test", "TXT", "v=spf1 ip4:127.0.0.0/8 -all")
    fake_dns.set("loop.test", "TXT", "v=spf1 include:loop.test -all")
    fake_dns.fail("broken.test", Failure.SERVFAIL)
    assert (await results(mx, MESSAGE))["spf"] == result


async def test_a_bounce_is_judged_by_helo(mx: Mx, fake_dns: FakeDns) -> None:
    fake_dns.set("client.there.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    assert (await results(mx, MESSAGE, sender=""))["spf"] == "pass"


async def test_signatures_good_bad_and_unreadable(mx: Mx, fake_dns: FakeDns) -> None:
    publish(fake_dns)
    good = signed()
    assert (await results(mx, good.replace(b"Hello.", b"Hullo.")))["dkim"] == "fail"
    assert (await results(mx, signed(length=True)))["dkim"] == "policy"
    assert (await results(mx, signed(domain="nokey.test")))["dkim"] == "permerror"
    assert (await results(mx, b"DKIM-Signature: v=1; a=;;; b\r\n" + MESSAGE))["dkim"] == "permerror"
    fake_dns.fail("k1._domainkey.slow.test", Failure.SERVFAIL)
    assert (await results(mx, signed(domain="slow.test")))["dkim"] == "temperror"
    # A good one under a bad one counts.
    await results(mx, b"DKIM-Signature: v=1; d=x.test; s=k; a=rsa-sha256; h=from; bh=AA==; b=AA==\r\n" + good)
    assert mx.collect.got[-1][0].verdict.dkim == "pass"


async def test_only_so_many_signatures_are_looked_at(mx: Mx, fake_dns: FakeDns) -> None:
    fields = b"".join(
        b"DKIM-Signature: v=1; d=d%d.test; s=k; a=rsa-sha256; h=from; bh=AA==; b=AA==\r\n" % n
        for n in range(50)
    )
    await results(mx, fields + MESSAGE)
    assert sum(query.name.startswith("k._domainkey.d") for query in fake_dns.queries) <= 10


@pytest.mark.parametrize(
    ("record", "action", "code"),
    [
        ("v=DMARC1; p=reject", "disabled", 550),
        ("v=DMARC1; p=reject", "block", 550),
        ("v=DMARC1; p=reject", "tag", 250),
        ("v=DMARC1; p=quarantine", "disabled", 250),
        ("v=DMARC1; p=none", "disabled", 250),
        ("v=DMARC1; p=reject; pct=0", "disabled", 250),
    ],
)
async def test_what_the_owner_of_from_asks_for(
    mx: Mx, fake_dns: FakeDns, record: str, action: str, code: int
) -> None:
    fake_dns.set("_dmarc.there.test", "TXT", record)
    fake_dns.set("evil.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    await change(mx, spam_action=action)
    got, text = await mx.send(sender="x@evil.test")
    assert got == code, text
    if code == 550:
        assert text.startswith("5.7.1")
        assert await mx.told() == []
        return
    await mx.work()
    assert b"dmarc=fail" in mx.collect.got[0][2]
    assert mx.collect.got[0][0].verdict.dmarc == "fail"


@pytest.mark.parametrize(
    ("record", "author", "proven", "result"),
    [
        ("v=DMARC1; p=reject", "a.there.co.uk", "b.there.co.uk", "pass"),
        ("v=DMARC1; p=reject; aspf=s; adkim=s", "a.there.co.uk", "b.there.co.uk", "fail"),
        ("v=DMARC1; p=reject; aspf=s", "a.there.co.uk", "a.there.co.uk", "pass"),
        ("v=DMARC1; p=reject", "there.co.uk", "other.co.uk", "fail"),
        ("v=DMARC1; p=reject", "there.co.uk", "there.co.uk.evil.test", "fail"),
    ],
)
async def test_alignment_by_the_public_suffix_list(
    fake_dns: FakeDns, record: str, author: str, proven: str, result: str
) -> None:
    fake_dns.set("_dmarc.there.co.uk", "TXT", record)
    lookups = Lookups(make_resolver((fake_dns.host, fake_dns.port)))
    for spf, signers in ((proven, []), ("", [proven])):
        outcome = await asyncio.to_thread(alignment.check, lookups, [f"x@{author}"], spf, signers)
        assert outcome.result == result


async def test_a_second_author_cannot_hide_the_first(fake_dns: FakeDns) -> None:
    fake_dns.set("_dmarc.there.test", "TXT", "v=DMARC1; p=reject")
    fake_dns.set("_dmarc.evil.test", "TXT", "v=DMARC1; p=none")
    lookups = Lookups(make_resolver((fake_dns.host, fake_dns.port)))
    for values in (
        ["a@evil.test, b@there.test"],
        ["a@evil.test", "b@there.test"],
        ['"x" <b@there.test', "a@evil.test"],
    ):
        outcome = await asyncio.to_thread(alignment.check, lookups, values, "evil.test", ["evil.test"])
        assert (outcome.result, outcome.policy) == ("fail", "reject"), values


async def test_two_policies_are_none(fake_dns: FakeDns) -> None:
    fake_dns.set("_dmarc.there.test", "TXT", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    lookups = Lookups(make_resolver((fake_dns.host, fake_dns.port)))
    outcome = await asyncio.to_thread(alignment.check, lookups, ["a@there.test"], "", [])
    assert outcome.result == "none"


async def test_a_sealed_chain(mx: Mx, fake_dns: FakeDns) -> None:
    publish(fake_dns)
    raw = b"Authentication-Results: there.test; arc=none; spf=pass smtp.mailfrom=x@y.test\r\n" + MESSAGE
    sealed = b"".join(dkim.arc_sign(raw, b"k1", b"there.test", PAIR.private.encode(), b"there.test")) + raw
    assert (await results(mx, sealed))["arc"] == "pass"
    assert (await results(mx, sealed.replace(b"Hello.", b"Hullo.")))["arc"] == "fail"


async def test_forged_results_go_and_others_stay(mx: Mx) -> None:
    forged = (
        b"Authentication-Results: mail.example.com; spf=pass smtp.mailfrom=ann@there.test\r\n"
        b"Authentication-Results: (x) MAIL.example.com 1;\r\n\tdkim=pass header.d=there.test\r\n"
        b"Authentication-Results: other.test; spf=pass smtp.mailfrom=ann@there.test\r\n"
        b"X-Mailgun-Spf: Pass\r\nX-Mailgun-Sflag: No\r\nX-Envelope-From: <evil@there.test>\r\n"
    )
    await mx.send(forged + MESSAGE)
    await mx.work()
    message = mx.collect.got[0][2]
    assert message.count(b"mail.example.com;") == 1
    assert b"other.test; spf=pass" in message
    assert message.count(b"X-Envelope-From") == 1
    assert b"X-Mailgun-Spf" not in message and b"X-Mailgun-Sflag" not in message
    assert message.endswith(MESSAGE)


async def test_dns_that_says_nothing_does_not_hold_mail_up_for_long(mx: Mx, fake_dns: FakeDns) -> None:
    fake_dns.fail("there.test", Failure.SERVFAIL)
    fake_dns.fail("_dmarc.there.test", Failure.SERVFAIL)
    found = await results(mx, MESSAGE)
    assert (found["spf"], found["dmarc"]) == ("temperror", "temperror")


async def test_nothing_is_asked_in_capture_mode_without_a_resolver(sqlite_db: Db, tmp_path: Path) -> None:
    async with opened(sqlite_db, tmp_path, delivery="capture") as door:
        assert (await door.send())[0] == 250
        await door.work()
        assert b"Authentication-Results" not in door.collect.got[0][2]


# -- fuzzing: whatever is sent or published, the parsers come back with an answer

_no_dns = make_resolver(("127.0.0.1", 9))


class _NoLookups(Lookups):
    def texts(self, name: str) -> list[bytes]:
        return [b"v=DKIM1; p=" + PAIR.public.partition("p=")[2].encode(), b"\xff;=;v=DMARC1;p"][:1]


_PIECES = (
    b"DKIM-Signature:|ARC-Seal:|ARC-Message-Signature:|ARC-Authentication-Results:| v=1;| i=1;| a=rsa-sha256;"
    b"| d=there.test;| s=k1;| h=from;| bh=AA==;| b=AA==;| c=x/y;| cv=none;| t=99999999999999999999;"
    b"| x=1;| l=5;|\r\n|\r\n |From: a@b.test\r\n|\r\n\r\n|=|\0|\xff| "
).split(b"|")
_bytes = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(_bytes)
def test_any_signature_is_judged(raw: bytes) -> None:
    lookups = _NoLookups(_no_dns)
    for signature in check_dkim(lookups, raw):
        assert signature.result in {"pass", "fail", "policy", "temperror", "permerror"}
    assert check_arc(lookups, raw) in {"none", "fail", "pass"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(alphabet="v=DMARC1; psreject.,adkimquote0123456789%\xe4", max_size=80))
def test_any_policy_and_author_is_read(author: str, record: str) -> None:
    found = alignment.parse_record(record)
    assert found is None or found.policy in {"none", "quarantine", "reject"}
    assert alignment.parse_record("v=DMARC1;" + record) is not None
    assert all(isinstance(domain, str) for domain in alignment.authors([author]))


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=60),
    st.text(max_size=60),
    st.sampled_from(["pass", "none", "temperror"]),
)
def test_any_sender_gives_one_clean_field(sender: str, author: str, result: str) -> None:
    value = render(HOST, Verdict(spf=result, dmarc=result, dmarc_policy="none"), [], sender, author)
    assert "\r" not in value and "\n" not in value and value.isascii()
    assert value.startswith(HOST + "; ")


_FIELDS = b'Authentication-Results:| mail.example.com|;|(|)|\r\n|a: b\r\n|"|\xff'.split(b"|")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_FIELDS), max_size=20).map(b"".join))
def test_removing_forged_fields_takes_whole_fields_only(raw: bytes) -> None:
    left = without_forged(raw, HOST)
    assert len(left) <= len(raw)
    assert without_forged(left, HOST) == left


async def test_a_sender_cannot_write_results(mx: Mx) -> None:
    found = await results(mx, MESSAGE, sender='"x; dkim=pass header.d=bank.test"@evil.test')
    assert found["dkim"] == "none"
