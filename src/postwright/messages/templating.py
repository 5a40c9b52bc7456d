"""Messages made of templates (behaviour.md 12).

A template is filled when the message is accepted, and what comes out is the message: what becomes of the template
later changes nothing. In a batch whose variables name recipient variables (`v:name=%recipient.name%`) each copy has
data of its own; then the message keeps the template's text as it was (`Pinned`) and delivery fills it, equal for
every retry.
"""

import asyncio
import email
import email.policy
from email.message import Message
from typing import Any

import msgspec

from postwright import templates
from postwright.kernel.db import Db
from postwright.mail.addresses import Address
from postwright.mail.mime import fit_to_relay, insert_headers, parse_head

from .draft import Draft, Form, from_form, from_mime
from .errors import BadParameter
from .loading import Loaded
from .options import Options
from .records import FormContent, MimeContent, Personal, Pinned, UsedTemplate
from .variables import Person, has_tokens

_SMTP = email.policy.compat32.clone(linesep="\r\n", max_line_length=None)


class Owner(msgspec.Struct, frozen=True):
    """Whose templates a message may use."""

    account_id: str
    domain_id: str
    domain: str


class Filled(msgspec.Struct, kw_only=True):
    """A template filled for all recipients, or (`pinned`) as far as that goes."""

    html: str
    text: str | None
    headers: dict[str, str]
    used: UsedTemplate
    pinned: Pinned | None


async def form_draft(db: Db, owner: Owner, form: Form, options: Options, new_id: str, now: int) -> Draft:
    """The draft of a form, with its template filled when it names one. Raises what from_form and filling raise."""
    if options.template is None:
        return from_form(form, options, owner.domain, new_id, now)
    if form.html is not None:
        raise BadParameter("Only one parameters 'html' or 'template' is allowed")
    filled = await fill(db, owner, options)
    made = apply_to_form(form, filled, options, owner.domain)
    return _marked(from_form(made, options, owner.domain, new_id, now), filled)


async def mime_draft(
    db: Db, owner: Owner, raw: bytes, recipients: list[Address], options: Options, new_id: str, now: int
) -> Draft:
    """The draft of a complete message, likewise. Raises what from_mime and filling raise."""
    if options.template is None:
        return from_mime(raw, recipients, options, owner.domain, new_id, now)
    filled = await fill(db, owner, options)
    made = await apply_to_mime(raw, filled, options, owner.domain)
    if made is None:
        return from_mime(raw, recipients, options, owner.domain, new_id, now)
    return _marked(from_mime(made, recipients, options, owner.domain, new_id, now), filled)


def _marked(draft: Draft, filled: Filled) -> Draft:
    draft.template = filled.used
    if filled.pinned is not None:
        draft.content.pinned = filled.pinned
    return draft


async def fill(db: Db, owner: Owner, options: Options) -> Filled:
    """Fill the template that the options name. Raises TemplateMissing, RenderFailed, CannotRender."""
    wish = options.template
    assert wish is not None
    found = await db.read(templates.find, owner.account_id, owner.domain_id, wish.name, wish.version)
    source = Pinned(
        html=found.content,
        headers=found.headers,
        text=wish.text,
        given=wish.variables,
        variables=options.variables,
    )
    data = templates.combine(wish.variables, options.variables)
    html, text, headers = await _render(source, data)
    return Filled(
        html=html,
        text=text,
        headers=headers,
        used=UsedTemplate(name=found.name, version=found.tag, is_text=wish.text),
        pinned=source if _is_personal(options, data) else None,
    )


def _is_personal(options: Options, data: dict[str, Any]) -> bool:
    variables = options.recipient_variables
    if variables is None:
        return False
    return any(map(has_tokens, templates.texts_of(data))) or any(
        key.startswith("v:") for each in variables.values() for key in each
    )


async def _render(source: Pinned, data: dict[str, Any]) -> tuple[str, str | None, dict[str, str]]:
    return await templates.fill(source.html, source.headers, data, text=source.text)


def apply_to_form(form: Form, filled: Filled, options: Options, domain: str) -> Form:
    """The form with what the template gives; what the message says itself wins."""
    headers = filled.headers
    said = {name.title() for name, _ in options.headers}
    said |= {name for name, value in (("From", form.from_.strip()), ("Subject", form.subject)) if value}
    _leave_to_message(filled, said)
    if headers.get("Reply-To") and "Reply-To" not in said:
        options.headers = [*options.headers, ("Reply-To", headers["Reply-To"])]
    return msgspec.structs.replace(
        form,
        from_=form.from_ if form.from_.strip() else headers.get("From") or f"postmaster@{domain}",
        subject=form.subject or headers.get("Subject", ""),
        html=filled.html,
        text=filled.text if filled.text is not None else form.text,
    )


