"""Plain text out of HTML, for mail programs and people who prefer it."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_BLOCKS = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    )
)
_APART = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre")
)  # an empty line around them
_HIDDEN = frozenset(("head", "script", "style", "title", "template", "noscript", "svg"))
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
MAX_DEPTH = 100  # of lists that are indented


def to_text(html: str) -> str:
    """The text of `html`: blocks as paragraphs, links with their addresses, list items with bullets."""
    writer = _Text()
    root = LexborHTMLParser(html).root
    # Each entry is a node to open, or (True) one to close. No recursion: nesting is as deep as somebody likes.
    stack: list[tuple[bool, LexborNode]] = [(False, root)] if root is not None else []
    while stack:
        closes, node = stack.pop()
        tag = node.tag or ""
        if closes:
            writer.close(tag)
        elif tag == "-text":
            writer.write(node.text_content or "")
        elif tag not in _HIDDEN and not tag.startswith(("-", "!")):
            writer.open(tag, node.attributes)
            stack.append((True, node))
            stack.extend((False, child) for child in reversed(list(node.iter(include_text=True))))
    return writer.text()


class _Text:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._pre = 0
        self._lists: list[int] = []  # the next number of each open list, 0: bullets
        self._links: list[tuple[str, int]] = []  # address, and where its text began

    def open(self, tag: str, given: dict[str, str | None]) -> None:
        """An element opens."""
        if tag == "br":
            self._end_line()
        elif tag in _BLOCKS:
            self._end_line(apart=tag in _APART and not self._lists)
        match tag:
            case "a":
                self._links.append((given.get("href") or "", len(self._line)))
            case "img" if given.get("alt"):
                self._line.append(str(given["alt"]))
            case "ul" | "ol" if len(self._lists) < MAX_DEPTH:
                self._lists.append(int(tag == "ol"))
            case "li":
                self._item()
            case "hr":
                self._line.append("-" * 20)
                self._end_line()
            case "pre":
                self._pre += 1
            case "td" | "th" if self._line:
                self._line.append(" ")

    def close(self, tag: str) -> None:
        """An element closes."""
        if tag == "a" and self._links:
            self._link(*self._links.pop())
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _BLOCKS:
            self._end_line(apart=tag in _APART and not self._lists)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)

    def write(self, data: str) -> None:
        """Text."""
        if self._pre:
            first, *rest = data.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        else:
            self._line.append(_SPACE.sub(" ", data))

    def _item(self) -> None:
        depth = max(0, len(self._lists) - 1)
        number = self._lists[-1] if self._lists else 0
        self._line.append("  " * depth + (f"{number}. " if number else "- "))
        if number:
            self._lists[-1] += 1

    def _link(self, address: str, start: int) -> None:
        shown = "".join(self._line[start:]).strip()
        worth_telling = address and not address.startswith(("#", "javascript:"))
        if worth_telling and address.removeprefix("mailto:") != shown:
            self._line.append(f" ({address})" if shown else address)

    def _end_line(self, apart: bool = False) -> None:
        text = "".join(self._line)
        if not self._pre:
            text = re.sub(r"(?<=\S) {2,}", " ", text).rstrip()
            text = text if text.lstrip().startswith(("- ", *(str(n) for n in range(10)))) else text.lstrip()
        self._line.clear()
        self._links = [(address, 0) for address, _ in self._links[:MAX_DEPTH]]
        if text or self._pre:
            self._lines.append(text)
        if apart and self._lines and self._lines[-1]:
            self._lines.append("")

    def text(self) -> str:
        """Everything so far."""
        self._end_line()
        return _EMPTY_LINES.sub("\n\n", "\n".join(self._lines)).strip("\n") + "\n"
