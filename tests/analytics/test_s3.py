"""The table on S3-compatible storage: a real server of that protocol, spoken to over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postwright.analytics import Sealer, digests
from postwright.analytics.table import Table
from postwright.kernel.db import Db
from tests.analytics.conftest import DAY, HOUR, START, Stage
from tests.analytics.test_logs import RANGE, numbers, told, where
from tests.storage import s3
from tests.world import world


@pytest.fixture
def bucket() -> Iterator[str]:
    with s3("events"):
        yield "s3://events/table"


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_the_same_on_s3(db: Db, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(db, tmp_path, analytics=bucket) as api:
        stage = Stage(api)
        for n in range(3):
            await stage.happen(START + n * HOUR, told(n, recipient="bob@x.test" if n == 1 else "eve@y.test"))
            assert await stage.sealer.seal()
        await stage.happen(START + DAY, told(3))
        assert numbers(await stage.logs(**RANGE)) == [3, 2, 1, 0]
        found = await stage.metrics(**RANGE, metrics=["delivered_count"])
        assert found["items"][0]["metrics"] == {"delivered_count": 4}
        # Another machine, with a cache of its own, has the same table.
        other = Sealer(api.context.settings, db, api.clock)
        assert await other.seal() and not await stage.sealer.seal()
        proof = await api.ok("POST", "/postwright/v1/erasure", json={"address": "bob@x.test"})
        assert (proof["deleted"], proof["left"]) == (1, 0)
        assert numbers(await stage.logs(**RANGE)) == [3, 2, 0]
        # Nothing of the table lies here but the cache, and nothing of what was erased.
        assert not (tmp_path / "analytics").exists()
        cached = {path.name for path in (tmp_path / "analytics-cache").rglob("*.parquet")}
        assert cached and not cached & {name.rpartition("/")[2] for name in proof["removed_files"]}
        answer = await api.ok(
            "POST",
            "/postwright/v1/analytics/sql",
            json={"query": "SELECT day, count(*) FROM events GROUP BY 1 ORDER BY 1"},
        )
        assert answer["rows"] == [["2027-01-15", 2], ["2027-01-16", 1]]
        # Days that are over are put in order there, and what is kept beside their files lies there as well.
        monkeypatch.setattr(digests, "LARGE", 1)
        api.clock.advance(2 * DAY / 1e6)
        await stage.sealer.upkeep()
        table = Table(api.context.settings)
        assert {file.name for file in table.version().files} == set(table.digests(digests.PEOPLE))
        assert numbers(await stage.logs(**RANGE)) == [3, 2, 0]
        assert numbers(await stage.logs(**RANGE, filter=where("recipient", "=", "eve@y.test"))) == [2, 0]
        found = await stage.metrics(**RANGE, metrics=["delivered_count"])
        assert found["items"][0]["metrics"] == {"delivered_count": 3}
