"""Start an installation: schema, first account, then the processes."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from postwright import delivery, webhooks
from postwright.delivery import ShapingError, ambiguous_seconds, load_shaping
from postwright.kernel import tracing
from postwright.kernel.db import fact, settle
from postwright.kernel.db.migrate import migrate
from postwright.kernel.secrets import SecretsError
from postwright.kernel.settings import Settings

from .context import Context, open_context
from .errors import StartFailed
from .first_run import Welcome, declare_sources, first_run
from .projector import PROJECTIONS
from .supervisor import Supervisor

MOVED_FACT = "moved"  # where the store went
_KEY_FACT, _KEY_PROOF = "key", b"postwright"

Show = Callable[[Settings, Supervisor, Welcome | None], None]


def start(settings: Settings, show: Show, again: Callable[[], Settings] | None = None) -> int:
    """Run until stopped; the exit status. `again` reads the settings anew, for SIGHUP. Raises StartFailed."""
    data = settings.data_dir
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as wrong:
        raise StartFailed(
            f"cannot make the data folder {data}: {wrong.strerror}; set POSTWRIGHT_DATA"
        ) from wrong
    try:
        load_shaping(settings.shaping)
    except ShapingError as wrong:
        raise StartFailed(f"POSTWRIGHT_SHAPING: {wrong}") from wrong
    if settings.otel:
        try:
            tracing.check()
        except tracing.TracingMissing as missing:
            raise StartFailed(f"POSTWRIGHT_OTEL: {missing}") from missing
    alone = only_one(data) if settings.database == "sqlite" else None
    supervisor = Supervisor(settings, () if alone is None else (alone,), again)
    supervisor.bind()
    migrate(settings.database, data)
    context = open_context(settings, "start")
    try:
        check_key(context)
        if moved := context.db.read_now(fact, MOVED_FACT):
            raise StartFailed(
                f"this store was moved to {moved}: its mail is sent from there. Set POSTWRIGHT_DATABASE to it"
            )
        welcome = first_run(context)
        declare_sources(context)
        for projection in PROJECTIONS:
            context.db.write_now(projection.begin)
        if alone is not None:
            release(context)
    finally:
        context.db.close_now()
    try:
        supervisor.start()
        show(settings, supervisor, welcome)
        return supervisor.run()
    except BaseException:
        supervisor.stop()
        raise


def check_key(context: Context) -> None:
    """Every machine needs the same key file: what one seals the others open."""
    sealed = context.vault.seal(_KEY_PROOF, _KEY_FACT).hex()
    settled = context.db.write_now(settle, _KEY_FACT, sealed)
    try:
        context.vault.open(bytes.fromhex(settled), _KEY_FACT)
    except SecretsError as wrong:
        raise StartFailed(
            f"{context.settings.key_path} is not the key that this store's secrets are sealed with: copy the key "
            "file of the machine that made the store (POSTWRIGHT_KEY_FILE names it)"
        ) from wrong


def only_one(data: Path) -> int:
    """Hold the data folder: two servers on one embedded store would each take the other's leases for dead."""
    lock = os.open(data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        raise StartFailed(
            f"another Postwright is running on {data}; stop it, or set POSTWRIGHT_DATA"
        ) from held
    return lock


def release(context: Context) -> None:
    """Free at once what was leased when the last server died: nobody else is alive on this store."""
    pause = ambiguous_seconds(context.settings)
    context.db.write_now(delivery.release_all, context.clock.now(), pause)
    context.db.write_now(webhooks.release_all, context.clock.now())
