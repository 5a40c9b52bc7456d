"""Orders: what clients are told, what goes wrong, and when the next attempt is."""

import asyncio

import pytest
from cryptography import x509
from sqlalchemy import select

from postwright import accounts
from postwright.certificates import store
from postwright.certificates.records import WAITS, not_before_limit, renew_at
from postwright.certificates.tables import acme_accounts, acme_challenges, certificates
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND

from .conftest import HOST, X509, Setup

WAITING = "Waiting for x509 key pair generation"
DAY = 86400


async def test_from_order_to_end(setup: Setup) -> None:
    api = setup.api
    answer = await api.call("PUT", X509)
    assert (answer.status_code, answer.json()["Description"]) == (404, "x509 cert not found")
    answer = await api.call("POST", X509)
    assert answer.status_code == 202
    assert answer.json() == {
        "message": "Initiated x509 key pair generation",
        "location": f"{X509}/status",
    }
    assert await api.ok("GET", f"{X509}/status") == {"status": "processing", "error": WAITING}
    answer = await api.call("POST", X509)
    assert answer.status_code == 409
    assert answer.json()["Description"] == f"x509 key pair generation has already been initiated for {HOST}"
    answer = await api.call("PUT", X509)
    assert answer.status_code == 429
    text = f"x509 key pair generation job is already in progress for {HOST}"
    assert answer.json()["Description"] == text
    assert await setup.issuer.run_once() == 1
    found = await api.ok("GET", f"{X509}/status")
    assert found["status"] == "active" and found["error"] is None
    first = x509.load_pem_x509_certificates(found["certificate"].encode())[0]
    assert await setup.issuer.run_once() == 0
    # Nothing lies about in the clear, and the answers to questions are gone.
    rows = api.db.read_now(lambda tx: tx.rows(select(certificates)) + tx.rows(select(acme_accounts)))
    assert all(b"PRIVATE" not in row.key for row in rows)
    assert api.db.read_now(lambda tx: tx.rows(select(acme_challenges))) == []
    # The clock of certificates is the world's; the one of the installation moves on.
    api.clock.advance(91 * DAY)
    setup.authority.broken = True
    assert await setup.status() == ("expired", "x509 certificate has expired")
    assert (await api.ok("GET", f"{X509}/status"))["certificate"] == found["certificate"]
    answer = await api.call("POST", X509)
    assert answer.status_code == 409
    assert (await api.call("PUT", X509)).status_code == 202
    assert (await setup.status())[0] == "processing"
    setup.authority.broken = False
    setup.authority.days = 200
    await setup.issuer.run_once()
    found = await api.ok("GET", f"{X509}/status")
    second = x509.load_pem_x509_certificates(found["certificate"].encode())[0]
    assert found["status"] == "active" and first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


