"""MIME messages: composing, reading, and changing the headers of one without touching other octets.

Composing writes CRLF, lines of at most 998 octets and seven-bit octets only, and gives equal bytes for equal
input, so that a message can be built again on a retry. Reading takes anything and never raises.
"""

from .compose import Attachment, compose
from .edit import (
    fit_to_relay,
    insert_headers,
    map_headers,
    normalise_newlines,
    parse_head,
    remove_headers,
    set_headers,
)
from .parse import Parsed, parse
from .texts import edit_texts, texts

__all__ = [
    "Attachment",
    "Parsed",
    "compose",
    "edit_texts",
    "fit_to_relay",
    "insert_headers",
    "map_headers",
    "normalise_newlines",
    "parse",
    "parse_head",
    "remove_headers",
    "set_headers",
    "texts",
]
