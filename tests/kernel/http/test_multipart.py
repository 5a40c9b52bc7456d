"""Wire shapes: the bytes official clients send, and bytes nobody should send."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.kernel.errors import Refused
from postwright.kernel.http.body import Truncated
from postwright.kernel.http.multipart import (
    BadText,
    Malformed,
    TooManyFields,
    Upload,
    parse_header,
    split,
)

B = "1b2e9d7c"


def parts(body: bytes, content_type: str = f"multipart/form-data; boundary={B}") -> list[tuple[str, object]]:
    return list(split(body, parse_header(content_type)))


def lines(*texts: str, end: str = "\r\n") -> bytes:
    return (end.join(texts) + end).encode()


# name, Content-Type, body, what it means
SHAPES: list[tuple[str, str, bytes, list[tuple[str, object]]]] = [
    (
        "python requests (urllib3)",
        f"multipart/form-data; boundary={B}",
        lines(
            f"--{B}",
            'Content-Disposition: form-data; name="from"',
            "",
            "Ann <ann@example.com>",
            f"--{B}",
            'Content-Disposition: form-data; name="to"',
            "",
            "bob@example.com",
            f"--{B}",
            'Content-Disposition: form-data; name="attachment"; filename="grüße.txt"',
            "Content-Type: text/plain",
            "",
            "line 1",
            "line 2",
            f"--{B}--",
        ),
        [
            ("from", "Ann <ann@example.com>"),
            ("to", "bob@example.com"),
            (
                "attachment",
                Upload(
                    "grüße.txt",
                    "text/plain",
                    {
                        "content-disposition": 'form-data; name="attachment"; filename="grüße.txt"',
                        "content-type": "text/plain",
                    },
                    b"line 1\r\nline 2",
                ),
            ),
        ],
    ),
    (
        "php guzzle: quoted boundary, Content-Length in each part",
        f'multipart/form-data; boundary="{B}"',
        lines(
            f"--{B}",
            'Content-Disposition: form-data; name="subject"',
            "Content-Length: 2",
            "",
            "Hi",
            f"--{B}--",
        ),
        [("subject", "Hi")],
    ),
    ("php without a field", f'multipart/form-data; boundary="{B}"', lines(f"--{B}--"), []),
    ("php without a byte", f'multipart/form-data; boundary="{B}"', b"", []),
    (
        "java feign: charset before a bare boundary, a content type in each part",
        f"multipart/form-data; charset=UTF-8; boundary={B}",
        lines(
            f"--{B}",
            'Content-Disposition: form-data; name="subject"',
            "Content-Type: text/plain; charset=UTF-8",
            "",
            "Žlutý",
            f"--{B}",
            'Content-Disposition: form-data; name="attachment"; filename="a.bin"',
            "Content-Type: application/octet-stream",
            "Content-Transfer-Encoding: binary",
            "",
            "x",
            f"--{B}--",
        ),
        [
            ("subject", "Žlutý"),
            (
                "attachment",
                Upload(
                    "a.bin",
                    "application/octet-stream",
                    {
                        "content-disposition": 'form-data; name="attachment"; filename="a.bin"',
                        "content-type": "application/octet-stream",
                        "content-transfer-encoding": "binary",
                    },
                    b"x",
                ),
            ),
        ],
    ),
    (
        "ruby rest-client: array names",
        f"multipart/form-data; boundary=----RubyFormBoundary{B}",
        lines(
            f"------RubyFormBoundary{B}",
            'Content-Disposition: form-data; name="to[]"',
            "",
            "a@example.com",
            f"------RubyFormBoundary{B}",
            'Content-Disposition: form-data; name="to[]"',
            "",
            "b@example.com",
            f"------RubyFormBoundary{B}--",
        ),
        [("to[]", "a@example.com"), ("to[]", "b@example.com")],
    ),
    (
        "js form-data",
        "multipart/form-data; boundary=--------------------------048723",
        lines(
            "----------------------------048723",
            'Content-Disposition: form-data; name="html"',
            "",
            "<b>--048723</b>",
            "----------------------------048723--",
        ),
        [("html", "<b>--048723</b>")],
    ),
    (
        "go mime/multipart: no line end behind the last delimiter is needed",
        f"multipart/form-data; boundary={B}",
        lines(f"--{B}", 'Content-Disposition: form-data; name="text"', "", "", f"--{B}--").rstrip(),
        [("text", "")],
    ),
    (
        "a client with bare line feeds",
        f"multipart/form-data; boundary={B}",
        lines(f"--{B}", 'content-disposition:form-data;name="a"', "", "1\r", f"--{B}--", end="\n"),
        [("a", "1\r")],
    ),
    (
        "preamble, padding, epilogue, a name without quotes",
        f"multipart/form-data; boundary={B}",
        lines("ignored", f"--{B} \t", "Content-Disposition: form-data; name=a", "", "1", f"--{B}--", "bye"),
        [("a", "1")],
    ),
    (
        "an empty part that shares its line end with the delimiter",
        f"multipart/form-data; boundary={B}",
        lines(f"--{B}", 'Content-Disposition: form-data; name="a"', "", f"--{B}--"),
        [("a", "")],
    ),
    (
        "folded header, escaped quote in the name, parameters in another order",
        f"multipart/form-data; BOUNDARY = {B}",
        lines(f"--{B}", "Content-Disposition: form-data;", ' x=1; name="a\\"b"', "", "1", f"--{B}--"),
        [('a"b', "1")],
    ),
    (
        "a text in Latin-1",
        f"multipart/form-data; boundary={B}",
        lines(
            f"--{B}",
            'Content-Disposition: form-data; name="a"',
            "Content-Type: text/plain; charset=ISO-8859-1",
            "",
            "X",
            f"--{B}--",
        ).replace(b"X", b"\xfc"),
        [("a", "ü")],
    ),
    (
        "quoted-printable and base64 text",
        f"multipart/form-data; boundary={B}",
        lines(
            f"--{B}",
            'Content-Disposition: form-data; name="a"',
            "Content-Transfer-Encoding: quoted-printable",
            "",
            "=C3=BC",
            f"--{B}",
            'Content-Disposition: form-data; name="b"',
            "Content-Transfer-Encoding: base64",
            "",
            "w7w=",
            f"--{B}--",
        ),
        [("a", "ü"), ("b", "ü")],
    ),
    (
        "parts without a name, and files without a file name, are dropped",
        f"multipart/form-data; boundary={B}",
        lines(
            f"--{B}",
            "",
            "no headers",
            f"--{B}",
            'Content-Disposition: form-data; name="file"; filename=""',
            "Content-Type: application/octet-stream",
            "",
            "",
            f"--{B}",
            "Content-Disposition: attachment",
            "",
            "x",
            f"--{B}--",
        ),
        [],
    ),
]


@pytest.mark.parametrize(
    ("content_type", "body", "meant"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES]
)
def test_what_clients_send(content_type: str, body: bytes, meant: list[tuple[str, object]]) -> None:
    assert parts(body, content_type) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('filename="a.txt"', "a.txt"),
        ("filename=a.txt", "a.txt"),
        ("filename*=utf-8''gr%C3%BC%C3%9Fe.txt", "grüße.txt"),
        ("filename=\"x\"; filename*=ISO-8859-1'de'gr%FCn", "grün"),
        ('filename="../../etc/passwd"', "passwd"),
        (r'filename="C:\dir\new.txt"', r"C:\dir\new.txt"),
        ('filename="a%22b.txt"', 'a"b.txt'),
        ('filename="a;b.txt"', "a;b.txt"),
        ('filename="unclosed', "unclosed"),
    ],
)
def test_file_names(written: str, meant: str) -> None:
    body = lines(f"--{B}", f'Content-Disposition: form-data; name="f"; {written}', "", "x", f"--{B}--")
    ((name, upload),) = parts(body)
    assert isinstance(upload, Upload)
    assert (name, upload.filename, upload.data) == ("f", meant, b"x")


WHOLE = lines(f"--{B}", 'Content-Disposition: form-data; name="a"', "", "1234", f"--{B}--")


@pytest.mark.parametrize("cut", range(len(f"--{B}"), len(WHOLE) - 2 - len("--")))
def test_a_cut_body_is_told_from_a_broken_one(cut: int) -> None:
    with pytest.raises(Truncated, match="unexpected EOF"):
        parts(WHOLE[:cut])


@pytest.mark.parametrize(
    "body",
    [
        b"no delimiter at all",
        lines("--other", "", "x", "--other--"),
        lines(f"--{B}", "no colon", "", "x", f"--{B}--"),
        lines(f"--{B}", "Content-Disposition: form-data; name=\0", "", "x", f"--{B}--"),
        lines(f"--{B}", 'Content-Disposition: form-data; name="a"' + " " * 17_000, "", "x", f"--{B}--"),
        lines(f"--{B}", 'Content-Disposition: form-data; name="X"', "", "x", f"--{B}--").replace(
            b"X", b"\xff"
        ),
        lines(f"--{B} and more", "", "x", f"--{B}--"),
    ],
)
def test_broken_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="malformed multipart/form-data request"):
        parts(body)


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 201}"]
)
def test_a_boundary_is_required(content_type: str) -> None:
    with pytest.raises(Malformed):
        parts(b"x", content_type)


@pytest.mark.parametrize(
    ("header", "data", "text"),
    [
        ("text/plain", b"\xff", "a parameter is not valid utf-8 text"),
        ("text/plain", b"a\0b", "a parameter contains a NUL byte"),
        ("text/plain; charset=klingon", b"x", "a parameter has an unknown charset"),
        ("text/plain; charset=rot13", b"x", "a parameter has an unknown charset"),
        ("text/plain; charset=punycode", b"x", "a parameter has an unknown charset"),
        ("text/plain; charset=utf-16", b"x", "a parameter is not valid utf-16 text"),
    ],
)
def test_text_that_is_none(header: str, data: bytes, text: str) -> None:
    body = lines(
        f"--{B}",
        'Content-Disposition: form-data; name="a"',
        f"Content-Type: {header}",
        "",
        "DATA",
        f"--{B}--",
    )
    with pytest.raises(BadText) as refused:
        parts(body.replace(b"DATA", data))
    assert refused.value.text == text


def test_the_number_of_parts_is_bounded() -> None:
    part = f'--{B}\r\nContent-Disposition: form-data; name="to"\r\n\r\na\r\n'
    assert len(parts((part * 2_500 + f"--{B}--").encode())) == 2_500
    with pytest.raises(TooManyFields):
        parts((part * 2_501 + f"--{B}--").encode())


@given(
    st.lists(
        st.tuples(
            st.text("abcäöü:-_ \"\\;'=%", min_size=1, max_size=12),
            st.one_of(st.text(max_size=50).filter(lambda t: "\0" not in t), st.binary(max_size=80)),
        ),
        max_size=8,
    )
)
def test_what_is_written_is_read(fields: list[tuple[str, str | bytes]]) -> None:
    body = b""
    for name, value in fields:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        head = f'--{B}\r\nContent-Disposition: form-data; name="{quoted}"'
        if isinstance(value, bytes):
            body += f'{head}; filename="f"\r\n\r\n'.encode() + value + b"\r\n"
        else:
            body += f"{head}\r\n\r\n{value}\r\n".encode()
    read = [(n, v.data if isinstance(v, Upload) else v) for n, v in split(body + f"--{B}--".encode(), HEADER)]
    assert read == fields


HEADER = parse_header(f"multipart/form-data; boundary={B}")
PIECES = [
    f"--{B}",
    "--",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; name=",
    '"a"',
    ";",
    "filename=",
    "=",
]


@given(
    st.lists(
        st.one_of(st.sampled_from([p.encode() for p in PIECES]), st.binary(max_size=6)), max_size=40
    ).map(b"".join)
)
def test_garbage_is_refused_and_nothing_worse(body: bytes) -> None:
    try:
        split(body, HEADER)
    except Refused as refused:
        assert refused.status == 400
        assert refused.text


@pytest.mark.parametrize("filler", [b';a="', b"\n ", b"; ", b"a:\n", b'\\"', b"=;"])
def test_headers_cost_linear_time(filler: bytes) -> None:
    # 16,000 bytes of anything in a header, 200 times: seconds when quadratic, milliseconds when not.
    head = b'\r\nContent-Disposition: form-data; name="a"' + filler * (15_000 // len(filler))
    body = (b"--" + B.encode() + head + b"\r\n\r\nx\r\n") * 200 + b"--" + B.encode() + b"--"
    start = time.process_time()
    with contextlib.suppress(Malformed):
        split(body, HEADER)
    assert time.process_time() - start < 5
