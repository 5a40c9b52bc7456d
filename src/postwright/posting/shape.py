"""What a post looks like when it goes to the members."""

from postwright.lists import MailingList
from postwright.mail.mime import insert_headers, parse_head, remove_headers

# What was said by us about the way here, or is ours to say; of signatures none would hold.
_GONE = frozenset(
    (
        "authentication-results",
        "delivered-to",
        "dkim-signature",
        "domainkey-signature",
        "list-id",
        "list-post",
        "precedence",
        "return-path",
        "sender",
        "x-envelope-from",
        "x-mailgun-incoming",
        "x-mailgun-sflag",
        "x-mailgun-sscore",
        "x-mailgun-spf",
        "x-mailgun-dkim-check-result",
    )
)
# Of another list, whose members are not ours.
_OTHER_LISTS = frozenset(
    ("list-archive", "list-help", "list-owner", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post")
)


def for_members(raw: bytes, to: MailingList, *, outside: bool) -> bytes:
    """The post with the list's header fields (RFC 2369, RFC 2919); `outside`: it came in by mail."""
    is_open = to.access_level != "readonly"
    fields = [
        ("Sender", to.address),
        ("List-Id", f"<{to.header_id}>"),
        ("List-Post", f"<mailto:{to.address}>" if is_open else "NO"),
        ("Precedence", "list"),
    ]
    gone = _GONE | _OTHER_LISTS if outside else _GONE
    if is_open and to.reply_preference == "list":
        fields.append(("Reply-To", to.address))
        gone |= {"reply-to"}
    return insert_headers(remove_headers(raw, gone), fields)


def refusal(head: list[tuple[str, str]], to: MailingList, *, outside: bool) -> str:
    """Why a message must not go to a list whoever sent it; "" when it may."""
    fields = {name.lower(): value.strip().lower() for name, value in reversed(head)}
    if to.header_id.lower() in fields.get("list-id", ""):
        return "loop: the message comes from this list"
    if outside and fields.get("auto-submitted", "no") != "no":
        return "automatic reply"  # RFC 3834
    if outside and fields.get("precedence", "") in ("bulk", "junk", "auto_reply"):
        return f"precedence {fields['precedence']}"
    return ""


def head_of(raw: bytes) -> list[tuple[str, str]]:
    """The header fields of a post."""
    return parse_head(raw)
