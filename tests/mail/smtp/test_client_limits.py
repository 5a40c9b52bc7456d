"""What bounds a client: the server's limits, its patience, and its memory of what was said."""

import asyncio

import msgspec
import pytest

from postwright.mail.smtp import Dialogue, Disconnected, SmtpClient
from postwright.mail.smtp.facts import MAX_TURN, MAX_TURNS

from .conftest import QUICK, Peer
from .script import MESSAGE, Scripted, answer, body, connected, hello


@pytest.mark.parametrize("offer", [("LIMITS RCPTMAX=2 MAILMAX=9",), ("LIMITS RCPTMAX=2", "PIPELINING")])
async def test_no_more_recipients_than_the_server_takes(scripted: Scripted, offer: tuple[str, ...]) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, *offer)
        await answer(
            peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("RCPT", "550 5.1.1 no"), ("DATA", "354 go")
        )
        await body(peer)
        await peer.write(b"250 2.0.0 kept\r\n")

    client = await connected(await scripted(script))
    result = await client.send("a@x.test", [f"u{n}@x.test" for n in range(4)], MESSAGE)
    assert [(reply.code, reply.enhanced) for reply in result.recipients] == [
        (250, "2.0.0"),
        (550, "5.1.1"),
        (452, "4.5.3"),
        (452, "4.5.3"),
    ]
    assert client.reusable
    client.abort()


async def test_a_server_that_is_always_just_in_time_does_not_hold_us_for_ever(scripted: Scripted) -> None:
    ended = asyncio.Event()

    async def script(peer: Peer) -> None:
        await hello(peer)
        for _ in range(100):
            if not await peer.reader.readline():
                break
            await asyncio.sleep(0.2)
            await peer.write(b"250 ok\r\n")
        ended.set()

    timeouts = msgspec.structs.replace(QUICK, transaction=1.0)
    client = await SmtpClient.connect("127.0.0.1", await scripted(script), timeouts=timeouts)
    await client.ehlo("me.test")
    with pytest.raises(Disconnected) as lost:
        async with asyncio.timeout(10):
            await client.send("a@x.test", [f"u{n}@x.test" for n in range(100)], MESSAGE)
    assert (lost.value.stage, lost.value.after_dot) == ("RCPT", False)
    await ended.wait()


async def test_the_reply_to_the_message_may_take_longer_than_the_transaction(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "PIPELINING")
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await body(peer)
        await asyncio.sleep(1.2)
        await peer.write(b"250 kept\r\n")

    timeouts = msgspec.structs.replace(QUICK, transaction=1.0, dot=10.0)
    client = await SmtpClient.connect("127.0.0.1", await scripted(script), timeouts=timeouts)
    await client.ehlo("me.test")
    result = await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert result.recipients[0].code == 250
    assert result.dot_seconds > 1
    assert result.data_seconds < result.dot_seconds
    client.abort()


async def test_what_was_said_is_kept_without_the_message(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "PIPELINING")
        for _ in range(2):
            await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250-first\r\n250 second"), ("DATA", "354 go"))
            await body(peer)
            await peer.write(b"250 kept\r\n")

    client = await connected(await scripted(script))
    await client.send("a@x.test", ["b@x.test"], MESSAGE)
    first = client.dialogue.take()
    assert [turn[1:] for turn in first] == [
        ("S", "220 mx.test"),
        ("C", "EHLO me.test"),
        ("S", "250-mx.test\n250 PIPELINING"),
        ("C", "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA"),
        ("S", "250 ok"),
        ("S", "250-first\n250 second"),
        ("S", "354 go"),
        ("C", f"(a message of {len(MESSAGE) + 3} bytes)"),
        ("S", "250 kept"),
    ]
    await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert [turn[1:] for turn in client.dialogue.take()] == [turn[1:] for turn in first[3:]]
    assert client.dialogue.take() == []
    client.abort()


def test_what_is_kept_is_bounded() -> None:
    dialogue = Dialogue()
    for _ in range(MAX_TURNS + 10):
        dialogue.add("C", b"x" * 10_000)
    turns = dialogue.take()
    assert len(turns) == MAX_TURNS
    assert {len(text) for _, _, text in turns} == {MAX_TURN}
