"""SPF: may this host send for that domain?"""

import logging
from typing import Any

import spf

from .lookups import LookupFailed, Lookups

log = logging.getLogger("postwright.inbound")


class _Query(spf.query):  # type: ignore[misc]  # the library has no types
    """pyspf with our resolver under it: it counts terms and void look-ups itself (RFC 7208 §4.6.4)."""

    def __init__(self, lookups: Lookups, peer: str, sender: str, helo: str) -> None:
        super().__init__(i=peer, s=sender, h=helo, strict=True)
        self._lookups = lookups

    def dns(self, name: Any, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """Records in the form that pyspf wants: addresses, (preference, name), names, lists of strings."""
        text = str(name).rstrip(".").lower()
        if (text, qtype) not in self.cache:
            try:
                found = self._lookups.records(text, qtype)
            except LookupFailed as failed:
                raise spf.TempError(str(failed)) from failed
            self.cache[text, qtype] = [_value(record, qtype) for record in found]
        result: list[Any] = self.cache[text, qtype]
        if not result and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return result


def _value(record: Any, qtype: str) -> Any:
    if qtype == "MX":
        return record.preference, record.exchange.to_text(True)
    if qtype == "PTR":
        return record.target.to_text(True)
    return record.strings if qtype in ("TXT", "SPF") else record.address


def check(lookups: Lookups, peer: str, sender: str, helo: str) -> tuple[str, str]:
    """The result of SPF, and the domain it is about: the sender's, or for a bounce that of HELO."""
    domain = sender.rpartition("@")[2] if sender else helo
    if not domain.isascii() or domain.startswith("["):
        return "none", ""
    try:
        result, _, _ = _Query(lookups, peer, sender, helo).check()
    except Exception:  # the library meets what anybody publishes
        log.exception("SPF could not be evaluated", extra={"domain": domain})
        return "permerror", domain.lower()
    return str(result), domain.lower()