async def test_renewed_at_two_thirds_and_shown_at_once(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    await setup.issuer.run_once()
    first = setup.keyring.context(HOST)
    assert first is not None and setup.keyring.context("unknown.example.com") is None
    setup.api.clock.advance(59 * DAY)
    assert await setup.issuer.run_once() == 0
    setup.api.clock.advance(1.1 * DAY)
    assert await setup.issuer.run_once() == 1
    assert setup.authority.orders == 2
    assert setup.keyring.context(HOST) is first
    await setup.keyring.refresh()
    assert setup.keyring.context(HOST) not in (first, None)
    assert renew_at(0, 90) == 60


async def test_a_failed_renewal_leaves_what_works(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    await setup.issuer.run_once()
    setup.api.clock.advance(61 * DAY)
    setup.dns.remove(HOST)
    await setup.issuer.run_once()
    assert await setup.status() == ("active", None)
    shown = await setup.shown()
    assert shown["attempts"] == 1 and HOST in str(shown["last_error"])
    setup.dns.set(HOST, "CNAME", "mail.example.com.")
    assert await setup.issuer.run_once() == 0  # not yet
    setup.api.clock.advance(WAITS[0] + 1)
    await setup.issuer.run_once()
    shown = await setup.shown()
    assert (shown["state"], shown["attempts"], shown["last_error"]) == ("active", 0, "")


async def test_failure_and_recovery(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    setup.dns.set("mail.example.com", "A", "127.0.0.2")  # the authority finds nobody there
    await setup.issuer.run_once()
    text = "TLS x509 key pair generation failed, please contact support"
    assert await setup.status() == ("error", text)
    setup.dns.set("mail.example.com", "A", "127.0.0.1")
    # It would be tried again by itself; who has mended it need not wait.
    assert (await setup.api.call("PUT", X509)).status_code == 202
    await setup.issuer.run_once()
    assert await setup.status() == ("active", None)


async def test_no_more_failures_than_authorities_allow(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    setup.dns.set("mail.example.com", "A", "127.0.0.2")
    for _ in range(4):
        assert await setup.issuer.run_once() == 1
        assert (await setup.api.call("POST", X509)).status_code == 202
    assert await setup.issuer.run_once() == 0 and setup.authority.orders == 4
    setup.api.clock.advance(3601)
    assert await setup.issuer.run_once() == 1
    assert not_before_limit([1, 2, 3, 4, 5], 10) == 2 + 3600 * SECOND


async def test_an_authority_that_wants_a_pause(setup: Setup) -> None:
    setup.authority.limited = 7200
    await setup.api.call("POST", X509)
    await setup.issuer.run_once()
    assert "rateLimited" in str((await setup.shown())["last_error"])
    setup.authority.limited = 0
    await setup.api.call("PUT", X509)
    setup.api.clock.advance(7100)
    assert await setup.issuer.run_once() == 0
    setup.api.clock.advance(101)
    assert await setup.issuer.run_once() == 1
    assert (await setup.status())[0] == "active"


async def test_an_authority_that_is_down_or_has_forgotten_us(setup: Setup) -> None:
    setup.authority.broken = True
    await setup.api.call("POST", X509)
    await setup.issuer.run_once()
    assert "no usable answer" in str((await setup.shown())["last_error"])
    setup.authority.broken = False
    setup.api.clock.advance(WAITS[0] + 1)
    await setup.issuer.run_once()
    assert (await setup.status())[0] == "active"
    setup.api.clock.advance(61 * DAY)
    setup.authority.forget_accounts()
    await setup.issuer.run_once()
    assert "accountDoesNotExist" in str((await setup.shown())["last_error"])
    setup.api.clock.advance(WAITS[0] + 1)
    await setup.issuer.run_once()  # registered again
    assert (await setup.shown())["last_error"] == ""


async def test_two_processes_make_one_order(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    now = setup.api.clock.now()
    db = setup.api.db
    (held,) = await db.write(store.claim, now, now + 300 * SECOND, "a", 5)
    assert await db.write(store.claim, now, now + 300 * SECOND, "b", 5) == []
    assert not await db.write(store.settle, held.host, "b", {"state": "error"})
    setup.api.clock.advance(301)  # the process died
    assert await setup.issuer.run_once() == 1
    assert not await db.write(store.settle, held.host, "a", {"state": "error"})
    assert (await setup.status())[0] == "active"


async def test_an_order_that_is_interrupted_is_made_again(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    stop = asyncio.Event()
    stop.set()
    await setup.issuer.run_once(stop)  # told to stop in the middle
    assert (await setup.status())[0] == "processing"
    failpoints.arm("certificates.issued=fail")
    await setup.issuer.run_once()
    failpoints.arm("")
    setup.api.clock.advance(WAITS[0] + 1)
    await setup.issuer.run_once()
    assert (await setup.status())[0] == "active"


async def test_a_host_that_is_no_longer_one(setup: Setup) -> None:
    await setup.api.call("POST", X509)
    await setup.issuer.run_once()
    await setup.api.ok("PUT", "/v3/domains/{d}/web_prefix", data={"web_prefix": "links"})
    assert (await setup.api.call("GET", f"{X509}/status")).status_code == 404
    setup.api.clock.advance(61 * DAY)
    await setup.issuer.run_once()
    assert setup.authority.orders == 1
    assert (await setup.api.ok("GET", "/postwright/v1/certificates"))["items"] == []


@pytest.mark.parametrize(
    "host", ["email.two.example.org", "links.one.example.com", "one.example.com", "x", "ü@"]
)
async def test_hosts_that_are_not_ours(setup: Setup, host: str) -> None:
    for way, path in (("POST", ""), ("PUT", ""), ("GET", "/status")):
        answer = await setup.api.call(way, f"/v2/x509/{host}{path}")
        assert answer.status_code == 404 and "Description" in answer.json(), answer.text


async def test_who_may_and_odd_spellings(setup: Setup) -> None:
    await setup.api.call("POST", X509.replace("email", "EMAIL") + "/")
    for text in (f"{X509}}}/status", f"{X509}/status/", f"{X509}./status"):
        assert (await setup.api.ok("GET", text))["status"] == "processing"
    assert (await setup.api.call("GET", f"{X509}/status", key=setup.api.two.key)).status_code == 404
    page = await setup.api.ok("GET", "/postwright/v1/certificates", key=setup.api.two.key)
    assert page["items"] == []
    sending = setup.api.key(setup.api.one.account_id, "basic")
    assert (await setup.api.call("POST", X509, key=sending)).status_code == 403
    setup.dns.set(HOST, "CNAME", "elsewhere.example.com.")
    answer = await setup.api.call("PUT", X509)
    assert (answer.status_code, answer.json()["Reason"]) == (400, "invalid CNAME record")


async def test_pages(setup: Setup) -> None:
    names = [f"h{n}.example.com" for n in range(5)]
    for name in names:
        values = {"host": name, "account_id": setup.api.one.account_id, "domain_id": "x", "created_at": 0}
        await setup.api.db.write(store.add, {**values, "due_at": None})
    await setup.api.db.write(store.add, {**values, "host": "z", "account_id": "", "due_at": None})
    operator = setup.api.db.read_now(accounts.any_account)
    others = ["z"] if operator == setup.api.one.account_id else []  # which of two that began at once is first
    page = await setup.api.ok("GET", "/postwright/v1/certificates", params={"limit": 2})
    seen = []
    while page["items"]:
        seen += [item["host"] for item in page["items"]]
        page = await setup.api.ok("GET", page["paging"]["next"])
    assert seen == [*names, *others]
    page = await setup.api.ok("GET", page["paging"]["last"])
    assert [item["host"] for item in page["items"]] == seen[-2:]
    page = await setup.api.ok("GET", page["paging"]["previous"])
    assert [item["host"] for item in page["items"]] == seen[-4:-2]
    assert (await setup.api.call("GET", "/postwright/v1/certificates?page=x")).status_code == 400
