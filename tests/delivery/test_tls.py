"""How mail is encrypted: as well as the server can, never worse than the message allows."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.apps.tls import self_signed_context
from postwright.delivery import connector
from postwright.testing.sink import Sink

from .conftest import HOST, Rig, Rigs


@pytest.fixture
async def mx(tmp_path: Path) -> AsyncIterator[Sink]:
    async with Sink(host=HOST, tls=self_signed_context(tmp_path, "mx0.there.test")) as server:
        yield server


@pytest.fixture
def trusted(mx: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let delivery trust the sink's own certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "smtp.pem"))


async def test_a_bad_certificate_encrypts_all_the_same(rig: Rig, mx: Sink) -> None:
    fallbacks = connector._FALLBACKS.labels("any certificate")
    before = fallbacks.value
    event = await rig.outcome()
    assert event["event"] == "delivered"
    assert event["delivery-status"]["tls"] is True
    assert event["delivery-status"]["certificate-verified"] is False
    assert mx.messages[0].tls
    assert mx.counts.connections == 2
    assert fallbacks.value == before + 1
    # That the certificate is bad is remembered: the next connection does not begin with a failure.
    mx.fail("*", 421, "enough", at="MAIL", times=1)
    await rig.send("eve@there.test")
    await rig.outcomes(2)
    assert mx.counts.connections == 3


async def test_a_good_certificate_is_verified(trusted: None, rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(o__require_tls="yes")
    assert event["event"] == "delivered"
    assert event["delivery-status"]["certificate-verified"] is True
    assert mx.counts.connections == 1


async def test_required_tls_waits_for_a_good_certificate(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(o__require_tls="yes")
    assert (event["event"], event["severity"]) == ("failed", "temporary")
    assert "which the message requires" in event["delivery-status"]["message"]
    assert mx.messages == []
    assert mx.counts.mail == 0


async def test_required_tls_without_verification_takes_any(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(o__require_tls="yes", o__skip_verification="yes")
    assert event["event"] == "delivered"
    assert mx.messages[0].tls
    assert mx.counts.connections == 1


async def test_required_tls_waits_for_a_server_that_offers_it(rig: Rig, mx: Sink) -> None:
    mx.tls = None
    event = await rig.outcome(o__require_tls="yes")
    assert (event["event"], event["severity"]) == ("failed", "temporary")
    assert "does not offer TLS" in event["delivery-status"]["message"]
    assert mx.counts.mail == 0


@pytest.mark.parametrize("tls", [True, False])
async def test_the_table_of_limits_may_require_encryption_to_whomever(
    rig_of: Rigs, mx: Sink, tls: bool
) -> None:
    if not tls:
        mx.tls = None
    rig = await rig_of('[site."mx0.there.test"]\nrequire_tls = true')
    event = await rig.outcome()
    if tls:
        assert event["event"] == "delivered"
        assert event["delivery-status"]["certificate-verified"] is False  # better than nothing
        assert mx.messages[0].tls
    else:
        assert (event["event"], event["severity"]) == ("failed", "temporary")
        assert "which the table of limits requires" in event["delivery-status"]["message"]
        assert mx.counts.mail == 0


async def test_where_the_table_requires_it_a_good_certificate_is_verified(
    trusted: None, rig_of: Rigs, mx: Sink
) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nrequire_tls = true')
    event = await rig.outcome()
    assert event["delivery-status"]["certificate-verified"] is True
    assert mx.counts.connections == 1


async def test_required_tls_is_not_sent_over_a_connection_that_was_open_in_clear(rig: Rig, mx: Sink) -> None:
    mx.tls = None
    await rig.send()
    await rig.outcomes(1)
    await rig.send("eve@there.test", o__require_tls="yes")
    _, second = await rig.outcomes(2)
    assert second["severity"] == "temporary"
    assert len(mx.messages) == 1


@pytest.mark.parametrize(
    ("domain", "message", "delivered"),
    [
        ({"require_tls": "yes"}, {}, False),
        ({"require_tls": "yes"}, {"o__require_tls": "no"}, True),
        ({"require_tls": "yes", "skip_verification": "yes"}, {}, True),
        ({"require_tls": "yes", "skip_verification": "yes"}, {"o__skip_verification": "no"}, False),
        ({"skip_verification": "yes"}, {"o__require_tls": "yes"}, True),
    ],
)
async def test_what_the_message_does_not_say_its_domain_says(
    rig: Rig, mx: Sink, domain: dict[str, str], message: dict[str, str], delivered: bool
) -> None:
    await rig.api.ok("PUT", "/v3/domains/{d}/connection", data=domain)
    event = await rig.outcome(**message)
    assert (event["event"] == "delivered") is delivered
    assert mx.counts.mail == (1 if delivered else 0)


class Garbler(Sink):
    """Offers STARTTLS and then talks nonsense. Counts how often."""

    handshakes = 0

    async def start(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up, out = await asyncio.open_connection(self.clear.host, self.clear.port)
            asyncio.create_task(pipe(up, writer))  # noqa: RUF006  ends with the connection
            try:
                while line := await reader.readline():
                    if line.upper().startswith(b"STARTTLS"):
                        self.handshakes += 1
                        writer.write(b"220 go\r\nthis is no handshake\r\n")
                        await writer.drain()
                        await reader.read()
                        break
                    out.write(line)
            except ConnectionError:
                pass
            out.close()
            writer.close()

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                # The answer to EHLO offers what is then not kept.
                writer.write(data.replace(b"250-PIPELINING\r\n", b"250-STARTTLS\r\n"))
            writer.close()

        self.clear = Sink(host="127.0.0.9")
        await self.clear.start()
        self._server = await asyncio.start_server(serve, self.host, self.port)

    async def stop(self) -> None:
        await super().stop()
        await self.clear.stop()


@pytest.mark.parametrize("required", ["no", "yes"])
async def test_a_broken_handshake_goes_in_clear_only_where_it_may_and_is_remembered(
    rig: Rig, mx: Sink, required: str
) -> None:
    async with Garbler(host="127.0.0.3", port=mx.port) as garbler:
        rig.mx("broken.test", "127.0.0.3")
        event = await rig.outcome(to="bob@broken.test", o__require_tls=required)
        if required == "yes":
            assert (event["event"], event["severity"]) == ("failed", "temporary")
            assert garbler.clear.messages == []
            assert garbler.handshakes == 1
            return
        assert event["event"] == "delivered"
        assert event["delivery-status"]["tls"] is False
        assert len(garbler.clear.messages) == 1
        tried = garbler.handshakes
        assert tried == 2  # verified, then with any certificate
        assert rig.delivery._sender.connector._broken.keys() == {"127.0.0.3"}
        garbler.clear.fail("*", 421, "enough", at="MAIL", times=1)  # a new connection then
        await rig.send("eve@broken.test")
        await rig.outcomes(2)
        assert garbler.handshakes == tried


def test_clients_verify_by_default() -> None:
    made = connector.Connector(None)  # type: ignore[arg-type]
    assert made._verifying.verify_mode is ssl.CERT_REQUIRED
    assert made._verifying.check_hostname
