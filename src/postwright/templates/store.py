"""SQL of templates. An owner is an account and a domain of it, or "" for the account's own templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select, update

from postwright.accounts import accounts
from postwright.kernel.db import Prepared, Read, Write
from postwright.kernel.http.paging import Turn

from .tables import template_versions, templates

Owner = tuple[str, str]
_T, _V = templates.c, template_versions.c
# Any number that nothing else uses as an advisory lock.
_TEMPLATES_LOCK = 0x54706C01
# The one query of a message that names a template: nearest owner first.
_FIND = Prepared(
    select(_T.id, _T.name, _V.tag, _V.content, _V.headers)
    .join_from(templates, template_versions, _V.template_id == _T.id)
    .where(
        _T.account_id == bindparam("account"),
        _T.domain_id == bindparam("domain"),
        _T.name == bindparam("wanted"),
        ((bindparam("version") == "") & _V.active) | (_V.tag == bindparam("version")),
    ),
    ("account", "domain", "wanted", "version"),
)


def lock(tx: Write) -> None:
    """Serialise what counts before it adds."""
    tx.lock(_TEMPLATES_LOCK)


def insert_template(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a template; False when the name is taken."""
    return tx.upsert(templates, values, ["account_id", "domain_id", "name"]) == 1


def count(tx: Read, owner: Owner) -> int:
    """How many templates an owner has."""
    return int(tx.scalar(select(func.count()).where(*_of(owner))))


def template(tx: Read, owner: Owner, name: str) -> Any:
    """One template, or None."""
    return tx.row(select(templates).where(*_of(owner), _T.name == name))


def page(tx: Read, owner: Owner, turn: Turn) -> list[Any]:
    """A page of templates, ascending by name."""
    return _page(tx, select(templates).where(*_of(owner)), _T.name, turn)


def change(tx: Write, template_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a template."""
    tx.run(update(templates).where(_T.id == template_id).values(values))


def remove(tx: Write, template_id: str) -> None:
    """Delete a template and its versions."""
    tx.run(delete(template_versions).where(_V.template_id == template_id))
    tx.run(delete(templates).where(_T.id == template_id))


def clear(tx: Write, owner: Owner) -> None:
    """Delete all templates of an owner."""
    mine = select(_T.id).where(*_of(owner))
    tx.run(delete(template_versions).where(_V.template_id.in_(mine)))
    tx.run(delete(templates).where(*_of(owner)))


def forget(tx: Write, domain_id: str) -> int:
    """Delete some templates of a domain with all their versions; how many."""
    some = [row.id for row in tx.rows(select(_T.id).where(_T.domain_id == domain_id).limit(100))]
    tx.run(delete(template_versions).where(_V.template_id.in_(some)))
    return tx.run(delete(templates).where(_T.id.in_(some)))


def put_version(tx: Write, values: Mapping[str, Any], *, overwrite: bool = False) -> bool:
    """Add a version; where its tag is taken overwrite it, or (False) leave it."""
    columns = ("content", "mjml", "comment", "headers", "created_at") if overwrite else ()
    return tx.upsert(template_versions, values, ["template_id", "tag"], columns) == 1


def count_versions(tx: Read, template_id: str) -> int:
    """How many versions a template has."""
    return int(tx.scalar(select(func.count()).where(_V.template_id == template_id)))


def version(tx: Read, template_id: str, tag: str) -> Any:
    """One version, or None."""
    return tx.row(select(template_versions).where(_V.template_id == template_id, _V.tag == tag))


def versions(tx: Read, template_id: str, turn: Turn) -> list[Any]:
    """A page of versions, ascending by tag, without what may be large."""
    light = [column for column in template_versions.columns if column.name not in ("content", "mjml")]
    return _page(tx, select(*light).where(_V.template_id == template_id), _V.tag, turn)


def all_versions(tx: Read, template_id: str, tags: Sequence[str]) -> Sequence[Any]:
    """Every version, or those with the given tags."""
    stmt = select(template_versions).where(_V.template_id == template_id).order_by(_V.tag)
    return tx.rows(stmt.where(_V.tag.in_(tags)) if tags else stmt)


def active(tx: Read, template_ids: Sequence[str]) -> Sequence[Any]:
    """The active versions of templates."""
    return tx.rows(select(template_versions).where(_V.template_id.in_(template_ids), _V.active))


def change_version(tx: Write, template_id: str, tag: str, values: Mapping[str, Any]) -> None:
    """Change columns of a version."""
    mine = (_V.template_id == template_id, _V.tag == tag)
    tx.run(update(template_versions).where(*mine).values(values))


def activate(tx: Write, template_id: str, tag: str) -> None:
    """Make one version the active one."""
    chosen = case((_V.tag == tag, True), else_=False)
    tx.run(update(template_versions).where(_V.template_id == template_id).values(active=chosen))


def remove_version(tx: Write, template_id: str, tag: str) -> None:
    """Delete a version."""
    tx.run(delete(template_versions).where(_V.template_id == template_id, _V.tag == tag))


def find(tx: Read, owner: Owner, name: str, tag: str) -> tuple[Any, ...] | None:
    """Id, name, tag, content and headers of a version (the active one when `tag` is ""), or None."""
    rows = tx.fetch(_FIND, (*owner, name, tag))
    return rows[0] if rows else None


def parent_of(tx: Read, account_id: str) -> str | None:
    """The account above."""
    found: str | None = tx.scalar(select(accounts.c.parent_id).where(accounts.c.id == account_id))
    return found


def _of(owner: Owner) -> tuple[Any, Any]:
    return _T.account_id == owner[0], _T.domain_id == owner[1]


def _page(tx: Read, stmt: Any, key: Any, turn: Turn) -> list[Any]:
    if turn.pivot is not None:
        stmt = stmt.where(key < turn.pivot if turn.backwards else key > turn.pivot)
    return turn.in_order(tx.rows(stmt.order_by(key.desc() if turn.backwards else key).limit(turn.limit)))
