"""Files of figures, events and query results: CSV and Parquet."""

import io
from collections.abc import Sequence
from typing import Any, Final

from postwright.kernel.http import dates
from postwright.kernel.http.paging import token

from . import engines, search
from .figures import Figures
from .ledger import Look
from .metrics import Wanted
from .search import Page

ROWS: Final = 50_000  # of events in one file; the next begins where it ends
COLUMNS: Final = (
    "ts",
    "seq",
    "id",
    "account_id",
    "domain",
    "event",
    "severity",
    "reason",
    "recipient",
    "recipient_domain",
    "recipient_provider",
    "message_id",
    "from_header",
    "to_header",
    "subject",
    "tags",
    "mailing_list",
    "size",
    "ip",
    "ip_pool",
    "client_ip",
    "country",
    "device",
    "bot",
    "transport",
    "attempt",
    "code",
    "bounce_type",
    "status_message",
    "rule",
    "rule_group",
    "data",
)
MEDIA: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def file(table: Any, form: str) -> bytes:
    """A table as CSV (lists as texts with spaces between) or Parquet."""
    out = io.BytesIO()
    if form == "parquet":
        engines.parquet.write_table(table, out, compression="zstd")
    else:
        engines.csv.write_csv(_flat(table), out)
    return out.getvalue()


def _flat(table: Any) -> Any:
    pa = engines.arrow
    columns = []
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_nested(field.type):
            texts = [
                " ".join(map(str, value))
                if isinstance(value, list)
                else None
                if value is None
                else str(value)
                for value in column.to_pylist()
            ]
            column = pa.array(texts, pa.string())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def events(look: Look, accounts: Sequence[str], page: Page) -> tuple[Any, str]:
    """A table of up to `ROWS` events from a page on, and the token of what follows ("": nothing)."""
    found = search.places(look, accounts, page, ROWS)
    table = search.table(look, accounts, found, COLUMNS, rising=page.search.ascending)
    stamps = [dates.rfc3339_millis(at) for at in table["ts"].to_pylist()]
    table = table.add_column(0, "time", engines.arrow.array(stamps, engines.arrow.string()))
    if len(found) < ROWS:
        return table, ""
    at, seq = found[-1]
    return table, token(Page(search=page.search, at=at, seq=seq))


def figures(wanted: Wanted, found: Figures) -> Any:
    """A table of figures: a column for each dimension and metric; rates as numbers."""
    question = wanted.question
    columns: dict[str, list[Any]] = {name: [] for name in (*question.dimensions, *wanted.metrics)}
    for group in found.groups:
        for name, value in zip(question.dimensions, group.values, strict=True):
            columns[name].append(dates.rfc3339(value) if name == "time" else value)
        for name in wanted.metrics:
            value = group.metrics.get(name, 0)
            columns[name].append(float(value) if isinstance(value, str) else value)
    return engines.arrow.table(columns)
