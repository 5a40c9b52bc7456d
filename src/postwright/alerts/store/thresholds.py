"""SQL of thresholds and their hits."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from postwright.kernel.db import Read, Write

from ..records import Filter, Hit, Threshold
from ..tables import alert_hits, send_alerts

_ALERT = tuple(send_alerts.c[name] for name in Threshold.__struct_fields__)
_HIT = tuple(alert_hits.c[name] for name in Hit.__struct_fields__)


def of_account(tx: Read, account_id: str, kind: str) -> list[Threshold]:
    """An account's thresholds of a kind by name."""
    mine = (send_alerts.c.account_id == account_id, send_alerts.c.kind == kind)
    return [_alert(row) for row in tx.rows(select(*_ALERT).where(*mine).order_by(send_alerts.c.name))]


def one(tx: Read, account_id: str, kind: str, name: str) -> Threshold | None:
    """One threshold by its name."""
    mine = (send_alerts.c.account_id == account_id, send_alerts.c.kind == kind, send_alerts.c.name == name)
    row = tx.row(select(*_ALERT).where(*mine))
    return _alert(row) if row else None


def _alert(row: Sequence[Any]) -> Threshold:
    found = dict(zip(Threshold.__struct_fields__, row, strict=True))
    found["channels"] = msgspec.json.decode(bytes(found["channels"]), type=list[str])
    found["filters"] = msgspec.json.decode(bytes(found["filters"]), type=list[Filter])
    return Threshold(**found)


def count(tx: Read, account_id: str, kind: str) -> int:
    """How many thresholds of a kind an account has."""
    mine = (send_alerts.c.account_id == account_id, send_alerts.c.kind == kind)
    return int(tx.scalar(select(func.count()).where(*mine)))


def put(tx: Write, alert: Threshold) -> bool:
    """Add a threshold, or change the one with its id; False when another one has the name."""
    row = {name: getattr(alert, name) for name in Threshold.__struct_fields__}
    row["channels"] = msgspec.json.encode(alert.channels)
    row["filters"] = msgspec.json.encode(alert.filters)
    namesake = one(tx, alert.account_id, alert.kind, alert.name)
    if namesake is not None:
        if namesake.id != alert.id:
            return False
        return tx.run(update(send_alerts).where(send_alerts.c.id == alert.id).values(row)) == 1
    if tx.run(update(send_alerts).where(send_alerts.c.id == alert.id).values(row)):
        return True
    return tx.upsert(send_alerts, row, ["account_id", "kind", "name"]) == 1


def remove(tx: Write, alert_id: str) -> None:
    """Delete a threshold with its hits."""
    forget_hits(tx, alert_id)
    tx.run(delete(send_alerts).where(send_alerts.c.id == alert_id))


def due(tx: Read, before: int, limit: int) -> list[Threshold]:
    """Thresholds that were last looked at before a time, the longest ago first."""
    stmt = select(*_ALERT).where(send_alerts.c.last_checked < before)
    return [_alert(row) for row in tx.rows(stmt.order_by(send_alerts.c.last_checked).limit(limit))]


def claim(tx: Write, alert: Threshold, now: int) -> bool:
    """Look at a threshold now; False when another process does, or it was changed meanwhile."""
    same = (
        send_alerts.c.id == alert.id,
        send_alerts.c.last_checked == alert.last_checked,
        send_alerts.c.updated_at == alert.updated_at,
    )
    return tx.run(update(send_alerts).where(*same).values(last_checked=now)) == 1


def is_current(tx: Read, alert: Threshold, checked: int) -> bool:
    """Whether a threshold is still the one that was looked at at that time."""
    same = (
        send_alerts.c.id == alert.id,
        send_alerts.c.last_checked == checked,
        send_alerts.c.updated_at == alert.updated_at,
    )
    # Who changes it now waits until our hits are written, and then forgets them.
    return tx.scalar(select(send_alerts.c.id).where(*same).with_for_update()) is not None


def fresh_hits(tx: Read, alert_id: str, now: int) -> list[Hit]:
    """The hits of a threshold that last, or ended so lately that another one would be the same."""
    stmt = select(*_HIT).where(alert_hits.c.alert_id == alert_id)
    stmt = stmt.where((alert_hits.c.expires_at == 0) | (alert_hits.c.expires_at > now))
    return [_hit(row) for row in tx.rows(stmt)]


def _hit(row: Sequence[Any]) -> Hit:
    return Hit(**dict(zip(Hit.__struct_fields__, row, strict=True)))


def add_hit(tx: Write, alert_id: str, hit: Hit) -> None:
    """Add a hit."""
    tx.run(insert(alert_hits).values(alert_id=alert_id, **msgspec.structs.asdict(hit)))


def set_hit(tx: Write, hit_id: str, values: Mapping[str, Any]) -> None:
    """Change a hit."""
    tx.run(update(alert_hits).where(alert_hits.c.id == hit_id).values(**values))


def forget_hits(tx: Write, alert_id: str) -> None:
    """Delete the hits of a threshold."""
    tx.run(delete(alert_hits).where(alert_hits.c.alert_id == alert_id))


def hits(tx: Read, account_id: str, skip: int, limit: int) -> list[tuple[Threshold, Hit]]:
    """The hits of an account with their thresholds, the latest first."""
    stmt = (
        select(*_ALERT, *(column.label(f"hit_{column.name}") for column in _HIT))
        .join_from(alert_hits, send_alerts, send_alerts.c.id == alert_hits.c.alert_id)
        .where(send_alerts.c.account_id == account_id)
        .order_by(alert_hits.c.updated_at.desc(), alert_hits.c.id)
        .offset(skip)
        .limit(limit)
    )
    middle = len(_ALERT)
    return [(_alert(row[:middle]), _hit(row[middle:])) for row in tx.rows(stmt)]


def count_hits(tx: Read, account_id: str) -> int:
    """How many hits an account has."""
    stmt = select(func.count()).select_from(
        alert_hits.join(send_alerts, send_alerts.c.id == alert_hits.c.alert_id)
    )
    return int(tx.scalar(stmt.where(send_alerts.c.account_id == account_id)))


def expire_hits(tx: Write, before: int, limit: int) -> int:
    """Delete hits that ended before a time."""
    old = (
        select(alert_hits.c.id)
        .where(alert_hits.c.updated_at < before, alert_hits.c.triggered.is_(False))
        .limit(limit)
    )
    return tx.run(delete(alert_hits).where(alert_hits.c.id.in_(old)))
