"""Tables of calls to URLs of users: what they have in common, and the statements that work on them.

A row is queued, leased to a process that makes the call, and then either due again later, done or given up. Every
step out of a lease compares its token, so that who lost the lease cannot undo what another did.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Index, Integer, Table, Text, bindparam, delete, func, insert, select, update
from sqlalchemy import literal_column as literal
from sqlalchemy import text as clause

from .schema import Micros, metadata
from .tx import Prepared, Read, Write

# Literals, not bound values: a planner uses a partial index only where it can see that the condition holds.
QUEUED = literal("0", Integer)
LEASED = literal("1", Integer)
DONE = literal("2", Integer)
GIVEN_UP = literal("3", Integer)

_queued = clause("state = 0")
_leased = clause("state = 1")
_EVER = 1 << 62


def call_table(name: str, *columns: Column[Any] | Index, **options: Any) -> Table:
    """A table of calls. `columns` are its own: the key, a text `url` and what the call is about."""
    return Table(
        name,
        metadata,
        *columns,
        Column("state", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),  # ended ones
        Column("due_at", Micros, nullable=False),
        Column("lease_until", Micros, nullable=False),
        Column("lease_token", Text, nullable=False),
        Column("last_status", Integer, nullable=False),  # 0: no answer came
        Column("last_error", Text, nullable=False),
        Column("created_at", Micros, nullable=False),
        Column("finished_at", Micros, nullable=False, index=True),  # 0: not yet
        Index(f"ix_{name}_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
        Index(f"ix_{name}_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
        **options,
    )


class Calls:
    """The statements of one table of calls. `wanted` are the columns that a claim gives, in order."""

    def __init__(self, table: Table, wanted: Sequence[str]) -> None:
        self._table = table
        numbered = table.c.id.autoincrement is True  # then the database numbers the rows
        names = tuple(column.name for column in table.columns if not (numbered and column.name == "id"))
        due = (table.c.state == QUEUED, table.c.due_at <= bindparam("now"))
        some = (
            select(table.c.id)
            .where(*due)
            .order_by(table.c.due_at)
            .limit(bindparam("count"))
            .with_for_update(skip_locked=True)
        )
        self._insert = Prepared(insert(table), names)
        self._any_due = Prepared(select(table.c.id).where(*due).limit(1), ("now",))
        self._claim = Prepared(
            update(table)
            .where(table.c.id.in_(some))
            .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
            .returning(*(table.c[name] for name in wanted)),
            ("until", "token", "now", "count"),
        )

    def add(self, tx: Write, now: int, calls: Sequence[tuple[Any, ...]]) -> None:
        """Add calls, due now; each has the table's own columns in order (the key only where we number them)."""
        tx.do_many(self._insert, [(*call, 0, 0, now, 0, "", 0, "", now, 0) for call in calls])

    def any_due(self, tx: Read, now: int) -> bool:
        """Whether a call is due; cheap, for polling."""
        return bool(tx.fetch(self._any_due, (now,)))

    def claim(self, tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
        """Lease due calls."""
        return tx.fetch(self._claim, (until, token, now, count))

    def end(
        self, tx: Write, key: int, token: str, now: int, status: int, error: str, *, done: bool, **own: Any
    ) -> bool:
        """Finish a leased call; `own` are values of the table's own columns. False: the lease is lost."""
        state = DONE if done else GIVEN_UP
        return self._set(
            tx, key, token, state=state, last_status=status, last_error=error, finished_at=now, **own
        )

    def again(
        self, tx: Write, key: int, token: str, due: int, attempts: int, status: int, error: str, **own: Any
    ) -> bool:
        """Return a leased call to the queue, likewise. False: the lease is lost."""
        outcome = {"attempts": attempts, "last_status": status, "last_error": error}
        return self._set(tx, key, token, state=QUEUED, due_at=due, **outcome, **own)

    def restart(self, tx: Write, keys: Sequence[int], now: int) -> int:
        """Let calls that are not being made right now begin anew; how many."""
        table = self._table
        return tx.run(
            update(table)
            .where(table.c.id.in_(keys), table.c.state != LEASED)
            .values(state=QUEUED, attempts=0, due_at=now, finished_at=0)
        )

    def postpone(self, tx: Write, calls: Sequence[tuple[int, str, int]]) -> None:
        """Return leased calls (id, token, when they are due) that were not tried."""
        for key, token, due in calls:
            self._set(tx, key, token, state=QUEUED, due_at=due)

    def _set(self, tx: Write, key: int, token: str, **values: Any) -> bool:
        table = self._table
        mine = (table.c.id == key, table.c.lease_token == token, table.c.state == LEASED)
        return tx.run(update(table).where(*mine).values(lease_token="", **values)) == 1

    def recover(self, tx: Write, now: int) -> int:
        """Return calls whose lease ended; how many."""
        return self._recover(tx, now, now)

    def release_all(self, tx: Write, now: int) -> int:
        """Return every leased call, because nobody who could hold one is alive; how many."""
        return self._recover(tx, _EVER, now)

    def _recover(self, tx: Write, ended_before: int, due: int) -> int:
        table = self._table
        return tx.run(
            update(table)
            .where(table.c.state == LEASED, table.c.lease_until < ended_before)
            .values(state=QUEUED, due_at=due, lease_token="")
        )

    def backlog(self, tx: Read) -> int:
        """How many calls wait or are being made."""
        counts = select(func.count()).select_from(self._table)
        return sum(int(tx.scalar(counts.where(self._table.c.state == state))) for state in (QUEUED, LEASED))

    def expire(self, tx: Write, before: int, limit: int) -> int:
        """Delete up to `limit` calls that ended before a time; how many."""
        table = self._table
        old = select(table.c.id).where(table.c.finished_at > 0, table.c.finished_at < before).limit(limit)
        return tx.run(delete(table).where(table.c.id.in_(old)))

    def forget_domain(self, tx: Write, domain_id: str) -> int:
        """Delete some of a domain's calls; how many."""
        return tx.delete_some(self._table, self._table.c.domain_id == domain_id)
