"""SQL of the event log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, bindparam, cast, delete, func, insert, literal_column, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import cursors, events

# Any number that nothing else uses as an advisory lock.
_LOG_LOCK = 0x4C6F6701

_INSERT = Prepared(
    insert(events),
    ("id", "at", "account_id", "domain_id", "name", "severity", "recipient", "message_id", "data"),
)
_AFTER = Prepared(
    select(
        events.c.seq,
        events.c.at,
        events.c.account_id,
        events.c.domain_id,
        events.c.name,
        events.c.severity,
        events.c.data,
    )
    .where(events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit")),
    ("after", "limit"),
)
_CURSORS = Prepared(select(cursors.c.reader, cursors.c.seq), ())
_MOVE = Prepared(
    update(cursors)
    .where(cursors.c.reader == bindparam("name"), cursors.c.seq == bindparam("at"))
    .values(seq=bindparam("to")),
    ("to", "name", "at"),
)
_NEWEST_TIME = Prepared(select(events.c.at).order_by(events.c.seq.desc()).limit(1), ())


_COPY = Prepared(
    select(events.c.name, events.c.at, events.c.data)
    .where(
        events.c.domain_id == bindparam("domain"),
        events.c.message_id == bindparam("message"),
        events.c.recipient == bindparam("who"),
        events.c.name.in_((literal_column("'accepted'"), literal_column("'delivered'"))),
    )
    .order_by(events.c.seq)
    .limit(bindparam("limit")),
    ("domain", "message", "who", "limit"),
)


def lock(tx: Write) -> None:
    """Serialise appenders until commit, so that numbers become visible in order."""
    tx.lock(_LOG_LOCK)


def insert_rows(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Append rows."""
    tx.do_many(_INSERT, rows)


def after(tx: Read, seq: int, limit: int) -> list[tuple[Any, ...]]:
    """The rows behind `seq`."""
    return tx.fetch(_AFTER, (seq, limit))


def names_after(tx: Read, seq: int, limit: int) -> list[tuple[int, str, str]]:
    """Number, account and name of the rows behind `seq`."""
    columns = (events.c.seq, events.c.account_id, events.c.name)
    rows = tx.rows(select(*columns).where(events.c.seq > seq).order_by(events.c.seq).limit(limit))
    return [tuple(row) for row in rows]


_COLUMNS = (
    events.c.seq,
    events.c.at,
    events.c.account_id,
    events.c.domain_id,
    events.c.name,
    events.c.severity,
    events.c.data,
)


def count_accepted(tx: Read, domain_ids: Sequence[str], since: int) -> int:
    """How many messages of domains were accepted from `since` on, counted by recipient."""
    mine = (events.c.domain_id.in_(domain_ids), events.c.at >= since, events.c.name == "accepted")
    return int(tx.scalar(select(func.count()).select_from(events).where(*mine)))


def of_recipient(
    tx: Read, domain_id: str, recipient: str, since: int, names: Sequence[str], limit: int
) -> Sequence[Any]:
    """Rows about a recipient from `since` on, oldest first."""
    return tx.rows(
        select(*_COLUMNS)
        .where(
            events.c.domain_id == domain_id,
            events.c.recipient == recipient,
            events.c.at >= since,
            events.c.name.in_(names),
        )
        .order_by(events.c.at)
        .limit(limit)
    )


def of_message(
    tx: Read, domain_id: str, message_id: str, names: Sequence[str], limit: int, recipient: str
) -> Sequence[Any]:
    """Rows about a message, oldest first; of one recipient unless that is ""."""
    where = [
        events.c.domain_id == domain_id,
        events.c.message_id == message_id,
        events.c.name.in_(names),
    ]
    if recipient:
        where.append(events.c.recipient == recipient)
    return tx.rows(select(*_COLUMNS).where(*where).order_by(events.c.seq).limit(limit))


def newest(tx: Read) -> int:
    """The largest number, or 0."""
    return tx.scalar(select(func.max(events.c.seq))) or 0


def oldest(tx: Read) -> tuple[int, int] | None:
    """Time and number of the first row."""
    row = tx.row(select(events.c.at, events.c.seq).order_by(events.c.seq).limit(1))
    return (row.at, row.seq) if row else None


def newest_time(tx: Read) -> int:
    """When the newest row was appended, or 0."""
    rows = tx.fetch(_NEWEST_TIME, ())
    return rows[0][0] if rows else 0


def copy(tx: Read, domain_id: str, message_id: str, recipient: str, limit: int) -> list[tuple[Any, ...]]:
    """Name, time and JSON of the events that made and ended one recipient's copy."""
    return tx.fetch(_COPY, (domain_id, message_id, recipient, limit))


def delete_before(tx: Write, before: int, upto: int, limit: int) -> int:
    """Delete the oldest rows up to `upto`."""
    # Time order is number order, so the first ones that are too old are the first ones.
    oldest = tx.rows(select(events.c.seq, events.c.at).order_by(events.c.seq).limit(limit))
    last = max((row.seq for row in oldest if row.at < before and row.seq <= upto), default=None)
    return 0 if last is None else tx.run(delete(events).where(events.c.seq <= last))


def delete_domain_before(tx: Write, domain_id: str, before: int, limit: int) -> int:
    """Delete the oldest rows of a domain."""
    old = select(events.c.seq).where(events.c.domain_id == domain_id, events.c.at < before)
    return tx.run(delete(events).where(events.c.seq.in_(old.order_by(events.c.at).limit(limit))))


def delete_domain(tx: Write, domain_id: str, limit: int) -> int:
    """Delete some rows of a domain."""
    some = select(events.c.seq).where(events.c.domain_id == domain_id).limit(limit)
    return tx.run(delete(events).where(events.c.seq.in_(some)))


def holding(tx: Read, account_id: str, text: bytes, limit: int) -> Sequence[Any]:
    """Number, recipient and JSON of rows of an account that hold a text, whatever its case."""
    # Octets have no case and no LIKE on PostgreSQL; the wire form is UTF-8 without exception.
    data = (
        func.lower(cast(events.c.data, Text))
        if tx.dialect == "sqlite"
        else func.lower(func.convert_from(events.c.data, "UTF8"))
    )
    position = func.instr if tx.dialect == "sqlite" else func.strpos
    return tx.rows(
        select(events.c.seq, events.c.recipient, events.c.data)
        .where(events.c.account_id == account_id, position(data, text.decode()) > 0)
        .order_by(events.c.seq)
        .limit(limit)
    )


def set_data(tx: Write, seq: int, data: bytes) -> None:
    """Replace the JSON of a row."""
    tx.run(update(events).where(events.c.seq == seq).values(data=data))


def delete_rows(tx: Write, seqs: Sequence[int]) -> None:
    """Delete rows."""
    tx.run(delete(events).where(events.c.seq.in_(seqs)))


def positions(tx: Read) -> dict[str, int]:
    """Where each reader is; those that never started are missing."""
    return dict(tx.fetch(_CURSORS, ()))


def advance_cursor(tx: Write, reader: str, at: int, to: int) -> bool:
    """Move `reader` on. False: it is not where it was thought to be."""
    return tx.do(_MOVE, (to, reader, at)) == 1


def move_cursor(tx: Write, reader: str, seq: int) -> None:
    """Save where `reader` is."""
    tx.upsert(cursors, {"reader": reader, "seq": seq}, ["reader"], ["seq"])
