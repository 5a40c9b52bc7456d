"""A small certification authority that speaks ACME (RFC 8555), and the way to start Pebble where it is installed.

Nothing is taken on trust: nonces work once, signatures are verified against the account's key, the answer to HTTP-01
is really fetched from where DNS says, requests for certificates are checked against the order. Keys and roots are
made anew for each instance.
"""

import asyncio
import json
import os
import secrets
import shutil
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp
import dns.asyncresolver
import dns.exception
from acme import jws
from aiohttp import web
from cryptography import x509
from josepy import b64
from josepy.jwk import JWK

from .ca import Ca, for_localhost, pem
from .ports import free_ports

_ERROR = "urn:ietf:params:acme:error:"
_FETCH_SECONDS = 5


class Authority(Protocol):
    """What tests need of an authority: where its directory is, who signed that, and what clients must trust."""

    directory: str
    ca_path: Path

    async def start(self) -> None:
        """Begin to serve."""

    async def stop(self) -> None:
        """End."""

    async def roots(self) -> str:
        """The root of the certificates it gives, PEM."""


class _Problem(Exception):
    def __init__(self, kind: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.status = kind, detail, status


class AcmeServer:
    """The authority. Hosts are looked up at `dns_address` and asked at `http_port`.

    `limited` makes new orders fail as beyond a rate limit, `broken` everything; `orders` counts them.
    """

    def __init__(self, folder: Path, dns_address: str, http_port: int, days: float = 90) -> None:
        self.ca = Ca("Test CA")
        self.ca_path, self._chain, self._key = for_localhost(folder)
        host, port = dns_address.rsplit(":", 1)
        self._dns = dns.asyncresolver.Resolver(configure=False)
        self._dns.nameservers, self._dns.port, self._dns.lifetime = [host], int(port), _FETCH_SECONDS
        self._http_port = http_port
        self.days = days
        self.limited = 0  # seconds
        self.broken = False
        self.orders = 0
        self.directory = ""
        self._base = ""
        self._nonces: set[str] = set()
        self._accounts: dict[str, JWK] = {}
        self._things: dict[str, dict[str, Any]] = {}  # orders, authorizations and certificates by URL
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application()
        application.router.add_route("*", "/{kind}", self._serve)
        application.router.add_route("*", "/{kind}/{id}", self._serve)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self._base = f"https://localhost:{self._runner.addresses[0][1]}"
        self.directory = f"{self._base}/dir"

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def roots(self) -> str:
        """The root, PEM."""
        return pem(self.ca.root)

    async def _serve(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if self.broken:
            return web.Response(status=503, text="down")
        if kind == "dir":
            names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
            return web.json_response({name: f"{self._base}/{path}" for name, path in names.items()})
        headers = {"Replay-Nonce": self._nonce(), "Cache-Control": "no-store"}
        if kind == "nonce":
            return web.Response(status=200, headers=headers)
        try:
            status, body, more = await self._signed(request)
        except _Problem as problem:
            said = {"type": _ERROR + problem.kind, "detail": problem.detail, "status": problem.status}
            if problem.kind == "rateLimited":
                headers["Retry-After"] = str(self.limited)
            return web.Response(
                status=problem.status,
                text=json.dumps(said),
                headers=headers,
                content_type="application/problem+json",
            )
        if isinstance(body, str):
            return web.Response(text=body, headers=headers, content_type="application/pem-certificate-chain")
        return web.json_response(body, status=status, headers={**headers, **more})

    def _nonce(self) -> str:
        nonce = secrets.token_urlsafe(16)
        self._nonces.add(nonce)
        return nonce

    async def _signed(self, request: web.Request) -> tuple[int, Any, dict[str, str]]:
        """Check a signed request (RFC 8555 §6.2) and do what it asks."""
        if request.method != "POST" or request.content_type != "application/jose+json":
            raise _Problem("malformed", "a signed POST is expected", 405)
        signed = jws.JWS.json_loads(await request.text())
        head = signed.signature.combined
        url = f"{self._base}{request.path}"
        nonce = b64.b64encode(head.nonce).decode() if head.nonce else ""
        if nonce not in self._nonces:
            raise _Problem("badNonce", "nonce unknown or used")
        self._nonces.discard(nonce)
        if head.url != url:
            raise _Problem("unauthorized", "signed for another URL", 403)
        kind = request.match_info["kind"]
        if kind == "account":
            if not signed.verify(head.jwk):
                raise _Problem("malformed", "bad signature")
            return self._account(head.jwk, json.loads(signed.payload))
        key = self._accounts.get(head.kid or "")
        if key is None:
            raise _Problem("accountDoesNotExist", "no such account")
        if not signed.verify(key):
            raise _Problem("malformed", "bad signature")
        asked = json.loads(signed.payload) if signed.payload else {}
        fetches = not signed.payload  # POST-as-GET
        if url == f"{self._base}/order":
            return self._new_order(head.kid, asked)
        thing = self._things.get(url)
        if thing is None or thing["account"] != head.kid:
            raise _Problem("malformed", "not found", 404)
        if kind == "challenge" and not fetches:
            self._begin(self._validate(thing, key))
        elif kind == "finalize":
            self._finalize(self._things[thing["order"]], asked)
            return 200, self._things[thing["order"]]["body"], {"Location": thing["order"]}
        return 200, thing["body"], {"Link": f'<{thing["up"]}>;rel="up"'} if "up" in thing else {}

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _account(self, key: JWK, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        name = f"{self._base}/acct/{b64.b64encode(key.thumbprint()).decode()}"
        known = name in self._accounts
        if not known and asked.get("onlyReturnExisting"):
            raise _Problem("accountDoesNotExist", "no such account")
        if not known and not asked.get("termsOfServiceAgreed"):
            raise _Problem("userActionRequired", "agree to the terms", 403)
        self._accounts[name] = key
        body = {"status": "valid", "contact": asked.get("contact", []), "orders": name}
        return 200 if known else 201, body, {"Location": name}

    def forget_accounts(self) -> None:
        """Know nobody any more."""
        self._accounts.clear()

    def _new_order(self, account: str, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if self.limited:
            raise _Problem("rateLimited", "too many certificates already issued", 429)
        self.orders += 1
        number = secrets.token_hex(8)
        url = f"{self._base}/order/{number}"
        finalize = f"{self._base}/finalize/{number}"
        order: dict[str, Any] = {
            "status": "pending",
            "identifiers": asked["identifiers"],
            "authorizations": [],
            "finalize": finalize,
        }
        self._things[url] = {"account": account, "body": order}
        self._things[finalize] = {"account": account, "order": url}
        for identifier in asked["identifiers"]:
            number = secrets.token_hex(8)
            at, challenge_at = f"{self._base}/authz/{number}", f"{self._base}/challenge/{number}"
            challenge = {
                "type": "http-01",
                "url": challenge_at,
                "token": secrets.token_urlsafe(24),
                "status": "pending",
            }
            authorization = {"status": "pending", "identifier": identifier, "challenges": [challenge]}
            order["authorizations"].append(at)
            self._things[at] = {"account": account, "body": authorization}
            self._things[challenge_at] = {"account": account, "body": challenge, "up": at, "order": url}
        return 201, order, {"Location": url}

    async def _validate(self, thing: dict[str, Any], key: JWK) -> None:
        """Fetch the answer (RFC 8555 §8.3), and move challenge, authorization and order on."""
        challenge, authorization = thing["body"], self._things[thing["up"]]["body"]
        order = self._things[thing["order"]]["body"]
        if challenge["status"] != "pending":
            return
        challenge["status"] = "processing"
        host = authorization["identifier"]["value"]
        wanted = f"{challenge['token']}.{b64.b64encode(key.thumbprint()).decode()}"
        try:
            found = await self._fetch(host, challenge["token"])
        except (aiohttp.ClientError, dns.exception.DNSException, OSError, TimeoutError) as wrong:
            problem = {"type": _ERROR + "connection", "detail": f"{host}: {type(wrong).__name__}: {wrong}"}
        else:
            problem = (
                {} if found.strip() == wanted else {"type": _ERROR + "unauthorized", "detail": found[:200]}
            )
        if problem:
            challenge.update(status="invalid", error=problem)
            authorization["status"] = order["status"] = "invalid"
            return
        challenge["status"] = authorization["status"] = "valid"
        states = [self._things[at]["body"]["status"] for at in order["authorizations"]]
        if set(states) == {"valid"}:
            order["status"] = "ready"

    async def _fetch(self, host: str, token: str) -> str:
        address = (await self._dns.resolve(host, "A"))[0].to_text()
        url = f"http://{address}:{self._http_port}/.well-known/acme-challenge/{token}"
        timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(url, headers={"Host": host}) as answer,
        ):
            return await answer.text() if answer.status == 200 else f"status {answer.status}"

    def _finalize(self, order: dict[str, Any], asked: dict[str, Any]) -> None:
        body = order["body"]
        if body["status"] != "ready":
            raise _Problem("orderNotReady", f"the order is {body['status']}", 403)
        csr = x509.load_der_x509_csr(b64.b64decode(asked["csr"]))
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        wanted = sorted(each["value"] for each in body["identifiers"])
        if not csr.is_signature_valid or sorted(names.get_values_for_type(x509.DNSName)) != wanted:
            raise _Problem("badCSR", "not what was ordered")
        number = secrets.token_hex(8)
        at = f"{self._base}/cert/{number}"
        chain = self.ca.issue(wanted, csr.public_key(), self.days)
        self._things[at] = {"account": order["account"], "body": chain}
        body.update(status="valid", certificate=at)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def pebble() -> str | None:
    """The path of Pebble, Let's Encrypt's own test server, where it is installed (Debian package `pebble`)."""
    return os.environ.get("PEBBLE") or shutil.which("pebble")


class Pebble:
    """Pebble as an authority, with the same constructor as `AcmeServer`."""

    def __init__(self, folder: Path, dns_address: str, http_port: int, days: float = 90) -> None:
        self._folder = folder
        self._dns = dns_address
        port, self._management = free_ports(2)
        self.directory = f"https://localhost:{port}/dir"
        self.ca_path, chain, key = for_localhost(folder)
        config = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(chain),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": int(days * 86400),
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        path = pebble()
        assert path is not None
        with (self._folder / "pebble.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                path,
                "-config",
                str(self._folder / "pebble.json"),
                "-dnsserver",
                self._dns,
                env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20"},
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(30):
            while True:
                try:
                    await self._get("/roots/0")
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def _get(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self.ca_path))
        url = f"https://localhost:{self._management}{path}"
        async with aiohttp.ClientSession() as client, client.get(url, ssl=context) as answer:
            return await answer.text()

    async def stop(self) -> None:
        """Kill it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def roots(self) -> str:
        """The root, PEM."""
        return await self._get("/roots/0")
