"""What the scripts of misbehaving servers are written with."""

from collections.abc import Awaitable, Callable

from postwright.mail.smtp import SmtpClient

from .conftest import QUICK, Peer

Scripted = Callable[..., Awaitable[int]]
MESSAGE = b"Subject: hi\r\n\r\nhello\r\n"


async def hello(peer: Peer, *keywords: str) -> None:
    """Greet and offer some extensions."""
    await peer.write(b"220 mx.test\r\n")
    assert (await peer.reader.readline()).upper().startswith(b"EHLO ")
    lines = ["mx.test", *keywords]
    last = len(lines) - 1
    await peer.write(
        b"".join(b"250%s%s\r\n" % (b" " if n == last else b"-", w.encode()) for n, w in enumerate(lines))
    )


async def answer(peer: Peer, *dialogue: tuple[str, str]) -> None:
    """Expect each command's beginning and give the reply."""
    for expected, reply in dialogue:
        line = await peer.reader.readline()
        assert line.startswith(expected.encode()), f"{line!r} instead of {expected}"
        if reply:
            await peer.write(reply.encode() + b"\r\n")


async def body(peer: Peer) -> bytes:
    """A message up to its final dot."""
    return await peer.reader.readuntil(b"\r\n.\r\n")


async def connected(port: int) -> SmtpClient:
    client = await SmtpClient.connect("127.0.0.1", port, timeouts=QUICK)
    await client.ehlo("me.test")
    return client
