"""The beginning of a session as the client sees it: greetings, extensions, certificates, addresses."""

import ssl

import pytest

from postwright.mail.smtp import ConnectError, Disconnected, SmtpClient, SmtpError

from .conftest import QUICK, Peer
from .script import MESSAGE, Scripted, answer, body, connected, hello


async def test_helo_when_ehlo_is_not_known(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await peer.write(b"220 old\r\n")
        await answer(peer, ("EHLO", "502 what"), ("HELO me.test", "250-hi\r\n250 PIPELINING"))
        await answer(peer, ("MAIL FROM:<a@x.test>\r\n", "250 ok"))

    client = await SmtpClient.connect("127.0.0.1", await scripted(script), timeouts=QUICK)
    assert await client.ehlo("me.test") == {}
    with pytest.raises(Disconnected):
        await client.send("a@x.test", ["b@x.test"], MESSAGE)


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x02\r\n",
        b"999 what\r\n",
        b"220hello\r\n",
        b"",
        b"x" * 100_000,
        b"220-on\r\n" * 5000,
    ],
)
async def test_what_does_not_greet_like_smtp_is_no_server(scripted: Scripted, greeting: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.write(greeting)

    with pytest.raises(ConnectError):
        await SmtpClient.connect("127.0.0.1", await scripted(script), timeouts=QUICK)


async def test_a_server_that_wants_nothing_says_so_in_its_greeting(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await peer.write(b"554-5.7.1 you\r\n554 5.7.1 are listed\r\n")

    with pytest.raises(SmtpError) as refused:
        await SmtpClient.connect("127.0.0.1", await scripted(script), timeouts=QUICK)
    reply = refused.value.reply
    assert (reply.code, reply.enhanced, reply.text, reply.command) == (554, "5.7.1", "you are listed", "")


async def test_extensions_are_used_when_offered_and_needed(scripted: Scripted) -> None:
    got = []

    async def script(peer: Peer) -> None:
        await hello(peer, "SMTPUTF8", "8BITMIME", "size 100")
        for reply in (b"250 ok", b"250 ok", b"354 go"):
            got.append(await peer.reader.readline())
            await peer.write(reply + b"\r\n")
        await body(peer)
        await peer.write(b"250 kept\r\n")

    client = await connected(await scripted(script))
    assert client.capabilities == {"SMTPUTF8": "", "8BITMIME": "", "SIZE": "100"}
    await client.send("ä@x.test", ["ü@x.test"], "Grüße\r\n".encode(), smtputf8=True)
    assert got[0].decode() == "MAIL FROM:<ä@x.test> SIZE=9 BODY=8BITMIME SMTPUTF8\r\n"
    assert got[1].decode() == "RCPT TO:<ü@x.test>\r\n"
    client.abort()


async def test_a_certificate_is_checked_when_that_is_asked_for(
    scripted: Scripted, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "STARTTLS", "SIZE 5")
        await answer(peer, ("STARTTLS", "220 go"))
        await peer.writer.start_tls(server_tls)
        await answer(peer, ("EHLO", "250 mx.test"), ("QUIT", "221 bye"))

    port = await scripted(script)
    client = await connected(port)
    with pytest.raises((ssl.SSLError, Disconnected)):
        await client.starttls(ssl.create_default_context(), server_hostname="mx.test")
    assert not client.reusable
    client = await connected(port)
    facts = await client.starttls(trusting, server_hostname="mx.test")
    assert facts.version in ("TLSv1.2", "TLSv1.3")
    assert facts.cipher
    assert client.capabilities == {}
    assert await client.ehlo("me.test") == {}
    await client.quit()


async def test_a_handshake_of_garbage_is_a_loss_at_starttls(scripted: Scripted) -> None:
    async def script(peer: Peer) -> None:
        await hello(peer, "STARTTLS")
        await answer(peer, ("STARTTLS", "220 go"))
        await peer.write(b"what? this is no handshake at all\r\n")
        await peer.reader.read()

    client = await connected(await scripted(script))
    with pytest.raises((ssl.SSLError, Disconnected)):
        await client.starttls(ssl.create_default_context(), server_hostname="mx.test")
    assert not client.reusable


async def test_a_connection_leaves_from_the_address_asked_for(scripted: Scripted) -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(peer.writer.get_extra_info("peername")[0])
        await hello(peer)

    port = await scripted(script)
    client = await SmtpClient.connect("127.0.0.1", port, source="127.0.0.77", timeouts=QUICK)
    await client.ehlo("me.test")
    assert (client.local_address, client.peer_address, seen) == ("127.0.0.77", "127.0.0.1", ["127.0.0.77"])
    client.abort()
    with pytest.raises(ConnectError):
        await SmtpClient.connect("127.0.0.1", port, source="192.0.2.1", timeouts=QUICK)


async def test_nobody_listens(scripted: Scripted) -> None:
    with pytest.raises(ConnectError):
        await SmtpClient.connect("127.0.0.1", 1, timeouts=QUICK)
