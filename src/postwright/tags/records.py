"""A tag as the rest of the program sees it."""

import msgspec


class Tag(msgspec.Struct, frozen=True):
    """A tag of a domain, or of an account. Times in microseconds."""

    tag: str
    description: str
    first_seen: int
    last_seen: int
    account_id: str = ""
