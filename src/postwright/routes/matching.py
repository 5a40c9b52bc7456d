"""Which routes a message takes."""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from postwright.kernel.db import Db, Read

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

    def __init__(self, db: Db) -> None:
        self._db = db
        self._kept: OrderedDict[str, tuple[int, list[_Compiled]]] = OrderedDict()

    async def hits(self, account_id: str, recipient: str, headers: Headers) -> list[Hit]:
        """The routes that match a message to `recipient`, in order. `headers` are decoded."""
        by_name: dict[str, list[str]] = {}
        for name, value in headers:
            by_name.setdefault(name.lower(), []).append(value)
        found: list[Hit] = []
        for one in await self._routes(account_id):
            verdict = one.expression.evaluate(Subject(recipient, by_name, bool(found)))
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

    async def may_match(self, account_id: str, recipient: str) -> bool:
        """Whether any route could match a message to `recipient`, whatever its headers will be."""
        subject = Subject(recipient, None)
        return any(
            one.expression.evaluate(subject).holds is not False for one in await self._routes(account_id)
        )

    async def first(self, account_id: str, recipient: str) -> Route | None:
        """The first route that matches by the recipient alone."""
        for one in await self._routes(account_id):
            if one.expression.evaluate(Subject(recipient, None)).holds:
                return one.route
        return None

    async def _routes(self, account_id: str) -> Sequence[_Compiled]:
        revision = await self._db.read(store.revision, account_id)
        if not revision:
            return ()
        kept = self._kept.get(account_id)
        if kept is None or kept[0] != revision:
            kept = self._compile(*await self._db.read(_load, account_id))
            self._kept[account_id] = kept
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        self._kept.move_to_end(account_id)
        return kept[1]

    def _compile(self, revision: int, routes: list[Route]) -> tuple[int, list[_Compiled]]:
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
        return revision, made


def _load(tx: Read, account_id: str) -> tuple[int, list[Route]]:
    return store.revision(tx, account_id), store.every(tx, account_id)
