"""What is thought of a message before it is taken, and what follows from it."""

import asyncio

from postwright.arrivals import Spam, Verdict
from postwright.mail.smtp import Reply

from .directory import Found, Refusal
from .findings import Findings
from .judging import Judge, Judgement
from .receive import Peer
from .rspamd import Rspamd, Scan

UNALIGNED = Reply(550, "5.7.1", "The domain in From asks to refuse unauthenticated mail (DMARC)")
SPAM = Reply(550, "5.7.1", "Refused as spam")
LATER = Reply(451, "4.7.1", "Please try again later")
_SPF = {"pass": "Pass", "fail": "Fail", "softfail": "SoftFail"}


class Assessor:
    """Judges and scores. What that leads to is the domain's `spam_action`.

    - `disabled`: no spam check; refused is what the sender's own DMARC policy wants refused.
    - `tag`: the results are told in headers, and nothing is refused for them.
    - `block`: as `disabled`, and what the spam scanner flags is refused too.
    """

    def __init__(self, judge: Judge | None, rspamd: Rspamd | None, hostname: str) -> None:
        self._judge = judge
        self._rspamd = rspamd
        self._hostname = hostname

    async def assess(self, peer: Peer, found: list[Found], raw: bytes) -> Findings:
        """What is found out about a message; all recipients' domains have the same `spam_action`. Raises Refusal."""
        action = found[0].domain.spam_action
        judgement, scan = await asyncio.gather(
            self._judged(peer, raw), self._scanned(peer, found, raw, wanted=action != "disabled")
        )
        if judgement.refused and action != "tag":
            raise Refusal(UNALIGNED)
        if scan is not None and action == "block":
            if scan.spam.flagged:
                raise Refusal(SPAM)
            if scan.later:
                raise Refusal(LATER)
        spam = scan.spam if scan is not None else None
        fields = spam_fields(judgement, spam) if action != "disabled" else []
        if judgement.header:
            fields.append(("Authentication-Results", judgement.header))
        return Findings(judgement.verdict, spam, fields)

    async def close(self) -> None:
        """Let go of what it holds."""
        if self._rspamd is not None:
            await self._rspamd.close()
        if self._judge is not None:
            self._judge.close()

    async def _judged(self, peer: Peer, raw: bytes) -> Judgement:
        if self._judge is None:
            return Judgement(Verdict())
        return await self._judge.judge(peer.address, peer.helo, peer.sender, raw)

    async def _scanned(self, peer: Peer, found: list[Found], raw: bytes, *, wanted: bool) -> Scan | None:
        if self._rspamd is None or not wanted:
            return None
        return await self._rspamd.scan(peer, [each.target.address for each in found], self._hostname, raw)


def spam_fields(judgement: Judgement, spam: Spam | None) -> list[tuple[str, str]]:
    """The fields of a spam check (behaviour.md 10.7)."""
    fields = []
    if spam is not None:
        fields += [
            ("X-Mailgun-Sflag", "Yes" if spam.flagged else "No"),
            ("X-Mailgun-Sscore", f"{spam.score:.1f}"),
            ("X-Mailgun-Spam-Rules", ", ".join(spam.rules)),
        ]
    if judgement.signed:
        fields.append(("X-Mailgun-Dkim-Check-Result", "Pass" if judgement.verdict.dkim == "pass" else "Fail"))
    if judgement.header:
        fields.append(("X-Mailgun-Spf", _SPF.get(judgement.verdict.spf, "Neutral")))
    return fields
