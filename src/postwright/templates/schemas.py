"""Requests and replies of the template operations."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import KeepEmpty, dates
from postwright.kernel.http.paging import Links, Pivot


class Page(Pivot, kw_only=True):
    """Which page; `p` is the name where it turns."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 100
    clamps: ClassVar[bool] = True

    p: str = ""


class TemplatePage(Page, kw_only=True):
    """Which page, and whether with the active versions."""

    active: bool = False


class ShowTemplate(msgspec.Struct, kw_only=True):
    """Whether the active version is wanted too."""

    active: bool = False


class CreateTemplate(msgspec.Struct, kw_only=True):
    """A template, and its first version when `template` (its content) is given. `engine` has one value."""

    name: str
    description: str = ""
    createdBy: str = ""
    template: str | None = None
    tag: str = ""
    comment: str = ""
    mjml: str = ""
    engine: str = ""
    headers: dict[str, Any] | None = None


class CreateVersion(msgspec.Struct, kw_only=True):
    """A version of a template."""

    template: str
    tag: str
    comment: str = ""
    active: bool = False
    mjml: str = ""
    engine: str = ""
    headers: dict[str, Any] | None = None


class ChangeTemplate(msgspec.Struct, kw_only=True):
    """What to change of a template."""

    description: KeepEmpty | None = None


class ChangeVersion(msgspec.Struct, kw_only=True):
    """What to change of a version."""

    template: str | None = None
    comment: KeepEmpty | None = None
    active: bool = False
    mjml: KeepEmpty | None = None
    headers: dict[str, Any] | None = None


class RenderTemplate(msgspec.Struct, kw_only=True):
    """What to fill: a stored template (of the domain or the account; its active version unless one is named), or
    the given content and headers. `variables` is the JSON object that messages give as t:variables."""

    template: str = ""
    version: str = ""
    content: str | None = None
    headers: dict[str, Any] | None = None
    variables: dict[str, Any] = {}


class Rendered(msgspec.Struct):
    """A filled template: what a message made of it would say."""

    html: str
    text: str
    headers: dict[str, str]


class CopyVersion(msgspec.Struct, kw_only=True):
    """The comment of the copy; without it that of the original."""

    comment: str | None = None


class CopyTo(msgspec.Struct, kw_only=True):
    """Where a copy goes: an account (this one when empty), a domain of it or none, a name."""

    account_id: str = ""
    name: str = ""
    domain: str = ""


class CopyTemplate(msgspec.Struct, kw_only=True):
    """Copies to make; of all versions, or of those in `source_versions`."""

    requests: list[CopyTo] = []
    source_versions: list[str] = []


class Version(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A version; `template` is its content, left out in lists."""

    tag: str
    template: str | None = None
    engine: str
    mjml: str
    createdAt: str
    comment: str
    active: bool
    id: str
    headers: dict[str, str]


class Template(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A template, perhaps with a version or all of them."""

    name: str
    description: str
    createdAt: str
    createdBy: str
    id: str
    version: Version | None = None
    versions: list[Version] | None = None


class Templates(msgspec.Struct):
    """A page of templates."""

    items: list[Template]
    paging: Links


class Shown(msgspec.Struct):
    """One template."""

    template: Template


class VersionPage(msgspec.Struct):
    """A template with a page of its versions."""

    template: Template
    paging: Links


class Done(msgspec.Struct):
    """What was done."""

    message: str


class Stored(Done):
    """What was done, and the template."""

    template: Template


class VersionName(msgspec.Struct):
    """A version's tag."""

    tag: str


class Named(msgspec.Struct, omit_defaults=True):
    """A template's name, perhaps with the tag of one of its versions."""

    name: str
    version: VersionName | None = None


class Changed(Done):
    """What was done, and to which template."""

    template: Named


class TemplateOfCopy(Template, kw_only=True):
    """A template with the copy, and once more with the copy's members beside its own, as older clients read them."""

    tag: str
    template: str
    engine: str
    mjml: str
    comment: str
    active: bool
    headers: dict[str, str]


class Copied(Done):
    """The copy; `template` says the same in an older form."""

    version: Version
    template: TemplateOfCopy


class FailedCopy(msgspec.Struct):
    """A copy that was not made."""

    account_id: str
    name: str
    domain: str
    error: str


class TemplateCopied(Done):
    """What was done, and what was not."""

    failed_copies: list[FailedCopy]


def version(row: Any, *, content: bool) -> Version:
    """A row as answers show it."""
    return Version(
        tag=row.tag,
        template=row.content if content else None,
        engine="handlebars",
        mjml=row.mjml if content else "",
        createdAt=dates.utc(row.created_at),
        comment=row.comment,
        active=bool(row.active),
        id=row.id,
        headers=msgspec.json.decode(row.headers, type=dict[str, str]),
    )


def template(row: Any, shown: Version | None = None, versions: list[Version] | None = None) -> Template:
    """A row as answers show it."""
    return Template(
        name=row.name,
        description=row.description,
        createdAt=dates.utc(row.created_at),
        createdBy=row.created_by,
        id=row.id,
        version=shown,
        versions=versions,
    )


def copied(row: Any, shown: Version) -> TemplateOfCopy:
    """A template as the answer to a copy shows it."""
    return TemplateOfCopy(
        **msgspec.structs.asdict(template(row, shown)),
        tag=shown.tag,
        template=shown.template or "",
        engine=shown.engine,
        mjml=shown.mjml,
        comment=shown.comment,
        active=shown.active,
        headers=shown.headers,
    )


def named(name: str, tag: str | None = None) -> Named:
    """A template by name only, or also one of its versions by tag only."""
    return Named(name, VersionName(tag) if tag is not None else None)
