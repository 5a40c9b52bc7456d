"""Mail through the door: what is stored, what is told, what is refused."""

import smtplib

import pytest

from postwright import arrivals, domains
from postwright.kernel import failpoints
from postwright.spool import Spool

from .conftest import DOMAIN, MESSAGE, Mx, change


async def test_a_message_is_stored_told_and_handled(mx: Mx) -> None:
    code, text = await mx.send(tls=True)
    assert (code, text[:20]) == (250, "2.0.0 Ok: queued as ")
    (event,) = await mx.told()
    assert event["event"] == "accepted"
    assert event["recipient"] == "bob@one.example.com"
    assert event["method"] == "smtp"
    assert event["flags"]["is-authenticated"] is False
    assert event["envelope"] == {
        "sender": "ann@there.test",
        "transport": "smtp",
        "targets": "bob@one.example.com",
    }
    assert event["message"]["headers"] == {
        "from": "Ann <ann@there.test>",
        "to": "bob@one.example.com",
        "subject": "Grüße",
        "message-id": "one@there.test",
    }
    assert event["message"]["size"] == len(MESSAGE)
    assert event["message"]["recipients"] == ["bob@one.example.com"]
    await mx.work()
    ((arrival, target, message),) = mx.collect.got
    assert mx.collect.applied == ["bob@one.example.com"]
    assert (arrival.sender, arrival.peer, arrival.helo, arrival.tls) == (
        "ann@there.test",
        "127.0.0.1",
        "client.there.test",
        True,
    )
    assert (target.domain, target.account_id) == (DOMAIN, mx.api.one.account_id)
    assert message.endswith(MESSAGE)
    first, second = message.split(b"\r\n")[:2]
    assert (first, second) == (b"X-Mailgun-Incoming: Yes", b"X-Envelope-From: <ann@there.test>")
    trace = message[: -len(MESSAGE)].partition(b"Received:")[2]
    assert b"client.there.test" in trace and b"ESMTPS" in trace and b"for <bob@one.example.com>" in trace
    await mx.work()
    assert len(mx.collect.got) == 1


async def test_the_stored_message_can_be_read_through_the_api(mx: Mx) -> None:
    await mx.send(to=["bob@one.example.com", "eve@one.example.com"])
    event = (await mx.told())[0]
    path = event["storage"]["url"].partition("8025")[2]
    shown = await mx.api.ok("GET", path)
    assert shown["recipients"] == "bob@one.example.com, eve@one.example.com"
    assert shown["sender"] == "ann@there.test"
    assert shown["X-Mailgun-Incoming"] == "Yes"
    assert shown["body-plain"] == "Hello.\r\n"
    stranger = await mx.api.call("GET", path, key=mx.api.two.key)
    assert stranger.status_code == 404


