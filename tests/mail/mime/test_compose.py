import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.mail.headers import HeaderError
from postwright.mail.mime import Attachment, compose

HEADERS = [("Subject", "Grüße"), ("From", "Jörg <j@b.co>"), ("To", "a@b.co")]
TEXT = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400),
    st.text(alphabet="ab \t.=\r\n-_é", max_size=400),
    st.builds(lambda char, n: char * n, st.sampled_from("a é="), st.integers(900, 2100)),
)
FILE = st.builds(
    Attachment,
    st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=90).map(str.strip),
    st.sampled_from(["image/png", "text/csv; charset=iso-8859-1", "application/x-a+b"]),
    st.binary(max_size=300),
)


def read(raw: bytes) -> EmailMessage:
    """What the standard library makes of a message that has to be sound."""
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert raw.isascii()
    assert b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


@given(TEXT)
def test_a_text_survives(text: str) -> None:
    message = read(compose(HEADERS, text=text, boundary_seed="1"))
    assert message["Subject"] == "Grüße"
    assert message["From"].addresses[0].display_name == "Jörg"
    assert message.get_content_type() == "text/plain"
    # Mail consists of lines, so that the last one gets an end.
    assert content(message).removesuffix("\n") == lines(text).removesuffix("\n")


@settings(max_examples=60)
@given(
    st.one_of(st.none(), TEXT),
    st.one_of(st.none(), TEXT),
    st.one_of(st.none(), TEXT),
    st.lists(FILE, max_size=3),
    st.lists(FILE, max_size=3),
)
def test_every_part_survives(
    text: str | None,
    html: str | None,
    amp: str | None,
    attachments: list[Attachment],
    inlines: list[Attachment],
) -> None:
    raw = compose(
        HEADERS, text=text, html=html, amp=amp, attachments=attachments, inlines=inlines, boundary_seed="1"
    )
    assert raw == compose(
        HEADERS, text=text, html=html, amp=amp, attachments=attachments, inlines=inlines, boundary_seed="1"
    )
    leaves = [part for part in read(raw).walk() if not part.is_multipart()]
    bodies = [part for part in leaves if part.get_content_disposition() is None]
    wanted = [
        (kind, body)
        for kind, body in (("text/plain", text), ("text/x-amp-html", amp), ("text/html", html))
        if body is not None
    ]
    if wanted or attachments or inlines:
        assert [part.get_content_type() for part in bodies] == [kind for kind, _ in wanted]
        for part, (_, body) in zip(bodies, wanted, strict=True):
            # A message of a single part ends in a line break, whatever the text does.
            assert content(part).removesuffix("\n") == lines(body).removesuffix("\n")
    for disposition, files in (("attachment", attachments), ("inline", inlines)):
        found = [part for part in leaves if part.get_content_disposition() == disposition]
        assert [part.get_payload(decode=True) for part in found] == [item.data for item in files]
        assert [part["content-type"].replace('"', "") for part in found] == [
            item.content_type for item in files
        ]
        assert [(part.get_filename() or "").strip() for part in found] == [item.filename for item in files]


def shape(part: EmailMessage) -> object:
    kind = part.get_content_type()
    return (kind, *map(shape, part.iter_parts())) if part.is_multipart() else kind


def test_structure() -> None:
    png = Attachment("a b.png", "image/png", b"\x89PNG")
    raw = compose(HEADERS, text="t", html="h", amp="a", attachments=[png], inlines=[png], boundary_seed="1")
    message = read(raw)
    assert shape(message) == (
        "multipart/mixed",
        (
            "multipart/alternative",
            "text/plain",
            "text/x-amp-html",
            ("multipart/related", "text/html", "image/png"),
        ),
        "image/png",
    )
    related = next(part for part in message.walk() if part.get_content_type() == "multipart/related")
    assert related.get_param("type") == "text/html"
    assert [part["content-id"] for part in related.iter_parts()] == [None, "<a b.png>"]
    # Nothing to relate to: inline files are files among others.
    raw = compose(HEADERS, text="t", inlines=[png], boundary_seed="1")
    assert shape(read(raw)) == ("multipart/mixed", "text/plain", "image/png")
    assert shape(read(compose(HEADERS, html="h", boundary_seed="1"))) == "text/html"
    assert shape(read(compose(HEADERS, boundary_seed="1"))) == "text/plain"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "7bit"),
        ("a" * 998, "7bit"),
        ("a" * 998 + "\n" + "b" * 998, "7bit"),
        ("a" * 999, "quoted-printable"),
        ("a\n" * 900 + "a" * 999 + "\na", "quoted-printable"),
        ("mostly plain, one é", "quoted-printable"),
        ("日本語" * 20, "base64"),
        ("text with nul \0", "quoted-printable"),
    ],
)
def test_the_shortest_encoding_that_fits(text: str, encoding: str) -> None:
    assert read(compose([], text=text, boundary_seed="1"))["Content-Transfer-Encoding"] == encoding


