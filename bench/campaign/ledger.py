"""What was accepted, what arrived, and what nobody can account for."""

import re
import sqlite3
from collections import Counter
from contextlib import closing

from postwright.mail.smtp import Reply
from postwright.testing.sink import Sink

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
        self.ambiguous = set()  # of what came twice: where the journal says that an attempt's end is unknown
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

    async def read(self, api, domain):
        """Count the final events of each recipient in the log, and ask the journal about what came twice."""
        self.ended = {}
        ids = {}
        for query in ("event=delivered", "event=failed&severity=permanent"):
            path = f"/v3/{domain}/events?{query}&limit={PAGE}&ascending=yes"
            while True:
                page = await api.get(path)
                for event in page["items"]:
                    key = event["message"]["headers"]["subject"], event["recipient"]
                    self.ended.setdefault(key, Counter())[event["event"]] += 1
                    ids[key] = event["message"]["headers"]["message-id"]
                if len(page["items"]) < PAGE:
                    break
                path = page["paging"]["next"]
        for key in self.twice() & ids.keys():
            path = f"/postwright/v1/{domain}/messages/{ids[key]}/attempts?recipient={key[1]}"
            if any(item["outcome"] == "ambiguous" for item in (await api.get(path))["items"]):
                self.ambiguous.add(key)

    def twice(self):
        """What arrived more than once. Forwards of routes are at least once, and have no journal."""
        return {key for key, count in self.arrivals.items() if count > 1 and key[1] != "route"}

    def open(self):
        """Accepted recipients that neither arrived nor failed."""
        return {k for k in self.accepted if not self.arrivals[k] and not self.ended.get(k, {}).get("failed")}

    def row(self, name, path):
        """Counts of what was accepted in a round (all of them: "")."""
        waiting = _recipients(path)
        mine = [key for key, round_ in self.accepted.items() if name in ("", round_)]
        arrived = [key for key in mine if self.arrivals[key]]
        gone = self.open().intersection(mine)
        return {
            "accepted": len(mine),
            "delivered": len(arrived),
            "failed": sum("failed" in self.ended.get(key, {}) for key in mine),
            "queued": sum(key[1] in waiting for key in gone),
            "twice": len(self.twice().intersection(mine)),
            "lost": sum(key[1] not in waiting for key in gone),
        }

    def problems(self, path):
        """What must not be, in words."""
        waiting = _recipients(path)
        found = [f"lost: {key}" for key in self.open() if key[1] not in waiting]
        doubled = self.twice() - self.ambiguous
        found += [f"{self.arrivals[key]} times, and not ambiguous: {key}" for key in doubled]
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


def _recipients(path):
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as store:
            return {row[0] for row in store.execute("SELECT recipient FROM queue")}
    except sqlite3.OperationalError:
        return set()  # before the first start
