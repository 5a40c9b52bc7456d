"""What is kept beside a large file of the table, so that common questions need not read it.

- Sums: how many events of each kind every hour or day had, by attributes that have few values. Most figures are sums
  of these: some ten thousand rows instead of millions.
- `people`: for each recipient where its events are, as a hash of 32 bits. A search for one person opens only the
  files, and in them the row groups, that have something of that person.

A file of the table never changes, so neither does what was made of it: nothing can be stale. It can be missing, and
then the file itself is read. When a file goes, what is beside it goes.
"""

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec

from . import engines
from .columns import DAY, start_of
from .table import File, Table

HOUR: Final = DAY // 24
LARGE: Final = 100_000  # rows of a file that is worth it

_COMMON: Final = ("account_id", "domain_id", "domain", "event", "recipient_provider", "marks")
_FEW: Final = ("severity", "reason", "ip", "ip_pool", "country", "device", "bot", "rule", "rule_group")


class Sums(msgspec.Struct, frozen=True):
    """Numbers of events by some columns and time: a row of `ts` (the start of a step) and `n` for each combination."""

    step: int  # microseconds
    columns: tuple[str, ...]

    def is_whole(self, file: File, low: int, high: int) -> bool:
        """Whether the steps in a file lie as a whole inside or outside of a range (microseconds)."""
        first = start_of(file.day)
        return (low % self.step == 0 or low <= first) and (high % self.step == 0 or high >= first + DAY)

    def query(self) -> str:
        """SQL that makes it of the relation of a file."""
        columns = ", ".join(self.columns)
        return (
            f"SELECT ts - ts % {self.step} AS ts, {columns}, count(*)::BIGINT AS n "  # noqa: S608
            "FROM read_parquet($file) GROUP BY ALL ORDER BY account_id, ts"
        )


SUMS: Final = {
    "counts": Sums(HOUR, (*_COMMON, *_FEW)),
    "tags": Sums(HOUR, (*_COMMON, "tags")),
    # Domains that are written to are many: by day their rows are still few.
    "receivers": Sums(DAY, (*_COMMON, "recipient_domain")),
}
PEOPLE: Final = "people"  # made last: where it is, all are

# Of account and recipient: accounts must not find out each other's recipients by how long an answer takes.
HASH: Final = "(md5_number_lower(concat({account}, ' ', {recipient})) >> 32)::UINTEGER"
_OWN: Final = HASH.format(account="account_id", recipient="recipient")
_PEOPLE: Final = f"SELECT {_OWN} AS key, seq FROM read_parquet($file) WHERE recipient <> '' ORDER BY key, seq"  # noqa: S608


def fitting(columns: Collection[str], step: int) -> str:
    """The kind of sums that has some columns, in steps no longer than `step`; "" when there is none."""
    for kind, sums in SUMS.items():
        if sums.step <= step and {"ts", *sums.columns}.issuperset(columns):
            return kind
    return ""


def missing(table: Table, files: Iterable[File]) -> list[File]:
    """Which of the files have nothing beside them yet."""
    made = table.digests(PEOPLE)
    return [file for file in files if file.name not in made]


def make(table: Table, file: File, engine: "engines.duckdb.DuckDBPyConnection", folder: Path) -> None:
    """Make what is kept beside a file, on the way in a folder of this machine."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (place,) = table.local([file])
    for kind, sums in SUMS.items():
        _keep(table, file, kind, engine, folder, (sums.query(), place, "ROW_GROUP_SIZE 122880"))
    # Small groups: a search reads one of them.
    _keep(table, file, PEOPLE, engine, folder, (_PEOPLE, place, "ROW_GROUP_SIZE 20480, PARQUET_VERSION v2"))


def _keep(
    table: Table,
    file: File,
    kind: str,
    engine: "engines.duckdb.DuckDBPyConnection",
    folder: Path,
    how: tuple[str, str, str],
) -> None:
    query, source, options = how
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".parquet", delete=False) as part:
        made = Path(part.name)
    try:
        target = str(made).replace("'", "''")
        engine.execute(
            f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, {options})", {"file": source}
        )
        table.keep_digest(file, kind, made)
    finally:
        made.unlink(missing_ok=True)
