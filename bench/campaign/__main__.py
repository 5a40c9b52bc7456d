"""Kill a server under load wherever it can die, and account for every recipient that it accepted.

    python -m bench.campaign [--minutes 5] [--seed N] [--points NAME,NAME] [--rate 12]

First each failpoint of the program in turn; then, until the minutes are over, single processes and all of them at
random times, and failpoints a few passes later. Then a table: what was accepted in each round, and what came of it.
Mail comes in over HTTP, SMTP and MX; webhooks, routes, lists and opens go on beside it. Ends with status 1 when a
recipient neither arrived, failed nor waits, when one arrived twice and the journal calls no attempt ambiguous, or when
an event or a webhook is missing. `--seed` repeats what was drawn; what a process was doing when it died depends on the
machine.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from bench.harness import table

from . import Campaign, failpoints

SHOWN = 40


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--points", default="", help="only these failpoints")
    parser.add_argument("--rate", type=float, default=12, help="messages a second")
    options = parser.parse_args()
    points = options.points.split(",") if options.points else failpoints()
    random.Random(options.seed).shuffle(points)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="postwright-campaign-") as folder:
        campaign = Campaign(Path(folder), options.seed, options.rate, lambda line: print(line, flush=True))
        problems = asyncio.run(campaign.run(options.minutes * 60, points))
        rows = list(campaign.rows())
        table(rows, tuple(rows[0]))
        ledger = campaign.ledger
        print(f"{len(ledger.unanswered)} recipients of messages that got no answer")
        print(f"{len(ledger.twice())} twice, {len(ledger.ambiguous)} of them ambiguous in the journal")
    for line in problems[:SHOWN]:
        print(line)
    if problems:
        print(f"{len(problems)} problems (seed {options.seed})")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
