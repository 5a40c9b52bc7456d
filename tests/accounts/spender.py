"""A process of its own that counts messages against a limit until it is refused; prints how many it counted."""

import sys
from pathlib import Path

from postwright import accounts, events
from postwright.kernel.db import Write, open_db
from postwright.kernel.secrets import Vault


def main(url: str, folder: str, account_id: str, now: int, size: int) -> int:
    """Count messages of `size` recipients; the number of recipients that were let through."""
    db, vault = open_db(url, Path(folder)), Vault(bytes(32))

    def spend(tx: Write) -> None:
        events.hold(tx)  # as accepting does, before it counts
        accounts.spend(tx, now, vault, account_id, size, "d.example")

    counted = 0
    while True:
        try:
            db.write_now(spend)
        except accounts.LimitSpent:
            return counted
        counted += size


if __name__ == "__main__":
    print(main(*sys.argv[1:4], *map(int, sys.argv[4:6])))
