"""The client against servers that follow a script: each ends, refuses or stumbles somewhere else."""

import asyncio
import time

import pytest

from postwright.mail.smtp import ConnectError, Disconnected, SmtpClient, SmtpError

from .conftest import QUICK, Peer
from .script import MESSAGE, Scripted, answer, body, connected, hello


async def test_without_pipelining_each_command_waits_for_its_reply(scripted: Scripted) -> None:
    got = []

    async def script(peer: Peer) -> None:
        await hello(peer, "SIZE 0")
        for command, reply in (("MAIL", b"250 ok"), ("RCPT", b"250 ok"), ("DATA", b"354 go")):
            got.append(await peer.reader.readline())
            assert got[-1].startswith(command.encode())
            # Nothing else may be on its way before the reply.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(peer.reader.readexactly(1), 0.05)
            await peer.write(reply + b"\r\n")
        got.append(await body(peer))
        await peer.write(b"250 2.0.0 kept\r\n")
        await answer(peer, ("QUIT", "221 bye"))

    client = await connected(await scripted(script))
    result = await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert [(r.code, r.enhanced, r.text, r.command) for r in result.recipients] == [
        (250, "2.0.0", "kept", "DATA")
    ]
    assert client.reusable
    await client.quit()
    assert got == [
        b"MAIL FROM:<a@x.test> SIZE=22\r\n",
        b"RCPT TO:<b@x.test>\r\n",
        b"DATA\r\n",
        MESSAGE + b".\r\n",
    ]


@pytest.mark.parametrize("offer", [(), ("PIPELINING",)])
async def test_each_recipient_has_its_own_outcome(scripted: Scripted, offer: tuple[str, ...]) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, *offer)
        await answer(
            peer,
            ("MAIL", "250 ok"),
            ("RCPT TO:<yes", "250 2.1.5 ok"),
            ("RCPT TO:<later", "450 4.2.0 greylisted"),
            ("RCPT TO:<no", "550-5.1.1 no such\r\n550 5.1.1 user"),
            ("DATA", "354 go"),
        )
        await body(peer)
        await peer.write(b"250 2.0.0 kept\r\n")

    client = await connected(await scripted(script))
    result = await client.send("a@x.test", ["yes@x.test", "later@x.test", "no@x.test"], MESSAGE)
    assert [(r.code, r.enhanced, r.text, r.command) for r in result.recipients] == [
        (250, "2.0.0", "kept", "DATA"),
        (450, "4.2.0", "greylisted", "RCPT"),
        (550, "5.1.1", "no such user", "RCPT"),
    ]
    client.abort()


async def test_all_refused_yet_354_gets_a_lone_dot_and_the_connection_stays(scripted: Scripted) -> None:
    got = []

    async def script(peer: Peer) -> None:
        await hello(peer, "PIPELINING")
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "550 no"), ("DATA", "354 go"))
        got.append(await peer.reader.readline())
        await peer.write(b"554 no recipients\r\n")
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await body(peer)
        await peer.write(b"250 kept\r\n")

    client = await connected(await scripted(script))
    first = await client.send("a@x.test", ["no@x.test"], MESSAGE)
    assert [r.code for r in first.recipients] == [550]
    assert client.reusable
    second = await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert [r.code for r in second.recipients] == [250]
    assert got == [b".\r\n"]
    client.abort()


@pytest.mark.parametrize("offer", [(), ("PIPELINING",)])
@pytest.mark.parametrize("refused", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 451, 552])
async def test_a_refusal_is_told_as_it_was_given_even_when_the_server_hangs_up(
    scripted: Scripted, offer: tuple[str, ...], refused: str, code: int
) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, *offer)
        for command, fine in (("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go")):
            await answer(peer, (command, f"{code} 4.7.0 because" if command == refused else fine))
            if command == refused:
                return  # closes

    client = await connected(await scripted(script))
    if refused == "MAIL":
        with pytest.raises((SmtpError, Disconnected)) as caught:
            await client.send("a@x.test", ["b@x.test"], MESSAGE)
        # Only 421 announces the end; after another refusal the pipelined rest should have been answered.
        if code == 421 or not offer:
            assert isinstance(caught.value, SmtpError)
            assert (caught.value.reply.code, caught.value.command) == (code, "MAIL")
    elif refused == "RCPT" and offer and code != 421:
        with pytest.raises(Disconnected):
            await client.send("a@x.test", ["b@x.test"], MESSAGE)
    else:
        result = await client.send("a@x.test", ["b@x.test"], MESSAGE)
        assert [(r.code, r.command, r.text) for r in result.recipients] == [(code, refused, "because")]
    assert code != 421 or not client.reusable
    client.abort()


async def test_after_a_refusal_the_connection_is_reset_and_used_again(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "PIPELINING")
        await answer(
            peer, ("MAIL", "250 ok"), ("RCPT", "550 no"), ("DATA", "503 no recipients"), ("RSET", "250 ok")
        )
        await answer(peer, ("MAIL", "550 no"), ("RCPT", "503 no"), ("DATA", "503 no"))
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await body(peer)
        await peer.write(b"250 kept\r\n")

    client = await connected(await scripted(script))
    assert [r.code for r in (await client.send("a@x.test", ["no@x.test"], MESSAGE)).recipients] == [550]
    with pytest.raises(SmtpError):
        await client.send("bad@x.test", ["b@x.test"], MESSAGE)
    assert [r.code for r in (await client.send("a@x.test", ["b@x.test"], MESSAGE)).recipients] == [250]
    client.abort()