def _leave_to_message(filled: Filled, said: set[str]) -> None:
    """Let delivery fill only those headers that the template gives and the message does not say itself."""
    if filled.pinned is not None:
        kept = {name: value for name, value in filled.pinned.headers.items() if name not in said}
        filled.pinned = msgspec.structs.replace(filled.pinned, headers=kept)


async def apply_to_mime(raw: bytes, filled: Filled, options: Options, domain: str) -> bytes | None:
    """The message with its HTML part replaced by the template's; None when it has none (behaviour.md 3.1)."""
    made = await asyncio.to_thread(_with_html, fit_to_relay(raw), filled.html, filled.text)
    if made is None:
        return None
    said = {name.title() for name, value in parse_head(made) if value.strip()}
    said |= {name.title() for name, _ in options.headers}
    defaults = {"From": f"postmaster@{domain}"} | filled.headers
    added = [(name, value) for name, value in defaults.items() if value and name not in said]
    _leave_to_message(filled, said | {"From", "Subject", "Reply-To"})
    return insert_headers(made, added)


def _with_html(raw: bytes, html: str, text: str | None) -> bytes | None:
    message = email.message_from_bytes(raw, policy=_SMTP)
    leaves = [
        part
        for part in message.walk()
        if not part.is_multipart() and part.get_content_disposition() != "attachment"
    ]
    target = next((part for part in leaves if part.get_content_type() == "text/html"), None)
    if target is None:
        return None
    plain = next((part for part in leaves if part.get_content_type() == "text/plain"), None)
    _put(target, html)
    if text is not None and plain is not None:
        _put(plain, text)
    elif text is not None:
        _wrap(target, text)
    return fit_to_relay(message.as_bytes(policy=_SMTP))


def _put(part: Message, text: str) -> None:
    del part["Content-Transfer-Encoding"]
    part.set_payload(text, "us-ascii" if text.isascii() else "utf-8")
    # Whatever its author wrote into one line has to travel in lines of at most 998 octets (RFC 5322 section 2.1.1).
    if max(map(len, text.split("\n")), default=0) > 900 and text.isascii():
        del part["Content-Transfer-Encoding"]
        part.set_payload(text, "utf-8")


def _wrap(part: Message, text: str) -> None:
    """Make an HTML part a multipart/alternative of `text` and itself."""
    html, plain = Message(policy=_SMTP), Message(policy=_SMTP)
    html["Content-Type"] = part["Content-Type"]
    if part["Content-Transfer-Encoding"]:
        html["Content-Transfer-Encoding"] = part["Content-Transfer-Encoding"]
    html.set_payload(part.get_payload())
    plain["Content-Type"] = "text/plain"
    _put(plain, text)
    del part["Content-Transfer-Encoding"]
    del part["Content-Type"]
    part["Content-Type"] = 'multipart/alternative; boundary="=_template-alternative"'
    part.set_payload([plain, html])


async def personalised(loaded: Loaded, personal: Personal | None) -> Loaded:
    """The message with its template filled for one recipient, when it is one that has to be.

    Raises RenderFailed, CannotRender.
    """
    content = loaded.content
    if content.pinned is None or personal is None:
        return loaded
    person = Person(personal)
    variables = content.pinned.variables | person.own("v:")
    data = templates.combine(content.pinned.given, variables, person.fill)
    html, text, headers = await _render(content.pinned, data)
    if isinstance(content, FormContent):
        return msgspec.structs.replace(loaded, content=_form(content, html, text, headers))
    raw = await asyncio.to_thread(_with_html, content.raw, html, text)
    return msgspec.structs.replace(
        loaded, content=MimeContent(raw=raw if raw is not None else content.raw, personal=content.personal)
    )


def _form(content: FormContent, html: str, text: str | None, headers: dict[str, str]) -> FormContent:
    told = [
        (name, headers.get(name) or value if name in headers else value) for name, value in content.headers
    ]
    return msgspec.structs.replace(
        content, headers=told, html=html, text=content.text if text is None else text, pinned=None
    )
