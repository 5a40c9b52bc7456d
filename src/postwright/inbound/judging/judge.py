"""All results for one message."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import msgspec

from postwright.arrivals import Verdict
from postwright.kernel.settings import Settings, host_port
from postwright.mail import headers, spf
from postwright.mail.lookups import Lookups, make_resolver

from . import alignment, results, signatures

log = logging.getLogger("postwright.inbound")

THREADS = 32  # messages judged at once; they wait for DNS most of the time
PATIENCE_SECONDS = 20.0  # for a thread and the look-ups; then the message is taken unjudged


class Judgement(msgspec.Struct, frozen=True):
    """What was found, and the value of the Authentication-Results field ("": none is written)."""

    verdict: Verdict
    header: str = ""
    signed: bool = False  # there is a DKIM signature, good or bad

    @property
    def refused(self) -> bool:
        """Whether the owner of the From domain wants such a message refused."""
        return self.verdict.dmarc == "fail" and self.verdict.dmarc_policy == "reject"


class Judge:
    """Judges messages in threads of its own. One for each process."""

    def __init__(self, settings: Settings, hostname: str) -> None:
        nameserver = host_port(settings.dns, "POSTWRIGHT_DNS") if settings.dns else None
        self._resolver = make_resolver(nameserver)
        self._hostname = hostname
        self._threads = ThreadPoolExecutor(THREADS, "judge")

    async def judge(self, peer: str, helo: str, envelope_sender: str, raw: bytes) -> Judgement:
        """What the sender of `raw` can prove. Never raises; without an answer in time all is `temperror`."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._judge, peer, helo, envelope_sender, raw)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await work
        except Exception as wrong:
            log.error("a message could not be judged", extra={"reason": repr(wrong)[:200]})
            return Judgement(Verdict(spf="temperror", dkim="temperror", dmarc="temperror", arc="temperror"))

    def close(self) -> None:
        """End its threads; judgements under way are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _judge(self, peer: str, helo: str, envelope_sender: str, raw: bytes) -> Judgement:
        lookups = Lookups(self._resolver)
        spf_result, spf_domain = spf.check(lookups, peer, envelope_sender, helo)
        signed = signatures.check_dkim(lookups, raw)
        arc = signatures.check_arc(lookups, raw)
        good = [each.domain for each in signed if each.result == "pass"]
        values = [headers.text(body) for name, body in headers.parse(raw) if name.lower() == "from"]
        outcome = alignment.check(lookups, values, spf_domain if spf_result == "pass" else "", good)
        verdict = Verdict(
            spf=spf_result,
            spf_domain=spf_domain,
            dkim="pass" if good else (signed[0].result if signed else "none"),
            dkim_domains=good,
            dmarc=outcome.result,
            dmarc_policy=outcome.policy,
            arc=arc,
        )
        header = results.render(self._hostname, verdict, signed, envelope_sender, outcome.domain)
        return Judgement(verdict, header, bool(signed))
