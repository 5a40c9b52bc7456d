"""The process of the roles `submission` and `mx`, and of the capture inbox."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from postwright.accounts import Rates
from postwright.capture import CapturePolicy
from postwright.certificates import Keyring
from postwright.kernel import metrics
from postwright.mail.smtp import Policy, Reply, SmtpServer
from postwright.messages import Acceptor
from postwright.messages.smtp import SubmissionPolicy

from . import receiving
from .context import Context
from .tls import Certificate


async def run(
    context: Context,
    sockets: dict[str, list[socket.socket]],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve SMTP on the given sockets until `stop`; open sessions get to finish their message."""
    keyring = Keyring(context.db, context.vault)
    tls = Certificate(context.settings, context.hostname, keyring)
    submission = SubmissionPolicy(
        db=context.db,
        acceptor=acceptor(context, Rates() if context.settings.limits_on else None),
        settings=context.settings,
        hostname=context.hostname,
        tls=tls.context,
    )
    doors: dict[str, Policy] = {
        "submission": submission,
        "submission_tls": submission,
        "mx": receiving.policy(context, submission, tls.context),
        "capture": CapturePolicy(context.db, context.clock, context.hostname),
    }
    for name, policy in doors.items():
        if name != "submission_tls":  # the same as submission
            policy.on_refusal = partial(_refused, name)
            policy.on_tls_failure = _TLS_FAILURES.labels(name).inc
    loop = asyncio.get_running_loop()
    servers = []
    for name, listening in sockets.items():
        policy = doors[name]
        for sock in listening:
            implicit = tls.context if name == "submission_tls" else None
            servers.append(await loop.create_server(partial(SmtpServer, policy), sock=sock, ssl=implicit))
    watching = [asyncio.create_task(tls.watch()), asyncio.create_task(keyring.watch())]
    counting = asyncio.create_task(_count(doors))
    ready()
    await stop.wait()
    for task in watching:
        task.cancel()
    counting.cancel()
    for server in servers:
        server.close()
    await asyncio.gather(*(policy.drain() for policy in {*doors.values()}))


_SESSIONS = metrics.Gauge("smtpd_connections", "Open connections to our SMTP server.", ("door",))
_REFUSALS = metrics.Counter(
    "smtpd_rejects_total",
    "Refusals by our SMTP server, by the command that was refused (MESSAGE: the content).",
    ("door", "stage", "code", "enhanced"),
)
_TLS_FAILURES = metrics.Counter(
    "smtpd_starttls_errors_total", "STARTTLS that our SMTP server agreed to and that failed.", ("door",)
)


def _refused(door: str, stage: str, reply: Reply) -> None:
    _REFUSALS.labels(door, stage, str(reply.code), reply.enhanced).inc()


async def _count(doors: dict[str, Policy]) -> None:
    while True:
        for name, policy in doors.items():
            if name != "submission_tls":
                _SESSIONS.labels(name).set(len(policy.connections))
        await asyncio.sleep(1)


def acceptor(context: Context, rates: Rates | None = None) -> Acceptor:
    """The way in for messages, in this process; `rates` count what comes through a door."""
    return Acceptor(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        sequence=context.sequence,
        hostname=context.hostname,
        live=context.settings.delivery == "live",
        tracking_url=context.settings.tracking_url or context.settings.public_url,
        rates=rates,
    )
