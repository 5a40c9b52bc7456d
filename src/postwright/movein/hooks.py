"""Webhooks, tags and the IP allowlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import Failed, segment
from .report import FAILED, LEFT

if TYPE_CHECKING:
    from .copying import Copier


async def copy(move: Copier, name: str) -> None:
    """Copy the webhooks of a domain."""
    path = f"/v3/domains/{segment(name)}/webhooks"
    try:
        found = (await move.source.get(path)).get("webhooks") or {}
    except Failed as no:
        move.report.note("webhooks", name, FAILED, str(no))
        return
    for kind, held in found.items():
        urls = (held or {}).get("urls") or ([held["url"]] if (held or {}).get("url") else [])
        if urls:
            await _webhook(move, path, name, kind, urls)


async def _webhook(move: Copier, path: str, name: str, kind: str, urls: list[str]) -> None:
    async def write() -> bool:
        there = ((await move.target.get(path)).get("webhooks") or {}).get(kind)
        if there:
            await move.target.call("PUT", f"{path}/{segment(kind)}", data=[("url", url) for url in urls])
            return False
        await move.target.call("POST", path, data=[("id", kind), *(("url", url) for url in urls)])
        return True

    await move.item("webhooks", f"{name} {kind}", write)


async def copy_account(move: Copier) -> None:
    """Copy the webhooks of the account. Accounts that have none may not know the path."""
    try:
        found = (await move.source.get("/v1/webhooks")).get("webhooks") or []
    except Failed as no:
        if no.status != 404:
            move.report.note("webhooks", "of the account", FAILED, str(no))
        return
    for hook in found:
        await _account_webhook(move, hook)


async def _account_webhook(move: Copier, hook: dict[str, Any]) -> None:
    types = sorted(hook.get("event_types") or [])

    async def write() -> bool:
        there = (await move.target.get("/v1/webhooks")).get("webhooks") or []
        if any(each["url"] == hook["url"] and sorted(each["event_types"]) == types for each in there):
            return False
        fields = {"url": hook["url"], "event_types": ",".join(types)}
        fields["description"] = hook.get("description") or ""
        await move.target.call("POST", "/v1/webhooks", data=fields)
        return True

    await move.item("webhooks", f"account {hook['url']} {','.join(types)}", write)


async def copy_tags(move: Copier, name: str) -> None:
    """Copy a domain's tags, with what they are for and when they were seen."""
    path = segment(name)

    async def write(items: list[Any]) -> None:
        for item in items:
            fields = {"tag": item["tag"], "description": item.get("description") or ""}
            for seen in ("first", "last"):
                if item.get(f"{seen}-seen"):
                    fields[f"{seen}_seen"] = item[f"{seen}-seen"]
            await move.target.call("PUT", f"/postwright/v1/domains/{path}/tags", data=fields)

    await move.paged("tags", name, f"/v3/{path}/tags", 100, write)


async def copy_allowlist(move: Copier) -> None:
    """Tell of the IP allowlist: with one entry in force a move could lock itself, and its operator, out."""
    try:
        found = (await move.source.get("/v2/ip_whitelist")).get("addresses") or []
    except Failed:
        return  # a plan without it
    for each in found:
        why = "add it in the end, together with the addresses that you work from: it shuts all others out"
        move.report.note("IP allowlist", each["ip_address"], LEFT, why)
