"""Attempts as servers and connections end them."""

from postwright.failures import Verdict
from postwright.mail.smtp import Answer, Disconnected, SendResult, SmtpError

from .connector import Link
from .destinations import Host
from .outcome import Attempt
from .trace import Trace, Try

UNREACHED = Verdict(False, "generic", "soft", "network")


def went_stale(ended: SmtpError | Disconnected) -> bool:
    """Whether a kept connection just came to its end, which says nothing about the message."""
    if isinstance(ended, SmtpError):
        return ended.reply.code == 421
    return ended.stage == "MAIL"


def disliked(attempt: Attempt) -> bool:
    """Whether the refusal may be about our address rather than about the message."""
    return 500 <= attempt.code < 600 and attempt.enhanced.startswith("5.7.")


def tried(link: Link, attempt: Attempt) -> Try:
    """An attempt that was not the last one."""
    problem = f"{attempt.code} {attempt.enhanced} {attempt.text}"
    return Try(link.host.name, link.host.address, attempt.sending_ip, problem, attempt.trace.dialogue)


def trace(link: Link, result: SendResult | None, *, reused: bool) -> Trace:
    """What the attempt saw of the connection."""
    client = link.client
    seen = Trace(reused=reused, tls_policy=link.demand.policy, dialogue=client.dialogue.take())
    if client.tls is not None:
        seen.tls_version, seen.tls_cipher = client.tls.version, client.tls.cipher
    timings = seen.timings
    if not reused:
        opening = client.opening
        timings.connect, timings.greeting = opening.connect, opening.greeting
        timings.ehlo, timings.tls = opening.ehlo, opening.tls
        seen.tried, link.tried = link.tried, []
    if result is not None:
        timings.envelope = result.envelope_seconds
        timings.data, timings.dot = result.data_seconds, result.dot_seconds
    return seen


def of_reply(reply: Answer, host: Host) -> Attempt:
    """The attempt that a reply of `host` ended, not yet judged."""
    return Attempt(
        code=reply.code,
        text=reply.text,
        enhanced=reply.enhanced,
        command=reply.command,
        mx_host=host.name,
        mx_ip=host.address,
        answered=True,
    )


def of_loss(lost: Disconnected, host: Host, site: str) -> Attempt:
    """The attempt that a lost connection ended."""
    what = "after the message was sent" if lost.after_dot else f"at {lost.stage}"
    return Attempt(
        code=499,
        text="" if lost.after_dot else f"Unable to connect to MX servers: [{site}]",
        description=f"Connection lost {what}",
        mx_host=host.name,
        mx_ip=host.address,
        ambiguous=lost.after_dot,
        verdict=UNREACHED,
    )
