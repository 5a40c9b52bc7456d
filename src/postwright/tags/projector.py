"""Tags learnt from events."""

from collections.abc import Sequence

import msgspec

from postwright.events import Entry, Projection
from postwright.kernel.db import Write

from . import service
from .service import Place, Sighting


class _Tagged(msgspec.Struct):
    tags: list[str] = []


_decode = msgspec.json.Decoder(_Tagged).decode


class TagProjection(Projection):
    """A tag is seen when a message with it is accepted."""

    name = "tags"
    replay = True

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        """Take in events; only `accepted` ones are decoded, and nothing is written while nobody uses tags."""
        sightings: dict[Place, dict[str, Sighting]] = {}
        for entry in entries:
            if entry.name != "accepted" or b'"tags":[]' in entry.data:
                continue
            try:
                tagged = _decode(entry.data)
            except msgspec.ValidationError:
                continue  # an unusual event must not stop the reader
            for tag in tagged.tags:
                for place in ((entry.account_id, entry.domain_id), (entry.account_id, "")):
                    known = sightings.setdefault(place, {}).setdefault(
                        tag.lower(), Sighting(tag, entry.at, entry.at)
                    )
                    known.last = entry.at
        if sightings:
            service.note(tx, sightings)
