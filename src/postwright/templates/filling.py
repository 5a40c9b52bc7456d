"""A template filled: its HTML, the header fields it gives, and its text for those who want one."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from postwright.mail.headers import HeaderError, check_value

from .errors import RenderFailed
from .render import Job, renderer
from .totext import to_text


async def fill(
    content: str, headers: Mapping[str, str], data: dict[str, Any], *, text: bool
) -> tuple[str, str | None, dict[str, str]]:
    """HTML, text (None unless wanted) and headers of a template. Raises RenderFailed, CannotRender."""
    encoded = msgspec.json.encode(data).decode()
    jobs = [Job(content, encoded), *(Job(value, encoded, escape=False) for value in headers.values())]
    html, *values = await renderer().render(jobs)
    filled = {name: " ".join(value.split()) for name, value in zip(headers, values, strict=True)}
    for name, value in filled.items():
        try:
            check_value(value)
        except HeaderError as wrong:
            raise RenderFailed(f"the header {name} is not valid: {wrong}") from wrong
    return html, await asyncio.to_thread(to_text, html) if text else None, filled