def test_boundaries_follow_the_seed_and_never_occur_inside() -> None:
    first = compose(HEADERS, text="t", html="h", boundary_seed="1")
    assert first != compose(HEADERS, text="t", html="h", boundary_seed="2")
    boundary = read(first).get_boundary()
    text = f"--{boundary}\n--{boundary}--\n"
    message = read(compose(HEADERS, text=text, html="h", boundary_seed="1"))
    assert message.get_boundary() != boundary
    assert [content(part) for part in message.iter_parts()] == [text, "h"]
    mail = Attachment("m.eml", "message/rfc822", first)
    assert [
        shape(part) for part in read(compose([], attachments=[mail], boundary_seed="1")).iter_parts()
    ] == [("message/rfc822", ("multipart/alternative", "text/plain", "text/html"))]


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("message/rfc822", b"A: b\n\nc", ("message/rfc822", "7bit")),
        ("message/rfc822", b"A: \xff\r\n\r\nc", ("application/octet-stream", "base64")),
        ("message/rfc822", b"A: b\r\n\r\n" + b"c" * 999, ("application/octet-stream", "base64")),
        ("message/global", "A: é\r\n\r\nc".encode(), ("application/octet-stream", "base64")),
        ("multipart/mixed; boundary=a", b"--a--", ("application/octet-stream", "base64")),
        ("image/png\r\nBcc: x@y.co", b"", ("application/octet-stream", "base64")),
        ('image/png; name="a\r\nb"', b"", ("application/octet-stream", "base64")),
        ("image", b"", ("application/octet-stream", "base64")),
        ("", b"", ("application/octet-stream", "base64")),
        ("a/" + "b" * 300, b"", ("application/octet-stream", "base64")),
        ("Image/PNG; x=y", b"", ("image/png", "base64")),
    ],
)
def test_types_of_files(kind: str, data: bytes, shown: tuple[str, str]) -> None:
    (part,) = read(compose([], attachments=[Attachment("f", kind, data)], boundary_seed="1")).iter_parts()
    assert (part.get_content_type(), part["Content-Transfer-Encoding"]) == shown
    assert part.get_filename() == "f"
    if shown[1] == "base64":
        assert part.get_payload(decode=True) == data


def test_names_of_files_cannot_break_out() -> None:
    evil = 'a"\r\nBcc: x@y.co\r\n\r\n<\0\x7f'
    raw = compose([], html="h", inlines=[Attachment(evil, "image/png", b"")], boundary_seed="1")
    assert not any(line.startswith(b"Bcc") for line in raw.split(b"\r\n"))
    assert "Bcc" not in read(raw)
    assert not any("Bcc" in part for part in read(raw).walk())


def test_structure_is_ours_and_injection_refused() -> None:
    raw = compose(
        [("content-TYPE", "x/y"), ("MIME-Version", "2"), ("Content-Transfer-Encoding", "x"), ("X-A", "b")],
        text="t",
        boundary_seed="1",
    )
    message = read(raw)
    assert message.get_all("Content-Type") == ['text/plain; charset="utf-8"']
    assert message.get_all("Mime-Version") == ["1.0"]
    assert message["X-A"] == "b"
    for name, value in (("X-A", "b\r\nBcc: x@y.co"), ("X-A: b\r\nBcc", "x")):
        with pytest.raises(HeaderError):
            compose([(name, value)], text="t", boundary_seed="1")


@pytest.mark.parametrize("size", [0, 1, 57, 58, 57 * 64, 14_591, 14_592, 14_593, 29_184, 100_000])
def test_files_of_any_size(size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    raw = compose([], text="t", attachments=[Attachment("f", "a/b", data)], boundary_seed="1")
    encoded = raw.partition(b"base64\r\n\r\n")[2].partition(b"\r\n--")[0]
    assert encoded.replace(b"\r\n", b"\n") == base64.encodebytes(data).rstrip(b"\n")
    assert list(read(raw).iter_parts())[1].get_payload(decode=True) == data
