"""What an event looks like, for the description of the API (behaviour.md 6.2). Members that do not apply are absent."""

from typing import Any

import msgspec


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class _Shape(msgspec.Struct, kw_only=True, rename=_dashed, omit_defaults=True, frozen=True):
    """Members have dashes where attributes have underscores."""


class Named(_Shape, rename=_dashed, frozen=True):
    """A domain."""

    name: str = ""


class Identified(_Shape, rename=_dashed, frozen=True):
    """An account, or a batch."""

    id: str = ""


class Headers(_Shape, rename=_dashed, frozen=True):
    """The headers that events tell."""

    to: str = ""
    from_: str = ""
    subject: str = ""
    message_id: str = ""


class File(_Shape, rename=_dashed, frozen=True):
    """An attachment."""

    filename: str = ""
    content_type: str = ""
    size: int = 0


class Message(_Shape, rename=_dashed, frozen=True):
    """The message; `scheduled-for` in seconds since the epoch, `size` in bytes."""

    headers: Headers = Headers()
    attachments: list[File] = []
    recipients: list[str] = []
    size: int = 0
    scheduled_for: int = 0


class Envelope(_Shape, rename=_dashed, frozen=True):
    """How it was handed over."""

    sender: str = ""
    transport: str = ""
    targets: str = ""
    sending_ip: str = ""


class Flags(_Shape, rename=_dashed, frozen=True):
    """Yes or no."""

    is_authenticated: bool = False
    is_routed: bool = False
    is_test_mode: bool = False
    is_system_test: bool = False
    is_big: bool = False
    is_amp: bool = False
    is_encrypted: bool = False
    is_delayed_bounce: bool = False
    is_callback: bool = False


class DeliveryStatus(_Shape, rename=_dashed, frozen=True):
    """What the receiving server said; times in seconds."""

    attempt_no: int = 0
    code: int = 0
    message: str = ""
    description: str | None = None
    enhanced_code: str = ""
    bounce_type: str = ""
    retry_seconds: int = 0
    session_seconds: float = 0.0
    first_delivery_attempt_seconds: float = 0.0
    mx_host: str = ""
    mx_host_ip: str = ""
    tls: bool = False
    certificate_verified: bool = False
    utf8: bool = False
    last_code: int = 0
    last_message: str = ""


class Storage(_Shape, rename=_dashed, frozen=True):
    """Where the message can be fetched."""

    url: str = ""
    key: str = ""
    region: str = ""
    env: str = ""


class Reject(_Shape, rename=_dashed, frozen=True):
    """Why a message was rejected."""

    reason: str = ""
    description: str = ""


class Template(_Shape, rename=_dashed, frozen=True):
    """The stored template that was used."""

    name: str = ""
    version: str = ""
    is_text: bool = False


class ClientInfo(_Shape, rename=_dashed, frozen=True):
    """The program that opened or clicked."""

    client_name: str = ""
    client_os: str = ""
    client_type: str = ""
    device_type: str = ""
    user_agent: str = ""
    bot: str = ""


class Geolocation(_Shape, rename=_dashed, frozen=True):
    """Where it was."""

    city: str = ""
    country: str = ""
    region: str = ""
    timezone: str = ""


class Event(_Shape, rename=_dashed, frozen=True):
    """One event. `timestamp` in seconds since the epoch, with a fraction."""

    event: str
    id: str
    timestamp: float
    log_level: str
    account: Identified = Identified()
    domain: Named = Named()
    recipient: str = ""
    recipient_domain: str = ""
    recipient_provider: str = ""
    method: str = ""
    api_key_id: str = ""
    originating_ip: str = ""
    ip: str = ""
    url: str = ""
    severity: str = ""
    reason: str = ""
    primary_dkim: str = ""
    tags: list[str] = []
    campaigns: list[Any] = []
    user_variables: dict[str, str] | str = {}
    storage: Storage = Storage()
    message: Message = Message()
    flags: Flags = Flags()
    envelope: Envelope = Envelope()
    delivery_status: DeliveryStatus = DeliveryStatus()
    reject: Reject = Reject()
    template: Template = Template()
    batch: Identified = Identified()
    client_info: ClientInfo = ClientInfo()
    geolocation: Geolocation = Geolocation()
    delivered_at: int = 0
    i_unique: bool = False
    i_archived: bool = False
    i_delivery_optimizer: str = ""
