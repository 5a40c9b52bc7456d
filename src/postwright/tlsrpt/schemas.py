"""Requests and replies of TLS results."""

from typing import Any

import msgspec

from postwright.kernel.http import Moment
from postwright.kernel.http.paging import Limit, Links


class ResultsQuery(Limit, kw_only=True):
    """What to list: days from `begin` to `end`, of one recipient `domain`, or only days with failures."""

    most = 300
    clamps = True

    page: str = ""
    domain: str = ""
    begin: Moment | None = None
    end: Moment | None = None
    failed: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a search: what comes after day `d` and domain `n`."""

    x: str = ""  # the domain asked for
    low: int = 0
    high: int = 1 << 30
    failed: bool = False
    limit: int = 100
    d: int | None = None
    n: str = ""


class Day(msgspec.Struct):
    """One recipient domain's sessions of one day. `report`: waiting, sent, unwanted, failed, or "" before its time."""

    day: str  # ISO 8601, UTC
    domain: str
    successful_sessions: int
    failed_sessions: int
    report: str
    problem: str
    policies: list[Any]  # as in the report: policy, summary, failure-details


class ResultsPage(msgspec.Struct):
    """Days, the newest first."""

    items: list[Day]
    paging: Links
