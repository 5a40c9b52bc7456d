"""Requests and replies of the operations on looks at DNS."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Limit, Links, Offset


class ListChecked(Offset, kw_only=True):
    """Which addresses."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000


class CheckShown(msgspec.Struct):
    """What the last look found. `outcome` is the last one that anybody could tell; `problem`: why not this time."""

    check: str
    outcome: str
    detail: str
    found: list[str]
    problem: str
    since: str
    checked_at: str

    @classmethod
    def of(cls, row: Any) -> "CheckShown":
        """A row as answers show it."""
        return cls(
            row.kind,
            row.outcome,
            row.detail,
            msgspec.json.decode(row.found),
            row.problem,
            dates.rfc3339(row.since),
            dates.rfc3339(row.checked_at),
        )


class IpChecks(msgspec.Struct):
    """An address, and what the last looks found; nothing before the first."""

    ip: str
    ehlo: str
    items: list[CheckShown]


class IpsChecked(msgspec.Struct):
    """Addresses, and what the last looks found."""

    items: list[IpChecks]
    total_count: int


class DomainChecks(msgspec.Struct):
    """A domain, and what the last looks found."""

    domain: str
    items: list[CheckShown]


class ListChanges(Limit, kw_only=True):
    """Which page of changes."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    page: str = ""


class ChangeShown(msgspec.Struct):
    """That a look found something else than the one before; `before` is "" for the first."""

    check: str
    before: str
    outcome: str
    detail: str
    at: str

    @classmethod
    def of(cls, row: Any) -> "ChangeShown":
        """A row as answers show it."""
        return cls(row.kind, row.before, row.outcome, row.detail, dates.rfc3339(row.at))


class Changes(msgspec.Struct):
    """Changes, the newest first."""

    items: list[ChangeShown]
    paging: Links
