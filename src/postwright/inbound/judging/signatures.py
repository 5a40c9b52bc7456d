"""DKIM and ARC: did those domains really sign this?"""

import logging

import dkim
import msgspec
from dkim.util import InvalidTagValueList, parse_tag_value

from postwright.mail.lookups import LookupFailed, Lookups

log = logging.getLogger("postwright.inbound")
_quiet = logging.getLogger("postwright.inbound.dkim")  # the library tells every failing signature as an error
_quiet.setLevel(logging.CRITICAL)

MAX_SIGNATURES = 10  # of one message that are looked at
LARGE = 2 << 20  # octets; each signature hashes all of them
MAX_OF_LARGE = 3
MAX_ARC_SETS = 50  # RFC 8617 §4.2.1


class Signature(msgspec.Struct, frozen=True):
    """One signature and what became of it: pass, fail, policy, temperror, permerror."""

    domain: str
    selector: str
    result: str


class _Keys:
    """The keys that signatures name, as the library asks for them."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self.missing = False  # one that was asked for does not exist

    def __call__(self, name: bytes | str, timeout: int = 5) -> bytes | None:
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        found = self._lookups.texts(text)
        self.missing = self.missing or not found
        return found[0] if found else None


def check_dkim(lookups: Lookups, raw: bytes) -> list[Signature]:
    """What became of each signature, top one first."""
    try:
        message = dkim.DKIM(raw, logger=_quiet, minkey=1024)
    except Exception:  # the library expects mail, and this may be anything
        return []
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    most = MAX_SIGNATURES if len(raw) < LARGE else MAX_OF_LARGE
    return [_check_one(message, index, value, lookups) for index, value in enumerate(fields[:most])]


def _check_one(message: dkim.DKIM, index: int, field: bytes, lookups: Lookups) -> Signature:
    domain = selector = ""
    try:
        tags = parse_tag_value(field)
        domain = tags.get(b"d", b"").decode("ascii", "replace").lower()
        selector = tags.get(b"s", b"").decode("ascii", "replace")
        if b"l" in tags:
            # What follows the signed octets is anybody's (RFC 6376 §8.2): mox does not count such either.
            return Signature(domain, selector, "policy")
        keys = _Keys(lookups)
        good = message.verify(index, dnsfunc=keys)
    except LookupFailed:
        return Signature(domain, selector, "temperror")
    except dkim.ValidationError as wrong:
        # The library's one class for a body that was changed, and for fields that cannot be.
        return Signature(domain, selector, "fail" if "body hash" in str(wrong) else "permerror")
    except (dkim.DKIMException, InvalidTagValueList):
        return Signature(domain, selector, "permerror")
    except Exception:  # the library meets what anybody sends
        log.debug("a signature could not be read", exc_info=True)
        return Signature(domain, selector, "permerror")
    return Signature(domain, selector, "pass" if good else "permerror" if keys.missing else "fail")


def check_arc(lookups: Lookups, raw: bytes) -> str:
    """The state of the chain: none, pass, fail."""
    if b"arc-seal" not in raw[: 1 << 18].lower():
        return "none"
    try:
        message = dkim.ARC(raw, logger=_quiet, minkey=1024)
        seals = sum(name.lower() == b"arc-seal" for name, _ in message.headers)
        if seals > MAX_ARC_SETS:
            return "fail"
        result, _, _ = message.verify(dnsfunc=_Keys(lookups))
    except LookupFailed:
        return "temperror"
    except Exception:
        log.debug("an ARC chain could not be read", exc_info=True)
        return "fail"
    if result == dkim.CV_Pass:
        return "pass"
    return "none" if result == dkim.CV_None else "fail"
