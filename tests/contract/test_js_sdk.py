"""mailgun.js, driven by a small program (js/drive.mjs) in Node."""

import asyncio
import email
import email.policy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink
from tests.e2e.conftest import DOMAIN, Api

from .conftest import IPS, SHARED_IP

JS = Path(__file__).with_name("js")
INSTALL_SECONDS = 120
RUN_SECONDS = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="mailgun.js needs Node: no node and npm here"
)


@pytest.fixture(scope="session")
def packages() -> Path:
    """A folder with mailgun.js installed, kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "postwright-contract-js"
    wanted = (JS / "package.json").read_text()
    done = cache / "installed.json"
    if not done.exists() or done.read_text() != wanted:
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text(wanted)
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        ended = subprocess.run(install, cwd=cache, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        assert ended.returncode == 0, ended.stderr
        done.write_text(wanted)
    return cache


async def drive(packages: Path, *arguments: str, program: str = "drive.mjs") -> dict[str, Any]:
    node = await asyncio.create_subprocess_exec(
        "node",
        str(JS / program),
        *arguments,
        cwd=packages,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_SECONDS):
        output, errors = await node.communicate()
    assert node.returncode == 0, errors.decode()
    return json.loads(output.decode().strip().rpartition("\n")[2])


async def test_mailgun_js(packages: Path, api: Api, sink: Sink, catcher: Catcher) -> None:
    seen = await drive(packages, api.server.base_url, api.server.api_key, DOMAIN, catcher.url("/js"))

    for name in ("text", "files", "mimeString", "mimeBuffer"):
        assert (seen[name]["status"], seen[name]["message"]) == (200, "Queued. Thank you.")
    parsed = [
        email.message_from_bytes(m.data, policy=email.policy.default) for m in await sink.wait(5, timeout=20)
    ]
    by_subject = {message["Subject"]: message for message in parsed}
    assert set(by_subject) == {"text", "files", "mime string", "mime buffer"}
    assert by_subject["text"].get_content().strip() == "Grüße"
    assert json.loads(by_subject["text"]["X-Mailgun-Variables"]) == {"number": "42"}
    files = {
        part.get_filename(): part.get_payload(decode=True) for part in by_subject["files"].iter_attachments()
    }
    assert files == {"ä.bin": bytes([0, 1, 2, 255]), "b.txt": b"plain"}

    status, details = seen["noBody"]
    assert status == 400 and details.startswith("Need at least one of")
    assert seen["noDomain"] == [404, "Domain not found: unknown.example"]
    assert seen["noKey"][0] == 401

    ids = [each for page in seen["pages"] for each in page]
    assert len(ids) == len(set(ids)) == 5 and [len(page) for page in seen["pages"]] == [2, 2, 1]

    assert seen["created"] == "js.example.com" and seen["domain"] == "active"
    assert {DOMAIN, "js.example.com"} <= set(seen["domains"])
    assert seen["destroyed"]["message"] == "Domain will be deleted in the background"

    url = catcher.url("/js")
    assert seen["hook"] == {"id": "opened", "url": url, "urls": [url]}
    assert seen["hooks"] == {"opened": {"url": url, "urls": [url]}}
    assert seen["oneHook"]["urls"] == [url]
    assert seen["changedHook"]["urls"] == [url, url + "2"]
    assert seen["testedHook"] == {"code": 200, "message": "{}"}
    assert seen["deletedHook"]["urls"] == [url, url + "2"]
    assert [call.json["event-data"]["event"] for call in catcher.caught] == ["clicked"]


async def test_mailgun_js_on_addresses_and_pools(packages: Path, with_addresses: Api) -> None:
    api = with_addresses
    _, made = await api.call("POST", "/v5/accounts/subaccounts", data={"name": "kid"})
    arguments = (api.server.api_key, DOMAIN, made["subaccount"]["id"], *IPS)
    seen = await drive(packages, api.server.base_url, *arguments, program="ips.mjs")
    assert seen["listed"]["items"] == IPS and seen["one"]["dedicated"] is True
    assert seen["held"] == IPS[1:]
    assert seen["made"]["message"] == "success" and seen["pools"]["ip_pools"][0]["name"] == "more"
    assert seen["pools"]["ip_pools"][0]["ips"] == seen["pooled"] == [IPS[0], IPS[2], IPS[3]]
    assert seen["pool"]["details"]["linked_domains"] == [DOMAIN]
    assert [each["name"] for each in seen["domains"]["domains"]] == [DOMAIN]
    for name in ("assigned", "deleted", "updated", "linked", "unlinked"):
        said = seen[name] | seen[name].get("body", {})
        assert (said["message"], said["status"]) == ("success", 200), name
    for name in ("addedOne", "removedOne", "addedMany", "delegated", "revoked", "destroyed"):
        assert seen[name]["status"] == 200 and seen[name]["message"] in ("started", "success"), name
    assert seen["shared"] == [SHARED_IP]
    assert seen["refused"] == [404, "IP not found"]


async def test_accounts_and_domains(packages: Path, api: Api) -> None:
    seen = await drive(packages, api.server.base_url, api.server.api_key, DOMAIN, program="accounts.mjs")

    assert seen["made"]["subaccount"]["name"] == "From JS" and seen["listed"] == ["From JS"]
    assert (seen["shown"], seen["disabled"], seen["enabled"]) == ("open", "disabled", "open")
    assert seen["twice"] == [400, "subaccount is already disabled"]
    assert seen["limitSet"] == {"success": True}
    assert seen["limit"] == {"limit": 5000, "current": 0, "period": "1m"}
    assert seen["features"] == {"features": {"sending": {"enabled": True}, "validations": {"enabled": False}}}
    assert seen["childDomain"] == "child.js.example" and seen["childSees"] == ["child.js.example"]
    assert DOMAIN in seen["parentSees"] and "child.js.example" not in seen["parentSees"]
    assert seen["destroyed"] == {"message": "Subaccount successfully deleted"}

    assert seen["updated"] is True and seen["verified"] == "active"
    assert seen["connection"]["require_tls"] is False and seen["changed"]["require_tls"] is True
    assert seen["authority"]["changed"] is False and seen["selector"]["message"] == "DKIM selector changed"
    assert seen["tracking"]["click"]["active"] is False
    assert seen["clicks"]["message"] == "Domain tracking settings have been updated"
    assert seen["login"]["message"] == "Created 1 credentials pair(s)"
    assert f"jo@{DOMAIN}" in seen["logins"] and seen["password"]["message"] == "Password changed"
    assert seen["gone"]["spec"] == f"jo@{DOMAIN}"
    assert seen["keys"] == ["js1"] and seen["newKey"] == "js2" and seen["allKeys"] == ["js1", "js2"]
    shown = (await api.get(f"/v4/domains/{DOMAIN}"))["domain"]
    assert (shown["spam_action"], shown["web_scheme"], shown["web_prefix"]) == ("tag", "https", "links")
