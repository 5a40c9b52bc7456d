"""An account moves from one server to another, is killed on its way, and goes on; then both are compared."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from postwright.testing.ports import free_ports
from postwright.testing.server import Server

from .conftest import DOMAIN, Api, wait_for

BOUNCES = 3500
MEMBERS = 230
DATED = "Thu, 11 Dec 2025 01:49:40 UTC"


async def test_moving_in(start_server: Any, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    theirs, ours = Api(await start_server(domain=DOMAIN), http), Api(await start_server(), http)
    await fill(theirs)
    move = Move(theirs.server, ours.server, tmp_path)

    # A dry run counts everything and writes nothing.
    code, said = await move.run("--dry-run")
    assert code == 0, said
    assert f"{BOUNCES:,}" in said and "would copy" in said
    assert (await ours.call("GET", f"/v4/domains/{DOMAIN}"))[0] == 404
    assert not move.journal.exists()

    # Killed twice on its way, it goes on where it was.
    for lines in (3, 12):
        await move.killed_after(lines)
    held = move.journal.read_text().count("\n")
    assert held >= 12
    code, said = await move.run("--report", str(tmp_path / "report.json"))
    assert code == 0, said
    report = json.loads((tmp_path / "report.json").read_text())
    # What no API gives out is told of, also by the run that found the domain copied already.
    assert {note["kind"] for note in report["notes"]} == {"DKIM keys", "SMTP logins"}

    await same(theirs, ours)
    # Once more changes nothing, with a journal and without one.
    code, said = await move.run()
    assert code == 0 and "copied" not in said.split("\n\n")[0].splitlines()[0].replace("would copy", ""), said
    move.journal.unlink()
    code, said = await move.run(
        "--kind", "routes", "--kind", "webhooks", "--kind", "templates", "--kind", "lists"
    )
    assert code == 0, said
    await same(theirs, ours)

    # A wrong key says so, and no key is not asked of the command line.
    code, said = await move.run("--journal", str(tmp_path / "other"), key="wrong")
    assert code == 1 and "Invalid private key" in said
    code, said = await move.run(key="")
    assert code == 2 and "MAILGUN_API_KEY" in said
    await compared(theirs, ours, tmp_path, move)


async def fill(api: Api) -> None:
    """An account with some of everything."""

    async def ok(method: str, path: str, **more: Any) -> Any:
        status, body = await api.call(method, path, **more)
        assert status == 200, (path, body)
        return body

    await ok("PUT", f"/v4/domains/{DOMAIN}", data={"spam_action": "tag", "wildcard": "yes"})
    await ok("PUT", f"/v3/domains/{DOMAIN}/connection", data={"require_tls": "yes"})
    await ok("PUT", f"/v3/domains/{DOMAIN}/tracking/click", data={"active": "htmlonly"})
    await ok(
        "PUT", f"/v3/domains/{DOMAIN}/tracking/unsubscribe", data={"active": "yes", "html_footer": "<p>x</p>"}
    )
    bounces = [
        {"address": f"b{n:04}@x.test", "code": "552", "error": "full", "created_at": DATED}
        for n in range(BOUNCES)
    ]
    for at in range(0, BOUNCES, 1000):
        await ok("POST", f"/v3/{DOMAIN}/bounces", json=bounces[at : at + 1000])
    await ok(
        "POST",
        f"/v3/{DOMAIN}/unsubscribes",
        json=[{"address": "u@x.test", "tags": ["news"], "created_at": DATED}],
    )
    await ok("POST", f"/v3/{DOMAIN}/complaints", json=[{"address": "c@x.test", "created_at": DATED}])
    await ok("POST", f"/v3/{DOMAIN}/whitelists", data={"domain": "good.test", "reason": "friends"})
    for path, name in ((f"/v3/{DOMAIN}/templates", "welcome"), ("/v4/templates", "shared")):
        fields = {"name": name, "description": "Hi", "template": "Hello {{name}}", "tag": "v1"}
        await ok("POST", path, data=fields)
        version = {"template": "Hi {{name}}", "tag": "v2", "comment": "shorter", "active": "yes"}
        version["headers"] = json.dumps({"Subject": "Hi {{name}}"})
        await ok("POST", f"{path}/{name}/versions", data=version)
        await ok("POST", f"{path}/{name}/versions", data={"template": "Draft", "tag": "v3"})
    for n in (1, 2):
        fields = [
            ("priority", "5"),
            ("expression", f'match_recipient("r{n}@{DOMAIN}")'),
            ("description", f"no. {n}"),
        ]
        await ok("POST", "/v3/routes", data=[*fields, ("action", "store()"), ("action", "stop()")])
    members = [
        {"address": f"m{n}@x.test", "name": f"M {n}", "vars": {"n": n}, "subscribed": n % 2 == 0}
        for n in range(MEMBERS)
    ]
    await ok(
        "POST", "/v3/lists", data={"address": f"news@{DOMAIN}", "name": "News", "access_level": "members"}
    )
    await ok("POST", f"/v3/lists/news@{DOMAIN}/members.json", data={"members": json.dumps(members)})
    hook = [("id", "delivered"), ("url", "http://127.0.0.1:2999/1"), ("url", "http://127.0.0.1:2999/2")]
    await ok("POST", f"/v3/domains/{DOMAIN}/webhooks", data=hook)
    await ok(
        "POST", "/v1/webhooks", data={"url": "http://127.0.0.1:2999/all", "event_types": "opened,clicked"}
    )
    await api.send(o__tag=["Spring", "fall"])

    async def tagged() -> bool:
        return len((await api.get(f"/v3/{DOMAIN}/tags"))["items"]) == 2

    await wait_for(tagged, "the tags")
    await ok("PUT", f"/v3/{DOMAIN}/tag", data={"tag": "Spring", "description": "of the year"})


class Move:
    """The command, as its users run it."""

    def __init__(self, source: Server, target: Server, folder: Path) -> None:
        self._folder = folder
        self.journal = folder / "import-mailgun.jsonl"
        self._sides = ["--from", source.base_url, "--into", target.base_url]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTWRIGHT_")}
        self._env = kept | {"MAILGUN_API_KEY": source.api_key, "POSTWRIGHT_API_KEY": target.api_key}

    async def start(self, command: str, *more: str, key: str | None = None) -> asyncio.subprocess.Process:
        env = self._env if key is None else self._env | {"MAILGUN_API_KEY": key}
        args = [*command.split(), *self._sides, *more]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "postwright.apps.cli",
            *args,
            cwd=self._folder,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *more: str, key: str | None = None) -> tuple[int, str]:
        process = await self.start("import mailgun --rate 500", *more, key=key)
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode is not None
        return process.returncode, said.decode()

    async def killed_after(self, lines: int) -> None:
        process = await self.start("import mailgun --rate 15")
        deadline = time.monotonic() + 60
        while not self.journal.exists() or self.journal.read_text().count("\n") < lines:
            assert process.returncode is None and time.monotonic() < deadline
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def same(theirs: Api, ours: Api) -> None:
    """What both sides say is the same, but for what is made anew: ids and dates of creation."""
    drop = {"id", "created_at", "createdAt", "webhook_id", "paging", "createdBy", "list-id"}

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(each) for name, each in value.items() if name not in drop}
        return [bare(each) for each in value] if isinstance(value, list) else value

    domain = f"/v3/domains/{DOMAIN}"
    for path in (
        f"{domain}/tracking",
        f"{domain}/connection",
        f"{domain}/webhooks",
        "/v1/webhooks",
        "/v3/routes",
        "/v3/lists/pages",
        f"/v3/lists/news@{DOMAIN}/members/pages?limit=100",
        f"/v3/{DOMAIN}/whitelists",
        f"/v3/{DOMAIN}/tags",
        f"/v3/{DOMAIN}/templates/welcome?active=yes",
        f"/v3/{DOMAIN}/templates/welcome/versions/v3",
        "/v4/templates/shared?active=yes",
    ):
        assert bare(await ours.get(path)) == bare(await theirs.get(path)), path
    for kind in ("bounces", "unsubscribes", "complaints"):
        path = f"/v3/{DOMAIN}/{kind}?limit=1000"
        for _ in range(5):  # with their dates, page for page
            mine, other = await ours.get(path), await theirs.get(path)
            assert mine["items"] == other["items"]
            path = mine["paging"]["next"].removeprefix(ours.server.base_url)
            if not mine["items"]:
                break
    shown, known = [await side.get(f"/v4/domains/{DOMAIN}") for side in (ours, theirs)]
    for name in ("spam_action", "wildcard", "web_scheme", "web_prefix"):
        assert shown["domain"][name] == known["domain"][name]


async def compared(theirs: Api, ours: Api, folder: Path, move: Move) -> None:
    """Shadow mode answers from ours, tells of what theirs would have said, and sends nothing twice."""
    (port,) = free_ports(1)
    process = await move.start(f"shadow --listen 127.0.0.1:{port}")
    assert process.stdout is not None
    try:
        assert b"listening" in await asyncio.wait_for(process.stdout.readline(), 60)
        proxy = f"http://127.0.0.1:{port}"
        assert (await ours.call("DELETE", f"/v3/{DOMAIN}/complaints/c@x.test"))[0] == 200
        status, body = await ours.call("GET", f"{proxy}/v3/{DOMAIN}/complaints/c@x.test")
        assert status == 404, body
        assert (await ours.call("GET", f"{proxy}/v3/{DOMAIN}/bounces"))[0] == 200
        before = len(await theirs.events())
        sent = await ours.call(
            "POST",
            f"{proxy}/v3/{DOMAIN}/messages",
            data={"from": f"a@{DOMAIN}", "to": "z@x.test", "text": "Hi"},
        )
        assert sent[0] == 200
        assert (await ours.call("GET", f"{proxy}/v3/domains", key="wrong"))[0] == 401

        async def told() -> bool:
            return (folder / "shadow.jsonl").exists()

        await wait_for(told, "a difference")
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    lines = [json.loads(line) for line in (folder / "shadow.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == [f"/v3/{DOMAIN}/complaints/c@x.test"]
    assert lines[0]["differences"][0] == "status: ours 404, theirs 200"
    assert b"2 answers compared, 1 different" in said, said
    assert len(await theirs.events()) == before
