"""A deleted domain leaves nothing in any table: the tables are found in the schema, so a new one must be thought of."""

import itertools
from typing import Any

import pytest
from sqlalchemy import Boolean, LargeBinary, Table, Text, func, insert, select

from postwright import events
from postwright.analytics import Ledger, Look, Parameters, Sealer
from postwright.analytics.ledger import FOREVER
from postwright.apps import projector
from postwright.ips.projector import ReputationProjection
from postwright.kernel.db import Read, Write, metadata
from tests.world import World

# Tables that hold nothing of one domain, and why.
NOT_OF_A_DOMAIN = {
    "accounts": "of the installation",
    "audit": "of an account: who changed what must be known afterwards",
    "captured": "of the capture inbox, which is what a developer looks at",
    "capture_acts": "of the capture inbox",
    "capture_rules": "of the capture inbox",
    "capture_tries": "of the capture inbox",
    "cursors": "of the installation",
    "event_retentions": "of an account, or by its id of a domain: `forget_retention` deletes it",
    "habits": "of an account's recipients",
    "idempotency_keys": "named by a digest of domain and key, gone after a day",
    "installation": "of the installation",
    "ip_allowlist": "of an account",
    "leaders": "of the installation",
    "lever_rules": "of operators",
    "message_limits": "of an account",
    "nodes": "of the installation",
    "notices": "mail of the installation itself, gone when it is sent",
    "route_revisions": "of an account",
    "routes": "of an account",
    "sandbox_recipients": "of an account",
    "sts_policies": "of destinations",
    "site_providers": "of destinations",
    "suspensions": "of operators",
    "tls_reports": "of destinations",
    "tls_results": "of destinations",
    "tracking_journals": "of the installation",
    "user_links": "of users",
    "users": "of an account",
    "source_ips": "of addresses and accounts",
    "ip_links": "of addresses and accounts",
    "ip_pools": "of addresses and accounts",
    "pool_grants": "of addresses and accounts",
    "account_sources": "of addresses and accounts",
    "ip_versions": "of addresses and accounts",
    "ip_jobs": "of addresses and accounts",
    "ip_warmups": "of addresses and accounts",
    "ip_warmup_shares": "of addresses and accounts",
    "reputations": "counts by the hour, of nobody, gone after some weeks",
    "alert_accounts": "of an account",
    "alert_calls": "of an account",
    "alert_hits": "of an account",
    "alert_settings": "of an account",
    "send_alerts": "of an account",
    "acme_accounts": "of the installation",
    "acme_challenges": "gone after minutes",
    "dns_walks": "of the installation",
}
# Tables without a domain whose rows belong to one by a row of another: column, and the column of the other one.
CHILDREN = {
    "bodies": ("id", "messages.id"),
    "list_members": ("list_key", "lists.key"),
    "list_posts": ("list_key", "lists.key"),
    "list_uploads": ("list_key", "lists.key"),
    "template_versions": ("template_id", "templates.id"),
    "webhook_types": ("webhook_id", "webhooks.id"),
}
# Tables with a domain's name instead of its id.
BY_NAME = {"api_keys": "domain_name", "dkim_keys": "authority"}
# Tables of addresses and domains, whose rows have one of them as their scope.
BY_SCOPE = ("dns_checks", "dns_check_history")
# Made by other means, or by the deletion itself.
MADE = {"domains", "domain_tombstones"}

numbers = itertools.count(1_000_000)


def row(table: Table, **known: Any) -> dict[str, Any]:
    """Some row of a table."""
    values: dict[str, Any] = {}
    for column in table.c:
        if column.name in known:
            values[column.name] = known[column.name]
        elif column.nullable:
            continue
        elif isinstance(column.type, Boolean):
            values[column.name] = False
        elif isinstance(column.type, LargeBinary):
            values[column.name] = b"{}"
        elif isinstance(column.type, Text):
            values[column.name] = f"{column.name}{next(numbers)}"
        elif column.name == "state":
            values[column.name] = 0  # waiting
        else:
            values[column.name] = next(numbers) if column.primary_key else 1
    return values


