"""Only CRLF.CRLF ends a message: what another server reads differently must not become a second one."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.mail.smtp import Envelope, SmtpServer

from .conftest import Dial, Keeper, Peer, eventually

INNER = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@x.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\n.\r",
    b"\r\n..\r\n",
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("apart", [False, True])
async def test_where_newlines_are_strict_it_is_refused_or_one_message(
    dial: Dial, end: bytes, apart: bool
) -> None:
    policy = Keeper()
    peer = await dial(policy)
    await peer.begin()
    for piece in (b"hello" + end, INNER) if apart else (b"hello" + end + INNER,):
        await peer.write(piece)
        await asyncio.sleep(0.01 * apart)
    code, text = await peer.reply()
    well_formed = end in (b"\r\n..\r\n", b"\r\n\0.\r\n")
    assert (code, text[:6]) == ((250, "2.0.0 ") if well_formed else (550, "5.6.11"))
    assert policy.senders == ["a@x.test"]
    assert len(policy.taken) == well_formed
    assert await peer.ask("NOOP") == 250  # in step: nothing of it was taken for a command


@pytest.mark.parametrize("end", ENDS)
async def test_where_newlines_are_forgiven_it_is_one_message_of_clean_lines(dial: Dial, end: bytes) -> None:
    policy = Keeper(strict_newlines=False)
    peer = await dial(policy)
    await peer.begin()
    await peer.write(b"hello" + end + INNER)
    assert (await peer.reply())[0] == 250
    assert policy.senders == ["a@x.test"]
    (taken,) = policy.taken
    assert taken.data.endswith(b"DATA\r\nsmuggled\r\n")
    assert taken.data.count(b"\n") == taken.data.count(b"\r") == taken.data.count(b"\r\n")


async def test_a_command_that_ends_with_a_lone_newline_is_refused_where_they_are_strict(dial: Dial) -> None:
    policy = Keeper()
    peer = await dial(policy)
    await peer.write(b"EHLO me\nNOOP\r\n")
    assert await peer.codes(2) == [500, 250]
    forgiving = await dial(Keeper(strict_newlines=False))
    await forgiving.write(b"EHLO me\nNOOP\r\n")
    assert await forgiving.codes(2) == [250, 250]


TRANSACTION = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n"
WORDS = st.sampled_from(
    [
        TRANSACTION,
        TRANSACTION,
        b"EHLO me\r\n",
        b"HELO me",
        b"MAIL FROM:<a@x.test>",
        b"MAIL FROM:<>",
        b"RCPT TO:<b@x.test>",
        b"DATA",
        b"RSET",
        b"AUTH PLAIN",
        b"AUTH LOGIN dQ==",
        b"*",
        b"AGEAc2VjcmV0",
        b"STARTTLS",
        b"BDAT 3 LAST",
        b".",
        b"..",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\r\n.\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b" ",
        b"x" * 3000,
    ]
)
PIECES = st.lists(WORDS | st.binary(max_size=8), max_size=40)


@settings(max_examples=150, deadline=None)
@given(PIECES, st.integers(1, 50), st.booleans(), st.booleans())
def test_no_input_breaks_the_server_and_its_pieces_do_not_matter(
    pieces: list[bytes], step: int, strict: bool, auth: bool
) -> None:
    data = b"EHLO me\r\n" + b"".join(pieces) + b"\r\n.\r\n"
    whole = asyncio.run(_talk(data, len(data), strict, auth))
    assert asyncio.run(_talk(data, step, strict, auth)) == whole
    assert len(whole) <= data.count(b"\r\n.\r\n")


async def _talk(data: bytes, step: int, strict: bool, auth: bool) -> list[Envelope]:
    """The messages that were taken."""
    policy = Keeper(strict_newlines=strict, auth_required=auth, auth_without_tls=True, max_size=500)
    problems: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context))
    async with await loop.create_server(lambda: SmtpServer(policy), "127.0.0.1", 0) as server:
        peer = Peer(*await asyncio.open_connection(*server.sockets[0].getsockname()))
        with contextlib.suppress(OSError):  # the server may end it, for too many errors
            await peer.reply()
            for at in range(0, len(data), step):
                peer.writer.write(data[at : at + step])
                await asyncio.sleep(0)
            peer.writer.write_eof()
            await peer.ended()
        peer.writer.transport.abort()
        await eventually(lambda: not policy.connections)
    assert problems == []
    return policy.taken
