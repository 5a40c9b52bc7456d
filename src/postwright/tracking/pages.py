"""The pages that people see. Nothing in them comes from a customer but escaped names."""

from html import escape

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto 0;padding:0 1.25rem;"
    "color:#1b1b1f;background:#fff}h1{font-size:1.6rem;line-height:1.25}"
    "button{font:inherit;padding:.6rem 1.25rem;border:2px solid #1b4dd1;border-radius:.4rem;"
    "background:#1b4dd1;color:#fff;cursor:pointer}button.quiet{background:#fff;color:#1b4dd1}"
    "button:focus-visible{outline:3px solid #f2a900;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#16171a;color:#f1f1f4}"
    "button.quiet{background:#16171a;color:#9db8ff;border-color:#9db8ff}}"
)
# No script, nothing from elsewhere, and no other page may frame it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def ask(recipient: str, what: str) -> bytes:
    """Whether to unsubscribe."""
    return _page(
        "Unsubscribe",
        f"<p>Stop sending {_what(what)} to <strong>{escape(recipient)}</strong>?</p>"
        + _button("unsubscribe", "Unsubscribe"),
    )


def gone(recipient: str, what: str) -> bytes:
    """It is done, and can be taken back."""
    return _page(
        "You are unsubscribed",
        f'<p role="status"><strong>{escape(recipient)}</strong> will no longer get {_what(what)}.</p>'
        "<p>Was this a mistake?</p>" + _button("resubscribe", "Subscribe again", quiet=True),
    )


def back(recipient: str, what: str) -> bytes:
    """It is taken back."""
    return _page(
        "You are subscribed again",
        f'<p role="status"><strong>{escape(recipient)}</strong> will get {_what(what)} again.</p>'
        + _button("unsubscribe", "Unsubscribe", quiet=True),
    )


def missing() -> bytes:
    """The link is not one of ours, or was cut."""
    return _page(
        "This link does not work",
        "<p>It may have been cut off or changed on its way. Please use the link in the message itself.</p>",
    )


def _what(what: str) -> str:
    return f"mail from <strong>{escape(what)}</strong>"


def _button(action: str, label: str, *, quiet: bool = False) -> str:
    style = ' class="quiet"' if quiet else ""
    return (
        f'<form method="post"><input type="hidden" name="action" value="{action}">'
        f'<button type="submit"{style}>{label}</button></form>'
    )


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    ).encode()
