"""Requests and replies of the audit log."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.http import Moment
from postwright.kernel.http.paging import Limit, Links

from .records import Entry


class AuditQuery(Limit, kw_only=True):
    """What to list: records of an `action`, about an `object`, of an `actor` (the id of a key or user), in a range."""

    most = 300
    clamps = True

    page: str = ""
    action: str = ""
    object: str = ""
    actor: str = ""
    begin: Moment | None = None
    end: Moment | None = None


class By(msgspec.Struct):
    """Who made a change, and from which address."""

    kind: str
    id: str
    address: str


class Change(msgspec.Struct):
    """One change. `before` and `after` hold what changed."""

    id: int
    at: str  # ISO 8601, UTC
    by: By
    action: str
    object: str
    before: Any
    after: Any


class AuditPage(msgspec.Struct):
    """Changes, the newest first."""

    items: list[Change]
    paging: Links


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a search: what is older than record `b`, or newer than record `a`."""

    x: dict[str, str] = {}
    low: int | None = None
    high: int | None = None
    limit: int = 100
    b: int | None = None
    a: int | None = None


def shown(entry: Entry) -> Change:
    """A record as answers have it."""
    return Change(
        id=entry.id,
        at=datetime.fromtimestamp(entry.at / SECOND, UTC).isoformat(timespec="milliseconds"),
        by=By(entry.actor.kind, entry.actor.id, entry.actor.address),
        action=entry.action,
        object=entry.object,
        before=entry.before,
        after=entry.after,
    )
