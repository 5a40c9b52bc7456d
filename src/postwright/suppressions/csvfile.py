"""Lists as CSV files (behaviour.md 14.3)."""

import csv
import io
from collections.abc import Iterator, Sequence

from postwright.kernel.http import Upload, dates

from .errors import BadCsv, BadEntry
from .service import Allowed, Entry, parse_address, parse_allowed

MAX_ROWS = 1_000_000
MAX_FIELD = 10_000  # characters


def rows(upload: Upload | None, wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """The lines of a file by column name. Raises BadCsv unless it has one of the columns `wanted`."""
    if upload is None:
        raise BadCsv("file parameter is missing")
    try:
        text = upload.data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise BadCsv("the file is not UTF-8 text") from wrong
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        names = [name.strip().lower() for name in reader.fieldnames or []]
    except csv.Error as wrong:
        raise BadCsv("while reading csv header") from wrong
    if not any(name in names for name in wanted):
        raise BadCsv("while reading csv header")
    reader.fieldnames = names
    try:
        for number, row in enumerate(reader):
            if number >= MAX_ROWS:
                raise BadCsv(f"the file has more than {MAX_ROWS} rows")
            # A line with more fields than the header has them under the name None.
            yield {
                name: (value or "").strip()[:MAX_FIELD]
                for name, value in row.items()
                if isinstance(name, str)
            }
    except csv.Error as wrong:
        raise BadCsv(f"while reading csv row: {wrong}") from wrong


def entries(upload: Upload | None) -> list[Entry]:
    """The entries of a bounces, unsubscribes or complaints file. Raises BadCsv, BadEntry naming the line."""
    found = []
    for number, row in enumerate(rows(upload, ("address",)), 2):
        tags = [tag.strip() for tag in (row.get("tags") or row.get("tag") or "").split(",") if tag.strip()]
        try:
            found.append(
                Entry(
                    address=parse_address(row.get("address", "")),
                    code=row.get("code") or "550",
                    error=row.get("error", ""),
                    tags=tags,
                    created_at=_moment(row),
                )
            )
        except BadEntry as wrong:
            raise BadEntry(f"line {number}: {wrong.text}") from wrong
    return found


def allowed(upload: Upload | None) -> list[Allowed]:
    """The entries of an allowlist file. Raises BadCsv, BadEntry naming the line."""
    found = []
    for number, row in enumerate(rows(upload, ("address", "domain")), 2):
        try:
            found.append(
                parse_allowed(
                    row.get("address", ""), row.get("domain", ""), row.get("reason", ""), _moment(row)
                )
            )
        except BadEntry as wrong:
            raise BadEntry(f"line {number}: {wrong.text}") from wrong
    return found


def _moment(row: dict[str, str]) -> int:
    text = row.get("created_at") or row.get("createdat") or ""
    if not text:
        return 0
    try:
        return max(dates.parse(text), 0)
    except ValueError as wrong:
        raise BadEntry(f"'{text[:100]}' is not an RFC-2822 compliant date") from wrong
