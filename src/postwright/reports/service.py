"""Reports to events."""

from collections.abc import Iterable
from typing import Any

import msgspec

from postwright import domains, events
from postwright.failures import Classifier, Verdict, classifier
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.metrics import Counter
from postwright.kernel.secrets import Vault
from postwright.mail import arf, dsn
from postwright.messages import Trace, Traces, domain_of, facts, storage_key

_BOUNCES = Counter("oob_total", "Bounces that came by mail after delivery, by what they led to.", ("match",))
_COMPLAINTS = Counter(
    "complaints_total",
    "Feedback reports of receivers, by what they led to; their ratio is to delivered_total.",
    ("match",),
)

# A mark is good for 30 days (delivery-engineering.md 5.2) after the latest time a message can be due and tried.
LIFETIME = (30 + 10) * 86400 * SECOND
# The copy was on its way before we heard of it: an event of a message is never older than the message.
_SLACK = 60 * SECOND
_DELIVERIES = ("delivered", "accepted")


class Taken(msgspec.Struct, frozen=True):
    """What became of a report: `bounced`, `complained`, or `ignored` with the reason."""

    result: str
    why: str = ""


class _Delivery(msgspec.Struct, frozen=True):
    """The delivery that a report is about."""

    account_id: str
    domain_id: str
    recipient: str
    message_id: str
    event: dict[str, Any]  # `delivered`; `accepted` when the reply to the message had been lost


class Reports:
    """Takes reports in. `take_dsn` and `take_arf` may be called again with the same report."""

    def __init__(self, *, db: Db, clock: Clock, vault: Vault, rules: Classifier | None = None) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._traces = Traces(vault)
        self._rules = rules or classifier()

    def is_bounce_address(self, address: str) -> bool:
        """Whether `address` is a bounce address that we made, and not too long ago."""
        trace = self._traces.read_sender(address)
        return trace is not None and not self._expired(trace)

    async def take_dsn(self, recipient: str, raw: bytes) -> Taken:
        """Take a message that came to the bounce address `recipient`. Raises StoreUnavailable."""
        taken = await self._take_dsn(recipient, raw)
        _BOUNCES.labels(taken.result).inc()
        return taken

    async def _take_dsn(self, recipient: str, raw: bytes) -> Taken:
        trace = self._traces.read_sender(recipient)
        if trace is None:
            return Taken("ignored", "not a bounce address of ours")
        if self._expired(trace):
            return Taken("ignored", "the bounce address is too old")
        report = dsn.parse(raw)
        if report is None:
            return Taken("ignored", "not a delivery report")
        failed = [each for each in report.recipients if each.action == "failed"]
        if not failed:
            return Taken("ignored", "nothing failed")
        return await self._db.write(self._bounce, trace, report, failed)

    async def take_arf(self, raw: bytes) -> Taken:
        """Take a feedback report, whoever sent it: what counts is our mark. Raises StoreUnavailable."""
        taken = await self._take_arf(raw)
        _COMPLAINTS.labels(taken.result).inc()
        return taken

    async def _take_arf(self, raw: bytes) -> Taken:
        complaint = arf.parse(raw)
        if complaint is None:
            return Taken("ignored", "not a feedback report")
        if not complaint.is_complaint:
            return Taken("ignored", f"feedback type {complaint.feedback_type[:32]}")
        trace = self._trace(complaint)
        if trace is None:
            return Taken("ignored", "no mark of ours")
        if self._expired(trace):
            return Taken("ignored", "the message is too old")
        return await self._db.write(self._complain, trace, complaint)

    def _expired(self, trace: Trace) -> bool:
        return trace.made_at + LIFETIME < self._clock.now()

    def _trace(self, complaint: arf.Complaint) -> Trace | None:
        """The mark in the returned message, or in the envelope sender that the report names."""
        for name, value in complaint.returned:
            if name.lower() == "x-mailgun-sid" and (trace := self._traces.read_sid(value)):
                return trace
        senders = [complaint.original_mail_from]
        senders += [value.strip("<> ") for name, value in complaint.returned if name.lower() == "return-path"]
        return next((trace for sender in senders if (trace := self._traces.read_sender(sender))), None)

    def _bounce(self, tx: Write, trace: Trace, report: dsn.Report, failed: list[dsn.Recipient]) -> Taken:
        events.hold(tx)
        named = [address for each in failed for address in (each.original, each.final)]
        found = self._find(tx, trace, named, report.returned)
        if found is None:
            return Taken("ignored", "nothing is known of the message")
        if any(_is_delayed(entry) for entry in self._past(tx, found, "failed")):
            return Taken("ignored", "reported before")
        about = next((each for each in failed if found.recipient in (each.original, each.final)), failed[0])
        events.append(tx, self._clock.now(), [_bounced(found, about, self._verdict(about))])
        return Taken("bounced")

    def _complain(self, tx: Write, trace: Trace, complaint: arf.Complaint) -> Taken:
        events.hold(tx)
        found = self._find(tx, trace, complaint.original_rcpt_to, complaint.returned)
        if found is None:
            return Taken("ignored", "nothing is known of the message")
        if self._past(tx, found, "complained"):
            return Taken("ignored", "reported before")
        events.append(tx, self._clock.now(), [_complained(found, complaint)])
        return Taken("complained")

    def _find(
        self, tx: Read, trace: Trace, named: Iterable[str], returned: list[tuple[str, str]]
    ) -> _Delivery | None:
        """The delivery that `trace` marks. `named`: recipients that the report names; `returned`: header fields."""
        head = {name.lower(): value for name, value in returned}
        key = storage_key(self._vault, trace.number)
        for domain_id in self._domains(tx, trace, head):
            recipient = trace.recipient or next(
                (each.lower() for each in named if self._traces.tag(trace.number, each) == trace.tag), ""
            )
            if recipient:
                since = trace.made_at - _SLACK
                entries = events.of_recipient(tx, domain_id, recipient, since=since, names=_DELIVERIES)
            else:
                message_id = head.get("message-id", "").strip("<> ")
                entries = (
                    events.of_message(tx, domain_id, message_id, names=_DELIVERIES) if message_id else []
                )
            found = [
                (entry, event)
                for entry in entries
                if key.encode() in entry.data
                for event in [msgspec.json.decode(entry.data)]
                if self._traces.tag(trace.number, event.get("recipient", "")) == trace.tag
            ]
            if found:
                entry, event = max(found, key=lambda pair: (pair[0].name == "delivered", pair[0].seq))
                return _Delivery(
                    account_id=entry.account_id,
                    domain_id=entry.domain_id,
                    recipient=event["recipient"],
                    message_id=event["message"]["headers"]["message-id"],
                    event=event,
                )
        return None

    def _domains(self, tx: Read, trace: Trace, head: dict[str, str]) -> list[str]:
        """Domains that the message can be of: its own, or where it has expired, those that send with its host."""
        known = domain_of(tx, trace.number)
        if known is not None:
            return [known]
        # Our Sender field always names the sending domain.
        host = trace.host or head.get("sender", "").rpartition("@")[2].strip("> ").lower()
        return domains.ids_of_host(tx, host) if host else []

    def _verdict(self, about: dsn.Recipient) -> Verdict:
        """What a reported failure means. It is final, whatever its code says: the reporting server has given up."""
        code = about.code or (450 if about.enhanced.startswith("4.") else 550)
        # Without a reply of its own a report says less than a server that answers RCPT with a bare 550.
        verdict = self._rules.judge(code, about.enhanced, about.diagnostic, "RCPT" if about.code else "DATA")
        return msgspec.structs.replace(verdict, permanent=True)

    def _past(self, tx: Read, found: _Delivery, name: str) -> list[events.Entry]:
        return events.of_message(
            tx, found.domain_id, found.message_id, names=(name,), recipient=found.recipient
        )


