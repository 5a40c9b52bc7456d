"""What somebody wrote, without what they answered to and without their signature.

There is no standard for any of it: mail programs mark what they quote in some dozen ways. Everything here takes time
linear in the text, because strangers choose it. (The libraries for this are sets of backtracking expressions: 12,000
empty lines cost one of them 14 seconds. Decision 0032.)
"""

import re
from collections.abc import Iterator

import lxml.html
from lxml import etree

MAX_TEXT = 1_000_000  # characters that are looked at; larger ones are given as they are
_MAX_SIGNATURE = 15  # lines

# How the line begins and ends that stands before a quotation: "On Monday Bob wrote:".
_BEGINS = (
    "on ",
    "am ",
    "le ",
    "el ",
    "il ",
    "op ",
    "em ",
    "den ",
    "w dniu ",
    "dnia ",
    "på ",
    "kl. ",
    "в ",
    "пн",
    "вт",
)
_ENDS = (
    "wrote",
    "writes",
    "schrieb",
    "a écrit",
    "escribió",
    "ha scritto",
    "schreef",
    "escreveu",
    "napisał",
    "napisał(a)",
    "skrev",
    "написал",
    "написал(а)",
    "пишет",
)
_WRITES = re.compile(r"(?:^|\s)(?:wrote|writes|schrieb)\b", re.IGNORECASE)
_ORIGINAL = frozenset(
    (
        "original message",
        "original appointment",
        "reply message",
        "ursprüngliche nachricht",
        "originalnachricht",
        "message d'origine",
        "message original",
        "mensaje original",
        "messaggio originale",
        "oorspronkelijk bericht",
        "mensagem original",
        "originalmeddelande",
        "исходное сообщение",
    )
)
# Outlook's block of header lines.
_FIRST = ("from", "von", "de", "da", "van", "från", "fra", "от", "od")
_OTHER_WORDS = (
    "sent date to subject cc gesendet datum an betreff envoyé à objet enviado para asunto fecha inviato a oggetto "
    "verzonden aan onderwerp assunto skickat till ämne дата кому тема wysłano do temat"
)
_OTHERS = frozenset(_OTHER_WORDS.split())
_LABEL = re.compile(r"[*_ ]{0,4}([^\s:*]{1,20})[*_ ]{0,4}:")
_SENT_FROM = (
    "sent from my ",
    "get outlook for",
    "von meinem ",
    "gesendet von ",
    "envoyé de mon",
    "enviado desde mi ",
)


def split(text: str) -> tuple[str, str] | None:
    """What was written in reply, and the signature ("" when there is none). None when that cannot be told."""
    if len(text) > MAX_TEXT:
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = _quotation(lines)
    own = lines[:end]
    while own and not own[-1].strip():
        own.pop()
    if not own:
        # All of it is a quotation, or was taken for one: better all than nothing.
        own = lines
        while own and not own[-1].strip():
            own.pop()
    at = _signature(own)
    signature = "\n".join(own[at:]).strip()
    reply = "\n".join(own[:at]).rstrip() if signature else "\n".join(own)
    return reply.replace("\n", "\r\n"), signature.replace("\n", "\r\n")


def _quotation(lines: list[str]) -> int:
    """The line at which the quotation begins that goes on to the end; the number of lines when there is none."""
    for number, line in enumerate(lines):
        bare = line.strip()
        if not bare:
            continue
        if _is_original(bare) or _is_header_block(lines, number):
            return number
        if _is_writes(lines, number) and _is_quote(lines, number):
            return number
    # Quoted lines down to the end. Between a person's own lines they belong to what was written.
    end = len(lines)
    quoted = False
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        quoted = quoted or bool(lines[end - 1].strip())
        end -= 1
    return end if quoted else len(lines)


def _is_original(line: str) -> bool:
    if not line.startswith(("--", "__", "==")):
        return False
    return line.strip("-_= ").lower() in _ORIGINAL


def _is_header_block(lines: list[str], number: int) -> bool:
    hit = _LABEL.match(lines[number].strip())
    if hit is None or hit[1].lower() not in _FIRST:
        return False
    others = 0
    for line in lines[number + 1 : number + 8]:
        label = _LABEL.match(line.strip())
        others += bool(label and label[1].lower() in _OTHERS)
    return others >= 2


