"""Requests and replies about what DNS says of a domain."""

from typing import ClassVar

import msgspec

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Offset

from ..checks import Past
from ..dns import Expected
from ..records import Check, Domain
from .domains import RecordInfo, record


class ListChecks(Offset, kw_only=True):
    """Which results to list."""

    default: ClassVar[int] = 20
    most: ClassVar[int] = 200


class PurposeInfo(msgspec.Struct):
    """What was found for one record: `mxa`, `spf`, `dkim:<selector>`, `tracking`, `dmarc`."""

    valid: str
    found: list[str]


class PastInfo(msgspec.Struct):
    """The same result, `times` times in a row."""

    first_at: str
    last_at: str
    times: int
    asked: bool
    state: str
    results: dict[str, PurposeInfo]


class Health(msgspec.Struct, kw_only=True):
    """How a domain stands with DNS. Times are null when there is none."""

    name: str
    state: str
    proven_at: str | None
    failing_since: str | None
    checked_at: str | None
    next_check_at: str | None


class Checks(msgspec.Struct, kw_only=True):
    """How a domain stands with DNS, the records that it needs and should have, and what was found before."""

    domain: Health
    receiving: list[RecordInfo]
    sending: list[RecordInfo]
    recommended: list[RecordInfo]
    total_count: int
    items: list[PastInfo]


def health(domain: Domain) -> Health:
    """A domain's standing as answers show it."""
    return Health(
        name=domain.name,
        state=domain.state,
        proven_at=_when(domain.proven_at),
        failing_since=_when(domain.failing_since),
        checked_at=_when(domain.checked_at),
        next_check_at=_when(domain.next_check_at),
    )


def records(expected: list[Expected], checks: dict[str, Check]) -> list[RecordInfo]:
    """Records as answers show them."""
    return [record(each, checks, named=True) for each in expected]


def past(result: Past) -> PastInfo:
    """A result as answers show it."""
    results = {purpose: PurposeInfo(check.valid, check.found) for purpose, check in result.results.items()}
    return PastInfo(
        dates.rfc3339(result.first_at),
        dates.rfc3339(result.last_at),
        result.times,
        result.asked,
        result.state,
        results,
    )


def _when(at: int) -> str | None:
    return dates.rfc3339(at) if at else None
