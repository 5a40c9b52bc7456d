"""Send options: the `o:`, `h:`, `v:` fields of a request, or the same from `X-Mailgun-*` headers, typed and limited.

Both doors make the same mapping of field names to texts, so each rule stands here once.
"""

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.outgoing import TargetRefused, parse_url
from postwright.mail.headers import HeaderError, check_name, check_value
from postwright.tracking import Wish

from .errors import BadParameter, OptionsTooLarge

Raw = Mapping[str, Sequence[str]]

OPTIONS_LIMIT = 16 * 1024  # bytes of all o:, h:, v:, t: values together (behaviour.md 2.1)
MAX_TAGS = 10  # a message (2.1: sources say 3 or 10; SDKs allow 10)
MAX_TAG = 128  # characters
AHEAD_SECONDS = 7 * 86400  # longest schedule of a domain that sets no message_ttl (2.1)
MAX_KEY = 255  # characters of an idempotency key
IDEMPOTENCY = "x-idempotency-key"
_YES = frozenset(("yes", "true", "1", "on"))
_NO = frozenset(("no", "false", "0", "off"))
_WITHIN = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?")
_OPTIMIZE = re.compile(r"(\d{1,3})h")
TRACKING_OPTIONS = (
    "o:tracking",
    "o:tracking-clicks",
    "o:tracking-opens",
    "o:tracking-pixel-location-top",
)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(0?[1-9]|1[0-2]):([0-5]\d)\s?([AaPp])[Mm]")


class TemplateWish(msgspec.Struct, frozen=True, kw_only=True):
    """The template that the message is to be made of."""

    name: str
    version: str = ""  # its tag; "": the active one
    text: bool = False  # a text part made of the HTML is wanted too
    variables: dict[str, Any] = {}


class Options(msgspec.Struct, kw_only=True):
    """The options of one message, checked."""

    tags: list[str] = []
    headers: list[tuple[str, str]] = []
    variables: dict[str, str] = {}
    test_mode: bool = False
    dkim: bool = True
    secondary_dkim: str = ""
    secondary_dkim_public: str = ""
    deliver_at: int = 0  # microseconds; 0: now
    deliver_within: int = 0  # seconds; 0: as long as the retry schedule lasts
    optimize: int = 0  # hours within which each recipient's best one is chosen; 0: not
    localize: int | None = None  # minute of each recipient's own day
    archive_to: str = ""  # URL that gets what was delivered
    idempotency_key: str = ""  # sends of an account with the same one are one
    require_tls: bool | None = None
    skip_verification: bool | None = None
    tls_report: bool = False  # tells of failed encryption: must arrive although it fails (RFC 8460 §3)
    sending_ip: str = ""
    sending_ip_pool: str = ""
    suppress_headers: list[str] = []
    tracking: Wish = Wish()
    tracking_given: list[tuple[str, str]] = []  # those options as they were given
    recipient_variables: dict[str, dict[str, Any]] | None = None
    template: TemplateWish | None = None


def parse(raw: Raw, now: int, ahead: int = 0) -> Options:
    """Check and type the options in `raw`. Raises the refusals of errors.py.

    `ahead` is how many seconds ahead the domain lets messages be scheduled; 0: as many as usual.
    """
    sized = sum(len(value.encode()) for name, values in raw.items() if name[:2] in _SIZED for value in values)
    if sized > OPTIONS_LIMIT:
        raise OptionsTooLarge
    secondary = _signer(raw, "o:secondary-dkim")
    public = _signer(raw, "o:secondary-dkim-public")
    if public and not secondary:
        raise BadParameter("o:secondary-dkim-public requires o:secondary-dkim")
    return Options(
        tags=_tags(raw),
        headers=_headers(raw),
        variables={name[2:]: values[-1] for name, values in raw.items() if name.startswith("v:")},
        test_mode=_flag(raw, "o:testmode") is True,
        dkim=_flag(raw, "o:dkim") is not False,
        secondary_dkim=secondary,
        secondary_dkim_public=public,
        deliver_at=_deliver_at(_last(raw, "o:deliverytime"), now, ahead or AHEAD_SECONDS),
        deliver_within=_deliver_within(_last(raw, "o:deliver-within")),
        optimize=_optimize(_last(raw, "o:deliverytime-optimize-period")),
        localize=_localize(_last(raw, "o:time-zone-localize")),
        archive_to=_archive_to(_last(raw, "o:archive-to")),
        idempotency_key=_idempotency_key(_last(raw, IDEMPOTENCY)),
        require_tls=_flag(raw, "o:require-tls"),
        skip_verification=_flag(raw, "o:skip-verification"),
        sending_ip=_last(raw, "o:sending-ip"),
        sending_ip_pool=_last(raw, "o:sending-ip-pool"),
        suppress_headers=[
            part.strip().lower()
            for value in raw.get("o:suppress-headers", ())
            for part in value.split(",")
            if part.strip()
        ],
        tracking=_tracking(raw),
        tracking_given=[(name, _last(raw, name)) for name in TRACKING_OPTIONS if _last(raw, name)],
        recipient_variables=_recipient_variables(_last(raw, "recipient-variables")),
        template=_template(raw),
    )


_SIZED = frozenset(("o:", "h:", "v:", "t:"))


def _last(raw: Raw, name: str) -> str:
    values = raw.get(name)
    return values[-1].strip() if values else ""


def _flag(raw: Raw, name: str) -> bool | None:
    value = _last(raw, name).lower()
    if not value:
        return None
    if value not in _YES and value not in _NO:
        raise BadParameter(
            f"Invalid value for '{name}': {value[:64]}. It can be 'yes', 'no', 'true', 'false'"
        )
    return value in _YES


