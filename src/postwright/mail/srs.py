"""Envelope senders of forwarded mail (SRS, the Sender Rewriting Scheme).

    SRS0=<mac>=<day>=<domain>=<local>@<us>          for a sender local@domain
    SRS1=<mac>=<first>==<rest>@<us>                 for one that the forwarder <first> made: SRS0=<rest>@<first>

The receiver checks SPF for our host, and a bounce comes to us and is passed on to who sent the mail. The MAC keeps
strangers from making addresses that we would pass mail on for; the day ends an address after three weeks.
"""

import base64
import hmac
import re

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS = 1024  # two digits of base 32
_VALID = 21  # days: longer than any server retries and then some
_MAX_LOCAL = 64  # octets (RFC 5321 §4.5.3.1.1)
_MAC = 6  # digits: 30 bits
# Only what stays whole in any mail system is put into a local part.
_is_plain = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*").fullmatch
_SRS0 = re.compile(r"SRS0[=+-](?P<rest>[^=]+=[^=]+=[^=]+=.+)@(?P<host>[^@]+)", re.IGNORECASE)
_SRS1 = re.compile(r"SRS1[=+-][^=]+=(?P<first>[^=]+)=(?P<rest>[=+-].+)@(?P<host>[^@]+)", re.IGNORECASE)
_OURS0 = re.compile(
    r"SRS0=(?P<mac>[a-z2-7]{6})=(?P<day>[a-z2-7]{2})=(?P<domain>[^=@]+)=(?P<local>.+)@(?P<host>[^@]+)",
    re.IGNORECASE,
)
_OURS1 = re.compile(
    r"SRS1=(?P<mac>[a-z2-7]{6})=(?P<first>[^=@]+)=(?P<rest>[=+-].+)@(?P<host>[^@]+)", re.IGNORECASE
)


class Srs:
    """Makes and reads rewritten senders with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def forward(self, sender: str, host: str, now: int) -> str | None:
        """The envelope sender under which mail from `sender` is passed on by `host`; `now` in epoch seconds.

        None when there is none: the local part would be too long, or not be plain.
        """
        if again := _SRS1.fullmatch(sender):
            made = self._srs1(again["first"], again["rest"], host)
        elif first := _SRS0.fullmatch(sender):
            made = self._srs1(first["host"], "=" + first["rest"], host)
        else:
            local, _, domain = sender.rpartition("@")
            day = _day(now)
            made = f"SRS0={self._mac(day, domain, local, host)}={day}={domain}={local}"
        if not _is_plain(made) or len(made) > _MAX_LOCAL:
            return None
        made = f"{made}@{host}"
        return made if self.reverse(made, now) is not None else None  # nothing was lost on the way there

    def _srs1(self, first: str, rest: str, host: str) -> str:
        return f"SRS1={self._mac(first, rest, host)}={first}={rest}"

    def reverse(self, address: str, now: int) -> str | None:
        """Whom mail to `address` is for, or None when we did not make it or its time is over."""
        if len(address) > 320:
            return None
        if found := _OURS0.fullmatch(address):
            given = self._mac(found["day"], found["domain"], found["local"], found["host"])
            age = (now // 86400 - _number(found["day"])) % _DAYS
            if not _same(given, found["mac"]) or age > _VALID:
                return None
            return f"{found['local']}@{found['domain']}"
        if found := _OURS1.fullmatch(address):
            if not _same(self._mac(found["first"], found["rest"], found["host"]), found["mac"]):
                return None
            return f"SRS0{found['rest']}@{found['first']}"
        return None

    def _mac(self, *parts: str) -> str:
        # Letters may change case on the way back.
        data = "\n".join(parts).lower().encode("utf-8", "replace")
        return base64.b32encode(hmac.digest(self._key, data, "sha256")).decode().lower()[:_MAC]


def _same(ours: str, given: str) -> bool:
    return hmac.compare_digest(ours.encode(), given.lower().encode("utf-8", "replace"))


def _day(now: int) -> str:
    number = now // 86400 % _DAYS
    return _DIGITS[number >> 5] + _DIGITS[number & 31]


def _number(day: str) -> int:
    return _DIGITS.index(day[0].lower()) << 5 | _DIGITS.index(day[1].lower())
