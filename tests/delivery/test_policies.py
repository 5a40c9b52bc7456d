"""What destinations publish about encryption, against real TLS servers: MTA-STS and DANE."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from postwright.kernel.lookups import Resolver
from postwright.testing.catcher import Answer, Catcher
from postwright.testing.dns import Failure, FakeDns
from postwright.testing.sink import Sink
from postwright.tlspolicy import Policies
from tests.delivery.authority import Certificate

from .conftest import HOST, Rig, Rigs

WEB = "127.0.0.5"  # where policies are served
ROOT = Certificate("a root", authority=True)
ISSUER = Certificate("an issuer", by=ROOT, authority=True)
GOOD = Certificate("mx0.there.test", by=ISSUER)
OWN = Certificate("mx0.there.test")
TLSA = "_{port}._tcp.mx0.there.test"


@pytest.fixture
async def mx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sink]:
    """Offers TLS with a certificate that delivery trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ROOT.pem(tmp_path)))
    async with Sink(host=HOST, tls=GOOD.context(tmp_path)) as server:
        yield server


def policy(mode: str = "enforce", mx: str = "mx0.there.test", age: int = 86400 * 30) -> Answer:
    body = f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {age}\r\n".encode()
    return Answer(body=body, headers={"Content-Type": "text/plain; charset=utf-8"})


class Published:
    """A policy server, and delivery that finds it."""

    def __init__(self, rig: Rig, web: Catcher, dns: FakeDns) -> None:
        self.rig, self.web, self.dns = rig, web, dns

    def announce(self, id: str) -> None:
        self.dns.set("_mta-sts.there.test", "TXT", f"v=STSv1; id={id};")


Publish = Callable[..., Awaitable[Published]]


