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


class Wanted(msgspec.Struct, kw_only=True):
    """What to wait for: the oldest message that matches and came after number `after`.

    `term` is looked for in recipient, subject and From, `subject` in the subject; `timeout` in seconds.
    """

    recipient: str = ""
    message_id: str = ""
    subject: str = ""
    term: str = ""
    after: int = 0
    timeout: float = 30.0


class NewRule(msgspec.Struct, kw_only=True):
    """What recipients that match `recipient` (with `*` for anything) do with a message.

    `do`: accept, bounce, defer, greylist, complain, report, open, click, unsubscribe. Of refusals: `enhanced` the
    status code, `code` and `text` the reply; `times` how often greylisting refuses. Of the others: `after`, in seconds.
    """

    recipient: str = ""
    do: str = ""
    enhanced: str = ""
    code: int = 0
    text: str = ""
    times: int = 1
    after: float = 0.0


class ShownRule(msgspec.Struct, kw_only=True):
    """A rule. The newest that matches is followed."""

    id: int
    recipient: str
    do: str
    enhanced: str
    code: int
    text: str
    times: int
    after: float


class RuleList(msgspec.Struct):
    """The rules of the account, those first that are followed first."""

    items: list[ShownRule]


class RuleMade(msgspec.Struct):
    """The rule stands."""

    message: str
    rule: ShownRule


class ClockMove(msgspec.Struct, kw_only=True):
    """How far to move the clock: `advance` seconds, or `to` a date, or `to=next`: what is due next."""

    advance: float = 0.0
    to: str = ""


class ClockShown(msgspec.Struct):
    """The time as the installation sees it, how many seconds that is ahead of the machine's, and what is due next."""

    now: str
    ahead: float
    next: str | None
    next_in: float | None
