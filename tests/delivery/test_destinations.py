"""Where mail goes: MX records of every kind, a smarthost, and nowhere."""

import pytest

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
    assert (event["event"], event["severity"]) == ("failed", "permanent")
    status = event["delivery-status"]
    assert (status["code"], status["enhanced-code"]) == (556, "5.1.10")
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
    assert (event["event"], event["severity"]) == ("failed", "permanent")
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
