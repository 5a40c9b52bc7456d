"""Requests and replies of the message operations."""

from typing import Any

import msgspec

from postwright.kernel.http import Upload

from .headers import is_option, options_of


class SendOptions(msgspec.Struct, kw_only=True):
    """Fields that both ways of sending take. Texts: `options.py` gives them types and refuses wrong ones."""

    to: list[str] = []
    template: list[str] = []
    t_version: list[str] = msgspec.field(name="t:version", default_factory=list)
    t_text: list[str] = msgspec.field(name="t:text", default_factory=list)
    t_variables: list[str] = msgspec.field(name="t:variables", default_factory=list)
    o_tag: list[str] = msgspec.field(name="o:tag", default_factory=list)
    o_dkim: list[str] = msgspec.field(name="o:dkim", default_factory=list)
    o_secondary_dkim: list[str] = msgspec.field(name="o:secondary-dkim", default_factory=list)
    o_secondary_dkim_public: list[str] = msgspec.field(name="o:secondary-dkim-public", default_factory=list)
    o_deliverytime: list[str] = msgspec.field(name="o:deliverytime", default_factory=list)
    o_deliver_within: list[str] = msgspec.field(name="o:deliver-within", default_factory=list)
    o_optimize: list[str] = msgspec.field(name="o:deliverytime-optimize-period", default_factory=list)
    o_localize: list[str] = msgspec.field(name="o:time-zone-localize", default_factory=list)
    o_testmode: list[str] = msgspec.field(name="o:testmode", default_factory=list)
    o_tracking: list[str] = msgspec.field(name="o:tracking", default_factory=list)
    o_tracking_clicks: list[str] = msgspec.field(name="o:tracking-clicks", default_factory=list)
    o_tracking_opens: list[str] = msgspec.field(name="o:tracking-opens", default_factory=list)
    o_pixel_top: list[str] = msgspec.field(name="o:tracking-pixel-location-top", default_factory=list)
    o_require_tls: list[str] = msgspec.field(name="o:require-tls", default_factory=list)
    o_skip_verification: list[str] = msgspec.field(name="o:skip-verification", default_factory=list)
    o_sending_ip: list[str] = msgspec.field(name="o:sending-ip", default_factory=list)
    o_sending_ip_pool: list[str] = msgspec.field(name="o:sending-ip-pool", default_factory=list)
    o_archive_to: list[str] = msgspec.field(name="o:archive-to", default_factory=list)
    o_suppress_headers: list[str] = msgspec.field(name="o:suppress-headers", default_factory=list)
    recipient_variables: list[str] = msgspec.field(name="recipient-variables", default_factory=list)
    extra: dict[str, list[str]] = {}  # h:* and v:*


class SendForm(SendOptions, kw_only=True):
    """A message in fields."""

    from_: str = msgspec.field(name="from", default="")
    cc: list[str] = []
    bcc: list[str] = []
    subject: str = ""
    text: str | None = None
    html: str | None = None
    amp_html: str | None = msgspec.field(name="amp-html", default=None)
    attachment: list[Upload] = []
    inline: list[Upload] = []


class SendMime(SendOptions, kw_only=True):
    """A complete message and its envelope."""

    message: Upload | str | None = None


class Sent(msgspec.Struct):
    """The message was stored and will be sent."""

    id: str  # the Message-Id, here (and only here) in angle brackets
    message: str = "Queued. Thank you."


class ExplainedField(msgspec.Struct):
    """One field of a request: `accepted`, `ignored` or `refused`, why, and what it is understood as."""

    name: str
    state: str
    why: str
    understood: Any = None


class ExplainedCopy(msgspec.Struct):
    """What one recipient gets, before links are tracked and the message is signed."""

    address: str
    suppressed: str | None  # why it is not written to
    mailing_list: bool  # then its members get it
    headers: list[tuple[str, str]]
    text: str | None
    html: str | None
    size: int


class Explained(msgspec.Struct, kw_only=True):
    """What a send with these fields would be answered, and what would be sent. Of the recipients the first 20."""

    accepted: bool
    status: int
    message: str
    fields: list[ExplainedField]
    recipients_total: int = 0
    size: int = 0
    leaves: str = ""  # when it is due
    tracking: Any = None  # what is done to each copy; null: nothing
    recipients: list[ExplainedCopy] = []


class Resend(msgspec.Struct):
    """To whom a stored message goes again; of a batch message, with these recipient variables."""

    to: list[str] = []
    recipient_variables: list[str] = msgspec.field(name="recipient-variables", default_factory=list)


class StoredFile(msgspec.Struct, rename={"content_type": "content-type"}):
    """An attachment of a stored message; `url` has its bytes."""

    url: str
    content_type: str
    name: str
    size: int


def _name(name: str) -> Any:
    return msgspec.field(name=name)


class StoredMessage(msgspec.Struct, kw_only=True):
    """A stored message. Every header of it is a member, of which these are the usual ones."""

    recipients: str
    sender: str
    from_: str = _name("from")
    subject: str
    from_header: str = _name("From")
    to_header: str = _name("To")
    subject_header: str = _name("Subject")
    message_id: str = _name("Message-Id")
    mime_version: str = _name("Mime-Version")
    content_type: str = _name("Content-Type")
    content_transfer_encoding: str = _name("Content-Transfer-Encoding")
    tag: str = _name("X-Mailgun-Tag")
    template_name: str = _name("X-Mailgun-Template-Name")
    template_variables: str = _name("X-Mailgun-Template-Variables")
    body_plain: str = _name("body-plain")
    body_html: str = _name("body-html")
    body_mime: str = _name("body-mime")
    stripped_text: str = _name("stripped-text")
    stripped_html: str = _name("stripped-html")
    stripped_signature: str = _name("stripped-signature")
    attachments: list[StoredFile]
    content_id_map: dict[str, StoredFile] = _name("content-id-map")
    message_headers: list[tuple[str, str]] = _name("message-headers")


class Disabled(msgspec.Struct):
    """Why and until when a queue takes nothing."""

    until: str
    reason: str


class QueueState(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Whether a domain's queue takes messages, and to how many recipients those go that it has."""

    is_disabled: bool
    messages: int
    disabled: Disabled | None = None


class Queues(msgspec.Struct):
    """A domain's queues: what is due, and what is scheduled."""

    regular: QueueState
    scheduled: QueueState


class Done(msgspec.Struct):
    """It is done."""

    message: str


def option_fields(fields: SendOptions) -> dict[str, list[str]]:
    """The options of a request by their names on the wire, as `options.parse` takes them."""
    raw: dict[str, list[str]] = {
        field.encode_name: getattr(fields, field.name)
        for field in _OPTION_FIELDS
        if getattr(fields, field.name)
    }
    # `h:X-Mailgun-Tag` and its like are the options of those headers (behaviour.md 2.1), fields win.
    orders = [
        (name[2:], value)
        for name, values in fields.extra.items()
        if name.startswith("h:") and is_option(name[2:])
        for value in values
    ]
    given = options_of(orders) | raw
    given.update((name, values) for name, values in fields.extra.items() if not is_option(name[2:]))
    return given


_OPTION_FIELDS = tuple(
    field for field in msgspec.structs.fields(SendOptions) if field.name not in ("to", "extra")
)
