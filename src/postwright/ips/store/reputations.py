"""SQL of reputations."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from postwright.kernel.db import Read, Write

from ..records import Figures
from ..tables import reputations

_COLUMNS = ("processed", "bounced", "complained", "blocked")


def add(tx: Write, counts: Mapping[tuple[str, int], Figures]) -> None:
    """Count what came of mail, by scope and hour."""
    insert = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
    for (scope, hour), figures in counts.items():
        given = {name: getattr(figures, name) for name in _COLUMNS}
        stmt = insert(reputations).values(scope=scope, hour=hour, **given)
        more = {name: reputations.c[name] + stmt.excluded[name] for name in _COLUMNS}
        tx.run(stmt.on_conflict_do_update(index_elements=["scope", "hour"], set_=more))


def total(tx: Read, scope: str, since: int, until: int) -> Figures:
    """What came of mail in the hours that begin from `since` on and before `until`."""
    row = tx.row(
        select(*(func.coalesce(func.sum(reputations.c[name]), 0) for name in _COLUMNS)).where(
            reputations.c.scope == scope, reputations.c.hour >= since, reputations.c.hour < until
        )
    )
    return Figures(*(int(value) for value in row)) if row is not None else Figures()


def totals(tx: Read, scopes: Iterable[str], since: int) -> dict[str, Figures]:
    """What came of mail in the hours that begin from `since` on, by scope."""
    table = reputations.c
    sums = (func.sum(table[name]).label(name) for name in _COLUMNS)
    stmt = select(table.scope, *sums).where(table.scope.in_(list(scopes)), table.hour >= since)
    return {
        row.scope: Figures(*(int(getattr(row, name)) for name in _COLUMNS))
        for row in tx.rows(stmt.group_by(table.scope))
    }


def expire(tx: Write, before: int) -> int:
    """Forget hours that began before a time."""
    return tx.run(delete(reputations).where(reputations.c.hour < before))


def forget(tx: Write, scopes: Iterable[str]) -> int:
    """Forget scopes; how many hours of them there were."""
    return tx.run(delete(reputations).where(reputations.c.scope.in_(list(scopes))))
