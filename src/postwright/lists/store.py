"""SQL of mailing lists."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from postwright.kernel.db import Prepared, Read, Write
from postwright.kernel.http.paging import Turn

from .tables import list_members, list_posts, list_uploads, lists

_L, _M, _U, _P = lists.c, list_members.c, list_uploads.c, list_posts.c

# Every message asks this once for each domain it goes to.
_ANY = Prepared(
    select(_L.key).where(_L.account_id == bindparam("account"), _L.domain == bindparam("host")).limit(1),
    ("account", "host"),
)

_MEMBER = ("list_key", "address", "name", "subscribed", "vars")
# Uploads run these a hundred thousand times.
_INSERT_MEMBER = Prepared(insert(list_members), _MEMBER)
_OVERWRITE_MEMBER = Prepared(
    update(list_members)
    .where(_M.list_key == bindparam("list"), _M.address == bindparam("member"))
    .values(name=bindparam("called"), subscribed=bindparam("wants"), vars=bindparam("has")),
    ("list", "member", "called", "wants", "has"),
)


def any_at(tx: Read, account_id: str, domain: str) -> bool:
    """Whether the account has a list at a domain."""
    return bool(tx.fetch(_ANY, (account_id, domain)))


def insert_list(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a list; False when the address is taken."""
    return tx.upsert(lists, values, ["address"]) == 1


def by_address(tx: Read, address: str, account_id: str | None = None) -> Any:
    """A list, of the account or of anybody; or None."""
    stmt = select(lists).where(_L.address == address)
    return tx.row(stmt if account_id is None else stmt.where(_L.account_id == account_id))


def by_key(tx: Read, key: str) -> Any:
    """A list, or None."""
    return tx.row(select(lists).where(_L.key == key))


def lock_list(tx: Write, key: str) -> Any:
    """A list, held until commit; or None."""
    return tx.row(select(lists).where(_L.key == key).with_for_update())


def page(tx: Read, account_id: str, turn: Turn) -> list[Any]:
    """A page of lists, ascending by address."""
    return _page(tx, select(lists).where(_L.account_id == account_id), _L.address, turn)


def offset(tx: Read, account_id: str, address: str, skip: int, limit: int) -> tuple[Sequence[Any], int]:
    """Lists by offset, and how many there are."""
    where = [_L.account_id == account_id, *([_L.address == address] if address else [])]
    rows = tx.rows(select(lists).where(*where).order_by(_L.address).offset(skip).limit(limit))
    return rows, int(tx.scalar(select(func.count()).select_from(lists).where(*where)))


def change_list(tx: Write, key: str, values: Mapping[str, Any]) -> None:
    """Change columns of a list."""
    tx.run(update(lists).where(_L.key == key).values(values))


def count_members(tx: Write, key: str, more: int) -> None:
    """Note that a list has more (or fewer) members."""
    if more:
        tx.run(update(lists).where(_L.key == key).values(members_count=_L.members_count + more))


def remove_list(tx: Write, key: str) -> None:
    """Delete a list and what is underway for it."""
    tx.run(delete(list_uploads).where(_U.list_key == key))
    tx.run(delete(list_posts).where(_P.list_key == key))
    tx.run(delete(lists).where(_L.key == key))


def remove_members(tx: Write, key: str, limit: int) -> int:
    """Delete up to `limit` members; how many."""
    some = select(_M.address).where(_M.list_key == key).limit(limit)
    return tx.run(delete(list_members).where(_M.list_key == key, _M.address.in_(some)))


def keys_of_domain(tx: Read, domain_id: str) -> list[str]:
    """The lists of a domain."""
    return [row.key for row in tx.rows(select(_L.key).where(_L.domain_id == domain_id).limit(1000))]


def member(tx: Read, key: str, address: str) -> Any:
    """A member, or None."""
    return tx.row(select(list_members).where(_M.list_key == key, _M.address == address))


def held(tx: Read, key: str, addresses: Sequence[str]) -> set[str]:
    """Which of the addresses are members."""
    stmt = select(_M.address).where(_M.list_key == key, _M.address.in_(addresses))
    return {row.address for row in tx.rows(stmt)}


