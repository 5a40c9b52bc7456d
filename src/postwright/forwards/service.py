"""The rules of forwards."""

from collections.abc import Sequence

import msgspec

from postwright import domains
from postwright.kernel.db import Read, Write
from postwright.kernel.http.paging import Turn
from postwright.kernel.ids import hex_id
from postwright.kernel.outgoing import TargetRefused, parse_url
from postwright.mail.addresses import AddressError, parse_one

from . import matching as patterns
from . import store
from .errors import BadForward, ForwardNotFound, TooManyForwards

MAX_URLS = 3  # behaviour.md 10.6
MAX_RECIPIENTS = 5
MAX_RULES = 1_000_000  # of a domain
# What one message may set off: rules of a domain that all match one recipient.
MAX_MATCHES = 100
STORE_ONLY = "yes"  # `forward.store` as a flag: keep the message and tell nobody
_FLAGS = {"yes": STORE_ONLY, "true": STORE_ONLY, "1": STORE_ONLY, "on": STORE_ONLY}
_NONE = frozenset(("", "no", "false", "0", "off"))


class Targets(msgspec.Struct, frozen=True):
    """Where mail goes. `store`: a URL to be told of the stored message, STORE_ONLY, or "" (not stored)."""

    urls: list[str] = []
    recipients: list[str] = []
    store: str = ""


class Rule(msgspec.Struct, frozen=True):
    """One forward. Times in microseconds."""

    id: str
    account_id: str
    domain_id: str
    domain_name: str
    match: str
    targets: Targets
    created_at: int
    updated_at: int


def parse_targets(
    urls: Sequence[str] | None, recipients: Sequence[str] | None, store_to: str | None, before: Targets
) -> Targets:
    """`before` with what is given (None: not) in its place. Raises BadForward."""
    if urls is not None and len(urls) > MAX_URLS:
        raise BadForward(f"forward.url: at most {MAX_URLS} are allowed")
    if recipients is not None and len(recipients) > MAX_RECIPIENTS:
        raise BadForward(f"forward.recipient: at most {MAX_RECIPIENTS} are allowed")
    made = Targets(
        before.urls if urls is None else [_url("forward.url", url) for url in urls],
        before.recipients if recipients is None else [_recipient(one) for one in recipients],
        before.store if store_to is None else _store(store_to),
    )
    if not (made.urls or made.recipients or made.store):
        raise BadForward("one of forward.url, forward.recipient and forward.store is required")
    return made


def _url(name: str, url: str) -> str:
    try:
        parse_url(url)
    except TargetRefused as refused:
        raise BadForward(f"{name}: {url[:200]!r} is not a valid URL: {refused}") from refused
    return url


def _recipient(text: str) -> str:
    try:
        return parse_one(text).spec
    except AddressError as wrong:
        raise BadForward(f"forward.recipient: {text[:200]!r} is not a valid address: {wrong}") from wrong


def _store(text: str) -> str:
    lowered = text.strip().lower()
    if lowered in _NONE:
        return ""
    return _FLAGS.get(lowered) or _url("forward.store", text)


def parse_match(tx: Read, account_id: str, text: str) -> tuple[str, domains.Domain]:
    """A pattern, and the account's domain that it is about. Raises BadForward, ForwardNotFound."""
    try:
        pattern, host = patterns.parse(text)
    except patterns.BadMatch as wrong:
        raise BadForward(f"match parameter is not valid: {wrong}") from wrong
    name = host
    while name:
        domain = domains.find(tx, account_id, name)
        # Mail for hosts below a domain comes here only when the domain takes it.
        if domain is not None and (name == host or domain.wildcard):
            return pattern, domain
        name = name.partition(".")[2]
    raise ForwardNotFound("Domain not found")


def create(tx: Write, now: int, account_id: str, match: str, targets: Targets, scope: str) -> Rule:
    """Add a rule; with `scope` it must be of that domain. Raises BadForward, ForwardNotFound, TooManyForwards."""
    pattern, domain = parse_match(tx, account_id, match)
    if scope and domain.name != scope:
        raise ForwardNotFound("Domain not found")
    if not store.count_up(tx, domain.id, MAX_RULES):
        raise TooManyForwards
    rule = Rule(hex_id(), account_id, domain.id, domain.name, pattern, targets, now, now)
    store.put(tx, rule, patterns.key(pattern))
    return rule


def one(tx: Read, account_id: str, rule_id: str, scope: str) -> Rule:
    """One rule; with `scope` of that domain. Raises ForwardNotFound."""
    row = store.one(tx, account_id, rule_id)
    if row is None or (scope and row.domain_name != scope):
        raise ForwardNotFound
    return _rule(row)


def update(
    tx: Write,
    now: int,
    account_id: str,
    rule_id: str,
    scope: str,
    match: str | None,
    given: tuple[Sequence[str] | None, Sequence[str] | None, str | None],
) -> Rule:
    """Change what is given. Raises BadForward, ForwardNotFound."""
    rule = one(tx, account_id, rule_id, scope)
    changes: dict[str, object] = {"targets": parse_targets(*given, rule.targets), "updated_at": now}
    if match is not None:
        pattern, domain = parse_match(tx, account_id, match)
        changes |= {"match": pattern, "domain_id": domain.id, "domain_name": domain.name}
    made = msgspec.structs.replace(rule, **changes)
    store.put(tx, made, patterns.key(made.match))
    return made


def delete(tx: Write, account_id: str, rule_id: str, scope: str) -> None:
    """Delete a rule. Raises ForwardNotFound."""
    one(tx, account_id, rule_id, scope)
    store.remove(tx, account_id, rule_id)


def page(tx: Read, account_id: str, scope: str, turn: Turn) -> list[Rule]:
    """Some rules of an account, or of one of its domains, in the order they were made."""
    domain_id = ""
    if scope:
        domain = domains.find(tx, account_id, scope)
        if domain is None:
            raise ForwardNotFound("Domain not found")
        domain_id = domain.id
    return [_rule(row) for row in turn.in_order(store.page(tx, account_id, domain_id, turn))]


def matching(tx: Read, domain_id: str, recipient: str) -> list[Rule]:
    """The rules of a domain that apply to a recipient, oldest first; MAX_MATCHES at most."""
    if not store.any_of(tx, domain_id):
        return []
    rows = store.candidates(tx, domain_id, patterns.keys(recipient), MAX_MATCHES * 10)
    return [_rule(row) for row in rows if patterns.matches(row.match, recipient)][:MAX_MATCHES]


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of the rules of a domain; how many."""
    return store.forget_domain(tx, domain_id)


def forget_account(tx: Write, account_id: str) -> None:
    """Delete the rules of an account."""
    store.forget_account(tx, account_id)


def _rule(row: store.Row) -> Rule:
    targets = msgspec.json.decode(row.targets, type=Targets)
    return Rule(
        row.id,
        row.account_id,
        row.domain_id,
        row.domain_name,
        row.match,
        targets,
        row.created_at,
        row.updated_at,
    )
