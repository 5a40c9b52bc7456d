"""The rules of tags."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from postwright.kernel.db import Read, Write

from . import store
from .errors import BadTag, TagNotFound
from .records import Tag

ACCOUNT_LIMIT: Final = 100_000  # behaviour.md 7.5
DOMAIN_LIMIT: Final = 20_000  # behaviour.md 8
MAX_TAG: Final = 128  # characters
MAX_DESCRIPTION: Final = 1_000  # characters
_SORTS: Final = {
    "tag": "key",
    "firstseen": "first_seen",
    "lastseen": "last_seen",
    "description": "description",
    "account_id": "account_id",
    "accountid": "account_id",
}


class Sighting(msgspec.Struct):
    """A tag in a batch of events: how it is written, and when it came first and last (microseconds)."""

    tag: str
    first: int
    last: int


Place = tuple[str, str]  # account, domain ("": of the account)


def note(tx: Write, sightings: Mapping[Place, Mapping[str, Sighting]]) -> None:
    """Take in where which tags (by their keys) were seen."""
    old: list[tuple[str, str, str, int]] = []
    for (account_id, domain_id), found in sightings.items():
        known = store.known(tx, account_id, domain_id, list(found))
        old += [(account_id, domain_id, key, found[key].last) for key in known]
        new = [key for key in found if key not in known]
        if new:
            limit = DOMAIN_LIMIT if domain_id else ACCOUNT_LIMIT
            room = max(limit - store.count(tx, account_id, domain_id), 0)
            store.insert(tx, [_row(account_id, domain_id, key, found[key]) for key in new[:room]])
    if old:
        # In one order everywhere: two writers that meet must not wait for each other.
        store.seen(tx, sorted(old))


def _row(account_id: str, domain_id: str, key: str, seen: Sighting) -> dict[str, object]:
    return {
        "account_id": account_id,
        "domain_id": domain_id,
        "key": key,
        "tag": seen.tag,
        "description": "",
        "first_seen": seen.first,
        "last_seen": seen.last,
    }


def spellings(text: str) -> Iterable[str]:
    """What a client may mean by a tag: some write a blank as a plus sign (behaviour.md 1.5)."""
    key = text.strip().lower()
    return dict.fromkeys((key, key.replace("+", " ")))


def find(tx: Read, account_id: str, domain_id: str, text: str) -> Tag | None:
    """A tag of a domain, or of the account with `domain_id` ""."""
    for key in spellings(text):
        if found := store.find(tx, account_id, domain_id, key):
            return found
    return None


def need(tx: Read, account_id: str, domain_id: str, text: str) -> Tag:
    """`find`. Raises TagNotFound."""
    found = find(tx, account_id, domain_id, text)
    if found is None:
        raise TagNotFound
    return found


def change(tx: Write, account_id: str, domain_id: str, text: str, description: str) -> None:
    """Describe a tag. Raises BadTag, TagNotFound."""
    if len(description) > MAX_DESCRIPTION:
        raise BadTag(f"description parameter is too long: at most {MAX_DESCRIPTION} characters")
    tag = need(tx, account_id, domain_id, text)
    store.set_description(tx, account_id, domain_id, tag.tag.lower(), description)


def keep(tx: Write, place: Place, tag: str, description: str, first: int, last: int) -> None:
    """Take over a tag, seen from `first` to `last` (microseconds). Raises BadTag, TagNotFound at the limit."""
    if not tag or len(tag) > MAX_TAG or not tag.isascii() or not tag.isprintable():
        raise BadTag(f"Invalid tag: at most {MAX_TAG} printable ASCII characters expected")
    seen = {tag.lower(): Sighting(tag, min(first, last), last)}
    note(tx, {place: seen, (place[0], ""): seen})
    change(tx, *place, tag, description)


def remove(tx: Write, account_id: str, domain_id: str, text: str) -> None:
    """Delete a tag: an account's with those of all its domains, a domain's alone. Raises TagNotFound."""
    key = need(tx, account_id, domain_id, text).tag.lower()
    if not domain_id:
        store.remove(tx, account_id, key)
        return
    store.remove(tx, account_id, key, domain_id)
    if not store.elsewhere(tx, account_id, key):
        store.remove(tx, account_id, key, "")


def order(sort: str) -> tuple[str, bool]:
    """The column and whether it descends, of a wish such as `lastseen:desc`. Raises BadTag."""
    name, _, way = sort.strip().lower().partition(":")
    column = _SORTS.get(name.replace("_", ""), "") if name else "key"
    if not column or way not in ("", "asc", "desc"):
        raise BadTag("'sort' attribute is invalid")
    return column, way == "desc"


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of the tags of a domain that is gone, the account's stay; how many."""
    return store.forget_domain(tx, domain_id)
