"""The `smtp` role: submission, MX, and the capture inbox."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from postwright.capture import CapturePolicy
from postwright.mail.smtp import Policy, SmtpServer
from postwright.messages import Acceptor
from postwright.messages.smtp import SubmissionPolicy

from . import receiving
from .context import Context
from .tls import self_signed_context


async def run(
    context: Context,
    sockets: dict[str, list[socket.socket]],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve SMTP on the given sockets until `stop`; open sessions get to finish their message."""
    tls = self_signed_context(context.settings.data_dir, context.hostname)
    submission = SubmissionPolicy(
        db=context.db,
        acceptor=acceptor(context),
        settings=context.settings,
        hostname=context.hostname,
        tls=tls,
    )
    doors: dict[str, Policy] = {
        "submission": submission,
        "mx": receiving.policy(context, submission, tls),
        "capture": CapturePolicy(context.db, context.clock, context.hostname),
    }
    loop = asyncio.get_running_loop()
    servers = []
    for name, listening in sockets.items():
        policy = doors[name]
        for sock in listening:
            servers.append(await loop.create_server(partial(SmtpServer, policy), sock=sock))
    ready()
    await stop.wait()
    for server in servers:
        server.close()
    await asyncio.gather(*(policy.drain() for policy in doors.values()))


def acceptor(context: Context) -> Acceptor:
    """The way in for messages, in this process."""
    return Acceptor(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        sequence=context.sequence,
        hostname=context.hostname,
        live=context.settings.delivery == "live",
    )