async def test_a_positive_answer_to_data_that_is_not_354_delivers_nothing(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer)
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "250 ok"))
        assert await peer.reader.read() in (b"", b"RSET\r\n")

    client = await connected(await scripted(script))
    with pytest.raises(Disconnected):
        await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert not client.reusable


async def test_replies_nobody_asked_for_do_not_answer_the_next_message(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer)
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await body(peer)
        await peer.write(b"250 kept\r\n250 and again\r\n")
        await peer.reader.read()

    client = await connected(await scripted(script))
    await client.send("a@x.test", ["b@x.test"], MESSAGE)
    await asyncio.sleep(0.05)
    with pytest.raises(Disconnected) as lost:
        await client.send("a@x.test", ["b@x.test"], MESSAGE)
    assert not lost.value.after_dot
    assert not client.reusable


async def test_a_loss_before_the_dot_was_sent_is_told_from_one_after(scripted: Scripted) -> None:
    async def before(peer: Peer) -> None:
        await hello(peer)
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await peer.reader.readexactly(100_000)
        peer.writer.transport.abort()

    async def after(peer: Peer) -> None:
        await hello(peer)
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await body(peer)

    large = (b"x" * 998 + b"\r\n") * 20_000
    for script, data, after_dot in ((before, large, False), (after, large, True), (after, MESSAGE, True)):
        client = await connected(await scripted(script))
        with pytest.raises(Disconnected) as lost:
            await client.send("a@x.test", ["b@x.test"], data)
        assert lost.value.after_dot is after_dot
        assert not client.reusable
        client.abort()


async def test_a_refusal_in_the_middle_of_the_message_is_heard(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer)
        await answer(peer, ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go"))
        await peer.reader.readexactly(10_000)
        await peer.write(b"552 5.3.4 too large\r\n")
        await body(peer)

    client = await connected(await scripted(script))
    result = await client.send("a@x.test", ["b@x.test"], (b"x" * 998 + b"\r\n") * 5000)
    assert [(r.code, r.enhanced) for r in result.recipients] == [(552, "5.3.4")]
    client.abort()


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "message", "block"])
async def test_silence_has_a_limit_at_each_step(scripted: Scripted, stage: str) -> None:
    async def silent(peer: Peer) -> None:
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(10)

    async def script(peer: Peer) -> None:
        if stage == "greeting":
            return await silent(peer)
        await peer.write(b"220 mx.test\r\n")
        for step, expected, reply in (
            ("EHLO", "EHLO", "250 mx.test"),
            ("MAIL", "MAIL", "250 ok"),
            ("RCPT", "RCPT", "250 ok"),
            ("DATA", "DATA", "354 go"),
        ):
            await answer(peer, (expected, "" if step == stage else reply))
            if step == stage:
                return await silent(peer)
        if stage == "block":
            return await silent(peer)
        await body(peer)
        return await silent(peer)

    port = await scripted(script)
    quick = {"greeting": "greeting", "EHLO": "ehlo", "MAIL": "mail", "RCPT": "mail", "DATA": "data"}
    field = quick.get(stage, "dot" if stage == "message" else stage)
    values = {name: getattr(QUICK, name) for name in QUICK.__struct_fields__} | {field: 0.2}
    started = time.monotonic()
    with pytest.raises((ConnectError, Disconnected)) as late:
        client = await SmtpClient.connect("127.0.0.1", port, timeouts=type(QUICK)(**values))
        await client.ehlo("me.test")
        await client.send(
            "a@x.test", ["b@x.test"], (b"x" * 998 + b"\r\n") * (20_000 if stage == "block" else 1)
        )
    assert "timed out" in str(late.value)
    assert time.monotonic() - started < 1.5
    assert getattr(late.value, "after_dot", False) is (stage == "message")


async def test_what_the_server_could_not_take_is_not_offered_to_it(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "SIZE 1000")
        assert await peer.reader.readline() == b"QUIT\r\n"
        await peer.write(b"221 bye\r\n")

    client = await connected(await scripted(script))
    large = await client.send("a@x.test", ["b@x.test", "c@x.test"], b"x" * 998 + b"\r\n" + MESSAGE)
    assert [(r.code, r.enhanced) for r in large.recipients] == [(552, "5.3.4")] * 2
    foreign = await client.send("a@x.test", ["ü@x.test"], MESSAGE, smtputf8=True)
    assert [(r.code, r.enhanced) for r in foreign.recipients] == [(550, "5.6.7")]
    for bad in (b"a\n", b"a\r\nb\rc\r\n", b"a\r\n\nb\r\n"):
        with pytest.raises(ValueError, match="CRLF"):
            await client.send("a@x.test", ["b@x.test"], bad)
    with pytest.raises(ValueError, match="line breaks"):
        await client.send("a@x.test", ["b@x.test>\r\nRCPT TO:<c@x.test"], MESSAGE)
    await client.quit()
