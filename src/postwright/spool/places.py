"""Where large bodies lie: in a folder of this machine, or in S3-compatible storage that all nodes reach."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

REQUEST: Final = timedelta(seconds=30)
PATIENCE: Final = 20.0  # seconds of trying in all, before the storage counts as not available


class Place(Protocol):
    """Bytes by name. What cannot be done raises OSError, and a name that is not there FileNotFoundError."""

    async def write(self, name: str, data: bytes) -> None:
        """Keep `data`; returns when it survives a power cut."""

    async def read(self, name: str) -> bytes:
        """The bytes called `name`."""

    async def remove(self, names: Sequence[str]) -> None:
        """Forget names; one that is not there is no error."""

    async def older(self, seconds: float) -> list[str]:
        """The names of what was written so long ago, or longer."""


def place(location: str, patience: float = PATIENCE) -> Place:
    """What the setting `bodies` names: an absolute folder, or s3://bucket/prefix."""
    return Bucket(location, patience) if location.startswith("s3://") else Folder(Path(location))


class Folder:
    """Files of this machine. One that is being written ends in `.tmp`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, name: str, data: bytes) -> None:
        """Write, sync, rename, and sync the folder: a rename alone is durable only then (fsync(2), NOTES)."""
        await asyncio.to_thread(self._write, name, data)

    async def read(self, name: str) -> bytes:
        """The whole file."""
        return await asyncio.to_thread((self._folder / name).read_bytes)

    async def remove(self, names: Sequence[str]) -> None:
        """Unlink files."""
        await asyncio.to_thread(self._unlink, names)

    async def older(self, seconds: float) -> list[str]:
        """By the time of the last change."""
        return await asyncio.to_thread(self._older, time.time() - seconds)

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._folder / f"{name}.tmp"
        try:
            with open(temporary, "xb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)  # on a full disk it would take the room of others
            raise
        temporary.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _older(self, before: float) -> list[str]:
        if not self._folder.exists():
            return []
        with os.scandir(self._folder) as entries:
            return [entry.name for entry in entries if entry.is_file() and entry.stat().st_mtime < before]

    def _unlink(self, names: Sequence[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


class Bucket:
    """Objects of S3-compatible storage, reached as the environment's AWS_ variables say.

    Connected at the first use: its threads do not survive the fork that makes our processes.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._url = url
        self._patience = timedelta(seconds=patience)
        self._opened: S3Store | None = None

    async def write(self, name: str, data: bytes) -> None:
        """Put an object: S3 answers when it is durable."""
        try:
            await obstore.put_async(self._store(), name, data)
        except BaseError as failed:
            raise OSError(f"{self._url}: {failed}") from failed

    async def read(self, name: str) -> bytes:
        """Get an object."""
        try:
            answer = await obstore.get_async(self._store(), name)
            return bytes(await answer.bytes_async())
        except (NotFoundError, FileNotFoundError) as missing:
            raise FileNotFoundError(name) from missing
        except BaseError as failed:
            raise OSError(f"{self._url}: {failed}") from failed

    async def remove(self, names: Sequence[str]) -> None:
        """Delete objects."""
        if not names:
            return
        try:
            await obstore.delete_async(self._store(), [*names])
        except FileNotFoundError:
            return
        except BaseError as failed:
            raise OSError(f"{self._url}: {failed}") from failed

    async def older(self, seconds: float) -> list[str]:
        """By the storage's own clock; lists the whole prefix, a thousand names a request."""
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        found: list[str] = []
        try:
            async for page in obstore.list(self._store(), chunk_size=1000):
                found += [each["path"] for each in page if each["last_modified"] < before]
        except BaseError as failed:
            raise OSError(f"{self._url}: {failed}") from failed
        return found

    def _store(self) -> S3Store:
        if self._opened is None:
            # An endpoint without TLS is one that the operator wrote down so.
            self._opened = S3Store.from_url(
                self._url,
                client_options={"timeout": REQUEST, "allow_http": True},
                retry_config={"retry_timeout": self._patience},
            )
        return self._opened
