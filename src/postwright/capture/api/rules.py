"""What the recipients of captured mail do, by rule."""

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post
from postwright.kernel.settings import Settings

from .. import service
from ..errors import BadRule, NotCapturing, RuleNotFound
from ..schemas import NewRule, Removed, RuleList, RuleMade, ShownRule
from ..scripts import Rule

_PATH = "/postwright/v1/capture/rules"


class Rules(Controller):
    """Recipients that do not just take what comes."""

    @get(_PATH, id="capture.rules.list", access=Area.MESSAGES)
    async def page(self, principal: Principal, db: Db) -> RuleList:
        """List the account's rules, in the order they are followed in."""
        found = await db.read(service.rules_of, principal.account_id)
        return RuleList([_shown(rule) for rule in found])

    @post(_PATH, id="capture.rules.add", access=Area.MESSAGES, errors=(BadRule, NotCapturing))
    async def add(self, principal: Principal, db: Db, settings: Settings, fields: NewRule) -> RuleMade:
        """Let recipients that match do something from now on; the newest rule that matches counts."""
        if not settings.capture:
            raise NotCapturing
        made = await db.write(service.add_rule, principal.account_id, fields)
        return RuleMade("Rule has been created", _shown(made))

    @delete(_PATH, id="capture.rules.clear", access=Area.MESSAGES)
    async def clear(self, principal: Principal, db: Db) -> Removed:
        """Delete all rules of the account."""
        gone = await db.write(service.remove_rules, principal.account_id)
        return Removed("rules have been deleted", gone)

    @delete(_PATH + "/{number:int}", id="capture.rules.delete", access=Area.MESSAGES, errors=(RuleNotFound,))
    async def remove(self, principal: Principal, number: int, db: Db) -> Removed:
        """Delete one rule."""
        gone = await db.write(service.remove_rules, principal.account_id, number)
        return Removed("rule has been deleted", gone)


def _shown(rule: Rule) -> ShownRule:
    return ShownRule(**{name: getattr(rule, name) for name in ShownRule.__struct_fields__})