@pytest.fixture
async def publish(rig_of: Rigs, fake_dns: FakeDns, tmp_path: Path) -> AsyncIterator[Publish]:
    """Publishes a policy, by default under a good certificate."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer, certificate: Certificate | None = None) -> Published:
            shown = certificate or Certificate("mta-sts.there.test", by=ISSUER)
            web = await stack.enter_async_context(Catcher(answer, host=WEB, tls=shown.context(tmp_path)))
            fake_dns.set("mta-sts.there.test", "A", WEB)
            published = Published(await rig_of(sts_port=web.port), web, fake_dns)
            published.announce("1")
            return published

        yield start


def temporary(event: dict[str, Any]) -> bool:
    return event["event"] == "failed" and event["severity"] == "temporary"


async def test_an_enforced_policy_is_met(publish: Publish, mx: Sink) -> None:
    published = await publish(policy(mx="*.there.test"))
    event = await published.rig.outcome()
    assert event["event"] == "delivered"
    assert event["delivery-status"]["certificate-verified"] is True
    (asked,) = published.web.caught
    assert (asked.path, asked.headers["host"].partition(":")[0]) == (
        "/.well-known/mta-sts.txt",
        "mta-sts.there.test",
    )


async def test_a_host_that_the_policy_does_not_name_gets_nothing(publish: Publish, mx: Sink) -> None:
    event = await (await publish(policy(mx="mx.elsewhere.test"))).rig.outcome()
    assert temporary(event)
    assert (event["delivery-status"]["code"], event["delivery-status"]["enhanced-code"]) == (451, "4.4.4")
    assert mx.counts.connections == 0


@pytest.mark.parametrize("certificate", [OWN, Certificate("mx9.there.test", by=ISSUER), None])
async def test_enforced_means_a_good_certificate_or_no_mail(
    publish: Publish, mx: Sink, tmp_path: Path, certificate: Certificate | None
) -> None:
    mx.tls = certificate.context(tmp_path) if certificate else None
    event = await (await publish(policy())).rig.outcome(o__skip_verification="yes")
    assert temporary(event)
    assert "MTA-STS" in event["delivery-status"]["message"]
    assert (mx.counts.mail, mx.messages) == (0, [])


@pytest.mark.parametrize("mx_pattern", ["mx0.there.test", "mx.elsewhere.test"])
async def test_what_is_only_tested_is_delivered(
    publish: Publish, mx: Sink, tmp_path: Path, mx_pattern: str
) -> None:
    mx.tls = OWN.context(tmp_path)
    event = await (await publish(policy("testing", mx_pattern))).rig.outcome()
    assert event["event"] == "delivered"
    assert event["delivery-status"]["certificate-verified"] is False


@pytest.mark.parametrize(
    "answer",
    [
        Answer(301, headers={"Location": f"https://{WEB}/other", "Content-Type": "text/plain"}),
        Answer(404),
        Answer(body=policy().body, headers={"Content-Type": "text/html"}),
        Answer(body=policy().body + b"x: " + b"y" * 70_000, headers={"Content-Type": "text/plain"}),
        Answer(body=b"version: STSv1\nmode: enforce\nmax_age: 9\n", headers={"Content-Type": "text/plain"}),
    ],
)
async def test_what_is_no_policy_is_none(publish: Publish, mx: Sink, answer: Answer) -> None:
    mx.tls = None
    published = await publish(answer)
    assert (await published.rig.outcome())["event"] == "delivered"
    assert len(published.web.caught) == 1


@pytest.mark.parametrize("names", [("mta-sts.other.test",), ("mta-sts.there.test",)])
async def test_a_policy_under_a_bad_certificate_is_none(
    publish: Publish, mx: Sink, names: tuple[str, ...]
) -> None:
    mx.tls = None
    by = ISSUER if "other" in names[0] else None  # a good one for another name, and a self-made one
    published = await publish(policy(), Certificate(*names, by=by))
    assert (await published.rig.outcome())["event"] == "delivered"
    assert published.web.caught == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_known_policy_outlives_its_server_and_our_process(
    publish: Publish, mx: Sink, tmp_path: Path, restarted: bool
) -> None:
    published = await publish(policy(age=86400 * 30))
    rig = published.rig
    await rig.outcome()
    await published.web.stop()
    published.dns.remove("_mta-sts.there.test")
    rig.api.clock.advance(86400 * 29)
    if restarted:
        context = rig.api.context
        await rig.delivery._connector.close()
        rig.delivery._connector._policies = Policies(
            context.settings, context.db, context.clock, Resolver(context.settings)
        )
    mx.tls = OWN.context(tmp_path)
    mx.fail("*", 421, "enough", at="MAIL", times=1)  # a new connection then
    await rig.send()
    assert temporary((await rig.outcomes(2))[-1])
    rig.api.clock.advance(86400)  # its time is over
    await rig.outcomes(3)
    await rig.send()
    assert (await rig.outcomes(4))[-1]["event"] == "delivered"


async def test_a_new_id_brings_the_new_policy_and_a_day_too(publish: Publish, mx: Sink) -> None:
    published = await publish(policy())
    rig = published.rig
    await rig.send()
    await rig.outcomes(1)
    rig.api.clock.advance(301)
    await rig.send()
    await rig.outcomes(2)
    assert len(published.web.caught) == 1
    published.web.script = policy("none")
    published.announce("2")
    rig.api.clock.advance(301)
    mx.tls = None
    mx.fail("*", 421, "enough", at="MAIL", times=1)  # a new connection then
    await rig.send()
    assert (await rig.outcomes(3))[-1]["event"] == "delivered"
    assert len(published.web.caught) == 2
    rig.api.clock.advance(86401)
    await rig.send()
    await rig.outcomes(4)
    assert len(published.web.caught) == 3


async def test_a_connection_opened_in_clear_does_not_serve_a_policy(publish: Publish, mx: Sink) -> None:
    mx.tls = None
    published = await publish(policy())
    published.dns.remove("_mta-sts.there.test")
    await published.rig.send()
    await published.rig.outcomes(1)
    published.announce("1")
    published.rig.api.clock.advance(301)
    await published.rig.send()
    assert temporary((await published.rig.outcomes(2))[-1])
    assert len(mx.messages) == 1


# --- DANE


@pytest.fixture
async def pinned(fake_dns: FakeDns, mx: Sink, rig_of: Rigs) -> Callable[..., Awaitable[Rig]]:
    """Delivery to a signed domain with TLSA records."""

    async def start(*records: str, **more: Any) -> Rig:
        fake_dns.sign("there.test")
        if records:
            fake_dns.set(TLSA.format(port=mx.port), "TLSA", *records)
        return await rig_of(**more)

    return start


Pinned = Callable[..., Awaitable[Rig]]
LEAF, OTHER = OWN.tlsa(3), Certificate("other.test").tlsa(3)


@pytest.mark.parametrize(
    ("records", "certificate"),
    [
        ([LEAF], OWN),
        ([OTHER, OWN.tlsa(3, 0, 2)], OWN),
        ([OWN.tlsa(3, 1, 0)], Certificate("whatever.test", days=-1)),  # not matched: see below
        ([GOOD.tlsa(3)], GOOD),
        ([ISSUER.tlsa(2)], GOOD),
        ([ROOT.tlsa(2, 0, 1)], GOOD),
        ([ROOT.tlsa(2, 0, 0)], GOOD),
    ],
)
async def test_a_pinned_certificate_is_taken_and_no_other(
    pinned: Pinned, mx: Sink, tmp_path: Path, records: list[str], certificate: Certificate
) -> None:
    mx.tls = certificate.context(tmp_path)
    event = await (await pinned(*records)).outcome()
    if certificate in (OWN, GOOD):
        assert event["event"] == "delivered"
        assert event["delivery-status"]["certificate-verified"] is True
        assert mx.counts.connections == 1
    else:
        assert temporary(event)
        assert mx.counts.mail == 0


async def test_a_pinned_key_needs_no_valid_name_or_date(pinned: Pinned, mx: Sink, tmp_path: Path) -> None:
    stale = Certificate("long.gone.test", days=-1)
    mx.tls = stale.context(tmp_path)
    assert (await (await pinned(stale.tlsa(3))).outcome())["event"] == "delivered"


@pytest.mark.parametrize(
    "wrong", [Certificate("mx9.else.test", by=ISSUER), Certificate("mx0.there.test", by=ISSUER, days=-1)]
)
async def test_a_pinned_authority_vouches_for_names_and_dates(
    pinned: Pinned, mx: Sink, tmp_path: Path, wrong: Certificate
) -> None:
    mx.tls = wrong.context(tmp_path)
    event = await (await pinned(ROOT.tlsa(2))).outcome()
    assert temporary(event)
    assert "DANE" in event["delivery-status"]["message"]


@pytest.mark.parametrize("tls", [True, False])
async def test_a_mismatch_defers_and_nothing_goes_in_clear(pinned: Pinned, mx: Sink, tls: bool) -> None:
    if not tls:
        mx.tls = None
    event = await (await pinned(OTHER)).outcome(o__skip_verification="yes")
    assert temporary(event)
    assert (mx.counts.mail, mx.messages) == (0, [])


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "record",
    [
        "1 1 1 " + "ab" * 32,
        "3 1 9 " + "ab" * 32,
        r"\# 5 030101abcd",
        r"\# 2 0301",
        r"\# 1 03",
        r"\# 3 030100",
    ],
)
async def test_pins_of_no_use_still_require_encryption(
    pinned: Pinned, mx: Sink, tmp_path: Path, record: str, tls: bool
) -> None:
    mx.tls = OWN.context(tmp_path) if tls else None
    event = await (await pinned(record)).outcome()
    if tls:
        assert event["event"] == "delivered"
        assert mx.messages[0].tls
    else:
        assert temporary(event)
        assert mx.counts.mail == 0


async def test_a_pin_of_no_use_does_not_hide_one_that_holds(pinned: Pinned, mx: Sink, tmp_path: Path) -> None:
    mx.tls = OWN.context(tmp_path)
    event = await (await pinned(r"\# 2 0301", LEAF)).outcome()
    assert event["event"] == "delivered"
    assert event["delivery-status"]["certificate-verified"] is True


async def test_pins_that_cannot_be_looked_up_defer(pinned: Pinned, fake_dns: FakeDns, mx: Sink) -> None:
    fake_dns.fail(TLSA.format(port=mx.port), Failure.SERVFAIL)
    event = await (await pinned()).outcome()
    assert temporary(event)
    assert mx.counts.connections == 0


@pytest.mark.parametrize("how", ["unsigned", "off"])
async def test_pins_that_nobody_vouches_for_mean_nothing(
    pinned: Pinned, fake_dns: FakeDns, mx: Sink, how: str
) -> None:
    rig = await pinned(OTHER, dane="off" if how == "off" else "on")
    fake_dns.sign("there.test", how != "unsigned")
    assert (await rig.outcome())["event"] == "delivered"


async def test_a_signed_domain_without_pins_is_like_any_other(
    pinned: Pinned, mx: Sink, tmp_path: Path
) -> None:
    mx.tls = OWN.context(tmp_path)
    assert (await (await pinned()).outcome())["event"] == "delivered"


async def test_pins_beat_the_web(publish: Publish, fake_dns: FakeDns, mx: Sink, tmp_path: Path) -> None:
    """A policy that the certificate would not meet, and pins that it does."""
    mx.tls = OWN.context(tmp_path)
    fake_dns.sign("there.test")
    fake_dns.set(TLSA.format(port=mx.port), "TLSA", LEAF)
    assert (await (await publish(policy())).rig.outcome())["event"] == "delivered"


async def test_a_policy_is_not_weakened_by_pins_of_no_use(
    publish: Publish, fake_dns: FakeDns, mx: Sink, tmp_path: Path
) -> None:
    mx.tls = OWN.context(tmp_path)
    fake_dns.sign("there.test")
    fake_dns.set(TLSA.format(port=mx.port), "TLSA", "1 1 1 " + "ab" * 32)
    assert temporary(await (await publish(policy())).rig.outcome())
    assert mx.counts.mail == 0


async def test_a_host_behind_an_alias_is_pinned_under_either_name(
    pinned: Pinned, fake_dns: FakeDns, mx: Sink, tmp_path: Path
) -> None:
    mx.tls = OWN.context(tmp_path)
    rig = await pinned()
    fake_dns.sign("real.test")
    fake_dns.remove("mx0.there.test")
    fake_dns.set("mx0.there.test", "CNAME", "host.real.test.")
    fake_dns.set("host.real.test", "A", HOST)
    fake_dns.set(f"_{mx.port}._tcp.host.real.test", "TLSA", LEAF)
    assert (await rig.outcome())["delivery-status"]["certificate-verified"] is True