def _is_writes(lines: list[str], number: int) -> bool:
    """Whether here begins "On … wrote:", perhaps broken over three lines."""
    first = lines[number].strip().lower()[:1000]
    if not first.startswith(_BEGINS):
        return False
    joined = first
    for more in range(number + 1, number + 4):
        if joined.endswith(":"):
            sentence = joined[:-1].rstrip()
            return sentence.endswith(_ENDS) or bool(_WRITES.search(sentence))
        if more >= len(lines):
            break
        joined = f"{joined} {lines[more].strip().lower()[:1000]}"
    return False


def _is_quote(lines: list[str], number: int) -> bool:
    """Whether what follows goes to the end: with no own line after quoted ones."""
    rest = lines[number + 1 : number + 4]
    while (
        rest
        and not rest[0].strip().endswith(":")
        and not rest[0].lstrip().startswith(">")
        and rest[0].strip()
    ):
        rest = rest[1:]
    quoted = False
    for line in lines[number + 1 :]:
        marked = line.lstrip().startswith(">")
        if quoted and not marked and line.strip():
            return False  # somebody answers between the lines
        quoted = quoted or marked
    return True


def _signature(lines: list[str]) -> int:
    """The line at which the signature begins; the number of lines when there is none."""
    for number in range(max(0, len(lines) - _MAX_SIGNATURE), len(lines)):
        bare = lines[number].strip()
        if number == 0:
            continue  # a message is not all signature
        if bare in ("--", "__", "—") or bare.lower().startswith(_SENT_FROM):
            return number
    return len(lines)


# Elements in which mail programs put what they quote.
_QUOTED = (
    "gmail_quote",
    "gmail_quote_container",
    "yahoo_quoted",
    "protonmail_quote",
    "zmail_extra",
    "moz-cite-prefix",
    "gmail_extra_quote",
)
_REST = frozenset(("divRplyFwdMsg", "appendonsend", "reply-intro", "x_divRplyFwdMsg", "OLK_SRC_BODY_SECTION"))


def strip_html(html: str) -> str | None:
    """The HTML without quotations. None when it cannot be read."""
    tree = _tree(html)
    if tree is None:
        return None
    changed = False
    for element in list(tree.iter(etree.Element)):
        if not isinstance(element.tag, str) or not _is_inside(element, tree):
            continue
        if element.get("id") in _REST:
            following = list(element.itersiblings())
            for one in [element, *following]:
                one.drop_tree()
            changed = True
        elif _is_quoted(element):
            element.drop_tree()
            changed = True
    if not changed:
        return html
    made: str = etree.tostring(tree, encoding="unicode", method="html")
    return made


def _is_quoted(element: etree._Element) -> bool:
    classes = (element.get("class") or "").split()
    if any(name in _QUOTED for name in classes):
        # A forwarded message is what the sender wanted to be read.
        beginning = "".join(element.itertext())[:200] if "gmail_quote" in classes else ""
        return "-- Forwarded message" not in beginning
    if element.tag != "blockquote":
        return False
    return element.get("type") == "cite" or bool(element.get("cite"))


def _is_inside(element: etree._Element, tree: etree._Element) -> bool:
    """Whether an element still hangs in the tree, and is not the whole of it."""
    return element is not tree and element.getparent() is not None


def to_text(html: str) -> str:
    """The HTML as plain text: what is read, with line breaks where blocks end. "" when it cannot be read."""
    tree = _tree(html)
    if tree is None:
        return ""
    pieces = "".join(_text(tree)).replace("\r", "").split("\n")
    lines: list[str] = []
    for piece in pieces:
        line = " ".join(piece.split())
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\r\n".join(lines).strip()


_BLOCK_NAMES = (
    "address article aside blockquote body div dl dt dd fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li "
    "main nav ol p pre section table tr ul br"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HIDDEN = frozenset(("script", "style", "head", "title", "template"))


def _text(tree: etree._Element) -> Iterator[str]:
    hidden = 0
    for event, element in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            hidden += tag in _HIDDEN
            if tag in _BLOCKS:
                yield "\n"
            if not hidden and element.text:
                yield element.text.replace("\n", " ")
            continue
        if event == "end":
            hidden -= tag in _HIDDEN
            if tag in ("p", "h1", "h2", "h3"):
                yield "\n\n"
            elif tag in _BLOCKS:
                yield "\n"
            elif tag in ("td", "th"):
                yield " "
        if not hidden and element.tail:
            yield element.tail.replace("\n", " ")


def _tree(html: str) -> etree._Element | None:
    if not html.strip() or len(html) > MAX_TEXT:
        return None
    try:
        # Octets: a text with an encoding declaration is refused by the parser.
        parser = lxml.html.HTMLParser(encoding="utf-8", recover=True, huge_tree=False, no_network=True)
        tree: etree._Element = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None
    return tree
