"""Slack, through its own client."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

TIMEOUT_SECONDS: Final = 15
# What trying again does not mend (the errors of chat.postMessage in Slack's reference).
_FINAL: Final = frozenset(
    (
        "account_inactive",
        "channel_not_found",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "no_permission",
        "not_authed",
        "not_in_channel",
        "restricted_action",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    )
)


class SlackFailed(Exception):
    """Slack did not do it; the text is its own name for why. `permanent`: it never will."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(text)


class SlackChannel(msgspec.Struct):
    """A channel of a team."""

    id: str
    name: str
    is_archived: bool


class SlackApi:
    """The calls we make with one team's token. `base_url` is that of Slack, or of what stands in for it."""

    def __init__(self, token: str, base_url: str) -> None:
        self._client = AsyncWebClient(
            token=token, base_url=base_url.rstrip("/") + "/", timeout=TIMEOUT_SECONDS
        )

    async def post(self, channel: str, text: str) -> None:
        """Say something in a channel. Raises SlackFailed."""
        # Text of an alert is no markup: names in it must neither link nor call anybody.
        await self._call(
            "chat.postMessage", {"channel": channel, "text": escaped(text), "unfurl_links": False}
        )

    async def channels(self, cursor: str, limit: int) -> tuple[list[SlackChannel], str]:
        """A page of channels, and where the next one begins ("" at the end). Raises SlackFailed."""
        wanted = {"limit": limit, "types": "public_channel,private_channel"}
        found = await self._call("conversations.list", wanted | ({"cursor": cursor} if cursor else {}))
        following = (found.get("response_metadata") or {}).get("next_cursor") or ""
        return [_channel(each) for each in found.get("channels") or []], str(following)

    async def channel(self, channel: str) -> SlackChannel:
        """One channel. Raises SlackFailed."""
        found = await self._call("conversations.info", {"channel": channel})
        return _channel(found.get("channel") or {})

    async def revoke(self) -> None:
        """Make the token worthless. Raises SlackFailed."""
        await self._call("auth.revoke", {})

    async def _call(self, method: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = await self._client.api_call(method, data=dict(values))
        except SlackApiError as no:
            name = str(no.response.get("error") or f"HTTP {no.response.status_code}")
            raise SlackFailed(name[:200], permanent=name in _FINAL) from no
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as no:
            raise SlackFailed(f"{type(no).__name__}: {no}"[:200]) from no
        except ValueError as no:
            raise SlackFailed("the answer is not JSON") from no
        found = answer.data
        if not isinstance(found, dict):
            raise SlackFailed("the answer is not JSON")
        return found


def escaped(text: str) -> str:
    """Text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _channel(found: Mapping[str, Any]) -> SlackChannel:
    return SlackChannel(
        str(found.get("id") or ""), str(found.get("name") or ""), bool(found.get("is_archived"))
    )
