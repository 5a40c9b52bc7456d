"""Plain text out of HTML."""

import pytest

from postwright.templates.totext import to_text

CASES = [
    ("<p>Hello <b>Bob</b>,</p><p>bye.</p>", "Hello Bob,\n\nbye.\n"),
    ("<h1>T</h1>one<br>two<br/>three", "T\n\none\ntwo\nthree\n"),
    ('<a href="https://x.co/a?b=1&amp;c">Go</a> now', "Go (https://x.co/a?b=1&c) now\n"),
    ('<a href="https://x.co">https://x.co</a> <a href="mailto:a@b.co">a@b.co</a>', "https://x.co a@b.co\n"),
    ('<a href="https://x.co"><img src="i.png" alt="Logo"></a>', "Logo (https://x.co)\n"),
    ("<ul><li>a<li>b<ul><li>c</ul></ul><ol><li>x</li><li>y</li></ol>", "- a\n- b\n  - c\n\n1. x\n2. y\n"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
    ("<head><title>t</title><style>p{}</style></head><body>x<script>y</script></body>", "x\n"),
    ("<!DOCTYPE html><!-- c --><p>a &lt; b &euro; &nbsp; c</p>", "a < b € c\n"),
    ("<pre>a\n  b</pre>", "a\n  b\n"),
    ("  spread \n over\n lines ", "spread over lines\n"),
    ("2.5 apples", "2.5 apples\n"),
    ("", "\n"),
]


@pytest.mark.parametrize(("html", "text"), CASES)
def test_cases(html: str, text: str) -> None:
    assert to_text(html) == text


def test_hostile_html_ends() -> None:
    for html in ("<" * 200_000, "<ul><li>" * 5000, "<a href=x>" * 20_000, "&" * 200_000, "<!--" * 50_000):
        to_text(html)
