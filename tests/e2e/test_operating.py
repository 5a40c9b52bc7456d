"""What an operator does to a server that runs: readiness, reload, the doctor, a bundle for who helps."""

import asyncio
import json
import os
import signal
import tarfile
from pathlib import Path
from typing import Any

import aiohttp

from postwright.testing.dns import FakeDns
from postwright.testing.sink import Sink
from tests.conftest import StartServer

from .conftest import DOMAIN, Api, wait_for
from .test_moving import command


async def test_a_day_of_an_operator(
    start_server: StartServer,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    fake_dns: FakeDns,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "server0"
    folder.mkdir()
    config = folder / "postwright.toml"
    config.write_text('public_url = "https://first.test"\n')
    server = await start_server(
        **settings, dns=fake_dns.address, blocklists="", domain_blocklists="", roles="api,delivery,projector"
    )
    api = Api(server, http)
    for page in ("health", "live", "ready"):
        assert (await api.get(f"/postwright/{page}"))["status"] in ("ok", "ready")
    assert (await command(server, "ready"))[0] == 0
    status, said = await command(server, "ready", roles="mx")
    assert status == 1 and "no living process of: smtp" in said

    # Settings are read again while requests go on.
    assert await _link(api) == "https://first.test"
    asking = asyncio.create_task(_ask(api))
    before = set(server.pids())
    config.write_text('public_url = "https://second.test"\nroles = "api"\n')
    os.kill(server.pids()[0], signal.SIGHUP)
    await wait_for(lambda: _is(api, "https://second.test"), "new settings", 60)
    await wait_for(lambda: _logged(server.log, "settings read again"), "the end of it", 60)
    assert len(before & set(server.pids())) == 1  # the supervisor; all others are new ones
    config.write_text('public_urk = "x"\n')
    os.kill(server.pids()[0], signal.SIGHUP)
    await wait_for(lambda: _logged(server.log, "the old ones stay"), "a refusal", 30)
    assert await _link(api) == "https://second.test"
    asking.cancel()
    assert not asking.done()  # no request failed
    config.unlink()

    # The doctor sends a message, and sees it arrive.
    status, said = await command(server, "doctor", "--json", "--send-to", "bob@example.net")
    lines: list[dict[str, Any]] = json.loads(said[said.index("[\n") :])
    found = {(line["check"], line["about"]): line for line in lines}
    assert found["delivery", "bob@example.net"]["status"] == "pass", said
    assert found["SPF", DOMAIN]["status"] == "fail" and status == 1
    assert [line["status"] for line in lines if line["check"] == "smarthost"] == ["pass"]
    assert b"A test of delivery" in sink.messages[-1].data

    # The bundle tells of the machine, and nothing of the mail.
    await api.send(to="hidden-recipient@example.net", subject="Secret-subject-4711", text="Secret-text-4711")
    bundle = tmp_path / "bundle.tar.gz"
    status, said = await command(server, "support-bundle", str(bundle))
    assert status == 0, said
    with tarfile.open(bundle) as archive:
        parts = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    whole = b"".join(parts.values())
    key = (Path(server.settings["data"]) / "secret.key").read_text().strip()
    for secret in (server.api_key, key, "hidden-recipient", "4711", "PRIVATE KEY", "bob@example.net"):
        assert secret.encode() not in whole, secret
    told = json.loads(parts["postwright-support/settings.json"])
    assert told["POSTWRIGHT_API_KEY"] == "(set)" and told["POSTWRIGHT_DELIVERY"] == settings["delivery"]
    assert json.loads(parts["postwright-support/rows.json"])["tables"]["accounts"] == 1
    assert b"postwright_up" in parts["postwright-support/metrics.txt"]
    assert bundle.stat().st_mode & 0o777 == 0o600


async def _ask(api: Api) -> None:
    while True:
        await api.get("/v3/domains")
        await asyncio.sleep(0.02)


async def _link(api: Api) -> str:
    page = await api.get(f"/v3/{DOMAIN}/events")
    return "/".join(page["paging"]["next"].split("/")[:3])


async def _is(api: Api, url: str) -> bool:
    return await _link(api) == url


async def _logged(log: Path, text: str) -> bool:
    return text in await asyncio.to_thread(log.read_text)
