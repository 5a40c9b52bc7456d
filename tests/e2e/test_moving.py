"""From one store to another, and from a backup: the mail that waits is sent, once, by who has it then."""

import asyncio
import email
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from postwright.testing.postgres import Postgres
from postwright.testing.server import Server, ServerError
from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.storage import names, s3

from .conftest import DOMAIN, Api, wait_for

LARGE = os.urandom(300_000)


async def command(server: Server, *arguments: str, **settings: str) -> tuple[int, str]:
    """Run `postwright` with the settings of a server; its status, and what it said."""
    ours = {f"POSTWRIGHT_{name.upper()}": value for name, value in (server.settings | settings).items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "postwright.apps.cli", *arguments),
        cwd=server.folder,
        env=os.environ | ours,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def send_some(api: Api, count: int) -> set[str]:
    """Messages without a delivery process; one has a large body."""
    form = aiohttp.FormData(
        {"from": f"ann@{DOMAIN}", "to": "bob@example.net", "subject": "large", "text": "See."}
    )
    form.add_field("attachment", LARGE, filename="large.bin")
    status, body = await api.call("POST", f"/v3/{DOMAIN}/messages", data=form)
    assert status == 200, body
    await asyncio.gather(*(api.send(subject=f"s{n}") for n in range(count)))
    return {"large", *(f"s{n}" for n in range(count))}


def subjects(sink: Sink) -> list[str]:
    return sorted(str(email.message_from_bytes(each.data)["Subject"]) for each in sink.messages)


async def test_queued_mail_moves_to_postgresql_and_s3(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    postgres: Postgres,
) -> None:
    server = await start_server(**settings, roles="api,projector", analytics_seal_seconds="0.2")
    api = Api(server, http)
    wanted = await send_some(api, 20)
    key = str((await api.get("/v3/domains"))["total_count"])
    data = Path(server.settings["data"])
    await wait_for(lambda: _sealed(data), "events in the table", 20)
    target = postgres.create_database()
    status, said = await command(server, "migrate-store", target)
    assert status == 2 and "another Postwright is running" in said
    await server.terminate()
    with s3("mail"):
        moved = {"bodies": "s3://mail/bodies", "analytics": "s3://mail/analytics"}
        arguments = ("migrate-store", target, *(f"--{name}={where}" for name, where in moved.items()))
        status, said = await command(server, *arguments)
        assert status == 0 and "21 recipients wait to be sent" in said, said
        # Again is no harm, and the old store is out of use.
        status, said = await command(server, *arguments)
        assert status == 2 and "was moved to postgresql://" in said, said
        with pytest.raises(ServerError, match="its mail is sent from there"):
            await server.start()
        server.settings |= moved | {"database": target, "roles": "api,delivery,projector"}
        await server.start()
        await sink.wait(21, 60)
        assert set(subjects(sink)) == wanted
        large = next(m for m in sink.messages if email.message_from_bytes(m.data)["Subject"] == "large")
        parts = [part.get_payload(decode=True) for part in email.message_from_bytes(large.data).walk()]
        assert LARGE in parts
        assert any(name.startswith("bodies/") for name in names("mail"))
        # What was there is there, what comes gets new numbers, and the figures know of both.
        assert str((await api.get("/v3/domains"))["total_count"]) == key
        sent = await api.send(subject="after")
        await api.wait_event("delivered", sent, timeout=30)
        assert len(await api.events(event="accepted")) == 22
        assert len(await api.events(event="delivered")) == 22
        assert len(sink.messages) == 22
        await server.kill()
    postgres.drop_database(target)


async def _sealed(data: Path) -> bool:
    return any((data / "analytics").rglob("*.parquet"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_backup_of_a_busy_server_is_proven_and_restored(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, postgres = "sqlite", None
    if kind == "postgresql":
        postgres = request.getfixturevalue("postgres")
        database = postgres.create_database(request.getfixturevalue("migrated_postgres"))
        monkeypatch.setenv("PATH", f"{postgres.binaries}:{os.environ['PATH']}")
    common: dict[str, Any] = settings | {"analytics_seal_seconds": "0.2", "roles": "api,projector"}
    server = await start_server(**common, database=database)
    api = Api(server, http)
    wanted = await send_some(api, 10)
    await wait_for(lambda: _sealed(Path(server.settings["data"])), "events in the table", 20)
    backup = tmp_path / "backup"
    sending = asyncio.create_task(_keep_sending(api))
    status, said = await command(server, "backup", str(backup))
    sending.cancel()
    assert status == 0 and "key file: whoever has the backup" in said, said
    assert (backup / "secret.key").stat().st_mode & 0o777 == 0o600
    assert json.loads((backup / "backup.json").read_text())["rows"]["queue"] >= len(wanted)
    assert (await command(server, "backup", str(backup)))[0] == 2  # not into a folder that has something
    status, said = await command(server, "restore", "--verify", str(backup))
    assert status == 0 and "The backup is good." in said, said
    await server.kill()

    # A drill notices what is wrong.
    body = next(path for path in (backup / "bodies").iterdir())
    good = body.read_bytes()
    body.write_bytes(b"x" + good[1:])
    status, said = await command(server, "restore", "--verify", str(backup))
    assert status == 1 and f"WRONG  bodies/{body.name} is not what it was" in said, said
    body.write_bytes(good)

    second = Server(
        tmp_path / "second", **(common | {"roles": "api,delivery,projector"}), api_key=server.api_key
    )
    second.folder.mkdir()
    if postgres is not None:
        second.settings["database"] = postgres.create_database()
    try:
        status, said = await command(second, "restore", str(backup))
        assert status == 0 and "postwright queue resume" in said, said
        await second.start()
        await asyncio.sleep(2)
        assert not sink.messages  # held: the first server may have sent it since
        status, said = await command(second, "queue", "resume", "--all")
        assert status == 0, said
        await wait_for(lambda: _arrived(sink, wanted), "what waited in the backup", 60)
        assert len(subjects(sink)) == len(set(subjects(sink)))
    finally:
        await second.kill()
        if postgres is not None:
            postgres.drop_database(second.settings["database"])
            postgres.drop_database(database)


async def _arrived(sink: Sink, wanted: set[str]) -> bool:
    return set(subjects(sink)) >= wanted


async def _keep_sending(api: Api) -> None:
    number = 0
    while True:
        number += 1
        await api.send(subject=f"during{number}")
