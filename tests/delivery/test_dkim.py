"""Signatures as receivers see them: an independent verifier looks at the bytes that arrived."""

import asyncio

import dkim
import pytest

from postwright.delivery.platform import platform_signer
from postwright.kernel.settings import SettingsError, load
from postwright.mail.dkim import public_txt
from postwright.testing.sink import Sink

from .conftest import Rig, Rigs

DOTS = "First.\r\n.\r\n..two dots\r\n. one\r\nhttp://example.com/x.\r\n.\r\n\r\n\r\n"


async def keys_of(rig: Rig, domain: str) -> dict[bytes, bytes]:
    shown = await rig.api.ok("GET", f"/v4/domains/{domain}", key=rig.api.one.key)
    return {
        f"{record['name']}.".encode(): record["value"].encode()
        for record in shown["sending_dns_records"]
        if "_domainkey" in record["name"] and record["record_type"] == "TXT"
    }


def verdicts(data: bytes, keys: dict[bytes, bytes]) -> list[bool]:
    verifier = dkim.DKIM(data)
    count = sum(line.lower().startswith(b"dkim-signature:") for line in data.split(b"\r\n"))

    def one(index: int) -> bool:
        try:
            return bool(verifier.verify(index, dnsfunc=lambda name, **_: keys.get(name, b"")))
        except dkim.DKIMException:
            return False

    return [one(index) for index in range(count)]


async def arrived(rig: Rig, mx: Sink, **fields: object) -> bytes:
    await rig.outcome(**fields)
    return (await mx.wait(1))[0].data


async def test_customer_and_platform_both_verify_with_dots_and_tracking(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(platform_dkim="platform.example/pf1")
    data = await arrived(
        rig, mx, text=DOTS, html="<a href='http://example.com/'>x</a>\n.\n..", o__tracking="yes"
    )
    signer = platform_signer(rig.api.context.settings)
    assert signer is not None
    pem = (rig.api.context.settings.data_dir / "dkim-platform.example.pem").read_bytes()
    keys = await keys_of(rig, rig.api.one.domain) | {
        b"pf1._domainkey.platform.example.": public_txt(pem).encode()
    }
    assert verdicts(data, keys) == [True, True]
    head = data.partition(b"\r\n\r\n")[0]
    assert b"d=platform.example; s=pf1" in head and b"d=one.example.com" in head
    # Oversigned: another From, or a Reply-To that was not there, breaks both.
    for added in (
        b"From: eve@evil.test\r\n",
        b"Reply-To: eve@evil.test\r\n",
        b"List-Unsubscribe: <http://x>\r\n",
    ):
        start = data.index(b"From: ")
        assert verdicts(data[:start] + added + data[start:], keys) == [False, False]
    assert verdicts(data.replace(b"First.", b"Worst."), keys) == [False, False]


async def test_no_signature_at_all_when_the_sender_wants_none(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(platform_dkim="platform.example/pf1")
    assert b"DKIM-Signature" not in await arrived(rig, mx, o__dkim="no")


@pytest.mark.parametrize("published", ["right", "wrong", "none"])
async def test_a_second_signature_only_when_its_key_is_published(
    rig_of: Rigs, mx: Sink, published: str
) -> None:
    rig = await rig_of(verify_domains="dns")
    shown = await rig.api.ok("POST", "/v4/domains", data={"name": "brand.example.net", "dkim_selector": "br"})
    public = next(r["value"] for r in shown["sending_dns_records"] if "_domainkey" in r["name"])
    if published != "none":
        text = public if published == "right" else public[:-20] + "A" * 20
        rig.dns.set("pub._domainkey.shown.example.net", "TXT", text)
    data = await arrived(
        rig,
        mx,
        o__secondary_dkim="brand.example.net/br",
        o__secondary_dkim_public="shown.example.net/pub",
    )
    keys = await keys_of(rig, rig.api.one.domain) | {b"pub._domainkey.shown.example.net.": public.encode()}
    assert verdicts(data, keys) == ([True, True] if published == "right" else [True])


def test_a_platform_key_that_cannot_be_used_stops_the_start(tmp_path: object) -> None:
    with pytest.raises(SettingsError, match="domain/selector"):
        load({"POSTWRIGHT_PLATFORM_DKIM": "platform.example"})
    settings = load({"POSTWRIGHT_PLATFORM_DKIM": "p.example/s", "POSTWRIGHT_PLATFORM_DKIM_KEY": "/none.pem"})
    with pytest.raises(SettingsError, match="PLATFORM_DKIM"):
        platform_signer(settings)


async def test_processes_that_start_together_sign_with_one_key(tmp_path: object) -> None:
    settings = load({"POSTWRIGHT_PLATFORM_DKIM": "p.example/s", "POSTWRIGHT_DATA": str(tmp_path)})
    made = await asyncio.gather(*(asyncio.to_thread(platform_signer, settings) for _ in range(4)))
    raw = b"From: a@b.co\r\n\r\nx\r\n"
    assert len({signer.sign(raw, 1) for signer in made if signer is not None}) == 1
