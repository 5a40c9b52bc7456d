"""The rules of mailing lists."""

from collections.abc import Sequence
from typing import Any

import msgspec

from postwright import domains
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.mail.addresses import Address, AddressError, parse_one

from . import store
from .errors import BadList, DuplicateList, ListNotFound, MemberExists, MemberNotFound

ACCESS = ("readonly", "members", "everyone")
REPLIES = ("sender", "list")
MAX_TEXT = 4096  # characters of a name or a description
MAX_VARS = 16 * 1024  # bytes of a member's variables, as of a message's options
_REMOVED = 5000  # members a transaction

page = store.page
offset = store.offset
members_page = store.members_page
members_offset = store.members_offset


class MailingList(msgspec.Struct, frozen=True, kw_only=True):
    """A list as those above see it."""

    key: str
    account_id: str
    domain_id: str
    domain: str
    address: str
    name: str
    access_level: str
    reply_preference: str
    list_id: str

    @property
    def header_id(self) -> str:
        """What stands in List-Id, without angle brackets (RFC 2919)."""
        return self.list_id or self.address.replace("@", ".")


class Member(msgspec.Struct, frozen=True):
    """A member as those above see it."""

    address: str
    name: str
    vars: dict[str, Any]


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member to add, checked."""

    address: str
    name: str = ""
    subscribed: bool = True
    vars: dict[str, Any] = {}


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a list that not all members have yet. Times in microseconds."""

    id: int  # of the message that members get
    source: int  # of the message that was posted
    list_key: str
    after: str  # the last member that has its copy queued
    started: bool
    due_at: int
    lifetime: int


def parse_address(text: str, what: str = "address") -> Address:
    """An address with its name. Raises BadList."""
    try:
        return parse_one(text)
    except AddressError as wrong:
        raise BadList(f"{what} parameter is not a valid address. please check documentation") from wrong


def parse_access(text: str) -> str:
    """An access level. Raises BadList."""
    if text not in ACCESS:
        raise BadList(
            f"Invalid access level '{text[:64]}'. It can be any of: 'readonly', 'members', 'everyone'."
        )
    return text


def parse_reply(text: str) -> str:
    """A reply preference. Raises BadList."""
    if text not in REPLIES:
        raise BadList(f"Invalid reply preference '{text[:64]}'. It can be any of: 'sender', 'list'")
    return text


def parse_list_id(text: str) -> str:
    """A List-Id without brackets. Raises BadList."""
    bare = text.strip().removeprefix("<").removesuffix(">")
    if (
        len(bare) > 255
        or not bare.isascii()
        or any(c.isspace() or c in "<>" or not c.isprintable() for c in bare)
    ):
        raise BadList("list-id parameter is not valid: an identifier such as news.example.com expected")
    return bare


def parse_vars(found: Any) -> dict[str, Any]:
    """A member's variables. Raises BadList."""
    if isinstance(found, str):
        try:
            found = msgspec.json.decode(found) if found.strip() else {}
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise BadList("'vars' parameter is not a valid JSON") from wrong
    if found is None or found == []:
        return {}
    if not isinstance(found, dict) or len(msgspec.json.encode(found)) > MAX_VARS:
        raise BadList(
            f"'vars' parameter is not valid: a JSON object of at most {MAX_VARS // 1024} KB expected"
        )
    return found


def create(
    tx: Write,
    now: int,
    account_id: str,
    address: Address,
    *,
    name: str,
    description: str,
    access_level: str,
    reply_preference: str,
) -> Any:
    """Make a list; its row. Raises BadList, DuplicateList."""
    domain = domains.find(tx, account_id, address.domain)
    if domain is None:
        raise BadList(f"domain {address.domain[:253]} does not belong to this account")
    values = {
        "key": hex_id(),
        "account_id": account_id,
        "domain_id": domain.id,
        "domain": domain.name,
        "address": address.spec.lower(),
        "name": name or address.name,
        "description": description[:MAX_TEXT],
        "access_level": access_level,
        "reply_preference": reply_preference,
        "list_id": "",
        "members_count": 0,
        "created_at": now,
    }
    if not store.insert_list(tx, values):
        raise DuplicateList
    return store.by_key(tx, str(values["key"]))


def one(tx: Read, account_id: str, address: str, *, quoted: bool = False) -> Any:
    """A list of the account. Raises ListNotFound."""
    found = store.by_address(tx, address.strip().lower(), account_id)
    if found is None:
        raise ListNotFound(address, quoted=quoted)
    return found


def change(tx: Write, account_id: str, address: str, values: dict[str, Any], to: Address | None) -> Any:
    """Change a list; its row. Raises ListNotFound, BadList, DuplicateList."""
    found = one(tx, account_id, address)
    if to is not None and to.spec.lower() != found.address:
        domain = domains.find(tx, account_id, to.domain)
        if domain is None:
            raise BadList(f"domain {to.domain[:253]} does not belong to this account")
        if store.by_address(tx, to.spec.lower()) is not None:
            raise DuplicateList
        values |= {"address": to.spec.lower(), "domain_id": domain.id, "domain": domain.name}
    if values:
        store.change_list(tx, found.key, values)
    return store.by_key(tx, found.key)


def empty(tx: Write, key: str) -> bool:
    """Delete some members; whether there were any."""
    return store.remove_members(tx, key, _REMOVED) > 0


def remove(tx: Write, key: str) -> None:
    """Delete a list, whose members are gone already but for a few."""
    while store.remove_members(tx, key, _REMOVED):
        pass
    store.remove_list(tx, key)


def forget_domain(tx: Write, domain_id: str) -> bool:
    """Delete something of a deleted domain; whether there was anything."""
    keys = store.keys_of_domain(tx, domain_id)
    if not keys:
        return False
    if not empty(tx, keys[0]):
        store.remove_list(tx, keys[0])
    return True


