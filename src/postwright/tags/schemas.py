"""Requests and replies of the tag operations."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import KeepEmpty, Moment, dates
from postwright.kernel.http.paging import Links, Pivot

from .records import Tag


class TagQuery(msgspec.Struct, kw_only=True):
    """Which tag."""

    tag: str = ""


class Describe(TagQuery, kw_only=True):
    """A tag, and what it is for."""

    description: KeepEmpty = ""


class KeepTag(Describe, kw_only=True):
    """A tag that is taken over, and when it was first and last seen (now, when left out)."""

    first_seen: Moment | None = None
    last_seen: Moment | None = None


class Description(msgspec.Struct, kw_only=True):
    """What a tag is for."""

    description: KeepEmpty = ""


class PageQuery(Pivot, kw_only=True):
    """Which page of tags; `tag` is where a page turns, `prefix` how tags begin."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True

    tag: str = ""
    prefix: str = ""


class DomainTag(msgspec.Struct, rename="kebab"):
    """A tag of a domain."""

    tag: str
    description: str
    first_seen: str
    last_seen: str


class TagPage(msgspec.Struct):
    """A page of tags."""

    items: list[DomainTag]
    paging: Links


class DomainLimit(msgspec.Struct):
    """How many tags a domain may have and has."""

    id: str
    limit: int
    count: int


class Values(msgspec.Struct):
    """Values that figures of tags can be asked for by."""

    items: list[str]


class Done(msgspec.Struct):
    """What was done."""

    message: str


class Page(msgspec.Struct, kw_only=True):
    """Which part of a search, and in which order."""

    sort: str = ""
    skip: int = 0
    limit: int = 0
    include_total: bool = False
    total: int = 0  # clients send back what they got


class Search(msgspec.Struct, kw_only=True):
    """Which tags of an account; `tag` is how they begin."""

    pagination: Page | None = None
    include_subaccounts: bool = False
    include_metrics: bool = False
    tag: str = ""


class AccountTag(msgspec.Struct):
    """A tag of an account. `metrics` holds figures of all the time that events are kept, when they were wanted."""

    account_id: str
    parent_account_id: str
    account_name: str
    tag: str
    description: str
    first_seen: str
    last_seen: str
    metrics: dict[str, Any]


class Paged(msgspec.Struct, omit_defaults=True):
    """Which part of a search this is."""

    sort: str = msgspec.field()
    skip: int = msgspec.field()
    limit: int = msgspec.field()
    include_total: bool = msgspec.field()
    total: int | msgspec.UnsetType = msgspec.UNSET


class Found(msgspec.Struct):
    """Tags that a search found."""

    items: list[AccountTag]
    pagination: Paged


class AccountLimit(msgspec.Struct):
    """How many tags an account may have and has."""

    limit: int
    count: int
    limit_reached: bool


def domain_tag(tag: Tag) -> DomainTag:
    """A tag as its domain shows it."""
    return DomainTag(tag.tag, tag.description, dates.rfc3339(tag.first_seen), dates.rfc3339(tag.last_seen))
