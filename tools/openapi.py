"""Print the OpenAPI document of this source tree: what the panel's client is generated from.

python tools/openapi.py > web/openapi.json
"""

import asyncio
import json
import tempfile
from pathlib import Path

from postwright.apps.context import Context
from postwright.apps.http import build
from postwright.kernel.clock import Clock
from postwright.kernel.db import open_db
from postwright.kernel.http import Front
from postwright.kernel.http.openapi import describe, operations_of
from postwright.kernel.ids import Sequence
from postwright.kernel.outgoing import Outgoing
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import load
from postwright.spool import Spool


async def document() -> dict[str, object]:
    """The description of what the application serves; nothing is started and nothing is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load({"POSTWRIGHT_DATA": name})
        context = Context(
            settings=settings,
            db=open_db("sqlite", folder),
            clock=Clock(),
            vault=Vault.from_file(folder / "secret.key"),
            spool=Spool(str(folder / "bodies")),
            sequence=Sequence(1),
            hostname="localhost",
            capture_port=folder / "capture.port",
        )
        async with Outgoing(settings) as outgoing:
            front = build(context, outgoing)
            assert isinstance(front, Front)
            described = describe(operations_of(front.litestar))
        await context.db.close()
        return described


if __name__ == "__main__":
    print(json.dumps(asyncio.run(document()), indent=1, sort_keys=True))
