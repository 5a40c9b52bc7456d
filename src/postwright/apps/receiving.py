"""Who deals with mail that comes in: the one list of handlers, for the door and for the worker."""

import ssl

from postwright.arrivals import Handler
from postwright.failures import classifier
from postwright.forwarding import Forwarding, Relay, Returns, Routing
from postwright.inbound import (
    Assessor,
    Bounces,
    Complaints,
    Directory,
    InboundWorker,
    Judge,
    Kept,
    PeerLimits,
    Receiver,
    Rspamd,
    Unsubscribing,
)
from postwright.inbound.smtp import EARLY_TALKER_SECONDS, MxPolicy
from postwright.mail.smtp import Policy
from postwright.posting import ListHandler, ListWorker
from postwright.reports import Reports
from postwright.routes import Router
from postwright.rua import AggregateReports

from .context import Context


def handlers(context: Context) -> list[Handler]:
    """Every handler, in the order they are asked in."""
    forwarder = relay(context)
    rules = classifier(context.settings.failure_rules)
    reports = Reports(db=context.db, clock=context.clock, vault=context.vault, rules=rules)
    return [
        Bounces(reports),
        Unsubscribing(context.db, context.vault, context.clock),
        Returns(forwarder),
        Complaints(reports),
        AggregateReports(),
        Kept(context.clock),
        ListHandler(context.db, context.clock, context.sequence),
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
    rspamd = Rspamd(context.settings.rspamd) if context.settings.rspamd else None
    return MxPolicy(
        db=context.db,
        receiver=receiver(context),
        directory=found or directory(context),
        assessor=Assessor(judge(context), rspamd, context.hostname),
        submission=submission,
        hostname=context.hostname,
        tls=tls,
        limits=PeerLimits() if context.settings.limits_on else None,
        # On a laptop every test would wait for it.
        early_talker_seconds=EARLY_TALKER_SECONDS if context.settings.delivery == "live" else 0.0,
    )


def judge(context: Context) -> Judge | None:
    """Who looks at what a sender can prove; nobody where nothing may leave the machine, not even a question."""
    settings = context.settings
    return None if settings.capture and not settings.dns else Judge(settings, context.hostname)


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


def list_worker(context: Context) -> ListWorker:
    """What sends posts to the members of lists."""
    return ListWorker(
        db=context.db,
        clock=context.clock,
        spool=context.spool,
        vault=context.vault,
        sequence=context.sequence,
        hostname=context.hostname,
        base_url=context.settings.local_url,
        tracking_url=context.settings.tracking_url,
    )
