"""Messages: accepted here, stored here, built here.

Tables: `messages` (descriptions; the bytes are in the spool), `idempotency_keys`. Writes the event `accepted`. All
doors (HTTP form, HTTP MIME, SMTP) make a `Draft` and give it to `Acceptor.accept`, whose one transaction stores the
message, its queue rows and its events. Copies for recipients are built when they are sent.
"""

from . import build, facts
from .accept import LIFETIME, RETENTION, Acceptor, Origin, new_message_id
from .draft import from_mime
from .incoming import described, hold, keep, opened, packed, received, relay, sealed
from .keys import make as storage_key
from .keys import read as number_of
from .loading import Loaded, domain_of, load_any, metas, raw_of
from .options import Options
from .records import Attached, ListUsed, Meta, MimeContent, Personal, decode_personal
from .retention import expire, expire_keys, forget_domain
from .templating import personalised
from .traces import Trace, Traces

__all__ = [
    "LIFETIME",
    "RETENTION",
    "Acceptor",
    "Attached",
    "ListUsed",
    "Loaded",
    "Meta",
    "MimeContent",
    "Options",
    "Origin",
    "Personal",
    "Trace",
    "Traces",
    "build",
    "decode_personal",
    "described",
    "domain_of",
    "expire",
    "expire_keys",
    "facts",
    "forget_domain",
    "from_mime",
    "hold",
    "keep",
    "load_any",
    "metas",
    "new_message_id",
    "number_of",
    "opened",
    "packed",
    "personalised",
    "raw_of",
    "received",
    "relay",
    "sealed",
    "storage_key",
]
