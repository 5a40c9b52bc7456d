"""The rules in memory, where delivery asks them."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from postwright.kernel.db import Db, Read
from postwright.messages import facts

from . import service
from .records import PAUSE, Filter, Rule

SECONDS = 1.0  # a new rule works after this at the latest


class Subject(msgspec.Struct, frozen=True):
    """A recipient that is about to be tried."""

    account_id: str
    domain_id: str
    recipient_domain: str
    tags: list[str]
    source: Callable[[], str]  # the address it would leave from; asked only where a rule is about that
    provider: str = ""  # by its MX hosts, where they are known


def matches(filter: Filter, subject: Subject) -> bool:
    """Whether all that `filter` says is true of the recipient."""
    return (
        (not filter.account or filter.account == subject.account_id)
        and (not filter.domain_id or filter.domain_id == subject.domain_id)
        and (not filter.recipient_domain or filter.recipient_domain == subject.recipient_domain)
        and (not filter.provider or filter.provider.lower() == _provider(subject).lower())
        and (not filter.tag or filter.tag in subject.tags)
        and (not filter.source_ip or filter.source_ip == subject.source())
    )


def _provider(subject: Subject) -> str:
    return subject.provider or facts.provider(subject.recipient_domain)


class Levers:
    """The rules of the installation, as of a second ago."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._pauses: tuple[Rule, ...] = ()
        self._reroutes: tuple[Rule, ...] = ()
        self.elsewhere: tuple[Rule, ...] = ()  # those that send to another host
        self._stopped: Mapping[str, Rule] = {}  # by the ids of accounts that send nothing

    @property
    def any(self) -> bool:
        """Whether there is anything to ask."""
        return bool(self._pauses or self._reroutes or self._stopped)

    async def refresh(self) -> None:
        """Read the rules anew."""
        rules, self._stopped = await self._db.read(_standing)
        self.set(rules)

    def set(self, rules: Iterable[Rule]) -> None:
        """Go by these rules."""
        every = tuple(rules)
        self._pauses = tuple(rule for rule in every if rule.kind == PAUSE)
        # The newest decision wins.
        self._reroutes = tuple(rule for rule in reversed(every) if rule.kind != PAUSE)
        self.elsewhere = tuple(rule for rule in self._reroutes if rule.target and rule.target.host)

    def pause(self, subject: Subject) -> Rule | None:
        """The rule that holds a recipient."""
        if stopped := self._stopped.get(subject.account_id):
            return stopped
        return next((rule for rule in self._pauses if matches(rule.filter, subject)), None)

    def reroute(self, subject: Subject) -> Rule | None:
        """The rule that sends a recipient another way."""
        return next((rule for rule in self._reroutes if matches(rule.filter, subject)), None)


def _standing(tx: Read) -> tuple[list[Rule], dict[str, Rule]]:
    return service.rules(tx), service.stopped(tx)
