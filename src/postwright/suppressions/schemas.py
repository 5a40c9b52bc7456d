"""Requests and replies of the suppression operations."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import Moment, Upload, dates
from postwright.kernel.http.paging import Links, Pivot


class ListQuery(Pivot, kw_only=True):
    """Which page of a list; `term` is how addresses begin, `address` where a page turns."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    address: str = ""
    term: str = ""


class NewBounce(msgspec.Struct, kw_only=True):
    """A bounce to add."""

    address: str
    code: str = "550"
    error: str = ""
    created_at: Moment | None = None
    createdat: Moment | None = None


class NewUnsubscribe(msgspec.Struct, kw_only=True):
    """An unsubscribe to add: from the given tags, or from everything."""

    address: str
    tag: list[str] = []
    tags: list[str] = []
    created_at: Moment | None = None
    createdat: Moment | None = None


class NewComplaint(msgspec.Struct, kw_only=True):
    """A complaint to add."""

    address: str
    created_at: Moment | None = None
    createdat: Moment | None = None


class NewAllowed(msgspec.Struct, kw_only=True):
    """An address or a domain that bounces shall not block."""

    address: str = ""
    domain: str = ""
    reason: str = ""
    created_at: Moment | None = None
    createdat: Moment | None = None


class TagFilter(msgspec.Struct, kw_only=True):
    """One tag only."""

    tag: str = ""


class CsvFile(msgspec.Struct, kw_only=True):
    """A CSV file with a header line."""

    file: Upload | None = None


class Bounce(msgspec.Struct):
    """An address that refused mail for good."""

    address: str
    code: str
    error: str
    created_at: str


class Unsubscribe(msgspec.Struct):
    """An address that wants no more mail, of some tags or at all."""

    address: str
    tags: list[str]
    created_at: str


class Complaint(msgspec.Struct):
    """An address whose owner called a message spam."""

    address: str
    created_at: str


class AllowedEntry(msgspec.Struct):
    """An address or a domain that bounces do not block."""

    type: str
    value: str
    reason: str
    createdAt: str


class Bounces(msgspec.Struct):
    """A page of bounces."""

    items: list[Bounce]
    paging: Links


class Unsubscribes(msgspec.Struct):
    """A page of unsubscribes."""

    items: list[Unsubscribe]
    paging: Links


class Complaints(msgspec.Struct):
    """A page of complaints."""

    items: list[Complaint]
    paging: Links


class Allowlist(msgspec.Struct):
    """A page of the allowlist."""

    items: list[AllowedEntry]
    paging: Links


class Done(msgspec.Struct):
    """What was done."""

    message: str


class AddressDone(Done):
    """What was done, and to whom."""

    address: str


class ValueDone(Done):
    """What was done, and to what."""

    value: str


class AllowedAdded(ValueDone):
    """What was added."""

    type: str


def bounce(row: Any) -> Bounce:
    """A row as answers show it."""
    return Bounce(row.address, row.code, row.error, dates.utc(row.created_at))


def unsubscribe(row: Any) -> Unsubscribe:
    """A row as answers show it."""
    return Unsubscribe(row.address, msgspec.json.decode(row.tags, type=list[str]), dates.utc(row.created_at))


def complaint(row: Any) -> Complaint:
    """A row as answers show it."""
    return Complaint(row.address, dates.utc(row.created_at))


def allowed(row: Any) -> AllowedEntry:
    """A row as answers show it."""
    return AllowedEntry(row.type, row.value, row.reason, dates.utc(row.created_at))
