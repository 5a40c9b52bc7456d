"""Tags of an account over HTTP."""

from typing import Final

from postwright.accounts import Area, Principal
from postwright.analytics import BadQuery, Behind, Busy, Ledger, Predicate, Question, TooLong, counts
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, dates, delete, get, post, put
from postwright.kernel.settings import Settings

from .. import service, store
from ..errors import BadTag, TagNotFound
from ..records import Tag
from ..schemas import (
    AccountLimit,
    AccountTag,
    Describe,
    Done,
    Found,
    Page,
    Paged,
    Search,
    TagQuery,
)
from ..service import ACCOUNT_LIMIT
from .domain import DELETED, UPDATED

_PATH = "/v1/analytics/tags"
DEFAULT: Final = 10
MOST: Final = 1_000
MOST_WITH_METRICS: Final = 20  # behaviour.md 7.5
_METRICS: Final = (
    "accepted_incoming_count accepted_outgoing_count accepted_count delivered_smtp_count delivered_http_count "
    "delivered_optimized_count delivered_count stored_count processed_count sent_count opened_count "
    "clicked_count unique_opened_count unique_clicked_count unsubscribed_count complained_count failed_count "
    "temporary_failed_count permanent_failed_count hard_bounces_count soft_bounces_count delayed_bounce_count "
    "bounced_count suppressed_bounces_count suppressed_unsubscribed_count suppressed_complaints_count "
    "permanent_failed_old_count permanent_failed_optimized_count webhook_count rate_limit_count "
    "delivered_first_attempt_count delayed_first_attempt_count delivered_two_plus_attempts_count "
    "delivered_rate opened_rate clicked_rate unique_opened_rate unique_clicked_rate unsubscribed_rate "
    "complained_rate bounce_rate fail_rate permanent_fail_rate temporary_fail_rate delayed_rate "
    "hard_bounce_rate soft_bounce_rate"
)
METRICS: Final = {name: name for name in _METRICS.split()} | {
    "esp_block_count": "permanent_failed_esp_block_count"
}


class AccountTags(Controller):
    """What all of an account's messages are marked with."""

    @post(
        _PATH,
        id="tags.query",
        access=Area.TAGS,
        reads=True,
        errors=(BadTag, BadQuery, Busy, TooLong, Behind),
    )
    async def search(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: Search,
    ) -> Found:
        """List tags, all or those that begin with `tag`, with their figures when these are wanted."""
        page = fields.pagination or Page()
        most = MOST_WITH_METRICS if fields.include_metrics else MOST
        if page.skip < 0 or not 0 <= page.limit <= most:
            raise BadTag(f"'limit' attribute is invalid: at most {most} expected")
        column, descending = service.order(page.sort)
        limit, prefix = page.limit or DEFAULT, fields.tag.strip().lower()
        family = await db.read(store.family, principal.account_id, children=fields.include_subaccounts)
        names = {account_id: (parent or account_id, name) for account_id, parent, name in family}
        rows = await db.scan(
            store.search, list(names), prefix, column, page.skip, limit, descending=descending
        )
        paged = Paged(page.sort, page.skip, limit, page.include_total)
        if page.include_total:
            paged.total = await db.scan(store.matches, list(names), prefix)
        figures: dict[tuple[str, str], dict[str, int | str]] = {}
        if fields.include_metrics and rows:
            low = clock.now() - settings.analytics_retention_days * 86400 * SECOND
            figures = await _figures(ledger, rows, low, clock.now() + SECOND)
        return Found([_shown(row, names, figures) for row in rows], paged)

    @put(_PATH, id="tags.update", access=Area.TAGS, errors=(BadTag, TagNotFound))
    async def update(self, principal: Principal, db: Db, fields: Describe) -> Done:
        """Describe a tag."""
        await db.write(service.change, principal.account_id, "", _given(fields.tag), fields.description)
        return Done(UPDATED)

    @delete(_PATH, id="tags.delete", access=Area.TAGS, errors=(BadTag, TagNotFound))
    async def remove(self, principal: Principal, db: Db, fields: TagQuery) -> Done:
        """Delete a tag, also from the account's domains; what was counted for it stays counted."""
        await db.write(service.remove, principal.account_id, "", _given(fields.tag))
        return Done(DELETED)

    @get(f"{_PATH}/limits", id="tags.limits", access=Area.TAGS)
    async def limits(self, principal: Principal, db: Db) -> AccountLimit:
        """Show how many tags the account may have and has."""
        count = await db.scan(store.count, principal.account_id, "")
        return AccountLimit(ACCOUNT_LIMIT, count, count >= ACCOUNT_LIMIT)


async def _figures(
    ledger: Ledger, rows: list[Tag], low: int, high: int
) -> dict[tuple[str, str], dict[str, int | str]]:
    question = Question(
        accounts=tuple({row.account_id for row in rows}),
        low=max(low, 0),
        high=high,
        metrics=tuple(METRICS.values()),
        dimensions=("subaccount", "tag"),
        predicates=(Predicate("tag", "=", tuple({row.tag for row in rows})),),
    )
    found = await counts(ledger, question)
    return {
        (account, tag.lower()): {name: group.metrics[metric] for name, metric in METRICS.items()}
        for group in found.groups
        for account, tag in (group.values,)
    }


def _shown(
    row: Tag,
    names: dict[str, tuple[str, str]],
    figures: dict[tuple[str, str], dict[str, int | str]],
) -> AccountTag:
    parent, name = names[row.account_id]
    return AccountTag(
        account_id=row.account_id,
        parent_account_id=parent,
        account_name=name,
        tag=row.tag,
        description=row.description,
        first_seen=dates.offset(row.first_seen),
        last_seen=dates.offset(row.last_seen),
        metrics=figures.get((row.account_id, row.tag.lower()), {}),
    )


def _given(tag: str) -> str:
    if not tag.strip():
        raise BadTag("'tag' attribute is missing")
    return tag
