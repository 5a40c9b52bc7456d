"""Requests and replies of the forward operations."""

from typing import ClassVar

import msgspec

from postwright.kernel.http import KeepEmpty, dates
from postwright.kernel.http.paging import Limit, Links

from .service import Rule


class Scope(msgspec.Struct, kw_only=True):
    """The domain that a forward has to be of ("": any)."""

    domain_name: str = msgspec.field(name="domain.name", default="")


class ListForwards(Limit, kw_only=True):
    """Which forwards to list."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True

    domain_name: str = msgspec.field(name="domain.name", default="")
    page: str = ""


class NewForward(Scope, kw_only=True):
    """A forward to create."""

    match: str
    urls: list[str] = msgspec.field(name="forward.url", default_factory=list)
    recipients: list[str] = msgspec.field(name="forward.recipient", default_factory=list)
    store: str = msgspec.field(name="forward.store", default="")


class ChangeForward(Scope, kw_only=True):
    """What to change of a forward; a list given replaces all of it."""

    match: str | None = None
    urls: list[str] | None = msgspec.field(name="forward.url", default=None)
    recipients: list[str] | None = msgspec.field(name="forward.recipient", default=None)
    store: KeepEmpty | None = msgspec.field(name="forward.store", default=None)


class TargetsInfo(msgspec.Struct):
    """Where mail goes."""

    urls: list[str]
    recipients: list[str]
    store: str


class ForwardInfo(msgspec.Struct):
    """A forward."""

    id: str
    account_id: str
    domain_name: str
    domain_id: str
    match: str
    forward: TargetsInfo
    created_at: str
    updated_at: str


class Forwards(msgspec.Struct):
    """A page of forwards."""

    items: list[ForwardInfo]
    paging: Links


class ForwardGone(msgspec.Struct):
    """What was done."""

    message: str


class Position(msgspec.Struct, frozen=True):
    """Where a page begins."""

    after: str | None = None
    backwards: bool = False


def shown(rule: Rule) -> ForwardInfo:
    """A forward as the API shows it."""
    targets = rule.targets
    return ForwardInfo(
        rule.id,
        rule.account_id,
        rule.domain_name,
        rule.domain_id,
        rule.match,
        TargetsInfo(targets.urls, targets.recipients, targets.store),
        dates.rfc3339(rule.created_at),
        dates.rfc3339(rule.updated_at),
    )
