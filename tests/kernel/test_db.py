"""The store: durability, isolation, group commit, on both databases."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from postwright.kernel.db import Db, Prepared, Read, StoreUnavailable, Write, open_db
from postwright.testing.postgres import Postgres

scratch = Table("scratch", MetaData(), Column("id", Integer, primary_key=True), Column("word", Text))
ADD = Prepared(insert(scratch), ("id", "word"))


@pytest.fixture
async def db(database_url: str, tmp_path: Path):
    db = open_db(database_url, tmp_path)
    db.write_now(lambda tx: scratch.create(tx._connection))
    yield db
    await db.close()


def add(tx: Write, key: int, word: str = "x") -> int:
    return tx.run(insert(scratch), {"id": key, "word": word})


def count(tx: Read) -> int:
    return tx.scalar(select(func.count()).select_from(scratch))


def failing(tx: Write, key: int) -> None:
    add(tx, key)
    raise LookupError("no")


async def test_what_write_returned_is_there(db: Db) -> None:
    assert await db.write(add, 1) == 1
    assert await db.read(count) == 1


async def test_a_failing_call_takes_back_only_itself(db: Db) -> None:
    results = await asyncio.gather(
        db.write(add, 1), db.write(failing, 2), db.write(add, 3), return_exceptions=True
    )
    assert results[0] == 1 and isinstance(results[1], LookupError) and results[2] == 1
    rows = await db.read(lambda tx: [r.id for r in tx.rows(select(scratch).order_by(scratch.c.id))])
    assert rows == [1, 3]


async def test_a_bad_statement_does_not_spoil_its_neighbours(db: Db) -> None:
    results = await asyncio.gather(
        db.write(add, 1), db.write(add, 1), db.write(add, 2), return_exceptions=True
    )
    assert [isinstance(r, Exception) for r in results] == [False, True, False]
    assert await db.read(count) == 2


async def test_errors_do_not_show_values(db: Db) -> None:
    """They go to the log; values are mail, addresses and digests."""
    await db.write(add, 1)
    with pytest.raises(SQLAlchemyError) as failed:
        await db.write(add, 1, "a-secret-word")
    assert "INSERT INTO scratch" in str(failed.value) and "a-secret-word" not in str(failed.value)


async def test_many_writers_share_commits(db: Db) -> None:
    await asyncio.gather(*(db.write(add, n) for n in range(500)))
    assert await db.read(count) == 500


async def test_two_processes_worth_of_writers(database_url: str, tmp_path: Path, db: Db) -> None:
    other = open_db(database_url, tmp_path)
    try:
        await asyncio.gather(
            *(db.write(add, n) for n in range(200)), *(other.write(add, 1000 + n) for n in range(200))
        )
        assert await other.read(count) == 400
    finally:
        await other.close()


async def test_prepared_statements_and_upsert(db: Db) -> None:
    await db.write(lambda tx: tx.do_many(ADD, [(n, str(n)) for n in range(5)]))
    again = {"id": 3, "word": "three"}
    assert await db.write(lambda tx: tx.upsert(scratch, again, ["id"])) == 0
    assert await db.write(lambda tx: tx.upsert(scratch, again, ["id"], ["word"])) == 1
    words = await db.read(lambda tx: [r.word for r in tx.rows(select(scratch).order_by(scratch.c.id))])
    assert words == ["0", "1", "2", "three", "4"]


async def test_a_reader_cannot_write(db: Db) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only"):
        await db.read(add, 1)
    assert await db.read(count) == 0


async def test_a_database_that_goes_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    """Who asks meanwhile is told to try again; nothing needs to be restarted afterwards."""
    url = postgres.create_database()
    name = url.rpartition("?")[0].rpartition("/")[2]
    db = open_db(url, tmp_path)
    await db.read(Read.ping)
    await db.write(Write.ping)
    postgres.drop_database(url)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await db.read(Read.ping)
        with pytest.raises(StoreUnavailable):
            await db.write(Write.ping)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    await db.read(Read.ping)
    await db.write(Write.ping)
    await db.close()
    postgres.drop_database(url)
