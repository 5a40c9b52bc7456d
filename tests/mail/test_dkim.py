import base64
import hashlib
import re

import dkim as verifier
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.mail import dkim
from postwright.mail.dkim import DkimError, Signer

PEM, TXT = dkim.generate_key(1024)  # the smallest allowed: fast enough for many examples
SIGNER = Signer("Example.COM", "s1", PEM)
HEAD = b"From: Alice <a@example.com>\r\nTo: b@b.co\r\nSubject: Hello\r\nX-Mailgun-Tag: one\r\n"
NOW = 1767092602


def verifies(message: bytes, txt: str = TXT) -> bool:
    """Whether dkimpy, which shares no code with us, accepts the message."""
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return txt.encode()

    good = bool(verifier.verify(message, dnsfunc=dns))
    assert asked == [b"s1._domainkey.example.com."]
    return good


PIECE = st.sampled_from(
    [b"a", b"B ", b"  ", b"\t", b" \t ", b"\r\n", b"\r\n\r\n", b".", b"..\r\n", b" \r\n", b"\xff", b"="]
)
BODY = st.lists(PIECE, max_size=40).map(lambda pieces: b"".join(pieces) + b"\r\n" if pieces else b"")
# Vertical tabs and form feeds are left out: dkimpy takes them for white space, which RFC 6376 §2.8 does not.
FIELD_BODY = st.lists(
    st.sampled_from([b"a", b" b", b"  ", b"\t", b"\r\n c", b"\r\n\t d", b":", b";", b"=?utf-8?q?x?="]),
    max_size=12,
).map(b"".join)
NAMES = ["To", "tO", "CC", "Subject", "Date", "X-Any", "DKIM-Signature-X", "list-unsubscribe", "Sender"]


@settings(max_examples=250)
@given(st.lists(st.tuples(st.sampled_from(NAMES), FIELD_BODY), max_size=8), BODY)
def test_an_independent_verifier_agrees(extra: list[tuple[str, bytes]], body: bytes) -> None:
    head = b"".join(name.encode() + b": x" + value + b"\r\n" for name, value in extra)
    message = head + HEAD + b"\r\n" + body
    signed = SIGNER.sign(message, NOW) + message
    assert verifies(signed)
    assert SIGNER.sign(message, NOW) + message == signed


@given(BODY)
def test_bodies_are_reduced_as_the_verifier_reduces_them(body: bytes) -> None:
    assert dkim.canonical_body(body) == Relaxed.canonicalize_body(body)


def test_canonical_body_examples() -> None:
    # RFC 6376 §3.4.5
    assert dkim.canonical_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    # §3.4.4: an empty body stays empty, and its hash is given there
    assert dkim.canonical_body(b"") == dkim.canonical_body(b"\r\n\r\n") == b""
    assert dkim.body_hash(b"") == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert dkim.canonical_body(b"no line end ") == b"no line end\r\n"
    assert dkim.canonical_body(b" ") == b""
    # Lone CR and LF are text, not line ends.
    assert dkim.canonical_body(b"a\r\r\n\r\n") == b"a\r\r\n"
    assert dkim.canonical_body(b"a\r\n\n\r\n\r\n") == b"a\r\n\n\r\n"
    assert dkim.canonical_body(b"\r\r\n\r\n") == b"\r\r\n"
    big = b" " * 1_000_000 + b"x" + b"\r\n" * 1_000_000
    assert dkim.canonical_body(big) == b" x\r\n"


def test_canonical_header_example() -> None:
    # RFC 6376 §3.4.5: `A: <SP>X<CRLF>` and `B<SP>:<SP>Y<HTAB><CRLF><HTAB>Z<SP><SP><CRLF>`
    assert dkim.relaxed(b" X") == b"X"
    assert dkim.relaxed(b" Y\t\r\n\tZ  ") == b"Y Z"
    assert dkim.relaxed(b" \x0bY\t\r\n\tZ\x0c  ") == b"\x0bY Z\x0c"


def tags(field: bytes) -> dict[str, str]:
    value = re.sub(r"\s+", "", field.decode().partition(":")[2])
    return dict(pair.split("=", 1) for pair in value.split(";"))


def test_the_field() -> None:
    message = HEAD + b"To: c@b.co\r\n\r\nbody\r\n"
    field = SIGNER.sign(message, NOW)
    assert field.startswith(b"DKIM-Signature: v=1;")
    assert field.endswith(b"\r\n")
    assert all(len(line) <= 78 and line.strip() for line in field[:-2].split(b"\r\n"))
    found = tags(field)
    assert (found["a"], found["c"], found["d"], found["s"]) == (
        "rsa-sha256",
        "relaxed/relaxed",
        "example.com",
        "s1",
    )
    assert found["t"] == str(NOW)
    assert not {"l", "x"} & set(found)
    names = found["h"].split(":")
    # Each once more than it occurs, the absent ones included.
    assert (names.count("from"), names.count("to"), names.count("cc"), names.count("sender")) == (2, 3, 1, 1)
    assert set(names) == set(dkim.SIGNED)
    assert SIGNER.sign(message, NOW, digest=dkim.body_hash(b"body\r\n")) == field
    assert SIGNER.sign(message, NOW + 1) != field


