"""Requests and replies of the capture inbox."""

import msgspec


class Captured(msgspec.Struct, rename={"from_": "from"}):
    """A captured message without its content."""

    id: int
    received_at: str  # ISO 8601, UTC
    sender: str  # envelope sender
    recipient: str  # envelope recipient
    from_: str
    to: str
    subject: str
    message_id: str
    size: int


class Page(msgspec.Struct):
    """Captured messages, newest first. `total_count` is of all that match; `next` is empty at the end."""

    items: list[Captured]
    total_count: int
    next: str


class Query(msgspec.Struct, kw_only=True):
    """What to list: `term` searches recipient, subject and From."""

    limit: int = 50
    before: int = 0
    recipient: str = ""
    message_id: str = ""
    term: str = ""


class File(msgspec.Struct):
    """An attached file of a captured message."""

    filename: str
    content_type: str
    size: int


class CapturedMessage(Captured, rename={"from_": "from"}):
    """A captured message with its content; `raw_url` has its exact bytes."""

    headers: list[tuple[str, str]]
    text: str | None
    html: str | None
    attachments: list[File]
    raw_url: str


class Removed(msgspec.Struct):
    """How many messages were deleted."""

    message: str
    count: int
