"""Habits learnt from events."""

from collections.abc import Sequence

import msgspec

from postwright.events import Entry, Projection
from postwright.kernel.db import Write

from .service import note
from .zones import zone_of


class _Client(msgspec.Struct, frozen=True):
    bot: str | None = ""


class _Place(msgspec.Struct, frozen=True):
    timezone: str = ""
    country: str = ""


class _Engagement(msgspec.Struct, rename="kebab", frozen=True):
    recipient: str = ""
    client_info: _Client = _Client()
    geolocation: _Place = _Place()


_decode = msgspec.json.Decoder(_Engagement).decode


class HabitProjection(Projection):
    """Opens and clicks of people."""

    name = "habits"

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        """Take in events."""
        for entry in entries:
            if entry.name not in ("opened", "clicked"):
                continue
            event = _decode(entry.data)
            if event.recipient and not event.client_info.bot:
                zone = zone_of(event.geolocation.timezone, event.geolocation.country)
                note(tx, entry.account_id, event.recipient.lower(), entry.at, zone)
