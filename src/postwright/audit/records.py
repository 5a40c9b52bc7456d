"""Audit records as the rest of the program sees them."""

from typing import Any

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """Who does something: a key or user of an account, somebody at the command line, or the program itself."""

    kind: str  # key · user · command line · system
    id: str  # of the key or user; the login name at the command line
    address: str = ""  # where the request came from


class Entry(msgspec.Struct, frozen=True):
    """One change. `before` and `after` are what changed of the object, null where there is nothing to say."""

    id: int
    at: int  # microseconds
    account_id: str
    actor: Actor
    action: str  # concept and verb: queue.pause, domains.delete
    object: str  # what was changed, by name or id
    before: Any
    after: Any
