"""What a message is between acceptance and its last delivery."""

from typing import Any

import msgspec

from postwright.tracking import Plan


class Part(msgspec.Struct, array_like=True):
    """An attached or inline file."""

    filename: str
    content_type: str
    data: bytes


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it was when the message was accepted, for copies that have to be filled one by one."""

    html: str
    headers: dict[str, str]
    text: bool
    given: dict[str, Any]  # t:variables
    variables: dict[str, str]  # v:


class UsedTemplate(msgspec.Struct, frozen=True, rename={"is_text": "is-text"}):
    """How events tell of a message's template."""

    name: str
    version: str
    is_text: bool


class ListUsed(msgspec.Struct, frozen=True, rename={"list_id": "list-id"}):
    """How events tell of the mailing list that a copy comes from."""

    address: str
    list_id: str
    sid: str  # of the post


class FormContent(msgspec.Struct, tag="form", kw_only=True):
    """A message in pieces, because each recipient's copy is made of them separately."""

    headers: list[tuple[str, str]]
    text: str | None = None
    html: str | None = None
    amp: str | None = None
    attachments: list[Part] = []
    inlines: list[Part] = []
    pinned: Pinned | None = None


class MimeContent(msgspec.Struct, tag="mime", kw_only=True):
    """A complete message; `personal` when recipient variables have to be put in."""

    raw: bytes
    personal: bool = False
    pinned: Pinned | None = None


Content = FormContent | MimeContent


class Attached(msgspec.Struct, rename={"content_type": "content-type"}):
    """How events tell of an attachment."""

    filename: str
    content_type: str
    size: int


class Meta(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything about a message but its bytes: what delivery decides by and events tell."""

    id: int
    account_id: str
    domain_id: str
    domain: str
    message_id: str  # without angle brackets
    from_: str  # header text
    to: str  # header text
    subject: str
    size: int
    recipients: list[str]  # all of them; emptied before the message is stored, the queue has them
    several: bool = False  # more than one recipient
    method: str  # "HTTP" | "smtp"
    accepted_at: int
    received: str  # the value of our Received header
    storage_url: str
    storage_key: str
    return_host: str  # host of the envelope sender
    attachments: list[Attached] = []
    tags: list[str] = []
    variables: dict[str, str] = {}
    api_key_id: str = ""
    ip: str = ""
    scheduled_for: int = 0  # epoch seconds
    batch_id: str = ""
    authenticated: bool = True
    test_mode: bool = False
    amp: bool = False
    dkim: bool = True
    secondary_dkim: str = ""  # "authority/selector" of a second signature
    secondary_dkim_public: str = ""
    require_tls: bool | None = None
    skip_verification: bool | None = None
    tls_report: bool = False  # what destinations publish about encryption does not hold for it
    sending_ip: str = ""  # the address that was asked for
    sending_ip_pool: str = ""  # the pool that was asked for
    ips: str = ""  # where an operator wants it sent from, with commas
    suppress_headers: list[str] = []
    archive_to: str = ""  # URL that gets what was delivered
    trace: str = ""  # where it came from, as a traceparent header has it (kernel/tracing.py)
    optimizer: str = ""  # "sto": recipients get it when they are likely to read
    template: UsedTemplate | None = None
    mailing_list: ListUsed | None = None
    incoming: bool = (
        False  # received for a domain of ours; then `recipients` and `sender` are of the envelope
    )
    sender: str = ""
    routed: bool = False  # received and passed on; `sender` is who sent it to us
    envelope: str | None = None  # the envelope sender as it is to be; None: our bounce address
    encrypted: bool = False  # the stored bytes are sealed
    tracking: Plan | None = None


class Personal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one recipient's copy has for itself."""

    to: str  # the To header of this copy
    variables: dict[str, Any] = {}


encode = msgspec.msgpack.Encoder().encode
decode_meta = msgspec.msgpack.Decoder(Meta).decode
decode_content = msgspec.msgpack.Decoder(FormContent | MimeContent).decode
decode_personal = msgspec.msgpack.Decoder(Personal).decode
