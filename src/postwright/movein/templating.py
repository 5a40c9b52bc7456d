"""Templates with all their versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .client import Failed, segment
from .report import FAILED

if TYPE_CHECKING:
    from .copying import Copier

PAGE = 100


async def copy(move: Copier, path: str, prefix: str) -> None:
    """Copy the templates under a path; `prefix` goes before their names in the report."""
    try:
        async for items, _ in move.source.pages(path, {"limit": PAGE}):
            for item in items:
                await _template(move, path, item, f"{prefix}{item['name']}")
    except Failed as no:
        move.report.note("templates", prefix or "of the account", FAILED, str(no))


async def _template(move: Copier, path: str, item: dict[str, Any], key: str) -> None:
    one = f"{path}/{segment(item['name'])}"
    fields = {"name": item["name"], "description": item.get("description") or ""}

    async def write() -> bool:
        return await _made(move, path, fields, one, {"description": fields["description"]})

    if not await move.item("templates", key, write):
        return
    active: list[dict[str, Any]] = []  # last: a template's first version is active whatever it says
    async for items, _ in move.source.pages(f"{one}/versions", {"limit": PAGE}):
        for version in items:
            if version.get("active"):
                active.append(version)
            else:
                await _version(move, one, version, key)
    for version in active:
        await _version(move, one, version, key)


async def _version(move: Copier, one: str, version: dict[str, Any], key: str) -> None:
    tag = version["tag"]

    async def write() -> bool:
        found = await move.source.get(f"{one}/versions/{segment(tag)}")
        held = found["template"]["version"]
        fields: dict[str, str] = {"template": held.get("template") or "", "tag": tag}
        fields |= {"comment": held.get("comment") or "", "engine": held.get("engine") or "handlebars"}
        fields["active"] = "yes" if held.get("active") else "no"
        if held.get("mjml"):
            fields["mjml"] = held["mjml"]
        if held.get("headers"):
            fields["headers"] = _json(held["headers"])
        change = {name: value for name, value in fields.items() if name not in ("tag", "engine")}
        return await _made(move, f"{one}/versions", fields, f"{one}/versions/{segment(tag)}", change)

    await move.item("template versions", f"{key}/{tag}", write)


async def _made(move: Copier, path: str, fields: dict[str, str], one: str, change: dict[str, str]) -> bool:
    """Make something, or bring it up to date where it is there; whether it was made."""
    try:
        await move.target.get(one)
    except Failed as no:
        if no.status != 404:
            raise
        await move.target.call("POST", path, data=fields)
        return True
    await move.target.call("PUT", one, data=change)
    return False


def _json(headers: Any) -> str:
    return headers if isinstance(headers, str) else json.dumps(headers)