def _is_delayed(entry: events.Entry) -> bool:
    return bool(msgspec.json.decode(entry.data).get("flags", {}).get("is-delayed-bounce"))


# What the events after a delivery repeat of it (behaviour.md 6.3).
_REPEATED = (
    "account",
    "domain",
    "recipient",
    "recipient-domain",
    "recipient-provider",
    "tags",
    "campaigns",
    "user-variables",
    "storage",
    "message",
    "template",
    "batch",
    "mailing-list",
)


def _again(found: _Delivery) -> dict[str, Any]:
    data = {name: found.event[name] for name in _REPEATED if name in found.event}
    message = dict(data["message"])
    # Members that only `accepted` has.
    message.pop("recipients", None)
    message.pop("scheduled-for", None)
    return data | {"message": message}


def _bounced(found: _Delivery, about: dsn.Recipient, verdict: Verdict) -> events.Event:
    flags = found.event.get("flags", {})
    data = _again(found) | {
        "flags": flags | {"is-delayed-bounce": True},
        "envelope": {},
        "reason": verdict.reason,
        "delivery-status": {
            "code": about.code or 550,
            "bounce-code": about.enhanced or "5.0.0",
            "enhanced-code": about.enhanced,
            "message": about.diagnostic,
            "description": f"Reported by {about.remote_mta}"[:200] if about.remote_mta else "",
            "bounce-type": verdict.bounce_type,
        },
    }
    data |= facts.classification(verdict)
    return _event("failed", found, data, severity="permanent")


def _complained(found: _Delivery, complaint: arf.Complaint) -> events.Event:
    address = found.event.get("envelope", {}).get("sending-ip") or complaint.source_ip
    data = _again(found) | {
        "envelope": {"sending-ip": address} if address else {},
        "flags": {"is-test-mode": bool(found.event.get("flags", {}).get("is-test-mode"))},
    }
    return _event("complained", found, data)


def _event(name: str, found: _Delivery, data: dict[str, Any], severity: str = "") -> events.Event:
    return events.Event(
        name=name,
        severity=severity,
        account_id=found.account_id,
        domain_id=found.domain_id,
        recipient=found.recipient,
        message_id=found.message_id,
        data=data,
    )
