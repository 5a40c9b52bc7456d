"""The table on S3-compatible storage: a real server of that protocol, spoken to over HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from postwright.analytics import Sealer, digests
from postwright.analytics.table import Table
from postwright.kernel.db import Db
from tests.analytics.conftest import DAY, HOUR, START, Stage
from tests.analytics.test_logs import RANGE, numbers, told, where
from tests.world import world


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).create_bucket(Bucket="events")
    yield "s3://events/table"
    server.stop()


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
