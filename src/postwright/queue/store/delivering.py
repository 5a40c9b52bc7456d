"""SQL of the queue."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, literal_column, select, text, update

from postwright.kernel.db import Prepared, Read, Write

from ..tables import LEASED, PARKED, QUEUED, queue

_COLUMNS = tuple(column.name for column in queue.columns)
_INSERT = Prepared(insert(queue), _COLUMNS)

_LEASE_COLUMNS = (
    queue.c.id,
    queue.c.message,
    queue.c.account_id,
    queue.c.domain_id,
    queue.c.recipient,
    queue.c.site,
    queue.c.lane,
    queue.c.accepted_at,
    queue.c.give_up_at,
    queue.c.attempts,
    queue.c.lease_token,
    queue.c.ambiguous,
    queue.c.last_code,
    queue.c.last_reply,
    queue.c.personal,
    queue.c.parked,
)


def _leasing(*conditions: Any, order: Any, names: Sequence[str]) -> Prepared:
    """Lease the first rows that meet the conditions."""
    some = (
        select(queue.c.id)
        .where(*conditions)
        .order_by(order)
        .limit(bindparam("count"))
        .with_for_update(skip_locked=True)
    )
    clause = (
        update(queue)
        .where(queue.c.id.in_(some))
        .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
        .returning(*_LEASE_COLUMNS)
    )
    return Prepared(clause, ("until", "token", *names, "count"))


_TURN = (
    queue.c.lane == bindparam("at_lane"),
    queue.c.account_id == bindparam("account"),
    queue.c.due_at <= bindparam("now"),
)
_CLAIM = _leasing(queue.c.state == QUEUED, *_TURN, order=queue.c.due_at, names=("at_lane", "account", "now"))
_CLAIM_PARKED = _leasing(
    queue.c.state == PARKED,
    queue.c.parked == bindparam("site_name"),
    *_TURN,
    order=queue.c.due_at,
    names=("site_name", "at_lane", "account", "now"),
)
_CLAIM_ENDED = _leasing(
    queue.c.state == PARKED,
    queue.c.give_up_at <= bindparam("now"),
    order=queue.c.give_up_at,
    names=("now",),
)


def _accounts(condition: str, *names: str) -> Prepared:
    """The accounts of a lane in order, each by one step in the index, and whether it has something due.

    Rows are never counted or sorted: an account with a million rows costs what one with a single row does.
    """
    of = f"FROM queue WHERE {condition} AND lane = :at_lane AND account_id"
    clause = text(
        f"WITH RECURSIVE turn(account_id, n) AS (SELECT (SELECT min(account_id) {of} > :after), 1 "  # noqa: S608
        f"UNION ALL SELECT (SELECT min(account_id) {of} > turn.account_id), n + 1 FROM turn "
        "WHERE account_id IS NOT NULL AND n < :count) "
        f"SELECT account_id, EXISTS (SELECT 1 {of} = turn.account_id AND due_at <= :now) "
        "FROM turn WHERE account_id IS NOT NULL"
    )
    return Prepared(clause, (*names, "at_lane", "after", "count", "now"))


_ACCOUNTS = _accounts("state = 0")
_ACCOUNTS_PARKED = _accounts("state = 2 AND parked = :site_name", "site_name")
_PARKED_SITES = Prepared(
    text(
        "WITH RECURSIVE site(parked, n) AS (SELECT (SELECT min(parked) FROM queue WHERE state = 2 "
        "AND parked > :after), 1 UNION ALL SELECT (SELECT min(parked) FROM queue WHERE state = 2 "
        "AND parked > site.parked), n + 1 FROM site WHERE parked IS NOT NULL AND n < :count) "
        "SELECT parked FROM site WHERE parked IS NOT NULL"
    ),
    ("after", "count"),
)
_MINE = (queue.c.id == bindparam("key"), queue.c.lease_token == bindparam("token"), queue.c.state == LEASED)
_FINISH = Prepared(delete(queue).where(*_MINE), ("key", "token"))
_START = Prepared(
    update(queue).where(*_MINE).values(started=literal_column("1"), lease_until=bindparam("until")),
    ("until", "key", "token"),
)
_ANY_DUE = Prepared(
    select(queue.c.id).where(queue.c.state == QUEUED, queue.c.due_at <= bindparam("now")).limit(1), ("now",)
)
_DEFER = Prepared(
    update(queue)
    .where(*_MINE)
    .values(
        state=QUEUED,
        due_at=bindparam("due"),
        attempts=bindparam("tries"),
        last_code=bindparam("code"),
        last_reply=bindparam("reply"),
        ambiguous=bindparam("flag"),
        lease_token=literal_column("''"),
        started=literal_column("0"),
        parked=literal_column("''"),
    ),
    ("due", "tries", "code", "reply", "flag", "key", "token"),
)
_GIVE_BACK = Prepared(
    update(queue)
    .where(*_MINE)
    .values(
        state=QUEUED,
        due_at=bindparam("due"),
        lease_token=literal_column("''"),
        started=literal_column("0"),
    ),
    ("due", "key", "token"),
)
_PARK = Prepared(
    update(queue)
    .where(*_MINE)
    .values(
        state=PARKED,
        parked=bindparam("site_name"),
        lease_token=literal_column("''"),
        started=literal_column("0"),
    ),
    ("site_name", "key", "token"),
)


_UNPARK = Prepared(
    update(queue)
    .where(queue.c.id == bindparam("key"), queue.c.state == PARKED)
    .values(state=QUEUED, parked=literal_column("''")),
    ("key",),
)


def insert_rows(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, values in table order."""
    tx.do_many(_INSERT, rows)


