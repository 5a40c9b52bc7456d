"""The disk is full, or refuses writes: nothing is acknowledged, nothing leaves, and all goes on once it can."""

import asyncio
import resource
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from postwright.testing.server import Server
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

MIB = 1024 * 1024


class Disk:
    """Stops taking writes, and takes them again."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder, self.how = folder, how
        self.server: Server | None = None

    def _limits(self, size: int) -> None:
        assert self.server is not None
        for pid in self.server.pids():
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def refuse(self) -> None:
        """From now on: ENOSPC (the disk is full), or EFBIG at the end of the log (SQLite: an I/O error)."""
        if self.how == "full":
            with (self.folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                while filler.write(b"\0" * 4096):
                    pass
        else:
            self._limits((self.folder / "state.db-wal").stat().st_size)

    def recover(self) -> None:
        """Take writes again."""
        if self.how == "full":
            (self.folder / "filler").unlink()
        else:
            self._limits(resource.RLIM_INFINITY)


@pytest.fixture(params=["full", "broken"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "full":
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True
        )
        if made.returncode:
            pytest.skip("a small disk can only be made by root")
    yield Disk(folder, request.param)
    if request.param == "full":
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
async def api(
    disk: Disk, start_server: Callable[..., Any], settings: dict[str, str], http: aiohttp.ClientSession
) -> Api:
    disk.server = await start_server(**settings, data=str(disk.folder))
    return Api(disk.server, http)


async def offer(api: Api, **more: str) -> tuple[int, Any]:
    fields = {"from": f"ann@{DOMAIN}", "to": "bob@example.net", "subject": "Hi", "text": "Hello."} | more
    return await api.call("POST", f"/v3/{DOMAIN}/messages", data=fields)


def submit(server: Server, password: str) -> tuple[int, bytes]:
    """The reply to a message over SMTP."""
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.login(f"ann@{DOMAIN}", password)
        try:
            client.sendmail(
                f"ann@{DOMAIN}", "eve@example.net", f"From: ann@{DOMAIN}\r\nSubject: Hi\r\n\r\nHello."
            )
        except smtplib.SMTPDataError as refused:
            error = refused.smtp_error
            return refused.smtp_code, error if isinstance(error, bytes) else error.encode()
    return 250, b""


async def test_what_cannot_be_stored_is_refused_for_now_and_nothing_leaves(
    api: Api, disk: Disk, sink: Sink
) -> None:
    """Scenarios 8 and 9 of delivery-engineering.md section 10, with an attempt under way when the disk gives out."""
    status, _ = await api.call(
        "POST", f"/v3/domains/{DOMAIN}/credentials", data={"login": "ann", "password": "secret-enough"}
    )
    assert status == 200
    # The first is with the server when the disk gives out, and those behind it wait for the same connection.
    sink.fail("bob", at="MESSAGE", delay=4, times=1)
    assert (await offer(api))[0] == 200
    async with asyncio.timeout(60):
        while not sink.counts.data:  # noqa: ASYNC110  the sink has no event for it
            await asyncio.sleep(0.01)
    disk.refuse()
    # What fits into a page that is there already may still be taken: until the first refusal.
    taken = 1
    for _ in range(60):
        status, body = await offer(api, text="x" * 20_000)
        if status != 200:
            break
        taken += 1
    assert status == 503 and "not available" in body["message"]
    status, body = await offer(api, text="x" * 600_000)  # too large for the store: a file of its own
    assert status == 503 and "not available" in body["message"]
    code, text = await asyncio.to_thread(submit, api.server, "secret-enough")
    assert (code, text[:5]) in ((452, b"4.3.1"), (451, b"4.3.0"))
    assert disk.how != "full" or code == 452
    await sink.wait(1, 30)
    seen = sink.counts.mail
    await asyncio.sleep(2.5)  # the outcome cannot be recorded: no other transaction begins
    assert sink.counts.mail == seen
    disk.recover()
    await sink.wait(taken, 60)
    assert (await offer(api, subject="after"))[0] == 200
    await sink.wait(taken + 1, 60)
    await asyncio.sleep(1)
    assert len(sink.messages) == taken + 1  # none twice, and none that was refused
    delivered = await wait_for(lambda: _all(api, taken + 1), "all outcomes", 60)
    assert len({event["message"]["headers"]["message-id"] for event in delivered}) == taken + 1


async def _all(api: Api, count: int) -> list[dict[str, Any]]:
    found = await api.events(event="delivered")
    return found if len(found) >= count else []
