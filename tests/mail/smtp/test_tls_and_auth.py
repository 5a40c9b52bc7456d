"""STARTTLS forgets everything that was said in clear; AUTH in its two dialogues."""

import asyncio
import ssl
from base64 import b64encode

import pytest

from postwright.mail.smtp import SmtpClient, SmtpServer
from postwright.tlspolicy import shown

from .conftest import Dial, Keeper, Peer, eventually


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


async def test_what_follows_starttls_in_the_same_packet_is_not_executed(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    policy = Keeper(tls=server_tls)
    peer = await dial(policy)
    await peer.ask("EHLO me")
    await peer.write(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x.test>\r\n")
    assert (await peer.reply())[0] == 220
    await peer.encrypt(trusting)
    assert await peer.ask("EHLO me") == 250  # the first reply there is: none to what was injected
    assert policy.senders == []
    assert await peer.ask("RCPT TO:<b@x.test>") == 503


async def test_starttls_in_a_group_behind_a_hook_is_no_way_in_either(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    policy = Keeper(tls=server_tls)
    peer = await dial(policy)
    await peer.write(b"EHLO me\r\nMAIL FROM:<a@x.test>\r\nSTARTTLS\r\nRCPT TO:<evil@x.test>\r\n")
    assert await peer.codes(3) == [250, 250, 220]
    await peer.encrypt(trusting)
    assert await peer.ask("RCPT TO:<b@x.test>") == 503


async def test_after_tls_the_session_begins_anew(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    policy = Keeper(tls=server_tls, auth_required=True, auth_without_tls=True)
    peer = await dial(policy)
    await peer.ask("EHLO me")
    assert await peer.ask(f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}") == 235
    assert await peer.ask("MAIL FROM:<a@x.test>") == 250
    assert await peer.ask("STARTTLS") == 220
    await peer.encrypt(trusting)
    assert await peer.ask("MAIL FROM:<a@x.test>") == 503  # no EHLO
    await peer.write(b"EHLO me\r\n")
    _, offered = await peer.reply()
    assert "STARTTLS" not in offered.split("\n")
    assert await peer.ask("STARTTLS") == 500
    assert await peer.ask("MAIL FROM:<a@x.test>") == 530  # no login
    (connection,) = policy.connections
    assert connection._session.tls


async def test_a_client_may_speak_at_once_after_the_handshake(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    """The last flight of the handshake and the first command may come in one packet."""
    peer = await dial(Keeper(tls=server_tls))
    assert await peer.ask("STARTTLS") == 220
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(theirs, ours, server_hostname="mx.test")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            await peer.write(ours.read())
            theirs.write(await asyncio.wait_for(peer.reader.read(65536), 5))
    tls.write(b"EHLO me\r\n")
    await peer.write(ours.read())  # Finished and EHLO together
    said = b""
    while b"250 " not in said:
        theirs.write(await asyncio.wait_for(peer.reader.read(65536), 5))
        try:
            said += tls.read()
        except ssl.SSLWantReadError:
            continue
    assert said.startswith(b"250-mx.test\r\n")


async def test_a_handshake_that_is_none_ends_the_connection(dial: Dial, server_tls: ssl.SSLContext) -> None:
    policy = Keeper(tls=server_tls)
    peer = await dial(policy)
    assert await peer.ask("STARTTLS") == 220
    await peer.write(b"MAIL FROM:<evil@x.test>\r\n" * 20)
    await peer.ended()
    await eventually(lambda: not policy.connections)
    assert policy.senders == []


async def test_tls_from_the_first_byte(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    policy = Keeper(tls=server_tls, auth_required=True)
    peer = await dial(policy, tls=trusting)
    await peer.write(b"EHLO me\r\n")
    _, offered = await peer.reply()
    assert "STARTTLS" not in offered.split("\n")
    assert "AUTH PLAIN LOGIN" in offered.split("\n")
    assert await peer.ask(f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}") == 235
    await peer.begin()
    assert await peer.ask("hello\r\n.") == 250
    assert await peer.ask("QUIT") == 221


@pytest.fixture
async def peer(dial: Dial) -> Peer:
    """Somebody who may log in."""
    peer = await dial(Keeper(auth_required=True, auth_without_tls=True))
    assert await peer.ask("MAIL FROM:<a@x.test>") == 503
    await peer.ask("EHLO me")
    assert await peer.ask("MAIL FROM:<a@x.test>") == 530
    return peer


@pytest.mark.parametrize(
    "dialogue",
    [
        [(f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}", 235)],
        [(f"auth plain {b64('ann' + chr(0) + 'ann' + chr(0) + 'secret')}", 235)],
        [("AUTH PLAIN", 334), (b64("\0ann\0secret"), 235)],
        [("AUTH LOGIN", 334), (b64("ann"), 334), (b64("secret"), 235)],
        [(f"AUTH LOGIN {b64('ann')}", 334), (b64("secret"), 235)],
    ],
)
async def test_ways_to_log_in(peer: Peer, dialogue: list[tuple[str, int]]) -> None:
    assert [await peer.ask(line) for line, _ in dialogue] == [code for _, code in dialogue]
    assert await peer.ask("AUTH PLAIN") == 503  # once is enough
    assert await peer.ask("MAIL FROM:<a@x.test>") == 250


@pytest.mark.parametrize(
    "dialogue",
    [
        [("AUTH PLAIN", 334), ("*", 501)],
        [("AUTH LOGIN", 334), (b64("ann"), 334), ("*", 501)],
        [(f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'wrong')}", 535)],
        [("AUTH LOGIN", 334), (b64("ann"), 334), (b64("wrong"), 535)],
        [("AUTH PLAIN not-base64", 501)],
        [("AUTH PLAIN =", 501)],
        [(f"AUTH PLAIN {b64('ann')}", 501)],
        [(f"AUTH PLAIN {b64encode(bytes([0, 255, 0, 255])).decode()}", 501)],
        [("AUTH LOGIN", 334), ("MAIL FROM:<a@x.test>", 501)],
        [("AUTH CRAM-MD5", 504)],
        [("AUTH", 504)],
    ],
)
async def test_ways_not_to_log_in(peer: Peer, dialogue: list[tuple[str, int]]) -> None:
    assert [await peer.ask(line) for line, _ in dialogue] == [code for _, code in dialogue]
    assert await peer.ask("MAIL FROM:<a@x.test>") == 530
    assert await peer.ask(f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}") == 235


async def test_login_asks_in_words_clients_know(peer: Peer) -> None:
    await peer.write(b"AUTH LOGIN\r\n")
    assert await peer.reply() == (334, b64("Username:"))
    await peer.write(b64("ann").encode() + b"\r\n")
    assert await peer.reply() == (334, b64("Password:"))


async def test_passwords_are_not_taken_in_clear(
    dial: Dial, server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    peer = await dial(Keeper(tls=server_tls, auth_required=True))
    await peer.write(b"EHLO me\r\n")
    _, offered = await peer.reply()
    assert "AUTH" not in offered
    login = f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}"
    assert await peer.ask(login) == 538
    assert await peer.ask("STARTTLS") == 220
    await peer.encrypt(trusting)
    await peer.ask("EHLO me")
    assert await peer.ask(login) == 235


async def test_the_certificates_of_a_server_can_be_seen_unverified(
    server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    """What DANE compares, on both loops."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SmtpServer(Keeper(tls=server_tls)), "127.0.0.1", 0)
    client = await SmtpClient.connect("127.0.0.1", server.sockets[0].getsockname()[1])
    await client.ehlo("me.test")
    assert client.tls_object is None
    await client.starttls(trusting, server_hostname="mx.test")
    (shown_one,) = shown(client.tls_object)
    assert shown_one == client.tls_object.getpeercert(binary_form=True)
    client.abort()
    server.close()
