"""SQL of captured messages, and of what their recipients do."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, delete, func, insert, literal_column, or_, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import acts, captured, rules, tries

_FIELDS = ("at", "account_id", "sender", "recipient", "from_", "to", "subject", "message_id", "size", "raw")
_INSERT = Prepared(insert(captured), _FIELDS)
_SUMMARY = [column for column in captured.columns if column.name != "raw"]

# Where a page may be searched for: the name of the query parameter and its column.
FILTERS: Mapping[str, Any] = {
    "recipient": captured.c.recipient,
    "message_id": captured.c.message_id,
}


def add(tx: Write, values: Sequence[Any]) -> None:
    """Add one message, values in the order of the table after `id`."""
    tx.do(_INSERT, values)


def add_numbered(tx: Write, values: Sequence[Any]) -> int:
    """The same; its number."""
    stmt = insert(captured).values(dict(zip(_FIELDS, values, strict=True))).returning(captured.c.id)
    return int(tx.scalar(stmt))


def first(tx: Read, account_id: str, after: int, exact: Mapping[str, str], term: str, subject: str) -> Any:
    """The oldest message of the account above number `after` that matches, with its bytes, or None."""
    conditions = [*_matching(account_id, exact, term), captured.c.id > after]
    if subject:
        conditions.append(captured.c.subject.icontains(subject, autoescape=True))
    return tx.row(select(captured).where(*conditions).order_by(captured.c.id).limit(1))


def page(
    tx: Read, account_id: str, before: int, limit: int, exact: Mapping[str, str], term: str
) -> Sequence[Any]:
    """The newest messages of the account below number `before` (0: the newest of all)."""
    stmt = select(*_SUMMARY).where(*_matching(account_id, exact, term))
    if before > 0:
        stmt = stmt.where(captured.c.id < before)
    return tx.rows(stmt.order_by(captured.c.id.desc()).limit(limit))


def count(tx: Read, account_id: str, exact: Mapping[str, str], term: str) -> int:
    """How many messages of the account match."""
    return int(tx.scalar(select(func.count()).where(*_matching(account_id, exact, term))))


def _matching(account_id: str, exact: Mapping[str, str], term: str) -> list[ColumnElement[bool]]:
    conditions = [captured.c.account_id == account_id]
    conditions += [FILTERS[name] == value for name, value in exact.items()]
    if term:
        conditions.append(_contains(term))
    return conditions


def _contains(term: str) -> ColumnElement[bool]:
    columns = (captured.c.recipient, captured.c.subject, captured.c.from_)
    return or_(*(column.icontains(term, autoescape=True) for column in columns))


def one(tx: Read, account_id: str, key: int) -> Any:
    """One message with its bytes, or None."""
    return tx.row(select(captured).where(captured.c.id == key, captured.c.account_id == account_id))


def remove(tx: Write, account_id: str, key: int | None = None) -> int:
    """Delete one message, or all; how many."""
    stmt = delete(captured).where(captured.c.account_id == account_id)
    return tx.run(stmt if key is None else stmt.where(captured.c.id == key))


def trim(tx: Write, keep: int, keep_size: int) -> int:
    """Delete the oldest beyond the newest `keep` messages, or beyond `keep_size` bytes; how many."""
    newest = tx.scalar(select(func.max(captured.c.id))) or 0
    together = func.sum(captured.c.size).over(order_by=captured.c.id.desc())
    sizes = select(captured.c.id, together.label("together")).subquery()
    too_old = tx.scalar(select(func.max(sizes.c.id)).where(sizes.c.together > keep_size)) or 0
    return tx.run(delete(captured).where(captured.c.id <= max(newest - keep, too_old)))


# -- what recipients do

_RULE = ("id", "recipient", "do", "enhanced", "code", "text", "times", "after")
_QUEUED = literal_column("0", Integer)


def rules_of(tx: Read, account_id: str) -> Sequence[Any]:
    """The rules of the account, the newest first."""
    columns = [rules.c[name] for name in _RULE]
    return tx.rows(select(*columns).where(rules.c.account_id == account_id).order_by(rules.c.id.desc()))


def add_rule(tx: Write, account_id: str, values: Mapping[str, Any]) -> int:
    """Add a rule; its number."""
    return int(tx.scalar(insert(rules).values(account_id=account_id, **values).returning(rules.c.id)))


def remove_rules(tx: Write, account_id: str, number: int | None = None) -> int:
    """Delete one rule, or all of the account; how many."""
    stmt = delete(rules).where(rules.c.account_id == account_id)
    return tx.run(stmt if number is None else stmt.where(rules.c.id == number))


def count_try(tx: Write, key: str, now: int) -> int:
    """Count an attempt; how many there were, with this one."""
    if tx.run(update(tries).where(tries.c.key == key).values(count=tries.c.count + 1, at=now)):
        return int(tx.scalar(select(tries.c.count).where(tries.c.key == key)))
    tx.run(insert(tries).values(key=key, count=1, at=now))
    return 1


def forget_tries(tx: Write, before: int) -> int:
    """Forget attempts whose last was before a time; how many."""
    return tx.run(delete(tries).where(tries.c.at < before))


def add_act(tx: Write, number: int, account_id: str, do: str, enhanced: str, due_at: int) -> None:
    """Let a recipient do something with captured message `number` at a time."""
    tx.run(
        insert(acts).values(
            captured=number,
            account_id=account_id,
            do=do,
            enhanced=enhanced,
            state=0,
            due_at=due_at,
            lease_until=0,
            attempts=0,
        )
    )


def any_act(tx: Read, now: int) -> bool:
    """Whether anything is to be done."""
    ended = (acts.c.state == 1) & (acts.c.lease_until < now)
    due = (acts.c.state == _QUEUED) & (acts.c.due_at <= now)
    return tx.row(select(acts.c.id).where(due | ended).limit(1)) is not None


def claim_acts(tx: Write, now: int, until: int, limit: int) -> Sequence[Any]:
    """Lease what is to be done, or was left undone by who died."""
    ended = (acts.c.state == 1) & (acts.c.lease_until < now)
    due = (acts.c.state == _QUEUED) & (acts.c.due_at <= now)
    found = tx.rows(select(acts).where(due | ended).order_by(acts.c.due_at).limit(limit))
    return [row for row in found if _lease(tx, row, until)]


def _lease(tx: Write, row: Any, until: int) -> bool:
    same = (acts.c.id == row.id, acts.c.state == row.state, acts.c.lease_until == row.lease_until)
    return tx.run(update(acts).where(*same).values(state=1, lease_until=until)) == 1


def finish_act(tx: Write, number: int) -> None:
    """It is done, or never will be."""
    tx.run(delete(acts).where(acts.c.id == number))


def postpone_act(tx: Write, number: int, due_at: int) -> None:
    """It is to be tried again."""
    again = {"state": 0, "due_at": due_at, "attempts": acts.c.attempts + 1}
    tx.run(update(acts).where(acts.c.id == number).values(**again))
