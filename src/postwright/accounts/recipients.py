"""Who gets mail of an account's sandbox domain where mail really leaves: those who said so themselves."""

import secrets
from collections.abc import Collection

from postwright import notices
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.secrets import Vault, digest
from postwright.mail.addresses import AddressError, parse_one

from .errors import BadRecipient, LinkNotValid
from .store import account as find_account
from .store import recipients as store

MAX_RECIPIENTS = 5  # behaviour.md 16
LINK_LIFE = 7 * 86_400  # seconds
CONFIRM_PATH = "/postwright/v1/sandbox/confirm"


def add(tx: Write, now: int, vault: Vault, base_url: str, account_id: str, text: str) -> str:
    """Ask somebody whether they want the mail; their address. Raises BadRecipient."""
    email = _email(text)
    if store.count(tx, account_id) >= MAX_RECIPIENTS and email not in dict(store.entries(tx, account_id)):
        raise BadRecipient(f"Only {MAX_RECIPIENTS} sandbox recipients are allowed")
    token = secrets.token_urlsafe(32)
    if not store.add(tx, account_id, email, digest(token), now):
        raise BadRecipient("Sandbox recipient already exists.")
    account = find_account(tx, account_id)
    name = account.name if account else account_id
    notices.add(
        tx,
        vault,
        now,
        email,
        f"Would you like to receive test mail from {name}?",
        f"Somebody at {name} wants to send test messages to this address, {email}.\n\n"
        f"If you agree, please confirm here within seven days:\n\n{base_url}{CONFIRM_PATH}?token={token}\n\n"
        "If not, there is nothing to do: you will get no mail.\n",
    )
    tx.describe(after={"email": email})
    return email


def remove(tx: Write, account_id: str, text: str) -> None:
    """Let somebody get no more mail. Raises BadRecipient."""
    email = _email(text)
    if not store.remove(tx, account_id, email):
        raise BadRecipient("Sandbox recipient not found.")
    tx.describe(before={"email": email})


def asked(tx: Read, now: int, token: str) -> str:
    """Whose the link is. Raises LinkNotValid."""
    email = store.asked(tx, digest(token), now - LINK_LIFE * SECOND)
    if email is None:
        raise LinkNotValid
    return email


def confirm(tx: Write, now: int, token: str) -> str:
    """The reader of a link agrees; their address. Raises LinkNotValid."""
    email = asked(tx, now, token)
    store.activate(tx, digest(token))
    return email


def all_agreed(tx: Read, account_id: str, addresses: Collection[str]) -> bool:
    """Whether everybody who is to get a message agreed."""
    wanted = {address.lower() for address in addresses}
    return len(wanted) <= MAX_RECIPIENTS and store.count_activated(tx, account_id, [*wanted]) == len(wanted)


def _email(text: str) -> str:
    try:
        return parse_one(text.strip()).spec.lower()
    except AddressError as wrong:
        raise BadRecipient("Invalid email address.") from wrong
