"""The rules of webhooks: who is told what, at most three URLs for a type on each level."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from postwright import events
from postwright.events import EVENT_NAMES, WEBHOOK_TYPES
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.metrics import Reading
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable

from . import store
from .errors import BadWebhook, WebhookConflict, WebhookNotFound

MAX_URLS = 3  # for a type on a level (behaviour.md 9.1)
MAX_DESCRIPTION = 1000
MAX_CALLS = 300  # of a message that are shown
# Ids of the oldest edition, still in old programs (behaviour.md 9.1).
_LEGACY = {
    "bounce": "permanent_fail",
    "drop": "permanent_fail",
    "deliver": "delivered",
    "spam": "complained",
    "unsubscribe": "unsubscribed",
    "click": "clicked",
    "open": "opened",
}
Urls = dict[str, list[str]]


class Level(msgspec.Struct, frozen=True):
    """Where hooks hang: at an account, or at one of its domains."""

    account_id: str
    domain_id: str = ""


class Hook(msgspec.Struct):
    """A URL and what it is told of."""

    id: str
    url: str
    description: str
    event_types: list[str]
    created_at: int


def calls_about(tx: Read, domain_id: str, message_id: str) -> Sequence[Any]:
    """The rows of calls about a message's events, oldest first, up to `MAX_CALLS`."""
    about = events.of_message(
        tx, domain_id, message_id.strip("<> "), names=tuple(EVENT_NAMES), limit=MAX_CALLS
    )
    return store.calls_about(tx, [each.seq for each in about], MAX_CALLS)


def parse_type(text: str) -> str | None:
    """The webhook type of that name, also of its old name; None when there is none."""
    name = _LEGACY.get(text, text)
    return name if name in WEBHOOK_TYPES else None


async def check_url(outgoing: Outgoing, url: str, prefix: str = "") -> None:
    """Refuse a URL that could never be called. Raises BadWebhook."""
    try:
        await outgoing.check(url)
    except TargetRefused as refused:
        raise BadWebhook(f"{prefix}{url[:500]} is not a valid url: {refused}") from refused
    except TargetUnreachable:
        return  # DNS cannot tell right now; the retries of a call can wait for it


def hooks(tx: Read, level: Level) -> list[Hook]:
    """All hooks of a level, oldest first."""
    found: dict[str, Hook] = {}
    for row in store.hooks(tx, level.account_id, level.domain_id):
        if row.id not in found:
            found[row.id] = Hook(row.id, row.url, row.description, [], row.created_at)
        found[row.id].event_types.append(row.event_type)
    return list(found.values())


def urls(tx: Read, level: Level) -> Urls:
    """The URLs of each type of a level that has any, in the order of the types."""
    found = hooks(tx, level)
    by_type = {name: [hook.url for hook in found if name in hook.event_types] for name in WEBHOOK_TYPES}
    return {name: each for name, each in by_type.items() if each}


def add(tx: Write, now: int, level: Level, new_urls: Sequence[str], types: Iterable[str]) -> Urls:
    """Let URLs be told of types, too. Raises BadWebhook for one that is already, WebhookConflict for too many."""
    store.lock_level(tx, level.account_id)
    present = urls(tx, level)
    for name in types:
        have = present.get(name, [])
        for url in new_urls:
            if url in have:
                raise BadWebhook(f"Webhook for event type '{name}' with URL '{url}' already exists")
        if len(have) + len(new_urls) > MAX_URLS:
            raise WebhookConflict(f"unable to add more than {MAX_URLS} urls for event type {name}")
        for place, url in enumerate(new_urls):
            # A microsecond apart: hooks are shown in the order of their times, and ids are random.
            store.add_type(tx, _hook(tx, now + place, level, url), name)
    return urls(tx, level)


def replace(tx: Write, now: int, level: Level, name: str, new_urls: Sequence[str]) -> None:
    """Let a type be told to just these URLs. Raises WebhookNotFound when it was told to none."""
    remove(tx, level, name)
    add(tx, now, level, new_urls, [name])


def remove(tx: Write, level: Level, name: str) -> list[str]:
    """Let a type be told to nobody; to whom it was. Raises WebhookNotFound."""
    store.lock_level(tx, level.account_id)
    gone = [hook for hook in hooks(tx, level) if name in hook.event_types]
    if not gone:
        raise WebhookNotFound
    for hook in gone:
        store.remove_types(tx, hook.id, [name])
    return [hook.url for hook in gone]


def set_url(tx: Write, now: int, level: Level, url: str, types: Sequence[str]) -> Urls:
    """Let a URL be told of just these types. Raises WebhookNotFound, WebhookConflict."""
    store.lock_level(tx, level.account_id)
    hook_id = store.hook_by_url(tx, level.account_id, level.domain_id, url)
    if hook_id is None:
        raise WebhookNotFound
    store.remove_types(tx, hook_id)
    return add(tx, now, level, [url], types)


