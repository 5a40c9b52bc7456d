"""Alive and ready are two things."""

from pathlib import Path

from postwright.apps.bundle import shown
from postwright.kernel.db import StoreUnavailable, open_db
from postwright.kernel.settings import load
from postwright.testing.postgres import Postgres
from tests.world import world


async def test_without_a_store_it_lives_and_is_not_ready(
    tmp_path: Path, postgres: Postgres, migrated_postgres: str
) -> None:
    url = postgres.create_database(migrated_postgres)
    db = open_db(url, tmp_path)
    async with world(db, tmp_path) as api:
        assert (await api.client.get("/postwright/ready")).json() == {"status": "ready", "store": "ok"}
        postgres.drop_database(url)
        answer = await api.client.get("/postwright/ready")
        assert (answer.status_code, answer.json()) == (503, {"message": StoreUnavailable.message})
        assert (await api.client.get("/postwright/live")).status_code == 200
        assert (await api.client.get("/postwright/health")).status_code == 503
    await db.close()


def test_no_password_in_shown_settings() -> None:
    told = shown(load({"POSTWRIGHT_DATABASE": "postgresql://me:secret@db/mail?sslpassword=secret"}))
    assert told == {"POSTWRIGHT_DATABASE": "postgresql://db/mail"}
