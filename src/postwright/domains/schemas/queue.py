"""Requests and replies about how long a domain's mail is tried."""

import msgspec


class ChangeQueue(msgspec.Struct, kw_only=True):
    """How long mail is tried. `lifetime`: seconds, 300 to 259200 (72 hours); 0: as long as by default."""

    lifetime: int


class QueueSettings(msgspec.Struct):
    """How long mail is tried. `lifetime`: seconds; 0: as long as by default."""

    lifetime: int
