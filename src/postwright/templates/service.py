"""The rules of templates."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from postwright import domains
from postwright.kernel.db import Read, Write
from postwright.kernel.errors import Refused
from postwright.kernel.http.paging import Turn
from postwright.mail.headers import HeaderError, check_value

from . import store
from .errors import (
    BadTemplate,
    TemplateExists,
    TemplateMissing,
    TemplateNotFound,
    TooMany,
    VersionExists,
    VersionNotFound,
)
from .store import Owner

# behaviour.md 12
MAX_TEMPLATES = 100  # of a domain, and of an account
MAX_VERSIONS = 40
MAX_CONTENT = 100 * 1024  # bytes
FIRST_TAG = "initial"
MAX_NAME = 255  # characters
MAX_TEXT = 4096  # characters of a description or comment
MAX_COPIES = 100  # a call
_HEADERS = {"from": "From", "subject": "Subject", "reply-to": "Reply-To"}

forget_domain = store.forget


class NewVersion(msgspec.Struct, kw_only=True):
    """A version to add, checked."""

    tag: str
    content: str
    mjml: str = ""
    comment: str = ""
    headers: str = "{}"
    active: bool = False


class Copy(msgspec.Struct, kw_only=True):
    """Where a copy of a template goes."""

    account_id: str = ""
    name: str = ""
    domain: str = ""


class FailedCopy(Copy, kw_only=True):
    """A copy that was not made, and why."""

    error: str


class Found(msgspec.Struct, frozen=True):
    """The version of a template that a message uses."""

    name: str
    tag: str
    content: str
    headers: dict[str, str]


def parse_name(text: str, what: str = "name") -> str:
    """A template's name or a version's tag as they are stored. Raises BadTemplate."""
    name = text.strip().lower()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadTemplate(f"{what} parameter is not valid: 1 to {MAX_NAME} printable characters expected")
    return name


def parse_content(text: str) -> str:
    """The text of a version. Raises BadTemplate."""
    if len(text.encode()) > MAX_CONTENT:
        raise BadTemplate(f"template content is limited to {MAX_CONTENT // 1024} KB")
    return text


def parse_headers(given: dict[str, Any] | None) -> str:
    """A version's headers as they are stored. Raises BadTemplate."""
    headers = {}
    for name, value in (given or {}).items():
        known = _HEADERS.get(name.lower())
        if known is None or not isinstance(value, str):
            raise BadTemplate(f"invalid header '{name[:100]}': From, Subject and Reply-To texts expected")
        try:
            check_value(value)
        except HeaderError as wrong:
            raise BadTemplate(f"invalid header '{known}': {wrong}") from wrong
        headers[known] = value
    return msgspec.json.encode(headers).decode()


def create(
    tx: Write,
    now: int,
    owner: Owner,
    name: str,
    *,
    description: str = "",
    created_by: str = "",
    version: NewVersion | None = None,
) -> tuple[Any, Any]:
    """Add a template, perhaps with its first version; both as stored. Raises TemplateExists, TooMany."""
    store.lock(tx)
    if store.template(tx, owner, name) is not None:
        raise TemplateExists(name)
    if store.count(tx, owner) >= MAX_TEMPLATES:
        raise TooMany(f"template limit of {MAX_TEMPLATES} is reached")
    made = store.insert_template(
        tx,
        {
            "id": str(uuid4()),
            "account_id": owner[0],
            "domain_id": owner[1],
            "name": name,
            "description": description[:MAX_TEXT],
            "created_by": created_by[:MAX_NAME],
            "created_at": now,
        },
    )
    if not made:
        raise TemplateExists(name)
    return store.template(tx, owner, name), add_version(tx, now, owner, name, version)[1] if version else None


def add_version(
    tx: Write, now: int, owner: Owner, name: str, version: NewVersion, *, overwrite: bool = False
) -> tuple[Any, Any]:
    """Add a version; its template and itself. The first becomes active. Raises VersionExists, TooMany."""
    store.lock(tx)
    template = one(tx, owner, name)
    held = store.count_versions(tx, template.id)
    present = store.version(tx, template.id, version.tag)
    if present is not None and not overwrite:
        raise VersionExists(version.tag)
    if present is None and held >= MAX_VERSIONS:
        raise TooMany(f"template version limit of {MAX_VERSIONS} is reached")
    values = {
        "template_id": template.id,
        "tag": version.tag,
        "id": str(uuid4()),
        "content": version.content,
        "mjml": version.mjml,
        "comment": version.comment[:MAX_TEXT],
        "headers": version.headers,
        "active": held == 0,
        "created_at": now,
    }
    store.put_version(tx, values, overwrite=overwrite)
    if version.active and held:
        store.activate(tx, template.id, version.tag)
    return template, store.version(tx, template.id, version.tag)


def one(tx: Read, owner: Owner, name: str) -> Any:
    """A template. Raises TemplateNotFound."""
    found = store.template(tx, owner, name.strip().lower())
    if found is None and "+" in name:
        # Some clients escape a space in a path as in a form (behaviour.md 1.5).
        found = store.template(tx, owner, name.replace("+", " ").strip().lower())
    if found is None:
        raise TemplateNotFound
    return found


def version_of(tx: Read, template: Any, tag: str) -> Any:
    """A version. Raises VersionNotFound."""
    found = store.version(tx, template.id, tag.strip().lower())
    if found is None and "+" in tag:
        found = store.version(tx, template.id, tag.replace("+", " ").strip().lower())
    if found is None:
        raise VersionNotFound
    return found


def page(tx: Read, owner: Owner, turn: Turn, with_active: bool) -> list[tuple[Any, Any]]:
    """A page of templates with (or without) their active versions."""
    rows = store.page(tx, owner, turn)
    active = {}
    if with_active and rows:
        active = {version.template_id: version for version in store.active(tx, [row.id for row in rows])}
    return [(row, active.get(row.id)) for row in rows]


