"""Notices as their sender sees them."""

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """One mail to one person."""

    id: str
    recipient: str
    subject: str
    text: str
    attempts: int
