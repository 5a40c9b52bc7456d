"""A small steady load through every door: forms, batches, SMTP, lists, mail to us, opens."""

import asyncio
import base64
import itertools
import json
import smtplib
import ssl
from contextlib import suppress

import aiohttp

DOMAIN = "campaign.test"
PASSWORD = "secret-password"
TIMEOUT = 15
UPLOAD = 150  # rows: a file of up to 100 is done before the answer


class Api:
    """Requests to the server under test."""

    def __init__(self, server, session):
        self.server, self._session = server, session
        basic = base64.b64encode(f"api:{server.api_key}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}"}

    async def call(self, method, path, **more):
        """Status and body, JSON when it is. Raises aiohttp.ClientError and TimeoutError."""
        url = path if path.startswith("http") else self.server.base_url + path
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with self._session.request(
            method, url, headers=self._headers, timeout=timeout, **more
        ) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, (await answer.json() if is_json else await answer.read())

    async def get(self, path):
        """The body of a 200. Raises RuntimeError."""
        status, body = await self.call("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body}")
        return body


class Load:
    """Sends until cancelled; `dice` says what comes next."""

    def __init__(self, api, ledger, catcher, dice):
        self._api, self._ledger, self._catcher, self._dice = api, ledger, catcher, dice
        self._numbers = itertools.count()

    async def prepare(self):
        """What the load needs, once."""
        call = self._api.call
        login = {"login": "sender", "password": PASSWORD}
        route = {
            "expression": f'match_recipient("in@{DOMAIN}")',
            "action": [f'forward("{self._catcher.url("/in")}")', "stop()"],
        }
        made = [await call("POST", f"/v3/domains/{DOMAIN}/credentials", data=login)]
        made.append(await call("POST", "/v3/routes", data=route))
        for hook in ("delivered", "permanent_fail"):
            data = {"id": hook, "url": self._catcher.url("/hook")}
            made.append(await call("POST", f"/v3/domains/{DOMAIN}/webhooks", data=data))
        for status, body in made:
            if status != 200:
                raise RuntimeError(f"the campaign cannot begin: {status} {body}")

    async def run(self, pause):
        """One sender, which rests `pause` seconds between messages."""
        doors = (self._form, self._form, self._batch, self._smtp, self._to_us, self._open)
        while True:
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))
            await self._dice.choice(doors)()

    async def chores(self):
        """What a round does once: a list with an upload and a post, a pause that is ended."""
        try:
            await self._post_to_list()
            held = {"recipient_domain": "held.test"}
            await self._done("/postwright/v1/queue/pause", held | {"note": "campaign"})
            await self._done("/postwright/v1/queue/resume", held)
        except (aiohttp.ClientError, TimeoutError):
            pass  # it died; the next round does it again

    async def _done(self, path, data):
        """Whether it was answered 200."""
        status, body = await self._api.call("POST", path, data=data)
        if status != 200:
            self._ledger.refused[f"{status} {body}: {path.rpartition('/')[2]}"] += 1
        return status == 200

    def _token(self):
        return f"tok{next(self._numbers)}"

    def _keys(self, token, count):
        kinds = self._dice.choices(("to", "bad", "slow"), (18, 1, 1), k=count)
        return [(token, f"{kind}-{token}-{n}@sink.test") for n, kind in enumerate(kinds)]

    async def _form(self):
        token = self._token()
        more = {"o:archive-to": self._catcher.url("/archive")} if self._dice.random() < 0.5 else {}
        keys = self._keys(token, self._dice.choice((1, 1, 3)))
        await self._send(keys, {"html": "<html><body><p>Hello.</p></body></html>", **more})

    async def _batch(self):
        keys = self._keys(self._token(), 5)
        variables = {address: {"n": n} for n, (_, address) in enumerate(keys)}
        await self._send(keys, {"recipient-variables": json.dumps(variables)})

    async def _send(self, keys, fields, to=None):
        pairs = [
            ("from", f"ann@{DOMAIN}"),
            ("subject", keys[0][0]),
            ("text", "Hello."),
            ("o:tracking", "yes"),
        ]
        pairs += [("to", address) for address in to or [address for _, address in keys]]
        try:
            status, body = await self._api.call(
                "POST", f"/v3/{DOMAIN}/messages", data=[*pairs, *fields.items()]
            )
        except (aiohttp.ClientError, TimeoutError):
            self._ledger.unanswered.update(keys)
            return
        if status == 200:
            self._ledger.accept(keys)
        else:
            self._ledger.unanswered.update(keys)
            self._ledger.refused[f"{status} {body}"] += 1

    async def _smtp(self):
        keys = self._keys(self._token(), 2)
        await self._submit(self._api.server.smtp, keys, [address for _, address in keys], login=True)

    async def _to_us(self):
        token = self._token()
        await self._submit(self._api.server.mx, [(token, "route")], [f"in@{DOMAIN}"], login=False)

    async def _submit(self, door, keys, to, *, login):
        sender = f"ann@{DOMAIN}" if login else "ann@there.test"
        raw = f"From: {sender}\r\nTo: {', '.join(to)}\r\nSubject: {keys[0][0]}\r\n\r\nHello.\r\n"

        def send():
            with smtplib.SMTP(*door, local_hostname="there.test", timeout=TIMEOUT) as client:
                if login:
                    client.starttls(context=ssl._create_unverified_context())
                    client.login(f"sender@{DOMAIN}", PASSWORD)
                refused = client.sendmail(sender, to, raw)
                self._ledger.accept([key for key in keys if key[1] not in refused])

        try:
            await asyncio.to_thread(send)
        except (OSError, smtplib.SMTPException) as wrong:
            self._ledger.unanswered.update(key for key in keys if key not in self._ledger.accepted)
            if isinstance(wrong, smtplib.SMTPResponseException) and wrong.smtp_code >= 500:
                self._ledger.refused[str(wrong)] += 1

    async def _open(self):
        if not self._ledger.pixels:
            return
        with suppress(aiohttp.ClientError, TimeoutError):
            await self._api.call("GET", self._ledger.pixels.pop())

    async def _post_to_list(self):
        token = self._token()
        name = f"list{token}@{DOMAIN}"
        keys = [(token, f"member-{token}-{n}@sink.test") for n in range(3)]
        made = await self._done("/v3/lists", {"address": name})
        form = aiohttp.FormData({"members": json.dumps([address for _, address in keys])})
        if made and await self._done(f"/v3/lists/{name}/members.json", form):
            await self._send(keys, {}, to=[name])
        rows = "address\n" + "".join(f"later{n}@held.test\n" for n in range(UPLOAD))
        form = aiohttp.FormData()
        form.add_field("members", rows.encode(), filename="m.csv", content_type="text/csv")
        await self._done(f"/v3/lists/{name}/members.csv", form)
