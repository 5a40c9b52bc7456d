"""The engines, imported when a question first needs one.

Every process could ask, most never do; together they cost 60 MB and most of a second.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import deltalake
    import duckdb
    import pyarrow as arrow
    from pyarrow import compute, csv, fs, parquet

__all__ = ["arrow", "compute", "csv", "deltalake", "duckdb", "fs", "parquet"]

_MODULES: Final = {
    "arrow": "pyarrow",
    "compute": "pyarrow.compute",
    "csv": "pyarrow.csv",
    "deltalake": "deltalake",
    "duckdb": "duckdb",
    "fs": "pyarrow.fs",
    "parquet": "pyarrow.parquet",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    module = globals()[name] = importlib.import_module(_MODULES[name])
    return module
