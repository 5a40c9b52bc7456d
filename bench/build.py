"""Microseconds for each stage of making one recipient's copy: a 10 KB HTML message with 30 links.

    python -m bench.build [--count 300]

compose: MIME from fields; track: links and pixel put into the complete message; sign: RSA-2048. One process, no store.
"""

import argparse
import statistics
import time

from postwright.kernel.secrets import Vault
from postwright.mail.dkim import Signer, generate_key
from postwright.mail.mime import compose, edit_texts, texts
from postwright.tracking import Copy, Plan, Tokens, html

from .harness import table

LINKS = 30
ID = "20261127110322.4521c221870b1300@bench.test"


def page(size=10_240):
    url = "https://shop.example/item?id={n}&amp;utm_source=mail"
    link = '<tr><td style="padding:4px"><a href="' + url + '">Item {n}</a></td></tr>\n'
    rows = "".join(link.format(n=n) for n in range(LINKS))
    start = "<!DOCTYPE html>\n<html><head><style>td{color:#333}</style></head><body>\n<table>"
    end = "</table>\n</body></html>\n"
    fill = '<p class="text">Some words of a letter, as they are.</p>\n'
    room = size - len(start) - len(rows) - len(end)
    return start + rows + fill * (room // len(fill)) + end


def timed(count, call):
    """The median of `count` calls, in microseconds."""
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return round(statistics.median(spent) * 1e6)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300)
    rows = measure(parser.parse_args().count)
    table(rows, tuple(rows[0]))


def measure(count):
    """Microseconds of each stage, for each transfer encoding."""
    source = page()
    headers = [
        ("From", "ann@bench.test"),
        ("To", "bob@sink.test"),
        ("Subject", "x"),
        ("Message-Id", f"<{ID}>"),
    ]
    tokens = Tokens(Vault(bytes(32)))
    signer = Signer("bench.test", "s1", generate_key(2048)[0])
    plan = Plan(base="https://email.bench.test", clicks="yes", opens=True)

    def copy(recipient):
        about = {"domain": "bench.test", "domain_id": "ab" * 12, "message_id": ID, "tags": []}
        return Copy(tokens, plan, recipient=recipient, **about)

    rows = []
    written = {
        "7bit": source,
        "quoted-printable": source.replace("Some", "Öfter"),
        "base64": source.replace("Some words of a letter", "ööö" * 12),
    }
    for name, body in written.items():
        made = compose(headers, html=body, boundary_seed="s")
        tracked = copy("bob@sink.test").apply(made)
        (found,), (result,) = texts(made), texts(tracked)
        row = {
            "transfer encoding": name,
            "bytes": len(made),
            "compose": timed(count, lambda body=body: compose(headers, html=body, boundary_seed="s")),
            "find links": timed(count, lambda found=found: html.rewrite(found[1], lambda url: None)),
            "read and write parts": timed(
                count, lambda made=made: edit_texts(made, lambda _, text: text + " ")
            ),
            "track (all)": timed(count, lambda made=made: copy("bob@sink.test").apply(made)),
            "sign": timed(count, lambda tracked=tracked: signer.sign(tracked, 1_700_000_000)),
            "links": result[1].count("/c/"),
        }
        row["together"] = row["compose"] + row["track (all)"] + row["sign"]
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
