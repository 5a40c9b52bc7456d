"""The `http` role: the API."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp

from postwright import domains, events, lists, tracking
from postwright.accounts import auth
from postwright.analytics import Ledger
from postwright.delivery import Sources
from postwright.kernel.db import Read
from postwright.kernel.http import make_app
from postwright.kernel.http.openapi import OpenApi
from postwright.kernel.http.server import BoundedProtocol
from postwright.kernel.outgoing import Outgoing
from postwright.routes import Router
from postwright.tracking.web import TrackingDoor
from postwright.users import SignIn
from postwright.webhooks import WebhookSender

from . import health, metrics
from .concepts import CONTROLLERS
from .context import Context
from .planned import planned_controllers
from .smtp import acceptor

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 75


def build(context: Context, outgoing: Outgoing) -> ASGIApp:
    """The application of one process."""
    served = (*CONTROLLERS, *health.CONTROLLERS, *metrics.CONTROLLERS, OpenApi)
    authenticator = auth.Authenticator(context.db, context.clock)
    constants = {
        "db": context.db,
        "clock": context.clock,
        "vault": context.vault,
        "spool": context.spool,
        "settings": context.settings,
        "acceptor": acceptor(context),
        "authenticator": authenticator,
        "sign_in": SignIn(context.clock, context.vault),
        "outgoing": outgoing,
        "webhook_sender": WebhookSender(
            settings=context.settings, db=context.db, clock=context.clock, vault=context.vault
        ),
        "router": Router(),
        "ledger": Ledger(context.settings, context.db),
        "owns_domain": domains.owns,
        "accepted": _accepted,
        "sources": Sources(context.settings, context.hostname),
        "scraper": metrics.Scraper(context.settings, context.db, context.clock),
        "verify_window": domains.VerifyWindow(),
        "installation": domains.Installation.of(context.settings, context.hostname),
    }
    return make_app(
        (*served, *planned_controllers(served)),
        constants=constants,
        dependencies={"principal": auth.principal, "tenant": domains.scope_finder()},
        guards=[authenticator.guard],
        public_url=context.settings.public_url,
    )


def _accepted(tx: Read, account_id: str, since: int) -> int:
    return events.count_accepted(tx, domains.ids(tx, account_id), since)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `role.py` decides when to stop."""
        yield


async def run(
    context: Context,
    sockets: dict[str, list[socket.socket]],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Serve HTTP on the given sockets until `stop`; requests under way are finished."""
    places = tracking.Places(context.settings.geoip)
    recorder = tracking.Recorder(
        db=context.db, clock=context.clock, folder=context.settings.data_dir / "hits", places=places
    )
    telling = asyncio.create_task(recorder.run(stop))
    async with Outgoing(context.settings) as outgoing:
        app = _door(context, build(context, outgoing), recorder, places)
        await _serve(app, sockets["http"], stop, ready)
    await telling
    await recorder.finish()


def _door(context: Context, app: ASGIApp, recorder: tracking.Recorder, places: tracking.Places) -> ASGIApp:
    """The application behind the links and pixels of messages."""
    return TrackingDoor(
        app,
        db=context.db,
        clock=context.clock,
        tokens=tracking.Tokens(context.vault),
        lists=lists.change_subscription,
        recorder=recorder,
        places=places,
    )


async def _serve(
    app: ASGIApp, sockets: list[socket.socket], stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    config = uvicorn.Config(
        app,
        loop="none",
        http=BoundedProtocol,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
        # X-Forwarded-* are read by the kit itself, for links only.
        proxy_headers=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    if serving.done():
        serving.result()
    ready()
    await stop.wait()
    server.should_exit = True
    await serving
