import time

from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.mail.mime import Attachment, compose, parse
from postwright.mail.mime.parse import MAX_DEPTH, MAX_PARTS

CR = b"\r\n"


def test_reads_what_was_composed() -> None:
    png = Attachment("Bild ü.png", "image/png", bytes(range(256)), "bild@1")
    raw = compose(
        [("Subject", "Grüße"), ("X-Two", "1"), ("X-Two", "2")],
        text="t é\n",
        html="<p>h</p>",
        amp="a",
        inlines=[png],
        attachments=[Attachment("m.eml", "message/rfc822", b"A: b\r\n\r\nc")],
        boundary_seed="1",
    )
    parsed = parse(raw)
    assert parsed.headers[:3] == [("Subject", "Grüße"), ("X-Two", "1"), ("X-Two", "2")]
    assert (parsed.body_plain, parsed.body_html) == ("t é\r\n", "<p>h</p>")
    assert parsed.bodies["x-amp-html"] == "a"
    assert parsed.attachments == [png, Attachment("m.eml", "message/rfc822", b"A: b\r\n\r\nc")]
    assert parse(raw.replace(CR, b"\n")).attachments[0] == png


@given(st.binary(max_size=300), st.sampled_from(["7bit", "8BIT", "base64", "quoted-printable", "x"]))
def test_never_raises(data: bytes, encoding: str) -> None:
    parse(data)
    parse(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + data)
    parse(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data)


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=a",
                b'content-type: MULTIPART/x; boundary="a b"',
                b"Content-Type: text/html; charset=latin-1",
                b"Content-Transfer-Encoding: base64",
                b"Content-Disposition: attachment; filename*=x''%ff",
                b"--a",
                b"--a--",
                b"--a b",
                b"",
                b"text",
                b" folded",
                b"\xff\0",
            ]
        ),
        max_size=25,
    )
)
def test_shuffled_pieces_never_raise(pieces: list[bytes]) -> None:
    parse(CR.join(pieces))
    parse(b"\n".join(pieces))


def multipart(boundary: str, *parts: bytes) -> bytes:
    inner = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\npreamble\r\n%b--%b--\r\nepilogue' % (
        boundary.encode(),
        inner,
        boundary.encode(),
    )


def test_pieces_of_text_are_joined_and_the_rest_are_files() -> None:
    raw = multipart(
        "a",
        b"\r\none",
        multipart("ab", b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n\xe9", b"\r\ntwo"),
        b"Content-Type: text/plain; name=x.txt\r\n\r\nfile",
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN",
        b"Content-Disposition: attachment\r\n\r\nnameless",
        b"Content-Type: application/x-y\r\nContent-ID: <i@d>\r\n\r\n--a is here",
    )
    parsed = parse(raw)
    assert parsed.bodies == {"plain": "one\r\ntwo", "html": "é", "calendar": "BEGIN"}
    assert parsed.attachments == [
        Attachment("x.txt", "text/plain; name=x.txt", b"file"),
        Attachment("", "text/plain", b"nameless"),
        Attachment("", "application/x-y", b"--a is here", "i@d"),
    ]


def test_broken_messages_give_what_is_there() -> None:
    cut = multipart("a", b"\r\none", b"Content-Type: text/html\r\n\r\ntwo").partition(b"--a--")[0]
    assert parse(cut).bodies == {"plain": "one", "html": "two\r\n"}
    base64 = b"Content-Transfer-Encoding: base64\r\n\r\n%b"
    assert parse(base64 % b"w6k").body_plain == "é"
    assert parse(base64 % b"w6l!h YQ=\r\n=").body_plain == "éaa"
    assert parse(base64 % b"QUJDR").body_plain == "ABC"
    assert parse(b"no header at all").body_plain == ""
    assert parse(b"").headers == []
    assert parse(b"\r\nonly a body").body_plain == "only a body"


def test_depth_and_number_of_parts_are_bounded() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%dx\r\n\r\n--b%dx\r\n" % (i, i) for i in range(20_000)
    )
    many = multipart("a", *[b"\r\n."] * 5000)
    start = time.perf_counter()
    deep = parse(nested)
    assert [item.content_type for item in deep.attachments] == [f"multipart/mixed; boundary=b{MAX_DEPTH}x"]
    assert parse(many).body_plain.count(".") == MAX_PARTS - 1  # the whole is the first part
    # Far above what it takes, far below what work quadratic in the input would.
    assert time.perf_counter() - start < 5


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300), st.binary(max_size=300))
def test_round_trip(text: str, data: bytes) -> None:
    raw = compose([], text=text, attachments=[Attachment("f", "a/b", data)], boundary_seed="1")
    parsed = parse(raw)
    assert parsed.attachments == [Attachment("f", "a/b", data)]
    assert parsed.body_plain.replace("\r\n", "\n") == text.replace("\r\n", "\n").replace("\r", "\n")
