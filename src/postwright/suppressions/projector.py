"""Suppressions learnt from events."""

from collections.abc import Sequence
from typing import Any

import msgspec

from postwright.events import Entry as Logged
from postwright.events import Projection
from postwright.kernel.db import Write

from . import service, store
from .kinds import BOUNCES, COMPLAINTS, Kind
from .service import Entry


class SuppressionProjection(Projection):
    """Hard bounces and complaints enter their lists.

    Unsubscribes do so in the transaction that appends their event: a person who comes back from the same page a
    moment later must not be overtaken by a reader of the log.
    """

    name = "suppressions"

    def apply(self, tx: Write, entries: Sequence[Logged]) -> None:
        """Take in events; nearly all of them concern nobody here and are not even decoded."""
        for entry in entries:
            if entry.name == "failed" and entry.severity == "permanent":
                self._bounce(tx, entry)
            elif entry.name == "complained":
                self._add(tx, entry, COMPLAINTS, {})

    def _bounce(self, tx: Write, entry: Logged) -> None:
        event = _event(entry)
        # A hard bounce is a recipient's fault; policy, content and blocks are not (behaviour.md 5.2).
        if event.get("reason") != "bounce":
            return
        if store.is_allowed(tx, entry.domain_id, str(event.get("recipient", "")).lower()):
            return
        status = event.get("delivery-status") or {}
        self._add(
            tx,
            entry,
            BOUNCES,
            {"code": str(status.get("code", 550)), "error": str(status.get("message", ""))},
        )

    def _add(self, tx: Write, entry: Logged, kind: Kind, values: dict[str, Any]) -> None:
        address = str(_event(entry).get("recipient", "")).lower()
        if address:
            service.add(tx, entry.at, entry.domain_id, kind, [Entry(address=address, **values)])


def _event(entry: Logged) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(entry.data)
    return event
