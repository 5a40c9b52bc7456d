"""Makes the calls of alerts: mail, signed webhooks, Slack; retried on schedule, then put out of use."""

import hmac
import secrets
from typing import Any, Final

import msgspec

from postwright.kernel import failpoints
from postwright.kernel.calling import Caller
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.metrics import Counter
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from . import service
from .mailer import Mailer, NotSent
from .records import Facts
from .slack import SlackApi, SlackFailed
from .store import calls

_CALLS = Counter("alert_calls_total", "Alerts told.", ("channel", "result"))
SIGNATURE: Final = "X-Sign"  # behaviour.md 16


class Failed(Exception):
    """A receiver was not told; the text says why. `permanent`: it never will be."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(text)


class Call(msgspec.Struct, frozen=True):
    """A leased call."""

    id: int
    account_id: str
    setting_id: str
    channel: str
    target: str
    data: bytes
    attempts: int
    token: str

    @property
    def url(self) -> str:
        """Whom it is fair to others to call only a few times at once."""
        if self.channel == "webhook":
            return self.target
        host = self.target.rpartition("@")[2] if self.channel == "email" else "slack"
        return f"{self.channel}://{host}"


class AlertSender(Caller[Call]):
    """Makes due calls until told to stop; its `tell_…` functions make one at once."""

    def __init__(self, *, settings: Settings, db: Db, clock: Clock, vault: Vault, mailer: Mailer) -> None:
        super().__init__(settings, db, clock, calls, Call)
        self._schedule = settings.schedule("alert_retry")
        self._vault = vault
        self._mailer = mailer
        self._slack_url = settings.slack_url

    async def make(self, outgoing: Outgoing, call: Call) -> None:
        """Tell one receiver, and record it."""
        facts: Facts = msgspec.json.decode(call.data)
        failure: Failed | None = None
        try:
            if call.channel == "webhook":
                await self.tell_url(outgoing, call.account_id, call.target, facts)
            elif call.channel == "email":
                await self.tell_address(call.target, facts)
            else:
                await self.tell_slack(call.account_id, call.target, facts)
        except Failed as no:
            failure = no
        _CALLS.labels(call.channel, "failed" if failure else "ok").inc()
        failpoints.hit("alert.told")
        await self.db.write(self._record, call, failure)

    def _record(self, tx: Write, call: Call, failure: Failed | None) -> None:
        now = self.clock.now()
        if failure is None:
            calls.end(tx, call.id, call.token, now, 0, "", done=True)
            return
        number, text = call.attempts + 1, str(failure)[:500]
        if not failure.permanent and number <= len(self._schedule):
            due = now + self._schedule[number - 1] * SECOND
            calls.again(tx, call.id, call.token, due, number, 0, text)
        elif calls.end(tx, call.id, call.token, now, 0, text, done=False):
            service.put_out_of_use(tx, now, call.account_id, call.setting_id, call.target, text)

    # -- at once

    async def tell_url(self, outgoing: Outgoing, account_id: str, url: str, facts: Facts) -> None:
        """POST an event, signed afresh. Raises Failed."""
        key = await self.db.read(service.signing_key, account_id, self._vault)
        if not key:
            key = await self.db.write(service.ensure_key, account_id, self._vault)
        signature = {"timestamp": self.clock.now() // SECOND, "token": secrets.token_hex(25)}
        body = msgspec.json.encode({"signature": signature, "event_data": facts})
        sign = hmac.digest(key.encode(), body, "sha256").hex()
        headers = {"Content-Type": "application/json", SIGNATURE: sign}
        try:
            result = await outgoing.post(url, body, headers)
        except (TargetRefused, TargetUnreachable) as wrong:
            raise Failed(str(wrong)) from wrong
        if not 200 <= result.status < 300:
            raise Failed(f"HTTP {result.status}")

    async def tell_address(self, address: str, facts: Facts) -> None:
        """Mail an event. Raises Failed."""
        try:
            await self._mailer.send(address, subject(facts), as_text(facts))
        except NotSent as wrong:
            raise Failed(str(wrong), permanent=wrong.permanent) from wrong

    async def tell_slack(self, account_id: str, channel: str, facts: Facts) -> None:
        """Say an event in a Slack channel. Raises Failed."""
        found = await self.db.read(service.slack, account_id, self._vault)
        if found is None:
            raise Failed("Slack is not connected", permanent=True)
        try:
            await SlackApi(found.token, self._slack_url).post(channel, f"{subject(facts)}\n{as_text(facts)}")
        except SlackFailed as wrong:
            raise Failed(str(wrong), permanent=wrong.permanent) from wrong


def subject(facts: Facts) -> str:
    """One line for people."""
    return f"[{facts.get('event', 'alert')}] {facts.get('message', '')}"


def as_text(facts: Facts) -> str:
    """All that is known, for people."""
    lines = [
        f"{name.replace('_', ' ')}: {_said(value)}" for name, value in facts.items() if name != "message"
    ]
    return "\n".join((str(facts.get("message", "")), "", *lines, ""))


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return " ".join(text.split())[:1000]
