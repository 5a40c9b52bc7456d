"""Which routes a message takes."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from postwright.kernel.db import Read
from postwright.kernel.patterns import Budget

from . import actions, expressions, store
from .actions import Action, Stop
from .expressions import Expression, Subject
from .records import Route

log = logging.getLogger("postwright.routes")

MAX_CACHED = 2000  # accounts whose compiled routes are kept

Headers = Iterable[tuple[str, str]]


class Hit(msgspec.Struct, frozen=True):
    """A route that matched, and its actions with captures put in (stop() is carried out already)."""

    route: Route
    actions: list[Action]


class _Compiled(msgspec.Struct, frozen=True):
    route: Route
    expression: Expression
    actions: list[Action]

    @property
    def stops(self) -> bool:
        return any(isinstance(action, Stop) for action in self.actions)


class Router:
    """The routes of all accounts, compiled; one for each process.

    What is kept is asked for its revision each time, so that a changed route holds for the next message.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, list[_Compiled]]] = OrderedDict()
        self._lock = threading.Lock()  # reads run in several threads on PostgreSQL

    def hits(self, tx: Read, account_id: str, recipient: str, headers: Headers) -> list[Hit]:
        """The routes that match a message to `recipient`, in order. `headers` are decoded."""
        by_name = _by_name(headers)
        found: list[Hit] = []
        budget = Budget()
        for one in self._routes(tx, account_id):
            verdict = one.expression.evaluate(Subject(recipient, by_name, bool(found), budget))
            if verdict.holds:
                taken = [
                    actions.expand(action, verdict.captures)
                    for action in one.actions
                    if not isinstance(action, Stop)
                ]
                found.append(Hit(one.route, taken))
                if one.stops:
                    break
        return found

    def may_match(self, tx: Read, account_id: str, recipient: str) -> bool:
        """Whether any route could match a message to `recipient`, whatever its headers will be."""
        subject = Subject(recipient, None, budget=Budget())
        return any(
            one.expression.evaluate(subject).holds is not False for one in self._routes(tx, account_id)
        )

    def first(self, tx: Read, account_id: str, recipient: str) -> Route | None:
        """The first route that matches by the recipient alone."""
        subject = Subject(recipient, None, budget=Budget())
        for one in self._routes(tx, account_id):
            if one.expression.evaluate(subject).holds:
                return one.route
        return None

    def _routes(self, tx: Read, account_id: str) -> Sequence[_Compiled]:
        revision = store.revision(tx, account_id)
        if not revision:
            return ()
        with self._lock:
            kept = self._kept.get(account_id)
        if kept is None or kept[0] != revision:
            kept = revision, _compile(store.every(tx, account_id))
        with self._lock:
            self._kept[account_id] = kept
            self._kept.move_to_end(account_id)
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        return kept[1]


def try_out(expression: str, action: Sequence[str], recipient: str, headers: Headers) -> list[Action] | None:
    """What a route that is not stored would do with a message; None when it does not match.

    Raises ValueError for what is no expression or no action.
    """
    subject = Subject(recipient, _by_name(headers), budget=Budget())
    verdict = expressions.parse(expression).evaluate(subject)
    if not verdict.holds:
        return None
    return [actions.expand(actions.parse(text), verdict.captures) for text in action]


def _by_name(headers: Headers) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    return by_name


def _compile(routes: list[Route]) -> list[_Compiled]:
    made = []
    for route in routes:
        try:
            expression = expressions.parse(route.expression)
            parsed = [actions.parse(text) for text in route.actions]
        except ValueError:
            # Checked when it was made; a rule that became stricter must not stop the other routes.
            log.exception("a stored route cannot be used", extra={"route": route.id})
            continue
        made.append(_Compiled(route, expression, parsed))
    return made
