"""Requests and replies of the delivery journal."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.http.paging import Limit, Links

from .records import DELAYED, Record


class AttemptQuery(Limit, kw_only=True):
    """Which records to list; all of the message's recipients unless one is named."""

    most = 300
    clamps = True

    recipient: str = ""
    page: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A page: what was written behind record `a`, or before record `b`."""

    recipient: str = ""
    limit: int = 100
    a: int | None = None
    b: int | None = None


class ReplyShown(msgspec.Struct):
    """A server's reply, and the command that it answered."""

    code: int
    enhanced_code: str
    text: str
    command: str


class TlsShown(msgspec.Struct):
    """How the connection was encrypted. `policy`: none, opportunistic, require, sts or dane; "" when not known."""

    encrypted: bool
    verified: bool
    version: str
    cipher: str
    policy: str


class AttemptShown(msgspec.Struct):
    """One attempt, or one wait that was none (`kind`). Times are ISO 8601 in UTC, `next_at` null: no further try.

    `outcome`: delivered, temporary, permanent, ambiguous, expired, suppressed, cancelled, or delayed, and then
    `cause` says what it waited for. `dialogue` has milliseconds, who spoke (C: we, S: the server), and what.
    """

    kind: str  # attempt · delay
    at: str
    recipient: str
    attempt: int
    outcome: str
    cause: str
    reason: str
    decision: str
    next_at: str | None
    mx_host: str
    mx_ip: str
    source_ip: str
    ehlo: str
    reply: ReplyShown | None
    description: str
    tls: TlsShown | None
    seconds: float
    reused_connection: bool
    timings: dict[str, float]
    dialogue: list[tuple[int, str, str]]
    tried_before: list[dict[str, Any]]


class AttemptPage(msgspec.Struct):
    """Records in the order they were written."""

    items: list[AttemptShown]
    paging: Links


def moment(at: int) -> str | None:
    """A time for people and programs; None for 0."""
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="milliseconds") if at else None


def reply_of(record: Record) -> ReplyShown | None:
    """The reply in a record, None when there was none."""
    if not record.code:
        return None
    return ReplyShown(record.code, record.enhanced, record.text, record.command)


def shown(at: int, recipient: str, record: Record) -> AttemptShown:
    """A record as answers have it."""
    trace = record.trace or {}
    tls = None
    if record.tls is not None:
        tls = TlsShown(
            record.tls,
            record.verified,
            trace.get("tls_version", ""),
            trace.get("tls_cipher", ""),
            trace.get("tls_policy", ""),
        )
    return AttemptShown(
        kind="delay" if record.outcome == DELAYED else "attempt",
        at=moment(at) or "",
        recipient=recipient,
        attempt=record.number,
        outcome=record.outcome,
        cause=record.cause,
        reason=record.reason,
        decision=record.decision,
        next_at=moment(record.next_at),
        mx_host=record.mx_host,
        mx_ip=record.mx_ip,
        source_ip=record.source_ip,
        ehlo=record.ehlo,
        reply=reply_of(record),
        description=record.description,
        tls=tls,
        seconds=round(record.seconds, 6),
        reused_connection=trace.get("reused", False),
        timings={name: round(value, 6) for name, value in trace.get("timings", {}).items()},
        dialogue=[tuple(turn) for turn in trace.get("dialogue", ())],
        tried_before=list(trace.get("tried", ())),
    )
