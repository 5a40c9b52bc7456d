"""Keep captured messages, show them, delete them; and let their recipients do as they are told."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from postwright import domains
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.mail.mime import parse

from . import store
from .errors import BadRule, NotCaptured, RuleNotFound
from .schemas import Captured, CapturedMessage, File, NewRule, Page, Query
from .scripts import ACTS, MAX_PATTERN, MAX_RULES, Rule, Script, checked, script

# Older messages go, so that an instance in CI never fills the disk.
KEEP = 20_000  # messages
KEEP_SIZE = 2 * 1024**3  # octets
MAX_PAGE = 300
KEEP_TRIES = 30 * 86400  # seconds after the last attempt at who greylists


def keep(
    tx: Write, now: int, sender: str, recipients: Sequence[str], head: Mapping[str, str], raw: bytes
) -> None:
    """Keep one message, once for each envelope recipient."""
    account_id = account_of(tx, sender)
    known = rules_of(tx, account_id)
    # PostgreSQL has no NUL in text; what was sent keeps its own.
    from_, to, subject, message_id = (
        head.get(name, "").replace("\0", "\ufffd") for name in ("from", "to", "subject", "message-id")
    )
    for recipient in recipients:
        values = (
            now,
            account_id,
            sender,
            recipient.lower(),
            from_,
            to,
            subject,
            message_id.strip("<> "),
            len(raw),
            raw,
        )
        does = script(known, recipient)
        if does.do in ACTS:
            number = store.add_numbered(tx, values)
            store.add_act(tx, number, account_id, does.do, does.enhanced, now + round(does.after * SECOND))
        else:
            store.add(tx, values)


def account_of(tx: Read, sender: str) -> str:
    """Whose message it is: the envelope sender is our own bounce address, and its host says so."""
    return domains.account_of_host(tx, sender.rpartition("@")[2].lower()) or ""


def script_of(tx: Read, sender: str, recipient: str) -> Script:
    """What a recipient does with mail from the envelope sender `sender`."""
    return script(rules_of(tx, account_of(tx, sender)), recipient)


def greylists(tx: Write, now: int, sender: str, recipient: str, times: int) -> bool:
    """Count an attempt at a recipient that greylists; whether it is refused."""
    # The envelope sender is one of its own for each message and recipient.
    key = hashlib.sha256(f"{sender}\0{recipient.lower()}".encode()).hexdigest()
    return store.count_try(tx, key, now) <= times


def rules_of(tx: Read, account_id: str) -> list[Rule]:
    """The rules of an account, in the order they are followed in."""
    return [Rule(**row._mapping) for row in store.rules_of(tx, account_id)]


def add_rule(tx: Write, account_id: str, new: NewRule) -> Rule:
    """Let a rule stand from now on, before all others. Raises BadRule."""
    pattern = new.recipient.strip().lower()
    if not pattern or len(pattern) > MAX_PATTERN or not pattern.isprintable():
        raise BadRule("recipient is an address or a pattern like *@example.com")
    if len(store.rules_of(tx, account_id)) >= MAX_RULES:
        raise BadRule(f"an account has at most {MAX_RULES} rules; delete some")
    fields = {name: getattr(new, name) for name in Script.__struct_fields__}
    rule = checked(Rule(recipient=pattern, **fields))
    values = {name: getattr(rule, name) for name in Rule.__struct_fields__ if name != "id"}
    return msgspec.structs.replace(rule, id=store.add_rule(tx, account_id, values))


def remove_rules(tx: Write, account_id: str, number: int | None = None) -> int:
    """Delete a rule (RuleNotFound when it is not there) or all of the account; how many."""
    gone = store.remove_rules(tx, account_id, number)
    if number is not None and not gone:
        raise RuleNotFound
    return gone


def trim(tx: Write, now: int) -> int:
    """Delete what is more than is kept, the oldest first; how many."""
    store.forget_tries(tx, now - KEEP_TRIES * SECOND)
    return store.trim(tx, KEEP, KEEP_SIZE)


def page(tx: Read, account_id: str, query: Query, url: str) -> Page:
    """A page of the account's captured messages, newest first."""
    limit = min(max(query.limit, 1), MAX_PAGE)
    wanted = {"recipient": query.recipient.lower(), "message_id": query.message_id.strip("<>")}
    exact = {name: value for name, value in wanted.items() if value}
    rows = store.page(tx, account_id, query.before, limit + 1, exact, query.term)
    more = len(rows) > limit
    rows = rows[:limit]
    asked = {"limit": limit, **exact, **({"term": query.term} if query.term else {})}
    following = f"{url}?{urlencode(asked | {'before': rows[-1].id})}" if more else ""
    total = store.count(tx, account_id, exact, query.term)
    return Page([_summary(row) for row in rows], total, following)


def one(tx: Read, account_id: str, key: int) -> Any:
    """The row of one message. Raises NotCaptured."""
    row = store.one(tx, account_id, key)
    if row is None:
        raise NotCaptured
    return row


def detail(row: Any, url: str) -> CapturedMessage:
    """A message with its content."""
    parsed = parse(row.raw)
    summary = _summary(row)
    return CapturedMessage(
        **{name: getattr(summary, name) for name in summary.__struct_fields__},
        headers=parsed.headers,
        text=parsed.bodies.get("plain"),
        html=parsed.bodies.get("html"),
        attachments=[File(p.filename, p.content_type, len(p.data)) for p in parsed.attachments],
        raw_url=f"{url}/raw",
    )


def remove(tx: Write, account_id: str, key: int | None = None) -> int:
    """Delete one message (NotCaptured when it is not there) or all of the account."""
    gone = store.remove(tx, account_id, key)
    if key is not None and not gone:
        raise NotCaptured
    return gone


def _summary(row: Any) -> Captured:
    return Captured(
        id=row.id,
        received_at=datetime.fromtimestamp(row.at / SECOND, UTC).isoformat(timespec="milliseconds"),
        sender=row.sender,
        recipient=row.recipient,
        from_=row.from_,
        to=row.to,
        subject=row.subject,
        message_id=row.message_id,
        size=row.size,
    )
