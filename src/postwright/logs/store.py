"""SQL of event searches."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_

from postwright.events import events_table as events
from postwright.kernel.db import Read

from .places import Narrow, Place


def read(
    tx: Read,
    domain_id: str,
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
    where: list[ColumnElement[bool]] = [events.c.domain_id == domain_id]
    for column in ("name", "severity", "recipient", "message_id"):
        value = getattr(narrow, column)
        if value is not None:
            where.append(events.c[column] == value)
    if low is not None:
        where.append(events.c.at >= low)
    if high is not None:
        where.append(events.c.at <= high)
    order = tuple_(events.c.at, events.c.seq)
    if place is not None:
        here = tuple_(place.at, place.seq)
        if rising:
            where.append(order >= here if inclusive else order > here)
        else:
            where.append(order <= here if inclusive else order < here)
    stmt = select(events.c.at, events.c.seq, events.c.data).where(*where)
    if rising:
        stmt = stmt.order_by(events.c.at, events.c.seq)
    else:
        stmt = stmt.order_by(events.c.at.desc(), events.c.seq.desc())
    return tx.rows(stmt.limit(limit))
