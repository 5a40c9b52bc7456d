"""The scanner that finds links in HTML and what else is put into a page, keeping every other character.

It reads tags as browsers do (WHATWG HTML §13.2.5) as far as that decides where a tag, an attribute or a text begins
and ends; it never writes HTML of its own beyond the values it is given.
"""

import re
from collections.abc import Callable
from html import unescape
from html.entities import html5

import msgspec

# One attribute: a name, and perhaps a value in double quotes, single quotes or none.
_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'>][^\s>]*+))?+"
_ATTRIBUTES = rf"(?:[\s/]++|{_ATTRIBUTE})*+"


def _any_case(words: str) -> str:
    """A pattern for words in letters of any case: cheaper than the flag, which slows every other letter too."""
    return "|".join("".join(f"[{c}{c.upper()}]" for c in word) for word in words.split())


# Content of these is text for their own purpose until their end tag, whatever it looks like.
_RAW = _any_case("script style textarea title xmp iframe noembed noframes")
_FRAME = _any_case("body head html")
# A tag that never ends takes the rest with it, as in browsers; the scan stays linear that way.
_PIECE = re.compile(
    rf"""
    <(?:
        (?=[aA])(?:[aA](?:[rR][eE][aA])?+)(?P<attributes>(?=[\s/>]){_ATTRIBUTES})>
      | (?=[sStTxXiInN])(?P<raw>{_RAW})(?=[\s/>]){_ATTRIBUTES}>.*?(?:(?=</(?i:(?P=raw))[\s/>])|\Z)
      | (?=[bBhH])(?P<start>{_FRAME})(?=[\s/>]){_ATTRIBUTES}>
      | /(?P<end>{_FRAME})(?=[\s/>])[^>]*+(?:>|\Z)
      | /?[a-zA-Z][^\s/>]*+{_ATTRIBUTES}(?:>|\Z)  # any other tag
      | !--(?:>|->|.*?(?:--!?>|\Z))               # a comment, conditional ones too
      | !(?P<declared>[a-zA-Z][^>]*+)(?:>|\Z)     # the doctype
      | (?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)      # <![if …]>, <?xml …?>
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ONE_ATTRIBUTE = re.compile(
    r"[\s/]*+([^\s/>][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>][^\s>]*+)))?+"
)
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z0-9]+;?)=?")
# What browsers take out of a URL before they read it (WHATWG URL §4.4).
_IGNORED = re.compile(r"[\t\n\r]+")
_AROUND = "".join(map(chr, range(0x21)))
_OFF = frozenset(("false", "no", "off", "0"))


class Page(msgspec.Struct):
    """The HTML after its links were changed, and where in it something can be put."""

    text: str
    top: int  # where the body begins
    bottom: int  # where it ends


def rewrite(source: str, link: Callable[[str], str | None]) -> Page:
    """Change the target of each link for what `link` says of it (None: leave it)."""
    out: list[str] = []
    done = shift = 0
    body = prologue = -1
    bottom = -1
    for piece in _PIECE.finditer(source):
        kind = piece.lastgroup
        if kind is None:
            continue
        if kind == "attributes":
            offset = piece.start("attributes")
            for start, end, new in _changes(piece["attributes"], link):
                start += offset
                end += offset
                out += (source[done:start], new)
                done = end
                shift += len(new) - (end - start)
        elif kind == "start":
            if piece["start"].lower() == "body":
                body = body if body >= 0 else piece.end() + shift
            else:
                prologue = piece.end() + shift
        elif kind == "end":
            name = piece["end"].lower()
            if name == "body":
                bottom = piece.start() + shift
            elif name == "head":
                prologue = piece.end() + shift
        elif kind == "declared" and body < 0:
            prologue = piece.end() + shift
    out.append(source[done:])
    text = "".join(out)
    top = body if body >= 0 else max(prologue, 0)
    return Page(text, top, bottom if bottom >= top else len(text))


def _changes(attributes: str, link: Callable[[str], str | None]) -> list[tuple[int, int, str]]:
    """What to put in which places of the attributes of one link."""
    changes: list[tuple[int, int, str]] = []
    href: tuple[int, int] | None = None
    disabled = False
    for found in _ONE_ATTRIBUTE.finditer(attributes):
        name, *values = found.groups()
        name = name.lower()
        if name == "href" and href is None:  # the first of several counts
            href = (
                found.span(found.lastindex or 1) if any(value is not None for value in values) else (-1, -1)
            )
        elif name == "disable-tracking":
            value = next((value for value in values if value is not None), "")
            disabled = disabled or value.strip().lower() not in _OFF
            changes.append((found.start(), found.end(), ""))
    if href is not None and href[0] >= 0 and not disabled:
        new = link(target(attributes[slice(*href)]))
        if new is not None:
            changes.append((*href, new))
            changes.sort()
    return changes


def target(value: str) -> str:
    """Where an attribute's value leads: character references undone, and what browsers ignore taken out."""
    if "&" in value:
        value = _REFERENCE.sub(_character, value)
    return _IGNORED.sub("", value.strip(_AROUND))


def _character(found: re.Match[str]) -> str:
    """One character reference as it counts in an attribute (WHATWG HTML §13.2.5.73).

    Without a semicolon and before "=" or a letter it is none: `?a=1&copy=2` has no copyright sign.
    """
    text = found[0]
    name = text.removesuffix("=")
    if name[1] == "#":
        return unescape(name) + text[len(name) :]
    if name[1:] in html5 and (name.endswith(";") or name == text):
        return html5[name[1:]] + text[len(name) :]
    return text
