"""Figures and searches over many events, beside SQLite and PostgreSQL doing the same.

    python -m bench.analytics [--events 1000000] [--days 30] [--accounts 20] [--compare] [--folder KEEP] [--no-digests]

Made of generated events in a table of their own: the first account has half of them. Each question is asked three
times after a first one, the median counts. The other stores get the same rows without the JSON, with the indexes the
questions call for, and are asked in their own SQL. Sealing is measured with events as the log holds them.
"""

import argparse
import shutil
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
import msgspec
import psycopg
import pyarrow

from postwright.analytics import Ledger, Predicate, Question, digests, search
from postwright.analytics.columns import DAY, day_of, schema, start_of, table
from postwright.analytics.figures import _grouped
from postwright.analytics.schemas import LogsQuery
from postwright.analytics.table import Table
from postwright.events import Entry
from postwright.kernel.clock import Clock
from postwright.kernel.db import open_db
from postwright.kernel.db.migrate import migrate
from postwright.kernel.settings import load
from postwright.testing.postgres import Postgres

START = 20_000 * DAY  # a day in October 2024
HEADS = ("2 dimensions, filter", "by tag", "by recipient domain", "100 of a recipient", "100 newest")
PLAIN = ("seq", "ts", "account_id", "domain", "event", "recipient", "recipient_provider", "country", "marks")
GENERATED = """
    SELECT DATE '2024-10-04' + day::INTEGER AS day, seq, ts, 'id' || seq AS id, account AS account_id,
        account AS domain_id, 'd' || (h % 7) || '.' || account AS domain,
        kind AS event, '' AS severity, '' AS reason,
        who AS recipient, 'r' || (h % 5000) || '.test' AS recipient_domain,
        ['Gmail', 'Outlook', 'Yahoo', 'Other'][1 + h % 4] AS recipient_provider,
        'm' || (seq // 3) || '@x' AS message_id, 'Ann <ann@x.test>' AS from_header, who AS to_header,
        'Subject ' || (h % 1000) AS subject, [who] AS recipients, ['t' || (h % 50), 'all'] AS tags,
        '' AS mailing_list, []::VARCHAR[] AS attachments, 1000 + h % 9000 AS size,
        '{"order":"' || seq || '"}' AS user_variables, '192.0.2.' || (h % 9) AS ip, '' AS ip_pool, '' AS client_ip,
        CASE WHEN kind IN ('opened', 'clicked') THEN ['US', 'FR', 'DE', 'BR'][1 + h % 4] ELSE '' END AS country,
        '' AS device, '' AS bot, 'smtp' AS transport, 1 AS attempt, 250 AS code, '' AS bounce_type,
        'OK' AS status_message, false AS routed, 0 AS delivered_at, '' AS rule, '' AS rule_group,
        false AS is_unique, mark AS marks,
        '{"event":"' || kind || '","id":"id' || seq || '","recipient":"' || who || '","message":{"headers":{'
        || '"subject":"Subject ' || (h % 1000) || '","message-id":"m' || (seq // 3) || '@x"}},"tags":["t' || (h % 50)
        || '","all"],"envelope":{"sending-ip":"192.0.2.' || (h % 9) || '","transport":"smtp"},"delivery-status":'
        || '{"code":250,"message":"OK","mx-host":"mx' || (h % 100) || '.test","session-seconds":0.' || (h % 1000)
        || '}}' AS data
    FROM (
        SELECT seq, h, $start + ts AS ts, ts // $day AS day,
            printf('%024d', CASE WHEN h % 2 = 0 THEN 0 ELSE h % $accounts END) AS account,
            'user' || (h % $people) || '@r' || (h % 5000) || '.test' AS who,
            CASE WHEN k < 40 THEN 'accepted' WHEN k < 78 THEN 'delivered' WHEN k < 92 THEN 'opened'
                WHEN k < 96 THEN 'clicked' ELSE 'failed' END AS kind,
            CASE WHEN k < 40 THEN $accepted WHEN k < 78 THEN $delivered WHEN k < 92 THEN $opened
                WHEN k < 96 THEN $clicked ELSE $failed END AS mark
        FROM (
            SELECT seq, (seq * $step)::BIGINT AS ts, (hash(seq) >> 16)::BIGINT AS h, (hash(seq + 1) % 100) AS k
            FROM range($first, $last) AS r(seq)
        ) WHERE CASE WHEN $one = 0 THEN h % 2 = 0 ELSE h % $accounts = $one END
    )
"""


