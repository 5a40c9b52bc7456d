"""What our client sends is what our server takes, to the byte."""

import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from postwright.mail.smtp import SmtpClient, SmtpServer

from .conftest import QUICK, Dial, Keeper

LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"hello", b"\xff\0", b". "]), max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=4), st.booleans(), st.booleans())
@example([[b"."]], True, True)
@example([[b"", b".", b""]], True, False)
def test_dots_and_empty_lines_survive(messages: list[list[bytes]], pipelining: bool, newline: bool) -> None:
    datas = [b"\r\n".join(lines) + (b"\r\n" if newline and lines else b"") for lines in messages]
    taken = asyncio.run(_through(datas, pipelining))
    # A message whose last line was not ended gets its line end.
    assert taken == [d if d.endswith(b"\r\n") or not d else d + b"\r\n" for d in datas]


async def _through(datas: list[bytes], pipelining: bool) -> list[bytes]:
    policy = Keeper(pipelining=pipelining)
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: SmtpServer(policy), "127.0.0.1", 0) as server:
        client = await SmtpClient.connect(*server.sockets[0].getsockname(), timeouts=QUICK)
        await client.ehlo("me.test")
        for data in datas:
            result = await client.send("a@x.test", ["b@x.test"], data)
            assert [reply.code for reply in result.recipients] == [250]
        await client.quit()
    return [envelope.data for envelope in policy.taken]


async def test_a_large_message_and_a_thousand_recipients(dial: Dial) -> None:
    policy = Keeper()
    peer = await dial(policy)
    host, port = peer.writer.get_extra_info("peername")
    client = await SmtpClient.connect(host, port, timeouts=QUICK)
    await client.ehlo("me.test")
    data = (b".dots" + b"x" * 70 + b"\r\n") * 100_000
    names = [f"u{n}@x.test" for n in range(1000)]
    result = await client.send("a@x.test", names, data)
    assert {reply.code for reply in result.recipients} == {250}
    assert policy.taken[0].data == data
    assert policy.taken[0].recipients == tuple(names)
    await client.quit()
