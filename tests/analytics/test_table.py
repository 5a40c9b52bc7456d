"""The table's life: merging, days that are too old, erasure with proof, files of figures, SQL."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyarrow import parquet

from postwright.analytics import Sealer
from tests.analytics.conftest import DAY, HOUR, START, Stage
from tests.analytics.test_logs import RANGE, numbers, told, where

PERSON = "bob@x.test"


def files(stage: Stage) -> list[Path]:
    return sorted(Path(stage.api.context.settings.analytics_location).rglob("*.parquet"))


async def delivered(stage: Stage) -> int:
    found = await stage.metrics(start="2026-01-01", end="2027-06-01", metrics=["delivered_count"])
    return sum(item["metrics"]["delivered_count"] for item in found["items"])


async def test_upkeep_merges_and_forgets(stage: Stage) -> None:
    settings = stage.api.context.settings
    old = START - (settings.analytics_retention_days + 1) * DAY
    for n, at in enumerate((old, START - 2 * DAY, START - 2 * DAY + HOUR, START, START + HOUR)):
        await stage.happen(at, told(n))
        await stage.sealer.seal()
    table = DeltaTable(settings.analytics_location)
    assert len(table.file_uris()) == 5
    await stage.sealer.upkeep()
    table.update_incremental()
    # The oldest is gone, the day before yesterday is one file, today's two are left alone.
    assert len(table.file_uris()) == 3
    assert numbers(await stage.logs(start="2026-01-01", end="2027-06-01")) == [4, 3, 2, 1]
    assert await delivered(stage) == 4
    # Sealing goes on where it was.
    await stage.happen(START + 2 * HOUR, told(5))
    assert await Sealer(settings, stage.api.db, stage.api.clock).seal()
    assert not await stage.sealer.seal()
    assert await delivered(stage) == 5


async def test_many_small_files_become_few(stage: Stage) -> None:
    for n in range(16):
        await stage.happen(START + n * 1_000_000, told(n))
        await stage.sealer.seal()
    await stage.sealer.upkeep()
    assert len(DeltaTable(stage.api.context.settings.analytics_location).file_uris()) == 1
    assert len(numbers(await stage.logs(**RANGE))) == 16


async def test_erasure(stage: Stage) -> None:
    both = {"headers": {"to": f"Bob <{PERSON.upper()}>, eve@y.test", "message-id": "m1"}}
    for sealed in (True, False):
        await stage.happen(START, told(1, recipient=PERSON, message=both))
        await stage.happen(START + 1, told(2, recipient="eve@y.test", message=both))
        await stage.happen(START + 2, told(3, "accepted", message={"recipients": ["Bob@x.test", "z@z.test"]}))
        await stage.happen(START + 3, told(4, recipient="notbob@x.test"))
        await stage.happen(START + 4, told(5, recipient=PERSON), tenant=stage.api.two)
        if sealed:
            await stage.sealer.seal()
    before = files(stage)
    proof = await stage.api.ok("POST", "/postwright/v1/erasure", json={"address": "Bob@X.test"})
    assert (proof["address"], proof["deleted"], proof["left"]) == (PERSON, 4, 0)
    assert proof["version"] > proof["version_before"]
    assert proof["removed_files"] and proof["added_files"]
    # Neither files nor answers have anything of it any more; what is another account's stays.
    assert not {path.name for path in files(stage)} & {Path(name).name for name in proof["removed_files"]}
    assert before and {path.name for path in files(stage)} == {
        Path(uri).name for uri in DeltaTable(stage.api.context.settings.analytics_location).file_uris()
    }
    answer = await stage.logs(**RANGE, pagination={"sort": "timestamp:asc"})
    assert numbers(answer) == [2, 4, 2, 4]
    text = json.dumps(answer["items"]).lower()
    assert "notbob@x.test" not in text or text.count(PERSON) == text.count("not" + PERSON)
    assert answer["items"][0]["message"]["headers"]["to"] == "Bob <erased@erased.invalid>, eve@y.test"
    events = await stage.api.ok("GET", "/v3/{d}/events", params={"ascending": "yes", "begin": 1})
    assert [int(item["user-variables"]["n"]) for item in events["items"]] == [2, 4, 2, 4]
    theirs = await stage.api.ok("POST", "/v1/analytics/logs", json=RANGE, key=stage.api.two.key)
    assert numbers(theirs) == [5, 5]
    again = await stage.api.ok("POST", "/postwright/v1/erasure", json={"address": PERSON})
    assert (again["deleted"], again["replaced"], again["left"]) == (0, 0, 0)


async def test_only_admins_erase(stage: Stage) -> None:
    for role, status in (("basic", 403), ("developer", 403)):
        key = stage.api.key(stage.api.one.account_id, role)
        answer = await stage.api.call("POST", "/postwright/v1/erasure", json={"address": PERSON}, key=key)
        assert answer.status_code == status
    answer = await stage.api.call("POST", "/postwright/v1/erasure", json={"address": "nobody"})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "'address' parameter is not a valid address",
    )


async def test_exported_files(stage: Stage) -> None:
    await stage.happen(START, told(1, tags=["a", "b"], message={"headers": {"subject": 'Say "hi", Bob'}}))
    await stage.sealer.seal()
    await stage.happen(START + DAY, told(2, "opened"))

    async def export(**query: Any) -> bytes:
        answer = await stage.api.call("POST", "/postwright/v1/analytics/export", json=RANGE | query)
        assert answer.status_code == 200, answer.text
        return answer.content

    rows = list(csv.DictReader(io.StringIO((await export(of="logs")).decode())))
    assert [row["event"] for row in rows] == ["opened", "delivered"]
    assert (rows[1]["subject"], rows[1]["tags"]) == ('Say "hi", Bob', "a b")
    assert rows[1]["time"] == "2027-01-15T08:00:00.000Z"
    assert json.loads(rows[1]["data"])["user-variables"] == {"n": "1"}
    rising = {"pagination": {"sort": "timestamp:asc"}}
    table = parquet.read_table(io.BytesIO(await export(of="logs", format="parquet", **rising)))
    assert table["event"].to_pylist() == ["delivered", "opened"]
    assert table["tags"].to_pylist() == [["a", "b"], []]
    figures = {"metrics": ["delivered_count", "opened_rate"], "dimensions": ["time"]}
    rows = list(csv.DictReader(io.StringIO((await export(**figures)).decode())))
    assert rows == [
        {"time": "2027-01-15T00:00:00Z", "delivered_count": "1", "opened_rate": "0"},
        {"time": "2027-01-16T00:00:00Z", "delivered_count": "0", "opened_rate": "0"},
    ]
    table = parquet.read_table(io.BytesIO(await export(format="parquet", **figures)))
    assert table["delivered_count"].to_pylist() == [1, 0]
    assert await export(of="logs", filter=where("recipient", "=", "x@y.z"))


async def ask(stage: Stage, query: str, **more: Any) -> Any:
    return await stage.api.call("POST", "/postwright/v1/analytics/sql", json={"query": query, **more})


async def test_sql(stage: Stage) -> None:
    await stage.happen(START, told(1, tags=["a"]))
    await stage.happen(START, told(9), tenant=stage.api.two)
    await stage.sealer.seal()
    await stage.happen(START + DAY, told(2, "opened"))
    await stage.happen(START + DAY, told(9), tenant=stage.api.two)
    answer = await ask(stage, "SELECT event, count(*) AS n FROM events GROUP BY ALL ORDER BY event")
    assert answer.json() == {
        "columns": ["event", "n"],
        "rows": [["delivered", 1], ["opened", 1]],
        "is_cut": False,
    }
    answer = await ask(
        stage,
        "WITH e AS (SELECT * FROM events), big AS (SELECT max(time) AS t FROM e) "
        "SELECT day, time, unnest(tags) FROM e, big WHERE time <= t -- all",
    )
    assert answer.json()["rows"] == [["2027-01-15", "2027-01-15 08:00:00", "a"]]
    answer = await ask(stage, "SELECT * FROM range(5)", limit=2)
    assert (answer.json()["rows"], answer.json()["is_cut"]) == ([[0], [1]], True)
    answer = await ask(stage, "SELECT domain FROM events", format="csv")
    assert answer.text.split() == ['"domain"', '"one.example.com"', '"one.example.com"']


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT content FROM read_blob(['/etc/passwd'])",
        "SELECT * FROM glob('/*')",
        "COPY events TO '/tmp/stolen'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "SELECT 1; SELECT 2",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table(['tail'])",
        "SELECT * FROM tail",
        "WITH tail AS (SELECT * FROM tail) SELECT * FROM tail",
        "WITH x AS (SELECT * FROM tail), tail AS (SELECT 1) SELECT * FROM x",
        "SELECT * FROM main.events",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_views",
        "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
        "SELECT * FROM information_schema.tables",
        "WITH sqlite_master AS (SELECT * FROM sqlite_master) SELECT sql FROM sqlite_master",
        "SHOW TABLES",
        "DESCRIBE events",
        "SELECT current_setting('temp_directory')",
        "SELECT getenv('HOME')",
        "SELECT 1) UNION ALL (SELECT 2",
        "SELECT nothing FROM events",
        "SELECT",
        "",
        "SELECT '" + "x" * 20_000 + "'",
    ],
)
async def test_sql_reads_events_and_nothing_else(stage: Stage, query: str) -> None:
    await stage.happen(START, told(9), tenant=stage.api.two)
    answer = await ask(stage, query)
    assert answer.status_code == 400, answer.text
    assert "/etc" not in answer.json()["message"] or "passwd" in query
