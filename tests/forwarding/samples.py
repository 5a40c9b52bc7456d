"""Messages as they come from the world."""

PLAIN = (
    b"Received: from x by y; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= <ann@there.test>\r\nTo: Bob <bob@one.example.com>\r\n"
    b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\nMessage-Id: <one@there.test>\r\n"
    b"X-Two: first\r\nX-Two: second\r\nrecipient: forged@evil.test\r\nsignature: forged\r\nevent: forged\r\n"
    b"attachments: []\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    b"Sch\xf6n.\r\n\r\n-- \r\nJ\xfcrgen\r\n\r\nOn Mon, 1 Jan 2024 Bob wrote:\r\n> Hi\r\n"
)

FULL = (
    b"From: Ann <ann@there.test>\r\nTo: bob@one.example.com\r\nSubject: Files\r\nMessage-Id: <two@there.test>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
    b'--r\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello \xc3\xa4\r\n"
    b"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<p>Hello <img src="cid:pic@x"></p><div class="gmail_quote">old</div>\r\n'
    b"--a\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\n"
    b"--a--\r\n"
    b"--r\r\nContent-Type: image/png; name=pic.png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--r--\r\n"
    b"--m\r\nContent-Type: text/csv; charset=utf-8\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''r%C3%A4port%22.csv\r\n\r\na;b\r\n"
    b"--m\r\nContent-Type: application/ms-tnef\r\nContent-Disposition: attachment; filename=winmail.dat\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\neJ8+IgAB\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\n"
    b"From: nested@x.test\r\nSubject: nested\r\n\r\nInside.\r\n"
    b"--m--\r\n"
)

HTML = (
    b"From: ann@there.test\r\nSubject: only html\r\nContent-Type: text/html\r\n\r\n"
    b"<html><body><p>One</p><p>Two &amp; three</p></body></html>\r\n"
)

# Each of these has to arrive, whatever can be made of it.
BROKEN = {
    "empty": b"\r\n",
    "no body": b"From: ann@there.test\r\nSubject: x\r\n\r\n",
    "no header": b"\r\nonly text\r\n",
    "bad base64": b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64===\r\n",
    "bad charset": b"Content-Type: text/plain; charset=no-such\r\n\r\n\xff\xfe\x80\r\n",
    "bad words": b"Subject: =?utf-8?b?!!!?= =?x?q?=FF?= =?utf-8?q?=FF=FE?=\r\nFrom: \xff\xfe <\x80@x>\r\n\r\nx\r\n",
    "no end": b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>cut off\r\n",
    "no boundary": b"Content-Type: multipart/mixed\r\n\r\n--x\r\ntext\r\n",
    "odd names": b'Content-Type: image/x\r\nContent-Disposition: attachment; filename="../../etc/.."\r\n\r\nx\r\n',
    "no name": b"Content-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\nx\r\n",
    "same ids": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"".join(
        b"--b\r\nContent-ID: <%b>\r\nContent-Type: a/b\r\n\r\n1\r\n" % name for name in (b"a", b"a", b"")
    )
    + b"--b--\r\n",
    "quotes": b'From: ann@there.test\r\nSubject: "quoted" \\ & = + %41 \xc3\xa4\r\n\r\na&b=c+d%20\r\n',
    "html bomb": b"Content-Type: text/html\r\n\r\n" + b"<div>\r\n" * 3000 + b"x\r\n",
    "many headers": b"".join(b"X-%d: v\r\n" % n for n in range(500)) + b"\r\nx\r\n",
}
