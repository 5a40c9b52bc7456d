"""Which policies hold for a domain and for a host."""

import contextlib
from collections.abc import Callable

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.lookups import Remembered, Resolver, State
from postwright.kernel.outgoing import (
    MAX_REPLY,
    CertificateRefused,
    Outgoing,
    TargetRefused,
    TargetUnreachable,
)
from postwright.kernel.settings import Settings

from . import store
from .dane import Pin, pins
from .sts import StsPolicy, parse, policy_id

MAX_CACHED = 64_000
RECHECK_SECONDS = 300.0  # between looks at a TXT record, and between fetches that fail (RFC 8461 §3.3)
REFRESH_SECONDS = 86400  # a policy is fetched again although its id is the same (RFC 8461 §3.3)


class PolicyProblem(Exception):
    """A policy that is announced and cannot be had. `kind` is a result type of RFC 8460 §4.3."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


class Unusable(Exception):
    """DNS cannot tell now which certificates are pinned: nothing may be sent (RFC 7672 §2.1.2)."""


class Policies:
    """Looks policies up for all of a process."""

    def __init__(
        self,
        settings: Settings,
        db: Db,
        clock: Clock,
        resolver: Resolver,
        *,
        https_port: int = 443,
        problem: Callable[[str, PolicyProblem], None] = lambda domain, problem: None,
    ) -> None:
        self._db, self._clock, self._resolver = db, clock, resolver
        self._settings = settings
        self._https_port = https_port  # another one is for tests
        self._problem = problem  # called for each domain whose policy cannot be had
        self._outgoing: Outgoing | None = None
        self._sts: Remembered[StsPolicy | None] = Remembered(clock, self._load_sts, MAX_CACHED)
        self._tlsa: Remembered[tuple[Pin, ...] | None] = Remembered(clock, self._load_tlsa, MAX_CACHED)

    async def close(self) -> None:
        """Close connections to policy servers."""
        if self._outgoing is not None:
            await self._outgoing.__aexit__()
            self._outgoing = None

    async def sts(self, domain: str) -> StsPolicy | None:
        """The MTA-STS policy of a recipient domain: one of mode `enforce` or `testing` that has not expired."""
        policy = await self._sts.get(domain)
        if policy is None or policy.mode == "none" or policy.expires_at <= self._clock.now():
            return None
        return policy

    async def pins(self, names: tuple[str, ...], port: int) -> tuple[Pin, ...]:
        """The TLSA records of a host, under the first of its names that has any; also those of no use.

        Only for names whose address records are validated. Raises Unusable.
        """
        for name in names:
            found = await self._tlsa.get(f"_{port}._tcp.{name}")
            if found is None:
                raise Unusable(f"the TLSA records of {name} cannot be looked up")
            if found:
                return found
        return ()

    async def _load_tlsa(self, name: str) -> tuple[tuple[Pin, ...] | None, float]:
        answer = await self._resolver.ask(name, "TLSA")
        if answer.state is State.FAILED:
            return None, answer.seconds
        # What is not validated is not there (RFC 7672 §2.2).
        return (pins(answer.records) if answer.secure else ()), answer.seconds

    async def _load_sts(self, domain: str) -> tuple[StsPolicy | None, float]:
        known = await self._db.read(store.get, domain)
        policy = await self._newer(domain, known) or known
        left = (policy.expires_at - self._clock.now()) / SECOND if policy else 0.0
        return policy, min(RECHECK_SECONDS, left) if left > 0 else RECHECK_SECONDS

    async def _newer(self, domain: str, known: StsPolicy | None) -> StsPolicy | None:
        """The policy as it is published now, when that is another than `known` or `known` is old."""
        answer = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        texts = [b"".join(record.strings).decode("ascii", "replace") for record in answer.records]
        announced = policy_id(texts)
        if announced is None:
            return None
        now = self._clock.now()
        if known is not None and known.id == announced:
            age = (now - known.fetched_at) / SECOND
            if age < min(REFRESH_SECONDS, known.max_age):
                return None
        try:
            policy = await self._fetch(domain)
        except PolicyProblem as wrong:
            self._problem(domain, wrong)
            return None
        policy = StsPolicy(policy.mode, policy.mx, policy.max_age, announced, now)
        with contextlib.suppress(
            StoreUnavailable
        ):  # it holds all the same; another process fetches it itself
            await self._db.write(store.put, domain, policy)
        return policy

    async def _fetch(self, domain: str) -> StsPolicy:
        """The policy file (RFC 8461 §3.3): no redirects, one certificate for the one name. Raises PolicyProblem."""
        if self._outgoing is None:
            self._outgoing = await Outgoing(self._settings).__aenter__()
        port = f":{self._https_port}" if self._https_port != 443 else ""
        url = f"https://mta-sts.{domain}{port}/.well-known/mta-sts.txt"
        try:
            answer = await self._outgoing.get(url)
        except CertificateRefused as wrong:
            raise PolicyProblem("sts-webpki-invalid", str(wrong)) from wrong
        except (TargetRefused, TargetUnreachable) as wrong:
            raise PolicyProblem("sts-policy-fetch-error", str(wrong)) from wrong
        if answer.status != 200:
            raise PolicyProblem("sts-policy-fetch-error", f"the policy server answers {answer.status}")
        if answer.media_type != "text/plain" or len(answer.body) >= MAX_REPLY:
            raise PolicyProblem("sts-policy-invalid", f"no plain text of less than {MAX_REPLY} octets")
        try:
            return parse(answer.body)
        except ValueError as wrong:
            raise PolicyProblem("sts-policy-invalid", str(wrong)) from wrong
