"""A capture server for tests of applications, without async: start it, send to it, look at what came."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from .server import Server

DOMAIN = "app.test"
_WAIT_SECONDS = 50.0  # of one request; longer waits are several
_SLACK_SECONDS = 20.0  # for the answer itself


class ApiError(AssertionError):
    """The server refused; the text says what."""


class NoMail(AssertionError):
    """The message that was waited for did not come."""


class Mail:
    """A captured message."""

    def __init__(self, sandbox: "Sandbox", shown: dict[str, Any]) -> None:
        self._sandbox = sandbox
        self.shown = shown
        self.id: int = shown["id"]
        self.recipient: str = shown["recipient"]
        self.subject: str = shown["subject"]
        self.text: str = shown["text"] or ""
        self.html: str = shown["html"] or ""
        self.headers: dict[str, str] = dict(shown["headers"])

    @property
    def message(self) -> EmailMessage:
        """The exact message, as the standard library reads it."""
        raw = self._sandbox.fetch("GET", f"/postwright/v1/capture/messages/{self.id}/raw")
        return message_from_bytes(raw, policy=policy.default)


class Inbox:
    """What the server captured since it was last cleared."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._seen = 0

    def wait(self, recipient: str = "", *, subject: str = "", timeout: float = 10.0) -> Mail:
        """The next message (after the last that was waited for) that matches. Raises NoMail."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            asked = {"after": self._seen, "timeout": f"{min(left, _WAIT_SECONDS):.3f}"}
            asked |= {"recipient": recipient, "subject": subject}
            try:
                found = Mail(self._sandbox, self._sandbox.call("GET", "/postwright/v1/capture/wait", asked))
            except ApiError as no:
                if left <= _WAIT_SECONDS:
                    raise NoMail(f"{no}; captured so far: {self._overview()}") from None
                continue
            self._seen = found.id
            return found

    def all(self) -> list[dict[str, Any]]:
        """Overviews of all messages, oldest first (at most 300)."""
        found = self._sandbox.call("GET", "/postwright/v1/capture/messages", {"limit": 300})
        return list(reversed(found["items"]))

    def clear(self) -> None:
        """Forget all messages, and all rules about recipients."""
        self._sandbox.call("DELETE", "/postwright/v1/capture/messages")
        self._sandbox.call("DELETE", "/postwright/v1/capture/rules")

    def rule(self, recipient: str, do: str, **more: Any) -> None:
        """Let recipients that match a pattern bounce, defer, greylist, complain, open, click, …"""
        self._sandbox.call("POST", "/postwright/v1/capture/rules", {"recipient": recipient, "do": do} | more)

    def _overview(self) -> str:
        return (
            ", ".join(f"{item['subject']!r} to {item['recipient']}" for item in self.all()[-5:]) or "nothing"
        )


class Sandbox:
    """A server in capture mode in processes of its own: `with Sandbox(folder) as sandbox`.

    `base_url`, `key` and `domain` are what the application under test is told.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.domain = settings.setdefault("domain", DOMAIN)
        self._server = Server(folder, **settings)
        self.base_url = self._server.base_url
        self.key = self._server.api_key
        self.smtp = self._server.smtp
        self.inbox = Inbox(self)
        self._runner = asyncio.Runner()

    def call(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> Any:
        """The JSON that one call of the API gives. Raises ApiError."""
        return json.loads(self.fetch(method, path, fields))

    def fetch(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> bytes:
        """The body that one call gives. Raises ApiError."""
        encoded = urlencode(fields or {}, doseq=True)
        url = self.base_url + quote(path, safe="/@:?=&%+")
        body = None
        if method in ("GET", "DELETE"):
            url += f"?{encoded}" if encoded else ""
        else:
            body = encoded.encode()
        login = base64.b64encode(f"api:{self.key}".encode()).decode()
        request = Request(url, body, {"Authorization": f"Basic {login}"}, method=method)  # noqa: S310  our own URL
        try:
            with urlopen(request, timeout=_WAIT_SECONDS + _SLACK_SECONDS) as answer:  # noqa: S310
                found: bytes = answer.read()
                return found
        except HTTPError as no:
            with no:
                raise ApiError(
                    f"{method} {path}: {no.code} {no.read()[:500].decode(errors='replace')}"
                ) from None

    def send(self, **fields: Any) -> str:
        """Send a message of the sandbox's domain (`from_`, `to`, `subject`, `text`, …); its id."""
        given = {"from": f"test@{self.domain}", "subject": "Test", "text": "Test."}
        given |= {name.rstrip("_").replace("__", ":"): value for name, value in fields.items()}
        sent: str = self.call("POST", f"/v3/{self.domain}/messages", given)["id"]
        return sent.strip("<>")

    def events(self, message_id: str = "", **filters: Any) -> list[dict[str, Any]]:
        """Events of the domain, oldest first."""
        asked = {"ascending": "yes", "limit": 300, **filters}
        if message_id:
            asked["message-id"] = message_id
        found: list[dict[str, Any]] = self.call("GET", f"/v3/{self.domain}/events", asked)["items"]
        return found

    def wait_event(self, name: str, message_id: str, timeout: float = 10.0) -> dict[str, Any]:
        """The first event of a name that a message has. Raises NoMail."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if found := self.events(message_id, event=name):
                return found[0]
            time.sleep(0.05)
        seen = ", ".join(event["event"] for event in self.events(message_id)) or "none"
        raise NoMail(f"no event {name} of {message_id} within {timeout:g} s; its events: {seen}")

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward."""
        self.call("POST", "/postwright/v1/capture/clock", {"advance": seconds})

    def __enter__(self) -> Self:
        self._runner.run(self._server.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._server.kill())
        finally:
            self._runner.close()
