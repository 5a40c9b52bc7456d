"""The scanner: what a browser takes for a link is changed, and no other character."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from postwright.tracking import html


def changed(source: str) -> str:
    return html.rewrite(source, lambda url: f"T({url})" if url.lower().startswith("http") else None).text


SAMPLES = [
    # Quoting of every kind, capital letters, spaces, line breaks inside the tag.
    ('<a href="http://x/1">', '<a href="T(http://x/1)">'),
    ("<A HREF='http://x/1' >", "<A HREF='T(http://x/1)' >"),
    ("<a href=http://x/1/>", "<a href=T(http://x/1/)>"),
    ('<a\r\n  class="b>"\n  href = "http://x/1"\n>', '<a\r\n  class="b>"\n  href = "T(http://x/1)"\n>'),
    ('<map><area alt="" href="https://x/"/></map>', '<map><area alt="" href="T(https://x/)"/></map>'),
    ('<a title=\'it"s\' href="http://x/">', '<a title=\'it"s\' href="T(http://x/)">'),
    ('<a title=it\'s href="http://x/">', '<a title=it\'s href="T(http://x/)">'),
    # The first of several counts; names that only end alike do not.
    ('<a href="http://x/" href="http://y/">', '<a href="T(http://x/)" href="http://y/">'),
    ('<a data-href="http://x/" href="http://y/">', '<a data-href="http://x/" href="T(http://y/)">'),
    ('<abbr href="http://x/"><link href="http://x/">', '<abbr href="http://x/"><link href="http://x/">'),
    # What is no web link.
    ('<a href="mailto:a@b"><a href="#x"><a href="tel:1"><a href="">', None),
    ('<a name="x"><a href><a href="javascript:alert(1)"><a href="/relative">', None),
    # Outlook, doctypes, comments, scripts, styles, titles, text areas.
    ('<!--[if mso]><a href="http://x/"><![endif]-->', None),
    ('<![if !mso]><a href="http://x/"><![endif]>', '<![if !mso]><a href="T(http://x/)"><![endif]>'),
    ('<!--><a href="http://x/">-->', '<!--><a href="T(http://x/)">-->'),
    ('<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/x.dtd">', None),
    ("<script>var a = \"<a href='http://x/'>\";</script>", None),
    ('<style>/* <a href="http://x/"> */</style><title><a href="http://x/"></title>', None),
    ('<textarea><a href="http://x/"></textarea>', None),
    ('<script>1</script><a href="http://x/">', '<script>1</script><a href="T(http://x/)">'),
    ('<img alt="<a href=\'http://x/\'>" src="http://y/">', None),
    ('<v:rect href="http://x/"><o:p></o:p></v:rect>', None),
    ('<a href="http://x/', None),
    ('<a href="http://x/" class="', None),
    # A space around, and the breaks that browsers take out of a URL.
    ('<a href="  http://x/\n1 ">', '<a href="T(http://x/1)">'),
    # The mark of a link that is not to be tracked goes, and so does its tracking.
    ('<a href="http://x/" disable-tracking=true>', '<a href="http://x/">'),
    ('<a disable-tracking="true" href="http://x/" class=b>', '<a href="http://x/" class=b>'),
    ("<a disable-tracking href='http://x/'>", "<a href='http://x/'>"),
    ('<a href="http://x/" disable-tracking=false>', '<a href="T(http://x/)">'),
]


@pytest.mark.parametrize(("source", "expected"), SAMPLES, ids=[source for source, _ in SAMPLES])
def test_samples(source: str, expected: str | None) -> None:
    assert changed(source) == (source if expected is None else expected)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://x/?a=1&amp;b=2", "http://x/?a=1&b=2"),
        ("http://x/?a=1&copy=2&b", "http://x/?a=1&copy=2&b"),  # no ©: "=" follows
        ("http://x/?a=1&copy", "http://x/?a=1©"),
        ("http://x/?a&copyright=1&notit", "http://x/?a&copyright=1&notit"),
        ("http://x/&#47;&#x41;&#65", "http://x//AA"),
        ("http&colon;//x/&eacute;", "http://x/é"),
        ("&#104;ttp://x/", "http://x/"),
    ],
)
def test_character_references_count_as_in_a_browser(written: str, meant: str) -> None:
    assert html.target(written) == meant
    assert LexborHTMLParser(f'<a href="{written}">').css_first("a").attributes["href"] == meant


def placed(source: str, *, top: bool) -> str:
    page = html.rewrite(source, lambda url: None)
    at = page.top if top else page.bottom
    return page.text[:at] + "|" + page.text[at:]


@pytest.mark.parametrize(
    ("source", "top", "bottom"),
    [
        ("<p>x", "|<p>x", "<p>x|"),
        ("<body>x</body></html>", "<body>|x</body></html>", "<body>x|</body></html>"),
        ('<BODY class=">">x</BODY >\n', '<BODY class=">">|x</BODY >\n', '<BODY class=">">x|</BODY >\n'),
        ("<!doctype html><html><head></head>x", "<!doctype html><html><head></head>|x", None),
        ("<body>x<!-- </body> --></body>", None, "<body>x<!-- </body> -->|</body>"),
        ("<body></body>x<body>y</body>", "<body>|</body>x<body>y</body>", "<body></body>x<body>y|</body>"),
        ("", "|", "|"),
    ],
)
def test_where_things_are_put(source: str, top: str | None, bottom: str | None) -> None:
    assert top is None or placed(source, top=True) == top
    assert bottom is None or placed(source, top=False) == bottom


PIECES = st.lists(
    st.sampled_from(
        [
            *[
                "<a ",
                "<a",
                "<area ",
                "</a>",
                "<p>",
                "<p title=",
                "<img alt=",
                "<br/>",
                "<script>",
                "</script>",
                "<style>",
            ],
            *[
                "</style>",
                "<!--",
                "-->",
                "<!-- x -->",
                "<![if !mso]>",
                "<![endif]>",
                "<?x ?>",
                "<!doctype html>",
                "<body>",
            ],
            *[
                "</body>",
                "href=",
                "href = ",
                'href="http://x/1"',
                "href='http://x/2'",
                "href=http://x/3",
                "HREF=",
                "class=b",
            ],
            *[
                '"',
                "'",
                ">",
                "/>",
                "<",
                " ",
                "\n",
                "=",
                "http://x/4",
                "/",
                "text",
                "é",
                "!",
                "-",
                "]",
                "&amp;",
            ],
        ]
    ),
    min_size=3,
    max_size=16,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_nothing_but_values_changes(source: str) -> None:
    values: list[str] = []

    def link(url: str) -> str:
        values.append(url)
        return f"\ue000{len(values) - 1}\ue000"

    out = html.rewrite(source, link).text
    kept = re.split("\ue000\\d+\ue000", out)
    # What was between the values is there in order, and taking the values back gives the original.
    assert re.fullmatch("(.*?)".join(map(re.escape, kept)), source, re.DOTALL)
    back = re.sub("\ue000(\\d+)\ue000", lambda found: values[int(found[1])], out)
    if "&" not in source and not re.search(r"=\s*[\"']\s|[\n ]+[\"']|http\S*\n", source):
        assert back == source


def links(source: str) -> list[str]:
    found = LexborHTMLParser(source).css("a, area")
    return [(node.attributes.get("href") or "").strip() for node in found]


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_a_browser_finds_the_changed_links_where_it_found_links(source: str) -> None:
    expected = [f"T({url})" if url.startswith("http") else url for url in links(source)]
    assert links(changed(source)) == expected


@pytest.mark.parametrize(
    "unit", ["<a ", "<", "<!", "</", "<!--", "<a href=", '<a href="', "<a x='", "<script>", "&#"]
)
def test_hostile_input_takes_no_long_time(unit: str) -> None:
    source = unit * (400_000 // len(unit))
    began = time.process_time()
    assert html.rewrite(source, lambda url: None).text == source
    assert time.process_time() - began < 4  # a quadratic scan would take minutes
