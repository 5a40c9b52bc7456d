"""Seals are judged by an independent verifier."""

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from postwright.mail.arc import BrokenChain, Sealer, sets
from postwright.mail.dkim import DkimError, Signer, generate_key

PEM, RECORD = generate_key(1024)
PEM2, RECORD2 = generate_key(1024)
DNS = {
    b"s1._domainkey.one.test.": RECORD.encode(),
    b"s2._domainkey.two.test.": RECORD2.encode(),
    b"s._domainkey.there.test.": RECORD.encode(),
}
MESSAGE = (
    b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"From: Ann <ann@there.test>\r\nTo: bob@one.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n folded\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-Id: <one@there.test>\r\nReferences: <a@b>\r\n\t<c@d>\r\n\r\n"
    b"Hello  \r\n\tworld\r\n.\r\n\r\n\r\n"
)


def lookup(name: bytes, timeout: int = 5) -> bytes | None:
    return DNS.get(name)


def judged(message: bytes) -> tuple[bytes, str]:
    """The verdict of dkimpy, which shares no code with ours."""
    cv, _, reason = dkim.arc_verify(message, dnsfunc=lookup)
    return cv, reason


def sealed(message: bytes, sealer: Sealer, stamp: int = 1_700_000_000) -> bytes:
    return (
        sealer.seal(
            message,
            "mx.one.test",
            ["spf=pass smtp.mailfrom=there.test", "dkim=pass header.d=there.test"],
            stamp,
        )
        + message
    )


ONE, TWO = Sealer("one.test", "s1", PEM), Sealer("two.test", "s2", PEM2)


def test_a_seal_and_another_one_behind_it() -> None:
    once = sealed(Signer("there.test", "s", PEM).sign(MESSAGE, 1_700_000_000) + MESSAGE, ONE)
    assert judged(once) == (b"pass", "success")
    assert dkim.verify(once, dnsfunc=lookup)
    twice = sealed(b"Received: from b by c; x\r\nDelivered-To: bob@one.test\r\n" + once, TWO)
    assert judged(twice) == (b"pass", "success")
    assert sorted(sets(twice)) == [1, 2]
    assert b"cv=none" in once and b"cv=pass" in twice
    assert judged(b"Received: trace\r\nX-Mailgun-Sid: abc\r\n" + twice) == (b"pass", "success")
    assert sealed(MESSAGE, ONE) == sealed(MESSAGE, ONE)  # equal input, equal bytes
    assert max(map(len, twice.split(b"\r\n"))) < 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: ", b"Subject: x"),
        (b"spf=pass", b"spf=fail"),
        (b"cv=none", b"cv=pass"),
    ],
)
def test_changes_are_seen(old: bytes, new: bytes) -> None:
    once = sealed(MESSAGE, ONE)
    assert old in once
    assert judged(once.replace(old, new, 1))[0] != b"pass"


@pytest.mark.parametrize(
    "fields",
    [
        b"ARC-Seal: i=1; a=rsa-sha256\r\n",
        b"ARC-Seal: nonsense\r\n",
        b"ARC-Seal: i=99; a=b\r\n",
        b"ARC-Seal: i=2; a\r\nARC-Message-Signature: i=2; a\r\nARC-Authentication-Results: i=2; a\r\n",
        b"ARC-Seal: i=1; a\r\nARC-Seal: i=1; b\r\nARC-Message-Signature: i=1; a\r\n"
        b"ARC-Authentication-Results: i=1; a\r\n",
    ],
)
def test_nothing_is_added_to_a_broken_chain(fields: bytes) -> None:
    with pytest.raises(BrokenChain):
        sealed(fields + MESSAGE, ONE)


def test_only_rsa() -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(DkimError):
        Sealer("one.test", "s1", pem)
