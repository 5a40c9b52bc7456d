"""Requests and replies of the mailing list operations."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import KeepEmpty, Upload, dates
from postwright.kernel.http.paging import Links, Offset, Pivot


class ListOffset(Offset, kw_only=True):
    """Which lists; `address` names one."""

    address: str = ""


class ListPage(Pivot, kw_only=True):
    """Which page of lists; `address` is where it turns."""

    clamps: ClassVar[bool] = True

    address: str = ""


class MemberOffset(Offset, kw_only=True):
    """Which members; `address` names one."""

    most: ClassVar[int] = 100
    clamps: ClassVar[bool] = True

    subscribed: bool | None = None
    address: str = ""


class MemberPage(Pivot, kw_only=True):
    """Which page of members; `address` is where it turns."""

    most: ClassVar[int] = 100
    clamps: ClassVar[bool] = True

    subscribed: bool | None = None
    address: str = ""


class CreateList(msgspec.Struct, kw_only=True):
    """A list to make. `address` may have a name: `News <news@example.com>`."""

    address: str
    name: str = ""
    description: str = ""
    access_level: str = "readonly"
    reply_preference: str = "list"


class ChangeList(msgspec.Struct, kw_only=True):
    """What to change of a list. Published documents call one field in two ways, and another in two more."""

    address: str | None = None
    name: KeepEmpty | None = None
    description: KeepEmpty | None = None
    access_level: str | None = None
    reply_preference: str | None = None
    reply_reference: str | None = None
    list_id: KeepEmpty | None = None
    list_id_dashed: KeepEmpty | None = msgspec.field(name="list-id", default=None)


class AddMember(msgspec.Struct, kw_only=True):
    """A member to add. `vars` is a JSON object."""

    address: str
    name: str = ""
    vars: Any = None
    subscribed: bool = True
    upsert: bool = False


class ChangeMember(msgspec.Struct, kw_only=True):
    """What to change of a member."""

    address: str | None = None
    name: KeepEmpty | None = None
    vars: Any = None
    subscribed: bool | None = None


class AddJson(msgspec.Struct, kw_only=True):
    """Members: a JSON array of addresses or of objects (address, name, vars, subscribed)."""

    members: list[Any] = []
    subscribed: bool = True
    upsert: bool = False


class AddCsv(msgspec.Struct, kw_only=True):
    """A CSV file with the columns address, name, subscribed, vars."""

    members: Upload | str | None = None
    subscribed: bool = True
    upsert: bool = False


class ListInfo(msgspec.Struct, kw_only=True):
    """A mailing list."""

    address: str
    name: str
    description: str
    access_level: str
    reply_preference: str
    created_at: str
    members_count: int
    list_id: str = msgspec.field(name="list-id")


class MemberInfo(msgspec.Struct):
    """A member of a list."""

    address: str
    name: str
    subscribed: bool
    vars: dict[str, Any]


class Lists(msgspec.Struct):
    """Some lists, and how many there are."""

    items: list[ListInfo]
    total_count: int


class ListsPage(msgspec.Struct):
    """A page of lists."""

    items: list[ListInfo]
    paging: Links


class Members(msgspec.Struct):
    """Some members, and how many there are."""

    items: list[MemberInfo]
    total_count: int


class MembersPage(msgspec.Struct):
    """A page of members."""

    items: list[MemberInfo]
    paging: Links


class ListShown(msgspec.Struct):
    """One list."""

    list: ListInfo


class ListDone(ListShown):
    """What was done, and the list."""

    message: str


class Uploaded(ListDone):
    """What was begun, and the task that does it."""

    task_id: str = msgspec.field(name="task-id")


class ListRemoved(msgspec.Struct):
    """The list is gone."""

    address: str
    message: str


class MemberShown(msgspec.Struct):
    """One member."""

    member: MemberInfo


class MemberDone(MemberShown):
    """What was done, and the member."""

    message: str


class Named(msgspec.Struct):
    """A member's address."""

    address: str


class MemberRemoved(msgspec.Struct):
    """The member is gone."""

    member: Named
    message: str


class Progress(msgspec.Struct, kw_only=True):
    """How far an upload is. `state` is running or done."""

    task_id: str = msgspec.field(name="task-id")
    state: str
    format: str
    total: int
    processed: int
    upserted_count: int = msgspec.field(name="upserted-count")
    failed_count: int = msgspec.field(name="failed-count")
    created_at: str
    finished_at: str


def list_info(row: Any) -> ListInfo:
    """A row as answers show it."""
    return ListInfo(
        address=row.address,
        name=row.name,
        description=row.description,
        access_level=row.access_level,
        reply_preference=row.reply_preference,
        created_at=dates.unknown_zone(row.created_at),
        members_count=row.members_count,
        list_id=row.list_id or row.address.replace("@", "."),
    )


def member_info(row: Any) -> MemberInfo:
    """A row as answers show it."""
    return MemberInfo(
        row.address, row.name, bool(row.subscribed), msgspec.json.decode(row.vars, type=dict[str, Any])
    )


def progress(row: Any) -> Progress:
    """A row as answers show it."""
    return Progress(
        task_id=row.id,
        state="running" if row.pending else "done",
        format=row.format,
        total=row.total,
        processed=row.position,
        upserted_count=row.upserted,
        failed_count=row.failed,
        created_at=dates.rfc3339(row.created_at),
        finished_at=dates.rfc3339(row.finished_at) if row.finished_at else "",
    )