def _template(raw: Raw) -> TemplateWish | None:
    name = _last(raw, "template")
    if not name:
        return None
    given = _last(raw, "t:variables")
    try:
        variables = msgspec.json.decode(given, type=dict[str, Any]) if given else {}
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadParameter("'t:variables' parameter is not a valid JSON") from wrong
    return TemplateWish(
        name=name,
        version=_last(raw, "t:version"),
        text=_flag(raw, "t:text") is True,
        variables=variables,
    )


def _tracking(raw: Raw) -> Wish:
    """The message's own wishes; the special options win over the general one (behaviour.md 2.1)."""
    both = _clicks(raw, "o:tracking")
    opens = _flag(raw, "o:tracking-opens")
    if opens is None and both:
        opens = both != "no"
    return Wish(
        opens=opens,
        clicks=_clicks(raw, "o:tracking-clicks") or both,
        at_top=_flag(raw, "o:tracking-pixel-location-top"),
    )


def _clicks(raw: Raw, name: str) -> str:
    if _last(raw, name).lower() == "htmlonly":
        return "htmlonly"
    flag = _flag(raw, name)
    return "" if flag is None else "yes" if flag else "no"


def _tags(raw: Raw) -> list[str]:
    tags: dict[str, str] = {}
    for tag in raw.get("o:tag", ()):
        text = tag.strip()
        if not text:
            continue
        if len(text) > MAX_TAG or not text.isascii() or not text.isprintable():
            raise BadParameter(f"Invalid tag: at most {MAX_TAG} printable ASCII characters expected")
        tags.setdefault(text.lower(), text)
    if len(tags) > MAX_TAGS:
        raise BadParameter(f"Too many tags, max is {MAX_TAGS}")
    return list(tags.values())


def _headers(raw: Raw) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for field, values in raw.items():
        if not field.startswith("h:"):
            continue
        name = field[2:]
        if not name.isascii():
            raise BadParameter(f"Header name must be pure ASCII: {name[:100]}")
        try:
            check_name(name)
            for value in values:
                check_value(value)
        except HeaderError as wrong:
            raise BadParameter(f"Invalid header '{name[:100]}': {wrong}") from wrong
        headers.extend((name, value) for value in values)
    return headers


def _deliver_at(text: str, now: int, ahead: int) -> int:
    if not text:
        return 0
    try:
        seconds = (
            float(text) if text.replace(".", "", 1).isdigit() else parsedate_to_datetime(text).timestamp()
        )
    except (ValueError, TypeError, OverflowError) as wrong:
        raise BadParameter(f"{text[:100]} is not an RFC-2822 compliant date") from wrong
    if seconds * SECOND > now + ahead * SECOND:
        days = f"{ahead / 86400:g} days" if ahead >= 86400 else f"{ahead} seconds"
        raise BadParameter(f"{text[:100]} is not a valid time to send (at most {days} ahead)")
    at = int(seconds * SECOND)
    return at if at > now else 0


def _deliver_within(text: str) -> int:
    if not text:
        return 0
    found = _WITHIN.fullmatch(text)
    if not found or not found[0]:
        raise BadParameter(f"Invalid value for 'o:deliver-within': {text[:64]}. Use a form like 1h30m")
    seconds = int(found[1] or 0) * 3600 + int(found[2] or 0) * 60
    if not 300 <= seconds <= 86400:
        raise BadParameter(f"Invalid value for 'o:deliver-within': {text[:64]}. It can be 5m to 24h")
    return seconds


def _optimize(text: str) -> int:
    """The period of send-time optimisation, in hours."""
    if not text:
        return 0
    found = _OPTIMIZE.fullmatch(text)
    if not found or not 24 <= int(found[1]) <= 72:
        raise BadParameter(
            f"Invalid value for 'o:deliverytime-optimize-period': {text[:64]}. It can be 24h to 72h"
        )
    return int(found[1])


def _localize(text: str) -> int | None:
    """The minute of the day in `HH:mm` or `hh:mmaa`."""
    if not text:
        return None
    found = _CLOCK.fullmatch(text)
    if not found:
        raise BadParameter(f"{text[:64]} invalid 24 hour time(value of 'o:time-zone-localize')")
    if found[3] is None:
        return int(found[1]) * 60 + int(found[2])
    return (int(found[3]) % 12 + (12 if found[5] in "Pp" else 0)) * 60 + int(found[4])


def _archive_to(text: str) -> str:
    if text:
        try:
            parse_url(text)
        except TargetRefused as refused:
            raise BadParameter(f"o:archive-to is not a valid URL: {refused}") from refused
    return text


def _idempotency_key(text: str) -> str:
    if len(text) > MAX_KEY:
        raise BadParameter(f"Invalid idempotency key: at most {MAX_KEY} characters expected")
    return text


def _signer(raw: Raw, name: str) -> str:
    text = _last(raw, name)
    if not text:
        return ""
    domain, slash, selector = text.replace(",", "/", 1).partition("/")
    if not slash or not domain.strip() or not selector.strip() or len(text) > 512:
        raise BadParameter(f"{text[:200]} is not a valid secondary dkim domain name")
    return f"{domain.strip().lower()}/{selector.strip()}"


def _recipient_variables(text: str) -> dict[str, dict[str, Any]] | None:
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=dict[str, dict[str, Any] | None])
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadParameter("'recipient-variables' parameter is not a valid JSON") from wrong
    return {address.strip().lower(): variables or {} for address, variables in found.items()}