def show(tx: Read, owner: Owner, name: str, with_active: bool) -> tuple[Any, Any]:
    """A template with (or without) its active version. Raises TemplateNotFound."""
    template = one(tx, owner, name)
    active = store.active(tx, [template.id]) if with_active else ()
    return template, active[0] if active else None


def show_version(tx: Read, owner: Owner, name: str, tag: str) -> tuple[Any, Any]:
    """A template and a version. Raises TemplateNotFound, VersionNotFound."""
    template = one(tx, owner, name)
    return template, version_of(tx, template, tag)


def versions(tx: Read, owner: Owner, name: str, turn: Turn) -> tuple[Any, list[Any]]:
    """A template and a page of its versions. Raises TemplateNotFound."""
    template = one(tx, owner, name)
    return template, store.versions(tx, template.id, turn)


def describe(tx: Write, owner: Owner, name: str, description: str) -> str:
    """Change a template's description; its name. Raises TemplateNotFound."""
    template = one(tx, owner, name)
    store.change(tx, template.id, {"description": description[:MAX_TEXT]})
    return str(template.name)


def rename(tx: Write, owner: Owner, name: str, new: str) -> str:
    """Give a template another name. Raises TemplateNotFound, TemplateExists."""
    store.lock(tx)
    template = one(tx, owner, name)
    if new != template.name:
        if store.template(tx, owner, new) is not None:
            raise TemplateExists(new)
        store.change(tx, template.id, {"name": new})
    return new


def remove(tx: Write, owner: Owner, name: str) -> str:
    """Delete a template; its name. Raises TemplateNotFound."""
    template = one(tx, owner, name)
    store.remove(tx, template.id)
    return str(template.name)


def clear(tx: Write, owner: Owner) -> None:
    """Delete all templates of an owner."""
    store.clear(tx, owner)


def change_version(
    tx: Write, owner: Owner, name: str, tag: str, values: dict[str, Any], active: bool
) -> tuple[str, str]:
    """Change a version, perhaps make it the active one; name and tag. Raises the two NotFound."""
    template, version = show_version(tx, owner, name, tag)
    if values:
        store.change_version(tx, template.id, version.tag, values)
    if active:
        store.activate(tx, template.id, version.tag)
    return template.name, version.tag


def remove_version(tx: Write, owner: Owner, name: str, tag: str) -> tuple[str, str]:
    """Delete a version; name and tag. Raises TemplateNotFound, VersionNotFound."""
    template, version = show_version(tx, owner, name, tag)
    store.remove_version(tx, template.id, version.tag)
    return template.name, version.tag


def copy_version(
    tx: Write, now: int, owner: Owner, name: str, tag: str, new: str, comment: str | None
) -> tuple[Any, Any]:
    """Copy a version under another tag, over what is there; template and copy. Raises the two NotFound."""
    _, version = show_version(tx, owner, name, tag)
    return add_version(tx, now, owner, name, _again(version, new, comment), overwrite=True)


def copy(
    tx: Write, now: int, owner: Owner, name: str, requests: Sequence[Copy], tags: Sequence[str]
) -> list[FailedCopy]:
    """Copy a template to other names, domains or subaccounts; those that could not be. Raises the two NotFound."""
    template = one(tx, owner, name)
    wanted = [version_of(tx, template, tag).tag for tag in tags]
    source = store.all_versions(tx, template.id, wanted)
    failed = []
    for request in requests:
        try:
            _copy(tx, now, owner, template, source, request)
        except Refused as refused:
            failed.append(
                FailedCopy(
                    account_id=request.account_id,
                    name=request.name,
                    domain=request.domain,
                    error=refused.text,
                )
            )
    return failed


def _copy(tx: Write, now: int, owner: Owner, template: Any, source: Sequence[Any], request: Copy) -> None:
    account_id = request.account_id or owner[0]
    if account_id != owner[0] and store.parent_of(tx, account_id) != owner[0]:
        raise BadTemplate("account not found")
    domain_id = ""
    if request.domain:
        domain = domains.find(tx, account_id, request.domain.strip().lower())
        if domain is None:
            raise BadTemplate("domain not found")
        domain_id = domain.id
    name = parse_name(request.name or template.name)
    to = (account_id, domain_id)
    create(tx, now, to, name, description=template.description, created_by=template.created_by)
    # The active one first, so that it is active in the copy too.
    for version in sorted(source, key=lambda version: not version.active):
        add_version(tx, now, to, name, _again(version, version.tag, None))


def _again(version: Any, tag: str, comment: str | None) -> NewVersion:
    return NewVersion(
        tag=tag,
        content=version.content,
        mjml=version.mjml,
        comment=version.comment if comment is None else comment,
        headers=version.headers,
    )


def find(tx: Read, account_id: str, domain_id: str, name: str, tag: str) -> Found:
    """The version a message of a domain means by `name` and `tag` ("": the active one). Raises TemplateMissing.

    A template of the domain wins over one of the account, that over one of the account above.
    """
    wanted, version = name.strip().lower(), tag.strip().lower()
    row = store.find(tx, (account_id, domain_id), wanted, version)
    if row is None:
        row = store.find(tx, (account_id, ""), wanted, version)
    if row is None:
        above = store.parent_of(tx, account_id)
        row = store.find(tx, (above, ""), wanted, version) if above else None
    if row is None:
        raise TemplateMissing(name.strip(), tag.strip())
    _, found, found_tag, content, headers = row
    return Found(found, found_tag, content, msgspec.json.decode(headers, type=dict[str, str]))