def fill(tx: Write, account_id: str, domain_id: str, name: str) -> dict[str, Any]:
    """A row for the domain in every table that can have one; how to find them: table, column, value."""
    found: dict[str, tuple[str, Any]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for each in metadata.tables.values():
        if each.name in MADE or "domain_id" not in each.c:
            continue
        rows[each.name] = row(each, account_id=account_id, domain_id=domain_id, authority=name, file="")
        found[each.name] = ("domain_id", domain_id)
    for child, (column, parent) in CHILDREN.items():
        table, _, key = parent.partition(".")
        rows[child] = row(metadata.tables[child], **{column: rows[table][key], "file": ""})
        found[child] = (column, rows[table][key])
    for child, column in BY_NAME.items():
        rows[child] = row(metadata.tables[child], **{column: name, "account_id": account_id})
        found[child] = (column, name)
    for child in BY_SCOPE:
        scope = f"domain:{domain_id}"
        rows[child] = row(metadata.tables[child], scope=scope)
        found[child] = ("scope", scope)
    for table, values in rows.items():
        tx.run(insert(metadata.tables[table]).values(**values))
    return found


def left(tx: Read, places: dict[str, tuple[str, Any]]) -> dict[str, int]:
    """How many rows of each place are there."""
    return {
        table: tx.scalar(
            select(func.count())
            .select_from(metadata.tables[table])
            .where(metadata.tables[table].c[column] == value)
        )
        for table, (column, value) in places.items()
    }


def test_every_table_is_thought_of() -> None:
    known = {*NOT_OF_A_DOMAIN, *CHILDREN, *BY_NAME, *BY_SCOPE, *MADE}
    unknown = {name for name, table in metadata.tables.items() if "domain_id" not in table.c} - known
    assert unknown == set(), (
        "say in this file how such rows go when their domain is deleted, or why they stay"
    )


@pytest.mark.parametrize("batches", [1, 3])
async def test_nothing_is_left_and_the_neighbour_keeps_all(api: World, batches: int) -> None:
    made = [
        (await api.ok("POST", "/v4/domains", data={"name": name}))["domain"]
        for name in ("gone.test", "stays.test")
    ]
    account = api.one.account_id
    gone, stays = [await api.db.write(fill, account, each["id"], each["name"]) for each in made]
    for _ in range(batches - 1):
        await api.db.write(fill_more, account, made[0]["id"])
    before = await api.db.read(left, stays)
    assert all(before.values()) and all((await api.db.read(left, gone)).values())
    await api.ok("DELETE", "/v3/domains/gone.test")
    for path in ("/v4/domains/gone.test", "/v3/gone.test/events", "/v3/domains/gone.test/credentials"):
        assert (await api.call("GET", path)).status_code == 404
    await projector._let_go(api.context, made[0]["id"])
    assert {table: count for table, count in (await api.db.read(left, gone)).items() if count} == {}
    assert await api.db.read(left, {"domain_tombstones": ("domain_id", made[0]["id"])}) == {
        "domain_tombstones": 0
    }
    assert await api.db.read(left, stays) == before


async def test_what_is_on_its_way_is_waited_for(api: World) -> None:
    made = (await api.ok("POST", "/v4/domains", data={"name": "gone.test"}))["domain"]
    queue = metadata.tables["queue"]
    known = {"domain_id": made["id"], "account_id": api.one.account_id}
    sending = row(queue, **known) | {"state": 1}
    await api.db.write(lambda tx: tx.run(insert(queue).values(**sending)))
    await api.ok("DELETE", "/v3/domains/gone.test")
    await projector._let_go(api.context, made["id"])
    tombstone = {"domain_tombstones": ("domain_id", made["id"])}
    assert await api.db.read(left, tombstone) == {"domain_tombstones": 1}
    # It ends, and its event comes after everything else was deleted.
    events = metadata.tables["events"]
    await api.db.write(lambda tx: tx.run(queue.delete().where(queue.c.id == sending["id"])))
    await api.db.write(lambda tx: tx.run(insert(events).values(**row(events, **known))))
    await projector._let_go(api.context, made["id"])
    assert await api.db.read(left, tombstone | {"events": ("domain_id", made["id"])}) == {
        "domain_tombstones": 0,
        "events": 0,
    }


async def test_what_is_sealed_and_what_was_counted_go_too(api: World) -> None:
    """From the table of all events, and from the counters that have the domain's id in a scope."""
    names = ("gone.test", "stays.test")
    made = [(await api.ok("POST", "/v4/domains", data={"name": name}))["domain"] for name in names]
    ids = [each["id"] for each in made]
    account, now = api.one.account_id, api.clock.now()

    def happen(tx: Write) -> None:
        for id, name in zip(ids, names, strict=True):
            data = {"domain": {"name": name}, "recipient": "eve@example.com", "envelope": {}}
            event = events.Event(
                name="delivered", account_id=account, domain_id=id, recipient="eve@example.com", data=data
            )
            events.append(tx, now, [event])

    await ReputationProjection().catch_up(api.db)  # its beginning
    await api.db.write(happen)
    await ReputationProjection().catch_up(api.db)
    context = api.context
    while await Sealer(context.settings, context.db, context.clock).seal():
        pass
    ledger = Ledger(context.settings, context.db, context.clock)

    async def held() -> tuple[list[str], list[str]]:
        scopes = await api.db.read(counted)
        return await ledger.ask(sealed), [scope for scope in scopes if scope.startswith("domain:")]

    assert await held() == (sorted(ids), sorted(f"domain:{id}" for id in ids))
    await api.ok("DELETE", "/v3/domains/gone.test")
    await projector._let_go(context, ids[0])
    assert await held() == ([ids[1]], [f"domain:{ids[1]}"])
    tombstone = {"domain_tombstones": ("domain_id", ids[0])}
    assert await api.db.read(left, tombstone) == {"domain_tombstones": 0}


def counted(tx: Read) -> list[str]:
    table = metadata.tables["reputations"]
    return sorted({row.scope for row in tx.rows(table.select())})


def sealed(look: Look) -> list[str]:
    """The ids of domains in the table, where nothing of the log is left."""
    params = Parameters()
    source = look.source(params, ("domain_id",), 0, FOREVER, [])
    return sorted({row[0] for row in look.rows(f"SELECT domain_id FROM ({source})", params)})


def fill_more(tx: Write, account_id: str, domain_id: str) -> None:
    for each in metadata.tables.values():
        known = {"account_id": account_id, "domain_id": domain_id}
        if (
            each.name not in MADE
            and "domain_id" in each.c
            and list(each.primary_key.columns.keys()) != ["domain_id"]
        ):
            tx.run(insert(each).values(**row(each, **known)))
