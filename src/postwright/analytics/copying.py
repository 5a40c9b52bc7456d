"""Copy the table elsewhere, while others use it: for backups, and for moves to other storage."""

from collections.abc import Callable
from pathlib import Path

import obstore
from obstore.store import LocalStore, S3Store

from . import engines
from .table import APP

Progress = Callable[[int, int], None]  # files so far, files in all
_LOG = "_delta_log"


def copy_table(source: str, target: str, progress: Progress) -> tuple[int, int]:
    """Copy the newest version; how many events it has, and its position in the log. (0, 0): there is no table.

    `source` and `target` are folders or s3:// URLs; `target` must be empty.
    """
    old, new = _open(source, make=False), _open(target, make=True)
    if old is None or new is None:
        return 0, 0
    # The log comes first, the hint where to begin in it before all: files never change, and none that this
    # version has is removed within two hours.
    log = sorted(name for name in _names(old, _LOG) if not name.endswith("_last_checkpoint"))
    if not log:
        return 0, 0
    for name in [*(n for n in _names(old, _LOG) if n.endswith("_last_checkpoint")), *log]:
        obstore.put(new, name, obstore.get(old, name).bytes())
    table = engines.deltalake.DeltaTable(target)
    files = [
        action["path"] for action in engines.arrow.table(table.get_add_actions(flatten=True)).to_pylist()
    ]
    for number, name in enumerate(files, 1):
        obstore.put(new, name, obstore.get(old, name).bytes())
        progress(number, len(files))
    return table_state(target)


def table_state(location: str) -> tuple[int, int]:
    """How many events a table has, read from its files, and its position in the log. (0, 0): there is no table."""
    store = _open(location, make=False)
    if store is None or not _names(store, _LOG):
        return 0, 0
    table = engines.deltalake.DeltaTable(location)
    rows = table.to_pyarrow_dataset().count_rows()
    return rows, table.transaction_version(APP) or 0


def _names(store: LocalStore | S3Store, prefix: str) -> list[str]:
    return [each["path"] for page in obstore.list(store, prefix) for each in page]


def _open(location: str, *, make: bool) -> LocalStore | S3Store | None:
    if location.startswith("s3://"):
        return S3Store.from_url(location, client_options={"allow_http": True})
    if make:
        Path(location).mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalStore(location) if Path(location).is_dir() else None