def marks():
    """The bits of the five kinds of events, as the program itself sets them."""
    told = {
        "accepted": b'{"flags":{"is-authenticated":true}}',
        "delivered": b'{"envelope":{"transport":"smtp"},"delivery-status":{"attempt-no":1}}',
        "opened": b"{}",
        "clicked": b"{}",
        "failed": b'{"reason":"bounce"}',
    }
    rows = [
        Entry(1, START, "a", "d", name, "permanent" if name == "failed" else "", data)
        for name, data in told.items()
    ]
    return dict(zip(told, table(rows)["marks"].to_pylist(), strict=True))


def generate(args, held):
    """Days of events in order, as upkeep leaves them."""
    engine = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    engine.execute("SET enable_progress_bar = false")
    each = args.events // args.days
    names = ", ".join(f"{field.name}::{held_type(field)} AS {field.name}" for field in schema())
    values = {f"{kind}": bits for kind, bits in marks().items()}
    values |= {
        "start": START,
        "day": DAY,
        "step": DAY / each,
        "accounts": args.accounts,
        "people": max(1000, args.events // 20),
    }
    owners = [0, *range(1, args.accounts, 2)]  # the odd ones share the half that the first does not have

    def batches(day):
        for one in owners:
            bounds = {"first": day * each, "last": (day + 1) * each, "one": one}
            query = f"SELECT {names} FROM ({GENERATED})"
            for batch in engine.sql(query, params=values | bounds).to_arrow_reader(8192):
                yield batch.cast(schema())

    for day in range(args.days):
        began = time.perf_counter()
        name = start_of_day(day)
        if not any(file.day == name for file in held.version().files):
            held.rewrite(name, pyarrow.RecordBatchReader.from_batches(schema(), batches(day)))
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return engine


def start_of_day(number):
    """The date of a day of the data."""
    return day_of(START + number * DAY)


def held_type(field):
    """DuckDB's name of a column's type."""
    kinds = {"date32[day]": "DATE", "int64": "BIGINT", "bool": "BOOLEAN", "string": "VARCHAR"}
    return kinds.get(str(field.type), "VARCHAR[]")


def median(fn, times=5):
    """Milliseconds of the median of some calls after a first one: by the clock, and of processor time in here."""
    fn()
    took, used = [], []
    for _ in range(times):
        began, cpu = time.perf_counter(), time.process_time()
        fn()
        took.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    return f"{statistics.median(took):.1f} ({statistics.median(used):.1f})"


def sealing(folder):
    """Events a second from the log's entries into a commit of the table."""
    held = Table(load({"POSTWRIGHT_DATA": str(folder / "sealing")}))
    data = msgspec.json.encode(
        {
            "event": "delivered",
            "recipient": "bob@x.test",
            "tags": ["a"],
            "user-variables": {"n": "1"},
            "message": {"headers": {"subject": "Hello", "message-id": "m@x"}, "size": 900},
            "envelope": {"transport": "smtp", "sending-ip": "192.0.2.1"},
            "delivery-status": {"code": 250, "attempt-no": 1, "message": "OK"},
        }
    )
    entries = [Entry(n, START + n, "a", "d", "delivered", "", data) for n in range(1, 20_001)]
    held.version()
    began = time.perf_counter()
    held.append(table(entries), 0, 20_000)
    return 20_000 / (time.perf_counter() - began)


def others(args, folder, engine, held, person, account):
    """The same questions in SQLite and PostgreSQL."""
    files = held.local(held.version().files)
    columns = "seq BIGINT, ts BIGINT, account_id TEXT, domain TEXT, event TEXT, recipient TEXT, "
    columns += "recipient_provider TEXT, country TEXT, marks BIGINT"
    rows = engine.cursor()
    rows.execute(f"SELECT {', '.join(PLAIN)} FROM read_parquet($f)", {"f": files})
    lite = sqlite3.connect(folder / "bench.db")
    server = Postgres.temporary()
    server.start()
    try:
        with psycopg.connect(server.create_database(), autocommit=True) as pg:
            for store in (lite, pg):
                store.execute(f"CREATE TABLE e ({columns})")
            cursor = pg.cursor()
            with cursor.copy(f"COPY e ({', '.join(PLAIN)}) FROM STDIN") as copy:
                while batch := rows.fetchmany(50_000):
                    lite.executemany(f"INSERT INTO e VALUES ({', '.join('?' * len(PLAIN))})", batch)
                    for row in batch:
                        copy.write_row(row)
            lite.commit()
            for store in (lite, pg):
                store.execute("CREATE INDEX a ON e (account_id, ts)")
                store.execute("CREATE INDEX r ON e (account_id, recipient, ts)")
            pg.execute("ANALYZE e")
            grouped = (
                "SELECT ts - ts % 86400000000, domain, sum(CASE WHEN event = 'delivered' THEN 1 ELSE 0 END), "
                "sum(CASE WHEN event = 'opened' THEN 1 ELSE 0 END) FROM e "
                f"WHERE account_id = '{account}' AND recipient_provider = 'Gmail' GROUP BY 1, 2"
            )
            mine, last = f"SELECT * FROM e WHERE account_id = '{account}'", "ORDER BY ts DESC LIMIT 100"
            searched, newest = f"{mine} AND recipient = '{person}' {last}", f"{mine} {last}"
            return {
                name: [
                    median(lambda s=store, q=q: s.execute(q).fetchall(), 1) if q else "-"
                    for q in (grouped, "", "", searched, newest)
                ]
                for name, store in (("SQLite", lite), ("PostgreSQL", pg))
            }
    finally:
        lite.close()
        server.stop()


def main():
    """Print the figures."""
    args = options()
    figures, sealed = measure(args)
    print("milliseconds by the clock (and of the processor)")
    print(f"{'':16}", *(f"{head:>22}" for head in HEADS))
    for name, row in figures.items():
        print(f"{name:16}", *(f"{each:>22}" for each in row))
    print(f"sealing: {sealed:,.0f} events/s")


def options(words=None):
    """What the command line says, or these words."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--folder", type=Path, help="keep the events here, and use those that are here")
    parser.add_argument("--no-digests", action="store_true", help="measure without what is kept beside files")
    return parser.parse_args(words)


def measure(args):
    """Milliseconds of each question of `HEADS` to each store, and events sealed a second."""
    folder = args.folder or Path(tempfile.mkdtemp(prefix="bench-analytics-"))
    try:
        settings = load({"POSTWRIGHT_DATA": str(folder)})
        held = Table(settings)
        began = time.perf_counter()
        engine = generate(args, held)
        version = held.version()
        size = sum(file.size for file in version.files)
        print(
            f"{args.events:,} events, {args.days} days: {size / 2**20:.0f} MB, "
            f"made in {time.perf_counter() - began:.0f} s"
        )
        if not args.no_digests:
            began = time.perf_counter()
            for file in digests.missing(held, version.files):
                digests.make(held, file, engine, folder / "spill")
            size = sum(
                digest.size
                for kind in (*digests.SUMS, digests.PEOPLE)
                for digest in held.digests(kind).values()
            )
            print(f"digests: {size / 2**20:.0f} MB, made in {time.perf_counter() - began:.0f} s", flush=True)
        migrate("sqlite", folder)
        ledger = Ledger(settings, open_db("sqlite", folder), Clock())
        account = f"{0:024d}"
        low, high = start_of(version.files[0].day), START + (args.days + 1) * DAY
        low = min(low, START)
        person = engine.sql(
            "SELECT recipient FROM read_parquet($f) WHERE account_id = $a LIMIT 1",
            params={"f": held.local(version.files[:1]), "a": account},
        ).fetchall()[0][0]
        two = Question(
            accounts=(account,),
            low=low,
            high=high,
            metrics=("delivered_count", "opened_count", "opened_rate"),
            dimensions=("time", "domain"),
            predicates=(Predicate("recipient_provider", "=", ("Gmail",)),),
        )
        find = {
            "filter": {"AND": [{"attribute": "recipient", "comparator": "=", "values": [{"value": person}]}]}
        }
        logs, newest = msgspec.convert(find, LogsQuery), LogsQuery()
        for query in (logs, newest):
            query.start, query.end = low, high
        replaced = msgspec.structs.replace
        by_tag, by_receiver = (
            replaced(two, dimensions=("time", name)) for name in ("tag", "recipient_domain")
        )
        ours = [
            median(lambda: ledger.ask_now(_grouped, two)),
            median(lambda: ledger.ask_now(_grouped, by_tag)),
            median(lambda: ledger.ask_now(_grouped, by_receiver)),
            median(lambda: ledger.ask_now(search.find, (account,), search.understand(logs, high))),
            median(lambda: ledger.ask_now(search.find, (account,), search.understand(newest, high))),
        ]
        figures = {"Delta + DuckDB": ours}
        if args.compare:
            figures |= others(args, folder, engine, held, person, account)
        return figures, sealing(folder)
    finally:
        if not args.folder:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
