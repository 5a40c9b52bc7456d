"""What the server answers to well-behaved and to hasty clients."""

import asyncio

import pytest

from postwright.mail.smtp import Reply

from .conftest import Dial, Keeper, eventually

SESSION = (
    b"EHLO me\r\nMAIL FROM:<a@x.test> SIZE=20\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n"
    b"Subject: 1\r\n\r\n..dot\r\n.\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<d@x.test>\r\nDATA\r\n.\r\nRSET\r\nNOOP\r\nQUIT\r\n"
)
CODES = [250, 250, 250, 250, 354, 250, 250, 250, 354, 250, 250, 250, 221]


@pytest.mark.parametrize("step", [len(SESSION), 1, 7])
async def test_groups_of_commands_come_in_any_pieces(dial: Dial, step: int) -> None:
    policy = Keeper()
    peer = await dial(policy)
    for at in range(0, len(SESSION), step):
        await peer.write(SESSION[at : at + step])
        if step < len(SESSION):
            await asyncio.sleep(0)
    assert await peer.codes(len(CODES)) == CODES
    assert await peer.ended() == b""
    first, second = policy.taken
    assert (first.sender, first.recipients) == ("a@x.test", ("b@x.test", "c@x.test"))
    assert first.data == b"Subject: 1\r\n\r\n.dot\r\n"
    assert (second.sender, second.recipients, second.data) == ("", ("d@x.test",), b"")


async def test_ehlo_says_what_is_offered(dial: Dial) -> None:
    peer = await dial(Keeper(max_size=1000))
    await peer.write(b"EHLO me\r\n")
    _, text = await peer.reply()
    assert text.split("\n") == [
        "mx.test",
        "PIPELINING",
        "SIZE 1000",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    ]


@pytest.mark.parametrize(
    ("before", "command", "code"),
    [
        ("", "MAIL FROM:<a@x.test>", 503),
        ("EHLO me", "RCPT TO:<a@x.test>", 503),
        ("EHLO me", "DATA", 503),
        ("EHLO me", "MAIL FROM:<a@x.test> SIZE=x", 501),
        ("EHLO me", "MAIL FROM:<a@x.test> SIZE=26214401", 552),
        ("EHLO me", "MAIL FROM:<ä@x.test>", 501),
        ("EHLO me", "MAIL FROM:<ä@x.test> SMTPUTF8", 250),
        ("EHLO me", "MAIL FROM:<a b@x.test>", 501),
        ("EHLO me", "MAIL FROM:<nobody>", 501),
        ("EHLO me", "MAIL TO:<a@x.test>", 501),
        ("EHLO me", 'mail from:<"a b"@x.test>', 250),
        ("EHLO me", "MAIL FROM:<@relay.test:a@x.test>", 250),
        ("MAIL", "EHLO", 501),
        ("MAIL", "EHLO a b", 501),
        ("", "HELO me", 250),
        ("", "BDAT 5 LAST", 500),
        ("", "STARTTLS", 500),
        ("", "AUTH PLAIN", 500),
        ("", "VRFY x", 252),
        ("", "", 500),
    ],
)
async def test_commands_are_judged(dial: Dial, before: str, command: str, code: int) -> None:
    peer = await dial(Keeper())
    if before:
        await peer.ask(before)
    assert await peer.ask(command) == code
    assert await peer.ask("NOOP") == 250


async def test_recipients_have_a_limit_and_the_rest_of_the_message_goes_through(dial: Dial) -> None:
    policy = Keeper(max_recipients=2)
    policy.refused["no@x.test"] = Reply(550, "5.1.1", "no")
    peer = await dial(policy)
    await peer.write(b"EHLO me\r\nMAIL FROM:<a@x.test>\r\n")
    names = ("no", "b", "c", "d")
    await peer.write(b"".join(b"RCPT TO:<%s@x.test>\r\n" % name.encode() for name in names))
    assert await peer.codes(6) == [250, 250, 550, 250, 250, 452]
    assert await peer.ask("DATA") == 354
    assert await peer.ask("hello\r\n.") == 250
    assert policy.taken[0].recipients == ("b@x.test", "c@x.test")


async def test_without_a_recipient_there_is_no_message(dial: Dial) -> None:
    policy = Keeper()
    policy.refused["no@x.test"] = Reply(550, "5.1.1", "no")
    peer = await dial(policy)
    await peer.write(b"EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<no@x.test>\r\nDATA\r\nQUIT\r\n")
    assert await peer.codes(5) == [250, 250, 550, 554, 221]


async def test_an_undecodable_command_is_refused_and_the_session_survives(dial: Dial) -> None:
    peer = await dial(Keeper())
    await peer.ask("EHLO me")
    assert await peer.ask(b"MAIL FROM:<\xff\xfe@x.test> SMTPUTF8") == 501
    assert await peer.ask(b"EHLO \xff") == 501
    assert await peer.ask("MAIL FROM:<a@x.test>") == 250


