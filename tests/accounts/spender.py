"""A process of its own that accepts messages: `spender.py DATABASE FOLDER`.

Reads lines of JSON, each an account, its domain's id and name, and the numbers of recipients of messages that are to be
accepted one after the other. Answers each line with the numbers that were let through.
"""

import asyncio
import json
import sys
from pathlib import Path

from postwright.kernel.clock import Clock
from postwright.kernel.db import lease_node, open_db
from postwright.kernel.errors import Refused
from postwright.kernel.ids import Sequence
from postwright.kernel.secrets import Vault
from postwright.mail.addresses import parse_one
from postwright.messages import Acceptor, Options, Origin, from_mime, new_message_id
from postwright.spool import Spool

RAW = b"From: ann@d.example\r\nSubject: Hi\r\n\r\nHello.\r\n"


async def main(url: str, folder: Path) -> None:
    """Serve standard input until it ends."""
    db, clock = open_db(url, folder), Clock()
    acceptor = Acceptor(
        db=db,
        clock=clock,
        spool=Spool(str(folder / "bodies")),
        vault=Vault(bytes(32)),
        sequence=Sequence(db.write_now(lease_node, "test", clock.now())),
        hostname="mail.example.com",
        live=True,
    )
    while line := await asyncio.to_thread(sys.stdin.readline):
        account_id, domain_id, name, sizes = json.loads(line)
        origin = Origin(
            account_id=account_id,
            domain_id=domain_id,
            domain=name,
            method="HTTP",
            ip="",
            base_url="http://127.0.0.1",
            return_host=name,
        )
        passed = []
        for size in sizes:
            to = [parse_one(f"r{number}@example.net") for number in range(size)]
            now = clock.now()
            draft = from_mime(RAW, to, Options(), name, new_message_id(now, name), now)
            try:
                await acceptor.accept(draft, origin)
            except Refused:
                continue
            passed.append(size)
        print(json.dumps(passed), flush=True)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
