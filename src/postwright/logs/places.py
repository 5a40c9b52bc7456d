"""Where an event stands, and what a search is narrowed by: the words between a search and what it reads from."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where an event stands in the log."""

    at: int
    seq: int


class Narrow(msgspec.Struct, frozen=True):
    """Exact values of indexed columns, lower case; None: any."""

    name: str | None = None
    severity: str | None = None
    recipient: str | None = None
    message_id: str | None = None


class Reader(Protocol):
    """Something that has a domain's events."""

    def __call__(
        self,
        narrow: Narrow,
        *,
        low: int | None,
        high: int | None,
        place: Place | None,
        inclusive: bool,
        rising: bool,
        limit: int,
    ) -> Sequence[Any]:
        """Time, number and JSON of up to `limit` events behind `place`, rising or falling."""
        ...