@pytest.mark.parametrize(
    ("to", "code", "enhanced"),
    [
        ("bob@elsewhere.test", 550, "5.7.1"),
        ("nobody@one.example.com", 550, "5.1.1"),
        ("bob@sub.one.example.com", 550, "5.7.1"),
        ("bob@one.example.com.evil.test", 550, "5.7.1"),
        ("bob%elsewhere.test@one.example.com", 550, "5.1.1"),
        ("bob@a..b", 553, "5.1.3"),
    ],
)
async def test_who_has_no_taker_is_refused_at_rcpt(mx: Mx, to: str, code: int, enhanced: str) -> None:
    def work(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail("ann@there.test")
        return client.docmd(f"RCPT TO:<{to}>")

    got, text = await mx.ask(work)
    assert (got, text.decode().split()[0]) == (code, enhanced)


async def test_a_wildcard_domain_takes_its_sub_hosts(mx: Mx) -> None:
    await change(mx, wildcard=True)
    assert (await mx.send(to="bob@deep.sub.one.example.com"))[0] == 250
    await mx.work()
    assert mx.collect.got[0][1].domain == DOMAIN
    assert mx.collect.got[0][1].address == "bob@deep.sub.one.example.com"


@pytest.mark.parametrize("columns", [{"state": "unverified"}, {"state": "disabled"}, {"is_disabled": True}])
async def test_only_active_domains_receive(mx: Mx, columns: dict[str, object]) -> None:
    await change(mx, **columns)
    assert (await mx.send())[0] == 550


async def test_postmaster_and_logins_always_exist(mx: Mx) -> None:
    for address in ("Postmaster@one.example.com", "abuse@ONE.example.com"):
        assert (await mx.send(to=address))[0] == 250
    await mx.work()
    names = [event["event"] for event in await mx.told()]
    assert sorted(names) == ["accepted", "accepted", "stored", "stored"]


async def test_two_domains_have_a_copy_each(mx: Mx) -> None:
    assert (await mx.send(to=["bob@one.example.com", "eve@two.example.org", "eve@one.example.com"]))[0] == 250
    await mx.work()
    by_domain = {arrival.domain: arrival for arrival, _, _ in mx.collect.got}
    assert by_domain[DOMAIN].recipients == ["bob@one.example.com", "eve@one.example.com"]
    assert by_domain["two.example.org"].recipients == ["eve@two.example.org"]
    assert by_domain[DOMAIN].storage_key != by_domain["two.example.org"].storage_key
    assert len(mx.collect.got) == 3


async def test_headers_may_decide_and_then_refuse_before_250(mx: Mx) -> None:
    mx.collect.header = "X-Wanted"
    code, text = await mx.send()
    assert (code, text.split()[0]) == (550, "5.1.1")
    assert await mx.told() == []
    assert (await mx.send(b"X-Wanted: yes\r\n" + MESSAGE))[0] == 250


async def test_a_failing_handler_is_asked_again_and_nothing_is_done_twice(mx: Mx) -> None:
    mx.collect.fail = [arrivals.TryLater("not now"), RuntimeError("broken")]
    await mx.send()
    await mx.work()
    assert mx.collect.applied == []
    mx.api.clock.advance(3)
    await mx.work()
    assert mx.collect.applied == []
    mx.api.clock.advance(11)
    await mx.work()
    await mx.work()
    assert mx.collect.applied == ["bob@one.example.com"]


async def test_a_lost_lease_has_no_effect(mx: Mx) -> None:
    await mx.send()
    (job,) = await mx.api.db.write(arrivals.claim, mx.api.clock.now(), 5)
    assert await mx.api.db.write(arrivals.claim, mx.api.clock.now(), 5) == []
    await mx.api.db.write(arrivals.recover, mx.api.clock.now() + 400_000_000)
    mx.api.clock.advance(401)
    (again,) = await mx.api.db.write(arrivals.claim, mx.api.clock.now(), 5)
    assert await mx.api.db.write(arrivals.finish, job) is False
    assert await mx.api.db.write(arrivals.finish, again) is True


async def test_what_cannot_be_stored_is_not_accepted(mx: Mx) -> None:
    failpoints.arm("inbound.before=fail")
    try:
        code, text = await mx.send()
    finally:
        failpoints.arm("")
    assert (code, text.split()[0]) == (451, "4.3.0")
    assert await mx.told() == []
    assert (await mx.send())[0] == 250


async def test_a_sealed_copy_is_unreadable_at_rest_and_whole_for_who_may(mx: Mx) -> None:
    await change(mx, encrypt_incoming=True)
    await mx.send()
    (event,) = await mx.told()
    assert event["flags"]["is-encrypted"] is True
    await mx.work()
    assert mx.collect.got[0][2].endswith(MESSAGE)
    arrival = mx.collect.got[0][0]
    spool: Spool = mx.api.context.spool
    blob = await mx.api.db.read(spool.load, arrival.id)
    assert blob is not None and b"Hello." not in blob.data
    shown = await mx.api.ok("GET", event["storage"]["url"].partition("8025")[2])
    assert shown["body-plain"] == "Hello.\r\n"


async def test_a_message_without_sender_goes_to_one_recipient(mx: Mx) -> None:
    def work(client: smtplib.SMTP) -> list[int]:
        return [
            client.docmd("MAIL FROM:<>")[0],
            client.rcpt("bob@one.example.com")[0],
            client.rcpt("eve@one.example.com")[0],
        ]

    assert await mx.ask(work) == [250, 250, 452]


async def test_who_logs_in_submits(mx: Mx) -> None:
    api = mx.api
    await api.db.write(
        domains.create_first,
        *(api.clock.now(), api.context.vault, api.one.account_id, "smtp.example.com", domains.new_key(1024)),
        sandbox=False,
        postmaster_hash=domains.hash_password("secret-password"),
    )

    def work(client: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("postmaster@smtp.example.com", "wrong")
        client.login("postmaster@smtp.example.com", "secret-password")
        return client.sendmail("ann@smtp.example.com", ["carl@elsewhere.test"], MESSAGE)

    with pytest.raises(smtplib.SMTPNotSupportedError):
        await mx.ask(lambda client: client.login("postmaster@smtp.example.com", "secret-password"))
    assert await mx.ask(work, tls=True) == {}
    (event,) = await mx.told()
    assert event["flags"]["is-authenticated"] is True
    assert event["recipient"] == "carl@elsewhere.test"