def show_member(tx: Read, account_id: str, address: str, member: str) -> Any:
    """A member. Raises ListNotFound, MemberNotFound."""
    found = one(tx, account_id, address)
    row = store.member(tx, found.key, member.strip().lower())
    if row is None:
        raise MemberNotFound(member, found.address)
    return row


def add_member(tx: Write, account_id: str, address: str, member: NewMember, *, upsert: bool) -> Any:
    """Add a member, or (`upsert`) bring it up to date; its row. Raises ListNotFound, MemberExists."""
    found = store.lock_list(tx, one(tx, account_id, address).key)
    if found is None:
        raise ListNotFound(address)
    put(tx, found.key, [member], upsert=upsert)
    return store.member(tx, found.key, member.address)


def put(tx: Write, key: str, members: Sequence[NewMember], *, upsert: bool) -> None:
    """Add members to a list that the caller holds locked. Raises MemberExists for the first that is there."""
    unique = {member.address: member for member in members}
    held = store.held(tx, key, list(unique))
    if held and not upsert:
        raise MemberExists(next(address for address in unique if address in held))
    rows = [
        (
            key,
            member.address,
            member.name[:MAX_TEXT],
            member.subscribed,
            msgspec.json.encode(member.vars).decode(),
        )
        for member in unique.values()
    ]
    store.insert_members(tx, [row for row in rows if row[1] not in held])
    store.overwrite_members(tx, [row for row in rows if row[1] in held])
    store.count_members(tx, key, len(unique) - len(held))


def change_member(tx: Write, account_id: str, address: str, member: str, values: dict[str, Any]) -> Any:
    """Change a member; its row. Raises ListNotFound, MemberNotFound, MemberExists."""
    row = show_member(tx, account_id, address, member)
    new = values.get("address", row.address)
    if new != row.address and store.member(tx, row.list_key, new) is not None:
        raise MemberExists(new)
    if values:
        store.change_member(tx, row.list_key, row.address, values)
    return store.member(tx, row.list_key, new)


def remove_member(tx: Write, account_id: str, address: str, member: str) -> str:
    """Delete a member; its address. Raises ListNotFound, MemberNotFound."""
    row = show_member(tx, account_id, address, member)
    store.count_members(tx, row.list_key, -store.remove_member(tx, row.list_key, row.address))
    return str(row.address)


def find(tx: Read, address: str) -> MailingList | None:
    """The list that has an address, whoever's it is."""
    return _list(store.by_address(tx, address.lower()))


def find_by_key(tx: Read, key: str) -> MailingList | None:
    """The list with that key."""
    return _list(store.by_key(tx, key))


def _list(row: Any) -> MailingList | None:
    if row is None:
        return None
    return MailingList(**{name: getattr(row, name) for name in MailingList.__struct_fields__})


def among(tx: Read, account_id: str, addresses: Sequence[tuple[str, str]]) -> dict[str, MailingList]:
    """Which of the addresses (with their domains) are lists of the account; nearly always none is."""
    hosts = {host for _, host in addresses}
    hosts = {host for host in hosts if store.any_at(tx, account_id, host)}
    found = {}
    for address, host in addresses:
        if host in hosts:
            row = _list(store.by_address(tx, address.lower(), account_id))
            if row is not None:
                found[address] = row
    return found


def is_subscribed(tx: Read, key: str, address: str) -> bool:
    """Whether an address is a subscribed member of a list."""
    row = store.member(tx, key, address.lower())
    return row is not None and bool(row.subscribed)


def change_subscription(
    tx: Write, now: int, account_id: str, mailing_list: str, member: str, *, subscribed: bool
) -> bool:
    """Let a member leave or come back; False: nothing had to change."""
    found = store.by_address(tx, mailing_list.lower(), account_id)
    row = None if found is None else store.member(tx, found.key, member.lower())
    if row is None or bool(row.subscribed) == subscribed:
        return False
    return store.change_member(tx, row.list_key, row.address, {"subscribed": subscribed}) == 1


def unsubscribe_member(tx: Write, mailing_list: MailingList, member: str) -> bool:
    """Let a member leave a list; False: it was no subscribed member."""
    return change_subscription(tx, 0, mailing_list.account_id, mailing_list.address, member, subscribed=False)


def add_post(
    tx: Write, now: int, mailing_list: MailingList, *, source: int, key: int, due_at: int, lifetime: int
) -> None:
    """Let message `source` go to all members, as message `key`, from `due_at` for `lifetime`."""
    store.insert_post(
        tx,
        {
            "id": key,
            "source": source,
            "list_key": mailing_list.key,
            "after": "",
            "started": False,
            "due_at": due_at,
            "lifetime": lifetime,
            "created_at": now,
        },
    )


def posts(tx: Read, limit: int) -> list[Post]:
    """The oldest posts that are not done."""
    return [
        Post(**{name: getattr(row, name) for name in Post.__struct_fields__})
        for row in store.posts(tx, limit)
    ]


def next_members(tx: Read, post: Post, limit: int) -> list[Member]:
    """The next subscribed members that have no copy yet."""
    return [
        Member(row.address, row.name, msgspec.json.decode(row.vars))
        for row in store.subscribed_after(tx, post.list_key, post.after, limit)
    ]


def advance_post(tx: Write, post: Post, to: str) -> bool:
    """Note that all members up to `to` have their copies queued. False: another worker did it."""
    return store.move_post(tx, post.id, post.after, to)


def finish_post(tx: Write, post: Post) -> bool:
    """Take a post away for good. False: another worker did it."""
    return store.remove_post(tx, post.id, post.after)
