"""Where mail goes: MX records of every kind, a smarthost, and nowhere."""

import ipaddress
import socket
from typing import Any

import pytest

from postwright.delivery import destinations
from postwright.delivery.outcome import Attempt, Recorder
from postwright.testing.dns import Failure
from postwright.testing.sink import Sink

from .conftest import HOST, Rig, Rigs


async def test_mail_goes_to_the_mx_and_is_told_as_it_went(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome()
    (message,) = mx.messages
    assert message.recipients == ["bob@there.test"]
    assert message.helo == "mail.example.com"
    assert event["event"] == "delivered"
    status = event["delivery-status"]
    assert (status["code"], status["mx-host"], status["mx-host-ip"]) == (250, "mx0.there.test", HOST)
    assert (status["attempt-no"], status["tls"], status["utf8"]) == (1, False, True)


async def test_when_the_first_host_refuses_the_second_gets_it(rig: Rig, mx: Sink) -> None:
    async with Sink(host="127.0.0.3", port=mx.port) as second:
        rig.mx("there.test", "127.0.0.4", "127.0.0.3", HOST)  # nobody listens at the first
        event = await rig.outcome()
        assert event["delivery-status"]["mx-host"] == "mx1.there.test"
        assert len(second.messages) == 1
    assert mx.counts.connections == 0


@pytest.mark.parametrize("code", [421, 554])
async def test_a_host_that_greets_with_a_refusal_is_passed_over(rig: Rig, mx: Sink, code: int) -> None:
    async with Sink(host="127.0.0.3", port=mx.port) as first:
        first.fail("*", code, "not you", at="CONNECT")
        rig.mx("there.test", "127.0.0.3", HOST)
        event = await rig.outcome()
        assert first.counts.connections == 1
    assert event["event"] == "delivered"
    assert event["delivery-status"]["mx-host"] == "mx1.there.test"


async def test_when_all_hosts_refuse_their_reply_is_told(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 554, "5.7.1 your address is on a blocklist", at="CONNECT")
    event = await rig.outcome()
    assert (event["event"], event["severity"], event["reason"]) == ("failed", "permanent", "blacklisted")
    assert event["delivery-status"]["code"] == 554
    assert event["delivery-status"]["mx-host"] == "mx0.there.test"
    assert event["delivery-status"]["message"] == "your address is on a blocklist"


async def test_a_host_that_may_come_back_is_waited_for_when_another_refuses(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 554, "no", at="CONNECT")
    rig.mx("there.test", HOST, "127.0.0.4")  # nobody listens at the second, now
    event = await rig.outcome()
    assert event["severity"] == "temporary"
    assert event["delivery-status"]["code"] == 499


async def test_a_null_mx_is_permanent_and_nobody_is_called(rig: Rig, mx: Sink) -> None:
    rig.dns.set("there.test", "MX", "0 .")
    rig.dns.set("there.test", "A", HOST)
    event = await rig.outcome()
    assert (event["event"], event["severity"], event["reason"]) == ("failed", "permanent", "bounce")
    status = event["delivery-status"]
    assert (status["code"], status["enhanced-code"], status["bounce-type"]) == (556, "5.1.10", "hard")
    assert mx.counts.connections == 0


async def test_without_mx_the_domain_itself_is_the_host(rig: Rig, mx: Sink) -> None:
    rig.dns.remove("there.test", "MX")
    rig.dns.set("there.test", "A", HOST)
    event = await rig.outcome()
    assert event["delivery-status"]["mx-host"] == "there.test"
    assert len(mx.messages) == 1


@pytest.mark.parametrize("failure", [None, Failure.SERVFAIL, Failure.REFUSED])
async def test_a_domain_that_is_not_found_is_tried_again(rig: Rig, failure: Failure | None) -> None:
    rig.dns.remove("there.test", "MX")
    if failure is not None:
        rig.dns.fail("there.test", failure)
    event = await rig.outcome()
    assert (event["event"], event["severity"]) == ("failed", "temporary")
    assert event["delivery-status"]["code"] == 498
    assert event["delivery-status"]["retry-seconds"] == 600


async def test_an_mx_without_an_address_is_tried_again(rig: Rig) -> None:
    rig.dns.set("there.test", "MX", "10 nowhere.test.")
    event = await rig.outcome()
    assert event["severity"] == "temporary"
    assert event["delivery-status"]["message"] == "No MX for [there.test]"


@pytest.mark.parametrize("address", [HOST, "10.0.0.1", "169.254.169.254"])
async def test_private_hosts_are_not_called_unless_allowed(rig_of: Rigs, mx: Sink, address: str) -> None:
    rig = await rig_of(allow_private_targets="no")
    rig.mx("there.test", address)
    event = await rig.outcome()
    assert (event["event"], event["severity"], event["reason"]) == ("failed", "permanent", "bounce")
    status = event["delivery-status"]
    assert (status["code"], status["enhanced-code"]) == (550, "5.4.4")
    assert mx.counts.connections == 0


async def test_everything_goes_to_a_smarthost(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(delivery=f"smarthost:{HOST}:{mx.port}")
    await rig.send(["a@x.test", "b@y.test"])
    await rig.outcomes(2)
    assert sorted(message.recipients[0] for message in mx.messages) == ["a@x.test", "b@y.test"]
    assert rig.dns.queries == []


async def test_many_recipients_of_a_domain_cost_one_look_up(rig: Rig, mx: Sink) -> None:
    await rig.send([f"u{n}@there.test" for n in range(50)])
    await rig.outcomes(50)
    assert [query.name for query in rig.dns.queries if query.type == "MX"] == ["there.test"]
    assert len(mx.messages) == 50


async def test_a_domain_that_is_still_not_there_later_never_will_be(rig: Rig) -> None:
    rig.dns.remove("there.test", "MX")
    rig.dns.remove("mx0.there.test")
    await rig.send()
    await rig.outcomes(1)
    rig.api.clock.advance(120)
    await rig.send("eve@there.test")  # not long enough ago to be sure
    first, second = await rig.outcomes(2)
    assert (first["severity"], second["severity"]) == ("temporary", "temporary")
    rig.api.clock.advance(600)
    for event in (await rig.outcomes(4))[2:]:
        assert (event["severity"], event["reason"]) == ("permanent", "generic")
        status = event["delivery-status"]
        assert (status["code"], status["enhanced-code"]) == (498, "5.1.2")
        assert status["message"] == "No MX for [there.test]"


async def test_failures_of_dns_between_prove_nothing(rig: Rig, mx: Sink) -> None:
    rig.dns.fail("there.test", Failure.SERVFAIL)
    await rig.send()
    await rig.outcomes(1)
    rig.api.clock.advance(601)
    await rig.outcomes(2)
    rig.dns.heal("there.test")
    rig.api.clock.advance(901)
    assert (await rig.outcomes(3))[-1]["event"] == "delivered"


async def test_a_null_mx_among_others_means_nothing(rig: Rig, mx: Sink) -> None:
    rig.dns.set("there.test", "MX", "0 .", "10 mx0.there.test.")
    assert (await rig.outcome())["event"] == "delivered"


async def test_an_alias_leads_to_the_hosts_of_its_target(rig: Rig, mx: Sink) -> None:
    rig.dns.set("www.here.test", "CNAME", "there.test.")
    event = await rig.outcome(to="bob@www.here.test")
    assert event["delivery-status"]["mx-host"] == "mx0.there.test"
    assert mx.messages[0].recipients == ["bob@www.here.test"]


async def test_aliases_in_a_circle_lead_nowhere_for_now(rig: Rig) -> None:
    rig.dns.set("a.test", "CNAME", "b.test.")
    rig.dns.set("b.test", "CNAME", "a.test.")
    event = await rig.outcome(to="bob@a.test")
    assert (event["severity"], event["delivery-status"]["code"]) == ("temporary", 498)


async def test_an_address_literal_is_the_host(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(to=f"bob@[{HOST}]")
    assert event["event"] == "delivered"
    assert rig.dns.queries == []


async def test_a_private_literal_is_not_called(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(allow_private_targets="no")
    event = await rig.outcome(to=f"bob@[{HOST}]")
    assert (event["severity"], event["delivery-status"]["enhanced-code"]) == ("permanent", "5.4.4")
    assert mx.counts.connections == 0


async def test_names_of_other_scripts_are_looked_up_in_ascii(rig: Rig, mx: Sink) -> None:
    rig.mx("xn--mnchen-3ya.test", HOST)
    event = await rig.outcome(to="bob@m\u00fcnchen.test")
    assert event["event"] == "delivered"
    assert mx.messages[0].recipients == ["bob@xn--mnchen-3ya.test"]


@pytest.mark.parametrize("hosted", [False, True])
async def test_a_server_of_our_own_name_is_a_loop_unless_the_mail_is_for_us(
    rig: Rig, mx: Sink, hosted: bool
) -> None:
    mx.hostname = rig.api.context.hostname
    to = rig.api.two.domain if hosted else "there.test"
    rig.mx(to, HOST)
    event = await rig.outcome(to=f"bob@{to}")
    if hosted:
        assert event["event"] == "delivered"
        return
    assert (event["severity"], event["delivery-status"]["enhanced-code"]) == ("permanent", "5.4.6")
    assert mx.counts.mail == 0


async def test_only_hosts_preferred_to_ourselves_are_tried(
    rig_of: Rigs, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "_is_ours", lambda address: str(address) == "127.0.0.3")
    rig = await rig_of(allow_private_targets="loopback")
    rig.mx("there.test", "127.0.0.4", "127.0.0.3", HOST)
    event = await rig.outcome()
    assert (event["severity"], event["delivery-status"]["code"]) == ("temporary", 499)
    rig.mx("near.test", "127.0.0.3", HOST)
    await rig.send("bob@near.test")
    status = (await rig.outcomes(2))[-1]["delivery-status"]
    assert (status["code"], status["enhanced-code"]) == (554, "5.4.6")
    assert mx.counts.connections == 0


def test_our_own_addresses_are_known_without_asking_anybody() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        own = probe.getsockname()[0]
    assert destinations._is_ours(ipaddress.ip_address(own))
    assert not destinations._is_ours(ipaddress.ip_address("192.0.2.1"))


async def test_addresses_of_both_families_take_turns(rig: Rig) -> None:
    rig.dns.set("mx0.there.test", "A", "127.0.0.7", "127.0.0.8")
    rig.dns.set("mx0.there.test", "AAAA", "::1")
    hosts = await rig.delivery._destinations.hosts("there.test")
    assert [host.version for host in hosts] == [4, 6]


@pytest.mark.parametrize("attempt", [1, 2])
async def test_who_dislikes_one_family_is_asked_from_the_other_at_first(
    rig_of: Rigs, mx: Sink, attempt: int
) -> None:
    rig = await rig_of(address_family="ipv6-first")
    if not destinations._is_ours(ipaddress.ip_address("::1")):
        pytest.skip("this machine has no IPv6")
    async with Sink(host="::1", port=mx.port) as six:
        rig.dns.set("mx0.there.test", "AAAA", "::1")
        if attempt == 2:
            six.fail("*", 451, "4.3.0 later", at="RCPT", times=1)
        six.fail("*", 550, "5.7.1 no reverse name", at="RCPT")
        await rig.send()
        if attempt == 2:
            await rig.outcomes(1)
            rig.api.clock.advance(601)
        event = (await rig.outcomes(attempt))[-1]
        if attempt == 1:
            assert event["event"] == "delivered"
            assert event["delivery-status"]["mx-host-ip"] == HOST
        else:
            assert event["severity"] == "permanent"
            assert mx.counts.connections == 0


async def test_an_attempt_tells_of_every_host_it_saw(
    rig: Rig, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Attempt] = []
    record = Recorder.record

    def keep(self: Recorder, *args: Any) -> bool:
        seen.append(args[-1])
        return record(self, *args)

    monkeypatch.setattr(Recorder, "record", keep)
    async with Sink(host="127.0.0.3", port=mx.port) as first:
        first.fail("*", 554, "5.7.1 not you", at="CONNECT")
        rig.mx("there.test", "127.0.0.3", HOST)
        await rig.send()
        await rig.outcomes(1)
        await rig.send("eve@there.test")
        await rig.outcomes(2)
    trace, later = seen[0].trace, seen[1].trace
    (tried,) = trace.tried
    assert (tried.host, tried.address) == ("mx0.there.test", "127.0.0.3")
    assert [turn[1:] for turn in tried.dialogue] == [("S", "554 5.7.1 not you")]
    said = [f"{who} {text.partition(chr(10))[0][:9]}" for _, who, text in trace.dialogue]
    assert said[:3] == ["S 220 sink.", "C EHLO mail", "S 250-sink."]
    assert said[-2] == "C (a messag"
    assert said[-1].startswith("S 250 2.0.0")
    assert [ms for ms, _, _ in trace.dialogue] == sorted(ms for ms, _, _ in trace.dialogue)
    timings = trace.timings
    assert min(timings.connect, timings.greeting, timings.ehlo, timings.envelope, timings.dot) > 0
    assert (trace.reused, later.reused, later.timings.connect, later.tried) == (False, True, 0.0, [])
    assert later.dialogue[0][2].startswith("MAIL FROM:")