@pytest.mark.parametrize("end", [b"\r\n", b""])
async def test_command_lines_have_a_limit(dial: Dial, end: bytes) -> None:
    peer = await dial(Keeper())
    assert await peer.ask(b"NOOP " + b"x" * 2043) == 250
    await peer.write(b"NOOP " + b"x" * 2045 + end)
    assert (await peer.reply())[0] == 500
    await peer.ended()


async def test_the_twenty_first_error_ends_the_session(dial: Dial) -> None:
    peer = await dial(Keeper())
    assert [await peer.ask("WHAT") for _ in range(21)] == [500] * 20 + [421]
    assert await peer.ended() == b""


async def test_a_declared_size_is_refused_before_it_is_sent(dial: Dial) -> None:
    peer = await dial(Keeper(max_size=100))
    await peer.ask("EHLO me")
    assert await peer.ask("MAIL FROM:<a@x.test> SIZE=101") == 552
    assert await peer.ask("MAIL FROM:<a@x.test> SIZE=100") == 250


@pytest.mark.parametrize("size", [1000, 1001, 1004])
@pytest.mark.parametrize("pieces", [1, 1006])
async def test_the_size_limit_is_exact_however_the_message_comes(dial: Dial, size: int, pieces: int) -> None:
    policy = Keeper(max_size=1000)
    peer = await dial(policy)
    await peer.begin()
    data = b"x" * (size - 2) + b"\r\n.\r\n"
    step = -(-len(data) // pieces)
    for at in range(0, len(data), step):
        await peer.write(data[at : at + step])
        await asyncio.sleep(0)
    assert (await peer.reply())[0] == (250 if size <= 1000 else 552)
    assert await peer.ask("NOOP") == 250
    assert [len(taken.data) for taken in policy.taken] == ([size] if size <= 1000 else [])


async def test_of_an_oversized_message_nothing_is_kept_while_it_comes(dial: Dial) -> None:
    policy = Keeper(max_size=100_000)
    peer = await dial(policy)
    await peer.begin()
    (connection,) = policy.connections
    block = b"x" * 998 + b"\r\n"
    for _ in range(300):
        await peer.write(block * 100)
    assert len(connection._body or b"") < 200_000
    assert await peer.ask(".") == 552
    assert policy.taken == []
    await peer.begin()
    assert await peer.ask("small\r\n.") == 250


async def test_who_never_reads_is_not_listened_to(dial: Dial) -> None:
    policy = Keeper()
    peer = await dial(policy)
    (connection,) = policy.connections
    peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
    # The replies to these would take twice their room; the server stops taking commands long before.
    flood = b"NOOP\r\n" * 10_000
    sent = 0
    for _ in range(1000):
        try:
            await asyncio.wait_for(peer.write(flood), 0.3)
        except TimeoutError:
            break
        sent += len(flood)
    else:
        pytest.fail("60 MB of commands were read while no reply was")
    assert connection._transport.get_write_buffer_size() < 2_000_000
    # Once it reads, it gets everything.
    peer.reader._transport.resume_reading()  # type: ignore[attr-defined]
    assert await peer.codes(20_000) == [250] * 20_000


async def test_who_stops_talking_gets_the_answer_and_then_the_end(dial: Dial) -> None:
    policy = Keeper()
    policy.hold = asyncio.Event()
    peer = await dial(policy)
    await peer.begin()
    await peer.write(b"hello\r\n.\r\n")
    peer.writer.write_eof()
    await asyncio.sleep(0.05)
    policy.hold.set()
    assert (await peer.ended()).startswith(b"250 ")
    await eventually(lambda: not policy.connections)


async def test_a_hook_that_fails_refuses_for_now(dial: Dial, caplog: pytest.LogCaptureFixture) -> None:
    policy = Keeper()
    policy.message = None  # type: ignore[method-assign,assignment]

    async def broken(*_: object) -> Reply:
        raise ZeroDivisionError

    policy.message = broken  # type: ignore[method-assign,assignment]
    peer = await dial(policy)
    await peer.begin()
    assert await peer.ask("hello\r\n.") == 451
    assert await peer.ended() == b""
    assert "SMTP hook failed" in caplog.text


async def test_draining_lets_a_message_finish_and_then_closes(dial: Dial) -> None:
    policy = Keeper()
    idle = await dial(policy)
    busy = await dial(policy)
    await busy.begin()
    await busy.write(b"half")
    draining = asyncio.create_task(policy.drain())
    assert (await idle.reply())[0] == 421
    assert await busy.ask(" done\r\n.") == 250
    assert (await busy.reply())[0] == 421
    late = await dial(policy, greeted=False)
    assert (await late.reply())[0] == 421
    await asyncio.wait_for(draining, 5)
    assert policy.taken[0].data == b"half done\r\n"


async def test_an_idle_session_is_ended(dial: Dial) -> None:
    peer = await dial(Keeper(idle_seconds=0.2))
    assert (await peer.reply())[0] == 421
    assert await peer.ended() == b""


async def test_who_talks_before_the_greeting_is_turned_away(dial: Dial) -> None:
    policy = Keeper(early_talker_seconds=0.2)
    peer = await dial(policy, greeted=False)
    await peer.write(b"EHLO me\r\n")
    assert (await peer.reply())[0] == 554
    await peer.ended()
