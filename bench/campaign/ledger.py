"""What was accepted, what arrived, and what nobody can account for."""

import asyncio
import re
import sqlite3
from collections import Counter
from contextlib import closing

from postwright.mail.smtp import Reply
from postwright.testing.sink import Sink

WATCH_SECONDS = 0.5
_SUBJECT = re.compile(rb"^Subject: (tok\d+)", re.MULTILINE)
_PIXEL = re.compile(rb'src="(http://[^"]+/o/[^"]+)"')
PAGE = 300


class CountingSink(Sink):
    """Counts what arrives and keeps nothing; refuses `bad…` for good and `slow…` once."""

    def __init__(self, ledger):
        super().__init__()
        self._ledger = ledger
        self._put_off = set()

    async def rcpt_to(self, session, address, params):
        if address.startswith("bad"):
            return Reply(550, "5.1.1", "No such user")
        if address.startswith("slow") and address not in self._put_off:
            self._put_off.add(address)
            return Reply(451, "4.3.0", "Later")
        return None

    async def message(self, session, envelope):
        found = _SUBJECT.search(envelope.data)
        token = found[1].decode() if found else "?"
        for recipient in envelope.recipients:
            self._ledger.arrived((token, recipient), envelope.data)
        if pixel := _PIXEL.search(envelope.data.replace(b"=\r\n", b"").replace(b"=3D", b"=")):
            self._ledger.pixels.append(pixel[1].decode())
        return Reply(250, "2.0.0", "OK")


class Ledger:
    """Recipients, each a subject and an address; those of mail to us and of its route are `(subject, "route")`."""

    def __init__(self):
        self.round = ""
        self.accepted = {}  # key -> the round that it was accepted in
        self.unanswered = set()  # may arrive, need not
        self.refused = Counter()  # what was answered otherwise
        self.arrivals = Counter()
        self.changed = set()  # came twice, in other bytes
        self.ended = {}  # key -> how often each final event is in the log
        self.told = Counter()  # final events by webhook
        self.ambiguous = set()  # addresses that the queue ever marked
        self.pixels = []
        self._first = {}

    def accept(self, keys):
        self.accepted |= dict.fromkeys(keys, self.round)

    def arrived(self, key, data=b""):
        self.arrivals[key] += 1
        if self._first.setdefault(key, hash(data)) != hash(data) and data:
            self.changed.add(key)

    def hook(self, body):
        """A webhook came."""
        data = body["event-data"]
        if data["event"] == "delivered" or data.get("severity") == "permanent":
            self.told[data["message"]["headers"]["subject"], data["recipient"]] += 1

    async def watch(self, path):
        """Remember whose attempt has an unknown end: such a row waits for seconds before it is tried again."""
        while True:
            self.ambiguous |= await asyncio.to_thread(_recipients, path, "WHERE ambiguous = 1")
            await asyncio.sleep(WATCH_SECONDS)

    async def read_events(self, api, domain):
        """Count the final events of each recipient in the log."""
        self.ended = {}
        for query in ("event=delivered", "event=failed&severity=permanent"):
            path = f"/v3/{domain}/events?{query}&limit={PAGE}&ascending=yes"
            while True:
                page = await api.get(path)
                for event in page["items"]:
                    key = event["message"]["headers"]["subject"], event["recipient"]
                    self.ended.setdefault(key, Counter())[event["event"]] += 1
                if len(page["items"]) < PAGE:
                    break
                path = page["paging"]["next"]

    def open(self):
        """Accepted recipients that neither arrived nor failed."""
        return {k for k in self.accepted if not self.arrivals[k] and not self.ended.get(k, {}).get("failed")}

    def row(self, name, path):
        """Counts of what was accepted in a round (all of them: "")."""
        waiting = _recipients(path)
        mine = [key for key, round_ in self.accepted.items() if name in ("", round_)]
        arrived = [key for key in mine if self.arrivals[key]]
        gone = self.open().intersection(mine)
        # Forwards of routes are at least once and have no journal.
        twice = [key for key in arrived if self.arrivals[key] > 1 and key[1] != "route"]
        return {
            "accepted": len(mine),
            "delivered": len(arrived),
            "failed": sum("failed" in self.ended.get(key, {}) for key in mine),
            "queued": sum(key[1] in waiting for key in gone),
            "twice": len(twice),
            "lost": sum(key[1] not in waiting for key in gone),
        }

    def problems(self, path):
        """What must not be, in words."""
        waiting = _recipients(path)
        found = [f"lost: {key}" for key in self.open() if key[1] not in waiting]
        for key, count in self.arrivals.items():
            if count > 1 and key[1] != "route" and key[1] not in self.ambiguous:
                found.append(f"{count} times, and not ambiguous: {key}")
        found += [f"again with other bytes: {key}" for key in self.changed]
        for key, events in self.ended.items():
            if events.total() > 1:
                found.append(f"final events {dict(events)}: {key}")
        for key in self.accepted:
            if key[1] != "route" and self.arrivals[key] and key[1] not in waiting:
                if key not in self.ended:
                    found.append(f"delivered without an event: {key}")
                elif not self.told[key]:
                    found.append(f"delivered without a webhook: {key}")
        return found + [f"{count} requests were answered {what}" for what, count in self.refused.items()]


def _recipients(path, where=""):
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as store:
            return {row[0] for row in store.execute(f"SELECT recipient FROM queue {where}")}
    except sqlite3.OperationalError:
        return set()  # before the first start
