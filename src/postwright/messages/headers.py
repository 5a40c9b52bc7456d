"""`X-Mailgun-*` headers as the options they stand for (behaviour.md 2.6): the SMTP twin of the form's fields."""

from collections.abc import Iterable

import msgspec

from postwright.mail import params
from postwright.mail.headers import decode
from postwright.mail.mime import parse as parse_message
from postwright.mail.mime import parse_head

from .errors import BadParameter
from .options import IDEMPOTENCY

CONTAINER = "multipart/mailgun-variables"

_OPTIONS = {
    "x-mailgun-tag": "o:tag",
    "x-mailgun-dkim": "o:dkim",
    "x-mailgun-secondary-dkim": "o:secondary-dkim",
    "x-mailgun-secondary-dkim-public": "o:secondary-dkim-public",
    "x-mailgun-drop-message": "o:testmode",
    "x-mailgun-track": "o:tracking",
    "x-mailgun-track-clicks": "o:tracking-clicks",
    "x-mailgun-track-opens": "o:tracking-opens",
    "x-mailgun-track-pixel-location-top": "o:tracking-pixel-location-top",
    "x-mailgun-sending-ip": "o:sending-ip",
    "x-mailgun-sending-ip-pool": "o:sending-ip-pool",
    "x-mailgun-require-tls": "o:require-tls",
    "x-mailgun-skip-verification": "o:skip-verification",
    "x-mailgun-deliver-by": "o:deliverytime",
    "x-mailgun-deliver-within": "o:deliver-within",
    "x-mailgun-delivery-time-optimize-period": "o:deliverytime-optimize-period",
    "x-mailgun-time-zone-localize": "o:time-zone-localize",
    "x-mailgun-recipient-variables": "recipient-variables",
    "x-mailgun-template-name": "template",
    "x-mailgun-template-version": "t:version",
    "x-mailgun-template-variables": "t:variables",
    "x-mailgun-archive-to": "o:archive-to",
    "x-mailgun-suppress-headers": "o:suppress-headers",
    IDEMPOTENCY: IDEMPOTENCY,
}
_VARIABLES = "x-mailgun-variables"


def is_option(name: str) -> bool:
    """Whether a header of that name is an order to us."""
    lowered = name.lower()
    return lowered in _OPTIONS or lowered == _VARIABLES


def options_of(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Option fields found among `headers` (name, decoded value). Raises BadParameter for bad variables."""
    raw: dict[str, list[str]] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in _OPTIONS:
            raw.setdefault(_OPTIONS[lowered], []).append(value)
        elif lowered == _VARIABLES:
            for key, variable in _variables(value).items():
                raw[f"v:{key}"] = [variable]
    return raw


def opened(raw: bytes) -> tuple[bytes, dict[str, list[str]]]:
    """The message that was submitted, and its options; out of the container for long variables where it is in one.

    The container (behaviour.md 3.2) holds the recipient variables as JSON and then the message itself. Raises
    BadParameter.
    """
    head = _decoded(raw)
    options = options_of(head)
    kind = next((value for name, value in head if name.lower() == "content-type"), "")
    if params.parse(kind)[0] != CONTAINER:
        return raw, options
    parts = {
        params.parse(part.content_type)[0]: part.data for part in reversed(parse_message(raw).attachments)
    }
    inner = parts.get("message/rfc822")
    if inner is None or "application/json" not in parts:
        raise BadParameter(f"{CONTAINER} holds a part application/json and a part message/rfc822")
    try:
        variables = parts["application/json"].decode()
    except UnicodeDecodeError as wrong:
        raise BadParameter("'recipient-variables' parameter is not a valid JSON") from wrong
    # What the message itself says is nearer than what stands on its wrapping.
    return inner, options | options_of(_decoded(inner)) | {"recipient-variables": [variables]}


def _decoded(raw: bytes) -> list[tuple[str, str]]:
    return [(name, decode(value)) for name, value in parse_head(raw)]


def _variables(text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadParameter("X-Mailgun-Variables header is not a valid JSON object") from wrong
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in found.items()
    }
