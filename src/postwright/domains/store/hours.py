"""SQL of what domains sent in an hour."""

from sqlalchemy import bindparam, case, delete, select, update

from postwright.kernel.db import Prepared, Read, Write

from ..tables import domain_hours as hours

_SO_FAR = case((hours.c.hour == bindparam("in_hour"), hours.c.used), else_=0)
_SPEND = Prepared(
    update(hours)
    .where(hours.c.domain_id == bindparam("domain"), _SO_FAR + bindparam("count") <= bindparam("most"))
    .values(used=_SO_FAR + bindparam("count"), hour=bindparam("in_hour")),
    ("domain", "in_hour", "count", "most"),
)


def spend(tx: Write, domain_id: str, hour: int, count: int, most: int) -> bool:
    """Count recipients of an hour; False when `most` does not allow them."""
    if tx.do(_SPEND, (domain_id, hour, count, most)):
        return True
    row = {"domain_id": domain_id, "hour": hour, "used": count}
    return count <= most and tx.upsert(hours, row, ["domain_id"]) == 1


def used(tx: Read, domain_id: str, hour: int) -> int:
    """How many recipients of an hour were counted."""
    mine = (hours.c.domain_id == domain_id, hours.c.hour == hour)
    return int(tx.scalar(select(hours.c.used).where(*mine)) or 0)


def forget(tx: Write, domain_id: str) -> None:
    """Delete the count of a domain."""
    tx.run(delete(hours).where(hours.c.domain_id == domain_id))