def accounts(tx: Read, now: int, lane: int, after: str, count: int, site: str = "") -> list[tuple[str, int]]:
    """The next `count` accounts behind `after` (of those with rows parked for `site`), and whether one is due."""
    if site:
        rows = tx.fetch(_ACCOUNTS_PARKED, (site, lane, after, count, now))
    else:
        rows = tx.fetch(_ACCOUNTS, (lane, after, count, now))
    return [(row[0], row[1]) for row in rows]


def claim(
    tx: Write, now: int, until: int, token: str, lane: int, account: str, count: int, site: str = ""
) -> list[tuple[Any, ...]]:
    """Lease up to `count` due rows of an account, oldest first (of those parked for `site`)."""
    if site:
        return tx.fetch(_CLAIM_PARKED, (until, token, site, lane, account, now, count))
    return tx.fetch(_CLAIM, (until, token, lane, account, now, count))


def claim_ended(tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
    """Lease up to `count` parked rows that are to be given up."""
    return tx.fetch(_CLAIM_ENDED, (until, token, now, count))


def park(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Park leased rows: (site, id, token)."""
    tx.do_many(_PARK, rows)


def unpark(tx: Write, key: int) -> int:
    """Return a parked row to the queue."""
    return tx.do(_UNPARK, (key,))


def parked_sites(tx: Read, after: str, count: int) -> list[str]:
    """The next `count` sites behind `after` with parked rows."""
    return [row[0] for row in tx.fetch(_PARKED_SITES, (after, count))]


def give_back(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Return leased rows that nobody attempted: (due, id, token)."""
    tx.do_many(_GIVE_BACK, rows)


def finish(tx: Write, key: int, token: str) -> bool:
    """Delete a row that is still leased under `token`."""
    return tx.do(_FINISH, (key, token)) == 1


def start(tx: Write, key: int, token: str, until: int) -> bool:
    """Note that an attempt begins, and extend the lease."""
    return tx.do(_START, (until, key, token)) == 1


def any_due(tx: Read, now: int) -> bool:
    """Whether something waits to be claimed."""
    return bool(tx.fetch(_ANY_DUE, (now,)))


def defer(
    tx: Write, key: int, token: str, due: int, attempts: int, code: int, reply: str, ambiguous: int
) -> bool:
    """Return a leased row to the queue."""
    return tx.do(_DEFER, (due, attempts, code, reply, ambiguous, key, token)) == 1


def recover(
    tx: Write, ended_before: int, due: int, due_started: int, holder: str = ""
) -> tuple[int, Sequence[Any]]:
    """Return rows whose lease ended: due at `due`, or `due_started` where an attempt had begun.

    Only those of `holder`, what tokens begin with, when that is given. How many no attempt had begun for, and the
    others as a claim has them.
    """
    ended = (
        queue.c.state == LEASED,
        queue.c.lease_until < ended_before,
        queue.c.lease_token.startswith(holder, autoescape=True),
    )
    freed = {"state": QUEUED, "lease_token": ""}
    begun = tx.rows(
        update(queue)
        .where(*ended, queue.c.started == 1)
        .values(**freed, due_at=due_started, started=0, ambiguous=1)
        .returning(*_LEASE_COLUMNS)
    )
    return tx.run(update(queue).where(*ended).values(**freed, due_at=due)), begun


def purge(tx: Write, domain_id: str, limit: int) -> int:
    """Delete up to `limit` rows of a domain that nobody is working on."""
    some = select(queue.c.id).where(queue.c.domain_id == domain_id, queue.c.state != LEASED).limit(limit)
    return tx.run(delete(queue).where(queue.c.id.in_(some)))


def has_domain(tx: Read, domain_id: str) -> bool:
    """Whether a domain has a row."""
    return tx.scalar(select(queue.c.id).where(queue.c.domain_id == domain_id).limit(1)) is not None


def waiting(tx: Read, domain_id: str, due_before: int) -> tuple[int, int]:
    """How many rows of a domain there are, and how many of them were never due before a time."""
    never = and_(queue.c.due_at > due_before, queue.c.attempts == 0)
    counts = tx.row(
        select(func.count().label("all"), func.count().filter(never).label("later")).where(
            queue.c.domain_id == domain_id
        )
    )
    assert counts is not None
    return counts.all - counts.later, counts.later
