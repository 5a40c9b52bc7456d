"""Reading events with one's own SQL: the view `events`, and nothing else of this machine.

A query is one SELECT over `events` and its own common table expressions. It is judged as the engine has parsed it,
and runs in an engine of its own that may open the table's files and no others, has no extensions, and cannot
change its settings; memory, threads, time and rows are bounded.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from . import engines
from .columns import FIELDS
from .errors import BadQuery, TooLong
from .ledger import MEMORY, SECONDS, SPILL, THREADS, Look

MAX_QUERY: Final = 20_000  # characters
_RELATIONS: Final = frozenset(("BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "PIVOT"))
_GENERATORS: Final = frozenset(("unnest", "range", "generate_series"))
# Functions that tell about, or touch, more than their arguments.
_FORBIDDEN: Final = frozenset(
    (
        "current_setting",
        "getenv",
        "getvariable",
        "write_log",
        "nextval",
        "currval",
        "query",
        "query_table",
        "txid_current",
        "current_database",
        "current_schemas",
        "version",
    )
)


def check(query: str) -> None:
    """Whether a query reads `events` and does nothing else. Raises BadQuery."""
    if len(query) > MAX_QUERY:
        raise BadQuery(f"'query' parameter is too long: at most {MAX_QUERY} characters expected")
    with engines.duckdb.connect(config={"threads": 1, "autoload_known_extensions": False}) as engine:
        try:
            parsed = json.loads(_all(engine, "SELECT json_serialize_sql($q)", {"q": query})[0][0])
            if parsed["error"]:
                raise BadQuery(parsed.get("error_message") or "Only SELECT statements can be run")
            _all(engine, "CREATE TABLE events (ts BIGINT)")
            _all(engine, "CREATE TABLE tail (ts BIGINT)")
            # Which names are tables, and not expressions of the query's own, the engine knows best.
            tables = engine.get_table_names(query)
            reserved = {row[0] for row in _all(engine, "SELECT view_name FROM duckdb_views()")} | {"tail"}
        except engines.duckdb.Error as wrong:
            raise BadQuery(_reason(wrong)) from None
    if len(parsed["statements"]) != 1:
        raise BadQuery("One SELECT statement expected")
    nodes = list(_nodes(parsed["statements"][0]))
    own = {
        entry["key"].lower()
        for node in nodes
        if isinstance(node.get("cte_map"), dict)
        for entry in node["cte_map"].get("map", ())
    }
    for name in sorted((tables - {"events"}) | (own & reserved)):
        raise BadQuery(f"There is no table {name[:100]}: only events can be read")
    known = own | {"events"}
    for node in nodes:
        _judge(node, known)


def _all(
    engine: "engines.duckdb.DuckDBPyConnection", query: str, values: Any = None
) -> list[tuple[Any, ...]]:
    return engine.execute(query, values).fetchall()


def _judge(node: dict[str, Any], known: set[str]) -> None:
    kind = node.get("type")
    if kind == "FUNCTION":
        if str(node.get("function_name", "")).lower() in _FORBIDDEN:
            raise BadQuery(f"The function {node['function_name']} cannot be used")
    elif kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _GENERATORS:
            raise BadQuery(f"The table function {name[:100]} cannot be used")
    elif kind == "BASE_TABLE":
        path = (node.get("qualified_name") or {}).get("path") or [node.get("table_name")]
        if len(path) != 1 or str(path[0]).lower() not in known or node.get("schema_name"):
            raise BadQuery(f"There is no table {'.'.join(map(str, path))[:100]}: only events can be read")
    elif "sample" in node and "alias" in node and kind not in _RELATIONS:
        raise BadQuery("Only events can be read")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def run(look: Look, accounts: Sequence[str], query: str, limit: int, spill: Path) -> Any:
    """The first `limit` rows of a query as an Arrow table; of all accounts when `accounts` is empty.

    Raises BadQuery, TooLong.
    """
    check(query)
    files, allowed = look.view()
    tail = look.tail
    if accounts:
        # Others' events are not even there.
        tail = tail.filter(
            engines.compute.is_in(tail["account_id"], engines.arrow.array(accounts, engines.arrow.string()))
        )
    engine = engines.duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": str(spill),
            "max_temp_directory_size": SPILL,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    alarm = threading.Timer(SECONDS, engine.interrupt)
    alarm.daemon = True
    try:
        engine.register("tail", tail)
        _all(engine, _view(files, accounts, allowed))
        for setting in (
            *([f"SET allowed_paths = {_list(files)}"] if files else []),
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            _all(engine, setting)
        alarm.start()
        # The limit stands outside, whatever the query says.
        bounded = f"SELECT * FROM ({query.strip().rstrip(';')}\n) LIMIT {int(limit)}"  # noqa: S608
        return engine.sql(bounded).to_arrow_table()
    except (engines.duckdb.InterruptException, engines.duckdb.OutOfMemoryException) as wrong:
        raise TooLong from wrong
    except engines.duckdb.Error as wrong:
        raise BadQuery(_reason(wrong)) from None
    finally:
        alarm.cancel()
        engine.close()


def _view(files: Sequence[str], accounts: Sequence[str], allowed: list[str]) -> str:
    own = [f"account_id IN ({', '.join(map(_quoted, accounts))})"] if accounts else []
    mine = f" WHERE {' AND '.join(own + allowed)}" if own + allowed else ""
    names = ", ".join(FIELDS)
    columns = f"make_timestamp(ts) AS time, {names}"
    halves = [f"SELECT {columns} FROM tail{mine}"]  # noqa: S608
    if files:
        held = f"read_parquet({_list(files)}, hive_partitioning = true, hive_types = {{day: DATE}})"
        halves.append(f"SELECT {columns} FROM {held}{mine}")  # noqa: S608
    return f"CREATE VIEW events AS {' UNION ALL '.join(halves)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _reason(wrong: Exception) -> str:
    return str(wrong).partition("\n\nLINE")[0].strip()[:1000] or "The query cannot be run"
