"""The header that tells the results (RFC 8601)."""

import re

import authres
from authres.arc import ARCAuthenticationResult
from authres.dmarc import DMARCAuthenticationResult

from postwright.arrivals import Verdict
from postwright.mail import headers

from .signatures import Signature

# Fields that only we may write: who sends them to us wants to be believed.
_OURS = frozenset(
    {
        "x-mailgun-incoming",
        "x-envelope-from",
        "x-mailgun-sflag",
        "x-mailgun-sscore",
        "x-mailgun-spam-rules",
        "x-mailgun-dkim-check-result",
        "x-mailgun-spf",
    }
)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_is_safe = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9._-]+").fullmatch
_COMMENT = re.compile(r"\([^()]*\)")


def render(hostname: str, verdict: Verdict, signatures: list[Signature], sender: str, author: str) -> str:
    """The value of our Authentication-Results field."""
    about = {"smtp_mailfrom": _sender(sender)} if sender else {"smtp_helo": _name(verdict.spf_domain)}
    results: list[object] = [authres.SPFAuthenticationResult(result=verdict.spf, **about)]
    results += [
        authres.DKIMAuthenticationResult(
            result=each.result, header_d=_name(each.domain), header_s=_name(each.selector)
        )
        for each in signatures
    ] or [authres.DKIMAuthenticationResult(result="none")]
    results.append(
        DMARCAuthenticationResult(
            result=verdict.dmarc,
            result_comment=f"p={verdict.dmarc_policy}" if verdict.dmarc_policy else None,
            header_from=_name(author),
        )
    )
    results.append(ARCAuthenticationResult(result=verdict.arc))
    text = str(authres.AuthenticationResultsHeader(authserv_id=hostname, results=results))
    return " ".join(text.partition(":")[2].split())


def _name(domain: str) -> str | None:
    """A domain or selector with nothing in it that could pass for a result of ours; None for nothing."""
    return _UNSAFE.sub("?", domain)[:253] or None


def _sender(address: str) -> str | None:
    """An envelope sender; only its domain when the local part could pass for a result of ours (RFC 8601 §2.7.2)."""
    return address if _is_safe(address) and len(address) <= 320 else _name(address.rpartition("@")[2])


def without_forged(raw: bytes, hostname: str) -> bytes:
    """`raw` without fields that claim to be written by us (RFC 8601 §5)."""
    kept: list[bytes] = []
    end = 0
    for name, start, stop in headers.spans(raw):
        forged = name in _OURS
        if name == "authentication-results":
            value = headers.text(raw[start:stop].partition(b":")[2])
            forged = _claimed(value) == hostname.lower()
        if forged:
            kept.append(raw[end:start])
            end = stop
    return raw if not end else b"".join([*kept, raw[end:]])


def _claimed(value: str) -> str:
    """The authentication service that a field names (RFC 8601 §2.2: before the first semicolon)."""
    words = _COMMENT.sub(" ", value.partition(";")[0]).split()
    return words[0].strip('"').lower() if words else ""
