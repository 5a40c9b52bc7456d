"""What would become of a send: each field on its own, and each recipient's copy. Nothing is stored."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from postwright import lists, suppressions
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Read
from postwright.kernel.errors import Refused
from postwright.mail.headers import format_date
from postwright.mail.mime import parse as parse_message

from . import build
from .draft import Draft, Target, addresses, check_subject
from .headers import is_option, options_of
from .loading import Loaded
from .options import IDEMPOTENCY, Options, Raw, parse
from .records import Meta
from .schemas import Explained, ExplainedCopy, ExplainedField, SendForm, option_fields
from .templating import personalised
from .variables import OURS

MAX_COPIES = 20  # that are shown
ACCEPTED, IGNORED, REFUSED = "accepted", "ignored", "refused"
_WITHOUT_EFFECT = {
    "o:campaign": "campaigns are gone; use o:tag",
    "o:native-send": "every message is sent natively",
}
_PLAIN = {"from_": "from", "to": "to", "cc": "cc", "bcc": "bcc"}


def fields_of(given: SendForm, now: int, ahead: int) -> list[ExplainedField]:
    """Every field of a request: accepted, ignored or refused, why, and how it is understood."""
    raw = option_fields(given)
    found = [*_addresses(given), *_texts(given), *_files(given)]
    for name in raw:
        if name[:2] not in ("h:", "v:") and name not in given.extra:
            found.append(_option(name, raw, given, now, ahead))
    for name, values in given.extra.items():
        found.append(_extra(name, values, raw, now, ahead))
    return found


def _addresses(given: SendForm) -> Iterator[ExplainedField]:
    for attribute, name in _PLAIN.items():
        value = getattr(given, attribute)
        values = [value] if isinstance(value, str) else value
        if not any(values):
            continue
        try:
            understood = [address.header() for address in addresses(name, values)]
        except Refused as no:
            yield ExplainedField(name, REFUSED, str(no.extra.get("reason", no.text)))
            continue
        why = ""
        if given.recipient_variables and name in ("cc", "bcc"):
            why = "each of them gets a copy of every recipient's message"
        yield ExplainedField(name, ACCEPTED, why, understood)


def _texts(given: SendForm) -> Iterator[ExplainedField]:
    if given.subject:
        try:
            check_subject(given.subject)
            yield ExplainedField("subject", ACCEPTED, "")
        except Refused as no:
            yield ExplainedField("subject", REFUSED, no.text)
    for attribute, name in (("text", "text"), ("html", "html"), ("amp_html", "amp-html")):
        value = getattr(given, attribute)
        if value == "":
            yield ExplainedField(name, IGNORED, "it is empty")
        elif value is not None and name == "html" and given.template:
            yield ExplainedField(name, REFUSED, "the template makes the HTML: give one of both")
        elif value is not None and name == "text" and given.template and given.t_text:
            yield ExplainedField(name, IGNORED, "the template makes the text (t:text)")
        elif value is not None:
            yield ExplainedField(name, ACCEPTED, "", f"{len(value)} characters")


def _files(given: SendForm) -> Iterator[ExplainedField]:
    for name, files in (("attachment", given.attachment), ("inline", given.inline)):
        for file in files:
            how = f" as cid:{file.filename}" if name == "inline" else ""
            told = f"{file.filename}, {file.content_type}, {len(file.data)} octets{how}"
            yield ExplainedField(name, ACCEPTED, "", told)


def _option(name: str, raw: Raw, given: SendForm, now: int, ahead: int) -> ExplainedField:
    if name.startswith("t:") and "template" not in raw:
        return ExplainedField(name, IGNORED, "there is no template to use it with")
    alone = {name: raw[name]}
    if name == "o:secondary-dkim-public" and "o:secondary-dkim" in raw:
        alone["o:secondary-dkim"] = raw["o:secondary-dkim"]
    if name.startswith("t:"):
        alone["template"] = raw["template"]
    try:
        options = parse(alone, now, ahead)
    except Refused as no:
        return ExplainedField(name, REFUSED, no.text)
    if not any(value.strip() for value in raw[name]):
        return ExplainedField(name, IGNORED, "it is empty")
    return ExplainedField(name, ACCEPTED, _remark(name, options, given), _understood(options))


def _remark(name: str, options: Options, given: SendForm) -> str:
    if name == "o:deliverytime" and not options.deliver_at:
        return "that is past: it leaves at once"
    if name == "o:testmode" and options.test_mode:
        return "it is accepted and never handed to a receiver"
    if name == "recipient-variables" and options.recipient_variables is not None:
        try:
            known = {address.spec.lower() for address in addresses("to", given.to)}
        except Refused:
            return ""
        others = sorted(set(options.recipient_variables) - known)
        return f"not among the recipients: {', '.join(others[:10])}" if others else ""
    return ""


def _understood(options: Options) -> Any:
    """What an option comes to: the members of the options that it sets."""
    usual = Options()
    changed = {
        name: value
        for name in Options.__struct_fields__
        if (value := getattr(options, name)) != getattr(usual, name) and name != "tracking_given"
    }
    if "deliver_at" in changed:
        changed["deliver_at"] = format_date(options.deliver_at // SECOND)
    return msgspec.to_builtins(changed)


def _extra(name: str, values: Sequence[str], raw: Raw, now: int, ahead: int) -> ExplainedField:
    if name in _WITHOUT_EFFECT:
        return ExplainedField(name, IGNORED, _WITHOUT_EFFECT[name])
    header = name[2:].lower()
    if name.startswith("h:") and is_option(header):
        try:
            options = parse(options_of([(name[2:], value) for value in values]), now, ahead)
        except Refused as no:
            return ExplainedField(name, REFUSED, no.text)
        return ExplainedField(name, ACCEPTED, "it is an order to us, no header", _understood(options))
    if name.startswith("h:") and header in (*OURS, "mime-version"):
        return ExplainedField(name, IGNORED, "this header is made of other fields")
    if name.startswith(("h:", "v:")):
        try:
            parse({name: list(values)}, now, ahead)
        except Refused as no:
            return ExplainedField(name, REFUSED, no.text)
        return ExplainedField(name, ACCEPTED, "")
    if name.lower() == IDEMPOTENCY:
        return ExplainedField(name, ACCEPTED, "")
    close = difflib.get_close_matches(name, _NAMES, 1)
    return ExplainedField(name, IGNORED, "no such field" + (f"; did you mean {close[0]}?" if close else ""))


_NAMES = [field.encode_name for field in msgspec.structs.fields(SendForm) if field.name != "extra"]


def refused(found: list[ExplainedField], no: Refused) -> Explained:
    """The answer about a send that would be refused."""
    return Explained(accepted=False, status=no.status, message=no.text, fields=found)


async def accepted(db: Db, found: list[ExplainedField], draft: Draft, meta: Meta) -> Explained:
    """The answer about a send that would be accepted. Raises RenderFailed, CannotRender."""
    shown = draft.targets[:MAX_COPIES]
    held = await db.read(_held, meta, shown)
    return Explained(
        accepted=True,
        status=200,
        message="Queued. Thank you.",
        fields=found,
        recipients_total=len(draft.targets),
        size=draft.size,
        leaves=format_date(max(meta.scheduled_for, meta.accepted_at // SECOND)),
        tracking=msgspec.to_builtins(meta.tracking),
        recipients=[await _copy(draft, meta, each, *held[n]) for n, each in enumerate(shown)],
    )


def _held(tx: Read, meta: Meta, targets: list[Target]) -> list[tuple[str, bool]]:
    """For each recipient: why it is not written to, and whether it is a mailing list."""
    pairs = [(target.address.spec, target.address.domain) for target in targets]
    posts = lists.among(tx, meta.account_id, pairs)
    found = []
    for address, _ in pairs:
        no = suppressions.refusal(tx, meta.domain_id, address, meta.tags)
        found.append(("" if no is None else no.description, address in posts))
    return found


async def _copy(draft: Draft, meta: Meta, target: Target, held: str, is_list: bool) -> ExplainedCopy:
    personal = target.personal
    loaded = await personalised(Loaded(meta, draft.content), personal)
    raw = build.common(meta, loaded.content, personal, []).raw
    parsed = parse_message(raw)
    return ExplainedCopy(
        address=target.address.spec,
        suppressed=held or None,
        mailing_list=is_list,
        headers=parsed.headers,
        text=parsed.bodies.get("plain"),
        html=parsed.bodies.get("html"),
        size=len(raw),
    )
