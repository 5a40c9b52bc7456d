"""Where files of the table lie: in a folder, or in S3-compatible storage with a cache on this machine.

Files never change, so those from S3 are kept on local disk rather than read through the network again.
"""

import os
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from . import engines

CACHE_BYTES: Final = 20 * 2**30  # of files from S3 that are kept on this machine's disk


class Storage:
    """The files below a location."""

    def __init__(self, location: str, cache: Path) -> None:
        self._location = location
        self._cache = cache
        self.is_remote = "://" in location

    def local(self, paths: Iterable[tuple[str, int]]) -> list[str]:
        """Where files (address, size in bytes) can be read on this machine; those from elsewhere are fetched."""
        return [self._fetched(path, size) if self.is_remote else path for path, size in paths]

    def sizes(self, folder: str) -> dict[str, int]:
        """The files of a folder below the location by address, and their sizes."""
        place = f"{self._location}/{folder}"
        if not self.is_remote:
            if not Path(place).is_dir():
                return {}
            return {entry.path: entry.stat().st_size for entry in os.scandir(place) if entry.is_file()}
        wanted = engines.fs.FileSelector(_key(place), allow_not_found=True)
        return {f"s3://{info.path}": info.size for info in _s3().get_file_info(wanted) if info.is_file}

    def put(self, made: Path, name: str) -> None:
        """Move a file of this machine to a name below the location; there it appears whole or not at all."""
        place = f"{self._location}/{name}"
        if not self.is_remote:
            Path(place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            made.replace(place)
            return
        with _s3().open_output_stream(_key(place)) as out, made.open("rb") as source:
            while chunk := source.read(2**20):
                out.write(chunk)
        made.unlink()

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files by address."""
        for path in paths:
            if self.is_remote:
                _s3().delete_file(_key(path))
            else:
                Path(path).unlink(missing_ok=True)

    def forget(self, kept: Collection[str]) -> None:
        """Let go of cached files but those named: what was erased from the table must not stay here."""
        if self.is_remote and self._cache.exists():
            for path in self._cache.rglob("*.parquet"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)

    def _fetched(self, path: str, size: int) -> str:
        # The folder's name tells the day, or what is kept beside it.
        place = self._cache / "/".join(path.rsplit("/", 2)[1:])
        if place.exists() and place.stat().st_size == size:
            os.utime(place)
            return str(place)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(size)
        with (
            _s3().open_input_stream(_key(path)) as source,
            tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as out,
        ):
            while chunk := source.read(2**20):
                out.write(chunk)
        Path(out.name).replace(place)
        return str(place)

    def _make_room(self, size: int) -> None:
        kept = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in self._cache.rglob("*.parquet"))
        total = size + sum(each[1] for each in kept)
        for _, length, path in kept:
            if total <= CACHE_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= length


def _key(address: str) -> str:
    part = urlsplit(address)
    return f"{part.netloc}{part.path}"


def _s3() -> Any:
    """The storage of the environment's AWS_ variables, which the table's engine reads by itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return engines.fs.S3FileSystem(
        endpoint_override=endpoint or None,
        scheme="http" if endpoint.startswith("http://") else "https",
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    )
