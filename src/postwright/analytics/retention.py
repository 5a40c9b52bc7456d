"""How long events are kept and shown: by the installation, the plan of an account, and the wish for a domain.

Whole days (UTC), counted back from today. A shorter time holds at once: no question sees what is older. The events
themselves go with the next daily round of upkeep.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from postwright import accounts, domains, events
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.settings import Settings

from . import store
from .columns import DAY, day_of, start_of
from .errors import BadRetention, NotYourPlan

_COLUMNS: Final = {"account": "account_id", "domain": "domain_id"}
CHUNK: Final = 500  # owners in one statement


class Floor(msgspec.Struct, frozen=True):
    """No event of these owners is older than `at` (microseconds, the start of a day)."""

    kind: str  # account · domain
    owners: tuple[str, ...]
    at: int

    @property
    def column(self) -> str:
        """The column that names the owner."""
        return _COLUMNS[self.kind]

    def doomed(self) -> Iterator[str]:
        """SQL conditions of the events that are too old."""
        for first in range(0, len(self.owners), CHUNK):
            names = ", ".join(map(_quoted, self.owners[first : first + CHUNK]))
            yield f"day < '{day_of(self.at)}' AND {self.column} IN ({names})"


class Terms(msgspec.Struct, frozen=True):
    """All retentions that are shorter than the installation's, the same ones together."""

    floors: tuple[Floor, ...] = ()

    def conditions(self, low: int, params: dict[str, Any] | None = None) -> list[str]:
        """SQL of what may be seen from `low` on; with values in the text when there are no parameters."""
        found = []
        for number, floor in enumerate(self.floors):
            if floor.at > low:
                names = f"[{', '.join(map(_quoted, floor.owners))}]"
                if params is not None:
                    params[f"floor{number}"] = list(floor.owners)
                    names = f"$floor{number}::VARCHAR[]"
                found.append(f"(ts >= {floor.at} OR {floor.column} NOT IN (SELECT unnest({names})))")
        return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def floor(now: int, days: int) -> int:
    """The start of the oldest day that is kept."""
    return start_of(day_of(max(now - days * DAY, 0)))


def terms(tx: Read, now: int) -> Terms:
    """What holds at a moment."""
    same: dict[tuple[str, int], list[str]] = {}
    for owner, kind, days in store.all_of_them(tx):
        same.setdefault((kind, days), []).append(owner)
    return Terms(
        tuple(
            Floor(kind, tuple(sorted(owners)), floor(now, days))
            for (kind, days), owners in sorted(same.items())
        )
    )


class Kept(msgspec.Struct, frozen=True):
    """For how many days events are kept, and how many that may be at most."""

    days: int
    most: int


def of_account(tx: Read, settings: Settings, account_id: str) -> Kept:
    """What an account's plan says; a subaccount has at most what the account above it has."""
    most = settings.analytics_retention_days
    above = accounts.account(tx, account_id).parent_id
    if above and (days := store.days(tx, above)):
        most = min(days, most)
    return Kept(min(store.days(tx, account_id) or most, most), most)


def of_domain(tx: Read, settings: Settings, account_id: str, domain_id: str) -> Kept:
    """What holds for a domain."""
    most = of_account(tx, settings, account_id).days
    return Kept(min(store.days(tx, domain_id) or most, most), most)


def oldest_shown(tx: Read, settings: Settings, now: int, account_id: str, domain_id: str) -> int:
    """The time (microseconds) before which nothing of a domain is shown."""
    return floor(now, of_domain(tx, settings, account_id, domain_id).days)


def set_for_account(tx: Write, settings: Settings, by: str, account_id: str, days: int) -> Kept:
    """Set an account's plan; 0 days: as long as the installation keeps events. Raises NotYourPlan, BadRetention.

    Plans are set by whoever runs the installation, and for subaccounts by the account above.
    """
    if accounts.any_account(tx) != by and (account_id == by or account_id not in accounts.family(tx, by)):
        raise NotYourPlan
    _check(days, of_account(tx, settings, account_id).most)
    store.put(tx, account_id, "account", days)
    return of_account(tx, settings, account_id)


def set_for_domain(tx: Write, settings: Settings, account_id: str, domain_id: str, days: int) -> Kept:
    """Keep a domain's events shorter than the plan; 0 days: as long as that. Raises BadRetention."""
    _check(days, of_account(tx, settings, account_id).days)
    store.put(tx, domain_id, "domain", days)
    return of_domain(tx, settings, account_id, domain_id)


def _check(days: int, most: int) -> None:
    if not 0 <= days <= most:
        raise BadRetention(most)


def forget_domain(tx: Write, domain_id: str) -> int:
    """Let go of a deleted domain's retention; how many rows."""
    return store.forget(tx, domain_id)


async def cut_log(db: Db, allowed: Terms, usual: int) -> None:
    """Delete from the log what is too old for its owner; `usual` (microseconds) is when its own retention begins."""
    for each in allowed.floors:
        if each.at <= usual:
            continue
        for owner in each.owners:
            owned = [owner] if each.kind == "domain" else await db.read(domains.ids, owner)
            for domain_id in owned:
                while await db.write(events.expire_domain, domain_id, each.at):
                    pass