def remove_urls(tx: Write, level: Level, gone: Sequence[str]) -> Urls:
    """Let URLs be told of nothing. Raises WebhookNotFound when one is not known."""
    store.lock_level(tx, level.account_id)
    for url in gone:
        hook_id = store.hook_by_url(tx, level.account_id, level.domain_id, url)
        if hook_id is None:
            raise WebhookNotFound
        store.remove_types(tx, hook_id)
    return urls(tx, level)


def _hook(tx: Write, now: int, level: Level, url: str) -> str:
    hook_id = store.hook_by_url(tx, level.account_id, level.domain_id, url)
    if hook_id is None:
        hook_id = hex_id()
        _insert(tx, now, level, hook_id, url, "")
    return hook_id


def _insert(tx: Write, now: int, level: Level, hook_id: str, url: str, description: str) -> None:
    store.add_hook(
        tx,
        {
            "id": hook_id,
            "account_id": level.account_id,
            "domain_id": level.domain_id,
            "url": url,
            "description": description,
            "created_at": now,
        },
    )


# -- account level, where a hook is an object with an id


def one(tx: Read, account_id: str, hook_id: str) -> Hook:
    """One hook of the account level. Raises WebhookNotFound."""
    for hook in hooks(tx, Level(account_id)):
        if hook.id == hook_id:
            return hook
    raise WebhookNotFound("webhook not found")


def create(tx: Write, now: int, account_id: str, url: str, types: Sequence[str], description: str) -> str:
    """Make a hook of the account level; its id. Raises WebhookConflict."""
    level = Level(account_id)
    store.lock_level(tx, account_id)
    _room(tx, level, url, types, "")
    # The same URL with other types is the same hook: it is told of an event once.
    hook_id = store.hook_by_url(tx, account_id, "", url)
    if hook_id is None:
        hook_id = hex_id()
        _insert(tx, now, level, hook_id, url, description)
    elif description:
        store.set_hook(tx, hook_id, {"description": description})
    for name in types:
        store.add_type(tx, hook_id, name)
    return hook_id


def change(
    tx: Write, account_id: str, hook_id: str, url: str, types: Sequence[str], description: str | None
) -> None:
    """Change a hook of the account level. Raises WebhookNotFound, WebhookConflict."""
    store.lock_level(tx, account_id)
    level = Level(account_id)
    if all(hook.id != hook_id for hook in hooks(tx, level)):
        raise WebhookNotFound(f"webhook_id not found: {hook_id}")
    other = store.hook_by_url(tx, account_id, "", url)
    if other is not None and other != hook_id:
        raise WebhookConflict(f"url {url} already exists for event type {types[0]}")
    _room(tx, level, url, types, hook_id)
    for name in types:
        store.add_type(tx, hook_id, name)
    present = one(tx, account_id, hook_id).event_types
    store.remove_types(tx, hook_id, [name for name in present if name not in types])
    values = {"url": url} | ({} if description is None else {"description": description})
    store.set_hook(tx, hook_id, values)


def _room(tx: Read, level: Level, url: str, types: Sequence[str], own: str) -> None:
    others = [hook for hook in hooks(tx, level) if hook.id != own]
    for name in types:
        told = [hook.url for hook in others if name in hook.event_types]
        if url in told:
            raise WebhookConflict(f"url {url} already exists for event type {name}")
        if len(told) >= MAX_URLS:
            raise WebhookConflict(f"unable to add more than {MAX_URLS} urls for event type {name}")


def delete(tx: Write, account_id: str, hook_ids: Sequence[str] | None) -> None:
    """Delete hooks of the account level, all with None. Raises WebhookNotFound."""
    store.lock_level(tx, account_id)
    have = {hook.id for hook in hooks(tx, Level(account_id))}
    if hook_ids is None and not have:
        raise WebhookNotFound("no webhooks found for account")
    for hook_id in sorted(have) if hook_ids is None else hook_ids:
        if hook_id not in have:
            raise WebhookNotFound(f"webhook_id not found: {hook_id}")
        store.remove_types(tx, hook_id)


def readings(tx: Read, now: int) -> list[Reading]:
    """What Prometheus is told."""
    return [
        Reading("webhook_backlog", "Calls of webhooks that wait.", (), {(): float(store.calls.backlog(tx))})
    ]


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete a domain's hooks and some of its calls; how many calls."""
    for hook_id in store.domain_hook_ids(tx, domain_id):
        store.remove_types(tx, hook_id)
    return store.calls.forget_domain(tx, domain_id)
