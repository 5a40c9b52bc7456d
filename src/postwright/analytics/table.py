"""The table of all events: Delta Lake, partitioned by day, in a folder or in S3-compatible storage.

Every commit that adds events carries the position in the log up to which the table then holds it, as the
transaction identifier of the Delta protocol: two processes that seal the same events cannot both succeed.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
from deltalake import (
    BloomFilterProperties,
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow import fs

from postwright.kernel.settings import Settings

from .columns import SCHEMA

log = logging.getLogger("postwright.analytics")

APP: Final = "postwright.events"
_CONFIGURATION: Final = {
    # Readers of version N read the newest checkpoint and what follows it.
    "delta.checkpointInterval": "20",
    "delta.logRetentionDuration": "interval 1 days",
    # Statistics of every column cost more than they save: files are chosen by day, and their pages by DuckDB.
    "delta.dataSkippingStatsColumns": "seq,ts,account_id",
}
ROW_GROUP: Final = 122_880  # rows, DuckDB's own unit of parallel reading
_BLOOM: Final = ColumnProperties(bloom_filter_properties=BloomFilterProperties(True, fpp=0.01, ndv=ROW_GROUP))
WRITER: Final = WriterProperties(
    compression="ZSTD",
    compression_level=3,
    max_row_group_size=ROW_GROUP,
    # Whoever looks for one person or message skips nearly all row groups unread.
    column_properties={"recipient": _BLOOM, "message_id": _BLOOM, "id": _BLOOM},
)
CACHE_BYTES: Final = 20 * 2**30  # of files from S3 that are kept on this machine's disk


class File(msgspec.Struct, frozen=True):
    """One Parquet file of the table."""

    path: str  # where DuckDB can read it, once `Table.local` has been asked
    day: date
    rows: int
    size: int


class Version(msgspec.Struct, frozen=True):
    """The table at one moment: all of it, and the log up to `position`."""

    number: int
    position: int
    files: tuple[File, ...]


class Table:
    """The table, opened; it is made when it is not there. Not for use from several threads at once."""

    conflict = CommitFailedError  # somebody else changed the same files first

    def __init__(self, settings: Settings) -> None:
        self.location = settings.analytics_location
        self._remote = "://" in self.location
        self._cache = settings.data_dir / "analytics-cache"
        self._delta: DeltaTable | None = None
        self._version: Version | None = None

    def version(self) -> Version:
        """The newest version."""
        delta = self._open()
        try:
            delta.update_incremental()
        except DeltaError:
            # The log it stood on has been cleaned away since.
            self._delta = None
            delta = self._open()
        number = delta.version()
        if self._version is None or self._version.number != number:
            position = delta.transaction_version(APP) or 0
            self._version = Version(number, position, tuple(_files(delta)))
            self._forget_old(self._version)
        return self._version

    def _open(self) -> DeltaTable:
        if self._delta is None:
            try:
                self._delta = DeltaTable(self.location)
            except TableNotFoundError:
                self._delta = self._create()
        return self._delta

    def _create(self) -> DeltaTable:
        if not self._remote:
            Path(self.location).mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(DeltaError):  # another process was faster
            DeltaTable.create(
                self.location,
                schema=Schema.from_arrow(SCHEMA),
                mode="ignore",
                partition_by=["day"],
                name="events",
                description="Everything that happened to messages",
                configuration=dict(_CONFIGURATION),
            )
        return DeltaTable(self.location)

    def append(self, events: pa.Table, before: int, position: int) -> bool:
        """Add the events of the log behind `before` up to `position`; False when another process did."""
        if self.version().position != before:
            return False
        try:
            write_deltalake(
                self._open(),
                events.sort_by([("account_id", "ascending"), ("ts", "ascending"), ("seq", "ascending")]),
                mode="append",
                writer_properties=WRITER,
                commit_properties=CommitProperties(app_transactions=[Transaction(APP, position)]),
            )
        except CommitFailedError:
            return False
        return True

    def rewrite(self, day: date, events: Any) -> bool:
        """Replace a day by the same events in better order; False when somebody changed the day meanwhile."""
        try:
            write_deltalake(
                self._open(),
                events,
                mode="overwrite",
                predicate=f"day = '{day}'",
                target_file_size=256 * 2**20,
                writer_properties=WRITER,
            )
        except CommitFailedError:
            return False
        return True

    def merge_small(self, day: date) -> None:
        """Make few files of the many small ones of a day; harmless beside appends."""
        self._open().optimize.compact(
            partition_filters=[("day", "=", str(day))],
            target_size=128 * 2**20,
            writer_properties=WRITER,
        )

    def delete(self, predicate: str) -> dict[str, Any]:
        """Delete the events a predicate describes; what the engine says it did."""
        return self._open().delete(predicate, writer_properties=WRITER)

    def update(self, values: dict[str, str], predicate: str) -> int:
        """Set columns to SQL expressions where a predicate is true; in how many events."""
        done = self._open().update(updates=values, predicate=predicate, writer_properties=WRITER)
        return done["num_updated_rows"] or 0

    def vacuum(self, hours: float) -> list[str]:
        """Remove files that no version of the last `hours` refers to; their names."""
        return self._open().vacuum(
            retention_hours=int(hours), dry_run=False, enforce_retention_duration=False
        )

    def tidy_log(self) -> None:
        """Write a checkpoint, and forget the log before those of the last day."""
        delta = self._open()
        delta.create_checkpoint()
        delta.cleanup_metadata()

    def local(self, files: Iterable[File]) -> list[str]:
        """Paths of files on this machine: files never change, so those from elsewhere are kept in a cache."""
        if not self._remote:
            return [file.path for file in files]
        return [self._fetched(file) for file in files]

    def _fetched(self, file: File) -> str:
        # The folder's name tells the day.
        place = self._cache / "/".join(file.path.rsplit("/", 2)[1:])
        if place.exists() and place.stat().st_size == file.size:
            os.utime(place)
            return str(place)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(file.size)
        part = urlsplit(file.path)
        with (
            _s3().open_input_stream(f"{part.netloc}{part.path}") as source,
            tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as out,
        ):
            while chunk := source.read(2**20):
                out.write(chunk)
        Path(out.name).replace(place)
        return str(place)

    def _forget_old(self, version: Version) -> None:
        """Let go of cached files that the table has no more: what was erased there must not stay here."""
        if self._remote and self._cache.exists():
            kept = {file.path.rpartition("/")[2] for file in version.files}
            for path in self._cache.rglob("*.parquet"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        kept = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in self._cache.rglob("*.parquet"))
        total = size + sum(each[1] for each in kept)
        for _, length, path in kept:
            if total <= CACHE_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= length


def _files(delta: DeltaTable) -> Iterable[File]:
    added = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    for each in added:
        day = each.get("partition.day")
        path = f"{delta.table_uri.rstrip('/')}/{each['path']}"
        yield File(
            path=path.removeprefix("file://"),
            day=day if isinstance(day, date) else date.fromisoformat(str(day)),
            rows=each.get("num_records") or 0,
            size=each["size_bytes"],
        )


def _s3() -> Any:
    """The storage of the environment's AWS_ variables, which the table's engine reads by itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return fs.S3FileSystem(
        endpoint_override=endpoint or None,
        scheme="http" if endpoint.startswith("http://") else "https",
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    )
