"""Who deals with mail that comes in: the one list of handlers, for the door and for the worker."""

import ssl

from postwright.arrivals import Handler
from postwright.forwarding import Forwarding, Relay, Returns, Routing
from postwright.inbound import Directory, InboundWorker, Kept, Receiver
from postwright.inbound.smtp import MxPolicy
from postwright.mail.smtp import Policy
from postwright.routes import Router

from .context import Context


def handlers(context: Context) -> list[Handler]:
    """Every handler, in the order they are asked in."""
    forwarder = relay(context)
    return [
        Returns(forwarder),
        Kept(context.clock),
        Routing(forwarder, Router()),
        Forwarding(forwarder),
    ]


def relay(context: Context) -> Relay:
    """What passes received messages on to other addresses."""
    return Relay(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        sequence=context.sequence,
        hostname=context.hostname,
    )


def directory(context: Context) -> Directory:
    """Who takes mail for an address."""
    return Directory(handlers(context))


def policy(
    context: Context, submission: Policy, tls: ssl.SSLContext, found: Directory | None = None
) -> MxPolicy:
    """The rules of the MX door."""
    return MxPolicy(
        db=context.db,
        receiver=receiver(context),
        directory=found or directory(context),
        submission=submission,
        hostname=context.hostname,
        tls=tls,
    )


def receiver(context: Context) -> Receiver:
    """The way in for received messages, in this process."""
    return Receiver(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        sequence=context.sequence,
        hostname=context.hostname,
        base_url=context.settings.local_url,
    )


def worker(context: Context) -> InboundWorker:
    """The worker of this process."""
    return InboundWorker(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        handlers=handlers(context),
    )
