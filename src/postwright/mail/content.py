"""The text of a message as programs are given it: bodies, and bodies without what is quoted in them."""

from .mime import Parsed
from .replies import split, strip_html, to_text


def texts(parsed: Parsed) -> dict[str, str]:
    """`body-plain` always, made of the HTML where only that is there; `body-<subtype>` of other text parts.

    `stripped-text`, `stripped-signature` and `stripped-html` are left out where they cannot be told.
    """
    html = parsed.body_html
    plain = parsed.body_plain if "plain" in parsed.bodies or not html else to_text(html)
    fields = {"body-plain": plain}
    fields |= {f"body-{kind}": text for kind, text in parsed.bodies.items() if kind != "plain"}
    stripped = split(plain)
    if stripped is not None:
        fields["stripped-text"], fields["stripped-signature"] = stripped
    if html and (shorter := strip_html(html)) is not None:
        fields["stripped-html"] = shorter
    return fields
