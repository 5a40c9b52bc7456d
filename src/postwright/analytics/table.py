"""The table of all events: Delta Lake, partitioned by day, in a folder or in S3-compatible storage.

Every commit that adds events carries the position in the log up to which the table then holds it, as the
transaction identifier of the Delta protocol: two processes that seal the same events cannot both succeed.
"""

import functools
import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from postwright.kernel.settings import Settings

from . import engines
from .columns import schema
from .storage import Storage

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
ORDER: Final = ("account_id", "ts", "seq")  # of the events in a file
FILE_BYTES: Final = 256 * 2**20
DIGESTS: Final = "_digests"  # a folder that Delta tables ignore, by its underscore


class Conflict(Exception):
    """Somebody else changed the same files first."""


@functools.cache
def _writer() -> "engines.deltalake.WriterProperties":
    delta = engines.deltalake
    bloom = delta.ColumnProperties(
        bloom_filter_properties=delta.BloomFilterProperties(True, fpp=0.01, ndv=ROW_GROUP)
    )
    return delta.WriterProperties(
        compression="ZSTD",
        compression_level=3,
        max_row_group_size=ROW_GROUP,
        # Whoever looks for one person or message skips nearly all row groups unread.
        column_properties={"recipient": bloom, "message_id": bloom, "id": bloom},
    )


class File(msgspec.Struct, frozen=True):
    """One Parquet file of the table."""

    path: str  # its address; `Table.local` tells where DuckDB can read it
    day: date
    rows: int
    size: int

    @property
    def name(self) -> str:
        """Unique among all files the table ever had."""
        return self.path.rpartition("/")[2]


class Version(msgspec.Struct, frozen=True):
    """The table at one moment: all of it, and the log up to `position`."""

    number: int
    position: int
    files: tuple[File, ...]


class Table:
    """The table, opened; it is made when it is not there. Not for use from several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.location = settings.analytics_location
        self._storage = Storage(self.location, settings.data_dir / "analytics-cache")
        self._digests: dict[str, int] | None = None  # addresses and sizes, as last seen
        self._delta: engines.deltalake.DeltaTable | None = None
        self._version: Version | None = None

    def version(self) -> Version:
        """The newest version."""
        delta = self._open()
        try:
            delta.update_incremental()
        except engines.deltalake.exceptions.DeltaError:
            # The log it stood on has been cleaned away since.
            self._delta = None
            delta = self._open()
        number = delta.version()
        if self._version is None or self._version.number != number:
            position = delta.transaction_version(APP) or 0
            self._version = Version(number, position, tuple(_files(delta)))
            self._digests = None
            self._storage.forget(
                {file.name for file in self._version.files}
                | {path.rpartition("/")[2] for path in self._beside()}
            )
        return self._version

    def _open(self) -> "engines.deltalake.DeltaTable":
        if self._delta is None:
            try:
                self._delta = engines.deltalake.DeltaTable(self.location)
            except engines.deltalake.exceptions.TableNotFoundError:
                self._delta = self._create()
        return self._delta

    def _create(self) -> "engines.deltalake.DeltaTable":
        delta = engines.deltalake
        if not self._storage.is_remote:
            Path(self.location).mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(delta.exceptions.DeltaError):  # another process was faster
            delta.DeltaTable.create(
                self.location,
                schema=delta.Schema.from_arrow(schema()),
                mode="ignore",
                partition_by=["day"],
                name="events",
                description="Everything that happened to messages",
                configuration=dict(_CONFIGURATION),
            )
        return delta.DeltaTable(self.location)

    def append(self, events: "engines.arrow.Table", before: int, position: int) -> bool:
        """Add the events of the log behind `before` up to `position`; False when another process did."""
        if self.version().position != before:
            return False
        try:
            engines.deltalake.write_deltalake(
                self._open(),
                events.sort_by([(name, "ascending") for name in ORDER]),
                mode="append",
                writer_properties=_writer(),
                commit_properties=_position(position),
            )
        except engines.deltalake.exceptions.CommitFailedError:
            return False
        return True

    def rewrite(self, day: date, events: Any) -> None:
        """Replace a day by other events, which come in batches and in their order. Raises Conflict."""
        try:
            engines.deltalake.write_deltalake(
                self._open(),
                events,
                mode="overwrite",
                predicate=f"day = '{day}'",
                target_file_size=FILE_BYTES,
                writer_properties=_writer(),
            )
        except engines.deltalake.exceptions.CommitFailedError as wrong:
            raise Conflict from wrong

    def merge_small(self, day: date) -> None:
        """Make few files of the many small ones of a day; harmless beside appends. Raises Conflict."""
        try:
            self._open().optimize.compact(
                partition_filters=[("day", "=", str(day))],
                target_size=128 * 2**20,
                writer_properties=_writer(),
            )
        except engines.deltalake.exceptions.DeltaError as wrong:
            raise Conflict from wrong

    def delete(self, predicate: str) -> int:
        """Delete the events a predicate describes; how many. Raises Conflict."""
        try:
            done = self._open().delete(predicate, writer_properties=_writer())
        except engines.deltalake.exceptions.CommitFailedError as wrong:
            raise Conflict from wrong
        return done["num_deleted_rows"] or 0

    def update(self, values: dict[str, str], predicate: str) -> int:
        """Set columns to SQL expressions where a predicate is true; in how many events. Raises Conflict."""
        try:
            done = self._open().update(updates=values, predicate=predicate, writer_properties=_writer())
        except engines.deltalake.exceptions.CommitFailedError as wrong:
            raise Conflict from wrong
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
        """Paths of files on this machine; those from elsewhere are fetched and kept."""
        return self._storage.local((file.path, file.size) for file in files)

    def digests(self, kind: str) -> dict[str, File]:
        """By the name of a file of the table: what is kept beside it of this kind (digests.py)."""
        found = {}
        for path, size in self._beside().items():
            stem, _, rest = path.rpartition("/")[2].partition("~")
            if rest == f"{kind}.parquet":
                found[stem] = File(path=path, day=date.min, rows=0, size=size)
        return found

    def keep_digest(self, of: File, kind: str, made: Path) -> None:
        """Keep a file that was made of another one beside it."""
        self._storage.put(made, f"{DIGESTS}/{of.name}~{kind}.parquet")
        self._digests = None

    def drop_digests(self) -> None:
        """Delete what is kept beside files that the table has no more."""
        names = {file.name for file in self.version().files}
        self._digests = None
        gone = [path for path in self._beside() if path.rpartition("/")[2].partition("~")[0] not in names]
        self._storage.remove(gone)
        self._digests = None

    def _beside(self) -> dict[str, int]:
        if self._digests is None:
            self._digests = self._storage.sizes(DIGESTS)
        return self._digests


def _position(position: int) -> "engines.deltalake.CommitProperties":
    delta = engines.deltalake
    return delta.CommitProperties(app_transactions=[delta.Transaction(APP, position)])


def _files(delta: "engines.deltalake.DeltaTable") -> Iterable[File]:
    added = engines.arrow.table(delta.get_add_actions(flatten=True)).to_pylist()
    for each in added:
        day = each.get("partition.day")
        path = f"{delta.table_uri.rstrip('/')}/{each['path']}"
        yield File(
            path=path.removeprefix("file://"),
            day=day if isinstance(day, date) else date.fromisoformat(str(day)),
            rows=each.get("num_records") or 0,
            size=each["size_bytes"],
        )
