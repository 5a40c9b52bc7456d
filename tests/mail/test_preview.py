"""Messages as pages to look at."""

from postwright.mail import preview
from postwright.mail.mime import parse

_PIXEL = "iVBORw0KGgo="


def _message(html: str, *, kind: str = "image/png") -> bytes:
    return (
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
        f"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
        f"--x\r\nContent-Type: {kind}\r\nContent-ID: <pic@a>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{_PIXEL}\r\n--x--\r\n"
    ).encode()


def test_pictures_stand_in_the_page() -> None:
    shown = preview.page(parse(_message('<p>é</p><img src="cid:pic@a"><img src="cid:none">'))).decode(
        "utf-8-sig"
    )
    assert f'<img src="data:image/png;base64,{_PIXEL}">' in shown
    assert '<img src="cid:none">' in shown
    assert "<p>é</p>" in shown


def test_only_pictures_do() -> None:
    shown = preview.page(parse(_message('<img src="cid:pic@a">', kind="text/html"))).decode("utf-8-sig")
    assert "cid:pic@a" in shown and "data:" not in shown


def test_text_is_no_html() -> None:
    shown = preview.page(parse(b"Content-Type: text/plain\r\n\r\n<script>alert(1)</script>")).decode()
    assert "&lt;script&gt;" in shown


def test_the_policy_allows_nothing_to_run() -> None:
    policy = dict((part.strip() + " ").split(" ", 1) for part in preview.POLICY.split(";"))
    assert policy["sandbox"].strip() == "" and policy["default-src"].strip() == "'none'"
    assert "script-src" not in policy