@pytest.mark.parametrize("name", sorted(dkim.SIGNED))
def test_adding_a_signed_field_breaks_the_signature(name: str) -> None:
    message = HEAD + b"\r\nbody\r\n"
    signed = SIGNER.sign(message, NOW) + message
    assert verifies(signed)
    added = name.encode() + b": x@y.co\r\n"
    # dkimpy itself refuses a second From.
    assert not verifies(signed.replace(b"Subject:", added + b"Subject:")) if name != "from" else True
    assert not verifies(signed + b"more\r\n")
    assert verifies(signed.replace(b"X-Mailgun-Tag: one\r\n", b""))


def test_two_signatures_verify_together() -> None:
    pem, txt = dkim.generate_key(1024)
    message = HEAD + b"\r\n..dots\r\n.\r\n"
    whole = Signer("example.com", "s1", pem).sign(message, NOW) + SIGNER.sign(message, NOW) + message
    for index, record in enumerate((txt, TXT)):
        check = verifier.DKIM(whole)
        assert check.verify(idx=index, dnsfunc=lambda name, timeout=5, record=record: record.encode())


def test_chosen_headers() -> None:
    message = HEAD + b"\r\nbody\r\n"
    field = SIGNER.sign(message, NOW, headers=["From", "X-Mailgun-Tag", "x-mailgun-sid", "Subject"])
    assert tags(field)["h"] == "from:from:subject:subject"
    assert verifies(field + message)
    for bad in ("a;b=1", "a:b", "a\r\nb", ""):
        with pytest.raises(DkimError):
            SIGNER.sign(message, NOW, headers=["From", bad])


@pytest.mark.parametrize("message", [b"", b"\r\nFrom: body@b.co\r\n", b"To: a@b.co\r\n\r\nFrom: a@b.co\r\n"])
def test_a_message_without_an_author_is_refused(message: bytes) -> None:
    with pytest.raises(DkimError):
        SIGNER.sign(message, NOW)


def test_a_message_without_a_body() -> None:
    for message in (HEAD, HEAD + b"\r\n"):
        assert tags(SIGNER.sign(message, NOW))["bh"] == dkim.body_hash(b"").decode()
    assert verifies(SIGNER.sign(HEAD + b"\r\n", NOW) + HEAD + b"\r\n")


def test_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    message = HEAD + b"\r\nbody\r\n"
    field = Signer("example.com", "s1", pem).sign(message, NOW, headers=["from", "subject"])
    found = tags(field)
    assert found["a"] == "ed25519-sha256"
    own = Relaxed.canonicalize_headers([(b"DKIM-Signature", field.partition(b":")[2])])[0][1]
    unsigned = b"dkim-signature:" + re.sub(rb"b=[^;]*$", b"b=", own.removesuffix(b"\r\n"))
    data = b"from:Alice <a@example.com>\r\nsubject:Hello\r\n" + unsigned
    key.public_key().verify(base64.b64decode(found["b"]), hashlib.sha256(data).digest())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(base64.b64decode(found["b"]), hashlib.sha256(data + b" ").digest())
    public = base64.b64decode(dkim.public_txt(pem).removeprefix("k=ed25519; p="))
    assert public == key.public_key().public_bytes_raw()


def test_keys() -> None:
    assert TXT.startswith("k=rsa; p=")
    assert dkim.public_txt(PEM) == dkim.public_txt(PEM.encode()) == TXT
    assert PEM.startswith("-----BEGIN RSA PRIVATE KEY-----")
    for bits in (0, 512, 1023, 8192):
        with pytest.raises(DkimError):
            dkim.generate_key(bits)
    curve = ec.generate_private_key(ec.SECP256R1())
    other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for pem in ("", "nonsense", PEM[:200], other, WEAK):
        with pytest.raises(DkimError):
            dkim.load_key(pem)


@pytest.mark.parametrize(
    "name", ["", "a b", "a;b", "a\r\nb", "é.co", "a..b", "a" * 64, ".".join(["a" * 60] * 5), "a\n"]
)
def test_names_cannot_break_out(name: str) -> None:
    with pytest.raises(DkimError):
        Signer(name, "s1", PEM)
    with pytest.raises(DkimError):
        Signer("example.com", name, PEM)


# 512 bits, made for this test: nothing will make such a key any more.
_WEAK = """
MIIBOwIBAAJBAOYyrHhid4wp0Uem7x9VJ77k9t3efS5PFKqxZfyv34Tm/7cwo/Cz
CC7Fmf7UVg9RxfGEUaHxA03vVxIpbW4SiIUCAwEAAQJAYDmAdNYcSN/WFpCGVl+f
PKGzO+1cAHaYGf4LtsPBuGiYNYwsdfLI13ywmLhccroa/egn4t9s4CKpl3akbfbg
xQIhAPYZmut0t7lenqwpmzGUlUFZK0D+X1dB0+w7VP9c6PInAiEA73VOKIbnRk6L
YnFFnb7mvYEwsCwvybYyElVr1b3Z13MCICuSHvZ+5KRCF0+d0ic2CjLWqazJHHIj
anTRkFvhxDBTAiEAoBkU5YG0lUwkYvAKtHoTOXZrwA368WkQNzPHgkOJp0MCIQCK
r56cVIho78sHFCh0K7ou9pLQnd4QykmVZQ9Kq12l2A==
"""
WEAK = f"-----BEGIN RSA PRIVATE KEY-----{_WEAK}-----END RSA PRIVATE KEY-----\n"