def insert_members(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Add members, values in table order."""
    tx.do_many(_INSERT_MEMBER, rows)


def overwrite_members(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Bring members up to date, values in table order."""
    tx.do_many(_OVERWRITE_MEMBER, rows)


def change_member(tx: Write, key: str, address: str, values: Mapping[str, Any]) -> int:
    """Change columns of a member; how many that were."""
    return tx.run(update(list_members).where(_M.list_key == key, _M.address == address).values(values))


def remove_member(tx: Write, key: str, address: str) -> int:
    """Delete a member; how many that were."""
    return tx.run(delete(list_members).where(_M.list_key == key, _M.address == address))


def members_page(tx: Read, key: str, subscribed: bool | None, turn: Turn) -> list[Any]:
    """A page of members, ascending by address."""
    stmt = select(list_members).where(_M.list_key == key)
    return _page(
        tx, stmt if subscribed is None else stmt.where(_M.subscribed.is_(subscribed)), _M.address, turn
    )


def members_offset(
    tx: Read, key: str, subscribed: bool | None, address: str, skip: int, limit: int
) -> tuple[Sequence[Any], int]:
    """Members by offset, and how many there are."""
    where: list[Any] = [_M.list_key == key]
    if subscribed is not None:
        where.append(_M.subscribed.is_(subscribed))
    if address:
        where.append(_M.address == address)
    rows = tx.rows(select(list_members).where(*where).order_by(_M.address).offset(skip).limit(limit))
    return rows, int(tx.scalar(select(func.count()).select_from(list_members).where(*where)))


def subscribed_after(tx: Read, key: str, after: str, limit: int) -> Sequence[Any]:
    """Subscribed members behind an address, in order."""
    where = (_M.list_key == key, _M.subscribed.is_(True), _M.address > after)
    return tx.rows(select(list_members).where(*where).order_by(_M.address).limit(limit))


def insert_upload(tx: Write, values: Mapping[str, Any]) -> None:
    """Add an upload."""
    tx.run(insert(list_uploads), values)


def upload(tx: Read, task: str) -> Any:
    """An upload, or None."""
    return tx.row(select(list_uploads).where(_U.id == task))


def pending_uploads(tx: Read, limit: int) -> list[str]:
    """The oldest uploads that are not done."""
    stmt = select(_U.id).where(_U.pending.is_(True)).order_by(_U.created_at).limit(limit)
    return [row.id for row in tx.rows(stmt)]


def move_upload(tx: Write, task: str, position: int, values: Mapping[str, Any]) -> bool:
    """Change an upload that is still at `position`; False: somebody else moved it."""
    mine = (_U.id == task, _U.position == position, _U.pending.is_(True))
    return tx.run(update(list_uploads).where(*mine).values(values)) == 1


def insert_post(tx: Write, values: Mapping[str, Any]) -> None:
    """Add a post."""
    tx.run(insert(list_posts), values)


def posts(tx: Read, limit: int) -> Sequence[Any]:
    """The oldest posts that are not done."""
    return tx.rows(select(list_posts).order_by(_P.id).limit(limit))


def move_post(tx: Write, key: int, after: str, to: str) -> bool:
    """Note how far a post that is at `after` has come; False: somebody else moved it."""
    mine = (_P.id == key, _P.after == after)
    return tx.run(update(list_posts).where(*mine).values(after=to, started=True)) == 1


def remove_post(tx: Write, key: int, after: str) -> bool:
    """Delete a post that is at `after`; False: somebody else moved it."""
    return tx.run(delete(list_posts).where(_P.id == key, _P.after == after)) == 1


def _page(tx: Read, stmt: Any, key: Any, turn: Turn) -> list[Any]:
    if turn.pivot is not None:
        stmt = stmt.where(key < turn.pivot if turn.backwards else key > turn.pivot)
    return turn.in_order(tx.rows(stmt.order_by(key.desc() if turn.backwards else key).limit(turn.limit)))
