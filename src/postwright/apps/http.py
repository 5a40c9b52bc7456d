"""The process of the roles `api` and `tracking`."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar.types import ASGIApp

from postwright import domains, events, ips, lists, tracking
from postwright.accounts import Rates, auth
from postwright.analytics import Ledger, Sealer
from postwright.certificates import Keyring
from postwright.certificates.web import ChallengeDoor
from postwright.delivery import Sources
from postwright.doctor import Doctor
from postwright.kernel import tracing
from postwright.kernel.db import Read
from postwright.kernel.http import Controller, Front, make_app
from postwright.kernel.http.openapi import OpenApi
from postwright.kernel.http.proxies import Proxies
from postwright.kernel.http.server import BoundedProtocol
from postwright.kernel.outgoing import Outgoing
from postwright.kernel.settings import Settings
from postwright.panel import Changes
from postwright.routes import Router
from postwright.tracking.web import TrackingDoor
from postwright.users import SignIn
from postwright.webhooks import WebhookSender

from . import health, metrics
from .alerting import alert_sender
from .auditing import watcher
from .concepts import CONTROLLERS
from .context import Context
from .planned import planned_controllers
from .roles import chosen
from .smtp import acceptor
from .tls import Certificate
from .traced import Traced

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 75


def build(
    context: Context, outgoing: Outgoing, changes: Changes | None = None, like: Front | None = None
) -> Front:
    """The application of one process. Somebody has to run its `changes`.

    `like`: one that was built with such settings, and is not used any more.
    """
    settings = context.settings
    served: tuple[type[Controller], ...] = (*health.CONTROLLERS, *metrics.CONTROLLERS)
    if is_api := "api" in chosen(settings.roles):
        served = (*CONTROLLERS, *served, OpenApi)
    rates = Rates(settings.http_processes) if settings.limits_on else None
    authenticator = auth.Authenticator(context.db, context.clock, rates)
    constants = {
        "db": context.db,
        "clock": context.clock,
        "vault": context.vault,
        "spool": context.spool,
        "settings": context.settings,
        "acceptor": acceptor(context, rates),
        "authenticator": authenticator,
        "sign_in": SignIn(context.clock, context.vault),
        "outgoing": outgoing,
        "webhook_sender": WebhookSender(
            settings=context.settings, db=context.db, clock=context.clock, vault=context.vault
        ),
        "alert_sender": alert_sender(context),
        "router": Router(),
        "changes": changes or Changes(context.db),
        "ledger": Ledger(context.settings, context.db, context.clock),
        "sealer": Sealer(context.settings, context.db, context.clock),
        "owns_domain": domains.owns,
        "accepted": _accepted,
        "assign_source": ips.assign_new,
        "sources": Sources(ips.Book(context.db), context.hostname),
        "find_installation": context.installation,
        "doctor": Doctor(
            settings=settings,
            db=context.db,
            clock=context.clock,
            hostname=context.hostname,
            installation=context.installation,
        ),
        "scraper": metrics.Scraper(context.settings, context.db, context.clock),
    }
    guards, watch = [authenticator.guard], watcher(context.clock)
    if like is not None:
        like.bind(constants, guards, watch)
        return like
    return make_app(
        (*served, *planned_controllers(served)) if is_api else served,
        constants=constants,
        dependencies={
            "principal": auth.principal,
            "tenant": domains.scope_finder(),
            "installation": _installation,
        },
        guards=guards,
        watch=watch,
        public_url=settings.public_url,
    )


async def _installation(
    find_installation: Callable[[], Awaitable[domains.Installation]],
) -> domains.Installation:
    return await find_installation()


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
    changes = Changes(context.db)
    watching = asyncio.create_task(changes.run(stop))
    keyring = Keyring(context.db, context.vault)
    async with Outgoing(context.settings) as outgoing, _links(context, stop, keyring) as links:
        app = links(ChallengeDoor(build(context, outgoing, changes), context.db))
        if tracing.on():
            app = Traced(app)
        if proxies := context.settings.proxies():
            app = Proxies(app, proxies)
        if not sockets["https"]:
            await _serve(context.settings, app, sockets["http"], stop, ready)
        else:
            await _serve_both(context, app, sockets, keyring, stop, ready)
    await watching


@asynccontextmanager
async def _links(
    context: Context, stop: asyncio.Event, keyring: Keyring
) -> AsyncIterator[Callable[[ASGIApp], ASGIApp]]:
    """What puts the door of links and pixels before an application, where that is wanted here."""
    if "tracking" not in chosen(context.settings.roles):
        yield lambda app: app
        return
    places = tracking.Places(context.settings.geoip)
    recorder = tracking.Recorder(
        db=context.db, clock=context.clock, folder=context.settings.data_dir / "hits", places=places
    )
    telling = asyncio.create_task(recorder.run(stop))
    yield lambda app: TrackingDoor(
        app,
        db=context.db,
        clock=context.clock,
        tokens=tracking.Tokens(context.vault),
        lists=lists.change_subscription,
        recorder=recorder,
        places=places,
        is_https_only=keyring.is_https_only,
    )
    await telling
    await recorder.finish()


async def _serve_both(
    context: Context,
    app: ASGIApp,
    sockets: dict[str, list[socket.socket]],
    keyring: Keyring,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    certificate = Certificate(context.settings, context.hostname, keyring)
    certificate.context.set_alpn_protocols(["http/1.1"])
    watching = [asyncio.create_task(keyring.watch()), asyncio.create_task(certificate.watch())]
    started: list[str] = []

    def one_ready(name: str) -> None:
        started.append(name)
        if len(started) == 2:
            ready()

    try:
        await asyncio.gather(
            _serve(context.settings, app, sockets["http"], stop, lambda: one_ready("http")),
            _serve(
                context.settings,
                app,
                sockets["https"],
                stop,
                lambda: one_ready("https"),
                certificate.context,
            ),
        )
    finally:
        for task in watching:
            task.cancel()


async def _serve(
    settings: Settings,
    app: ASGIApp,
    sockets: list[socket.socket],
    stop: asyncio.Event,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve one kind of listener; with TLS when there is a context for it."""
    config = uvicorn.Config(
        app,
        loop="none",
        http=BoundedProtocol,
        lifespan="off" if tls else "on",  # once for the application, not for each listener
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
        proxy_headers=False,  # `Proxies` does it
        ssl_context_factory=(lambda config, default: tls) if tls else None,
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
