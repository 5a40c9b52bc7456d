"""Domains and their settings. Private keys and passwords stay where they are: no API gives them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from .client import Failed, segment
from .report import FAILED, LEFT

if TYPE_CHECKING:
    from .copying import Copier

_KIND = "domains"
_SETTINGS = ("spam_action", "wildcard", "web_scheme", "web_prefix")


async def names(move: Copier) -> AsyncIterator[str]:
    """The source's domains, but for its sandboxes. Raises Failed."""
    async for found in move.source.offsets("/v4/domains"):
        if found.get("type") != "sandbox":
            yield found["name"].lower()


async def copy(move: Copier, name: str) -> None:
    """Copy one."""
    path = segment(name)
    try:
        shown = await move.source.get(f"/v4/domains/{path}")
        tracking = (await move.source.get(f"/v3/domains/{path}/tracking"))["tracking"]
        found = await move.source.get(f"/v3/domains/{path}/connection")
    except (Failed, KeyError) as no:
        move.report.note(_KIND, name, FAILED, str(no))
        return
    domain = shown.get("domain", shown)
    connection = found.get("connection", found)
    settings = {key: _text(domain[key]) for key in _SETTINGS if domain.get(key) not in (None, "")}

    async def write() -> bool:
        made = True
        try:
            await move.target.call("POST", "/v4/domains", data={"name": name, **settings})
        except Failed as no:
            if no.status != 400 or not await _is_there(move, path):
                raise
            made = False
            await move.target.call("PUT", f"/v4/domains/{path}", data=settings)
        await move.target.call("PUT", f"/v3/domains/{path}/connection", data=_connection(connection))
        for kind, fields in _tracking(tracking).items():
            await move.target.call("PUT", f"/v3/domains/{path}/tracking/{kind}", data=fields)
        return made

    if await move.item(_KIND, name, write):
        await _what_stays(move, name, path)


async def _is_there(move: Copier, path: str) -> bool:
    try:
        await move.target.get(f"/v4/domains/{path}")
    except Failed as no:
        if no.status == 404:
            return False
        raise
    return True


def _connection(found: dict[str, Any]) -> dict[str, str]:
    return {key: _text(found[key]) for key in ("require_tls", "skip_verification") if key in found}


def _tracking(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    made = {}
    for kind, keys in (
        ("open", ("active", "place_at_the_top")),
        ("click", ("active",)),
        ("unsubscribe", ("active", "html_footer", "text_footer")),
    ):
        held = found.get(kind) or {}
        fields = {key: _text(held[key]) for key in keys if held.get(key) is not None}
        if fields:
            made[kind] = fields
    return made


async def _what_stays(move: Copier, name: str, path: str) -> None:
    """Tell of what cannot be copied."""
    try:
        logins = [each async for each in move.source.offsets(f"/v3/domains/{path}/credentials")]
    except Failed as no:
        move.report.note("SMTP logins", name, FAILED, str(no))
        return
    for each in logins:
        login = each.get("login") or each.get("mailbox") or ""
        why = "its password cannot be read: make it anew with a password of its own"
        move.report.note("SMTP logins", str(login), LEFT, why)
    why = "the private key cannot be read: publish the DNS records of the new one before you cut over"
    move.report.note("DKIM keys", name, LEFT, why)


def _text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
