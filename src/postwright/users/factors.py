"""The second factor: codes of an authenticator (TOTP, RFC 6238) and recovery codes."""

import secrets

import msgspec
import pyotp

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Write
from postwright.kernel.secrets import Vault, digest, same

from . import store
from .errors import AlreadyEnrolled, BadCode, NotEnrolled
from .records import Secrets, User

ISSUER = "Postwright"
STEP = 30  # seconds that a code is for
DRIFT = 1  # steps before and after that count, for clocks that differ (RFC 6238 §5.2)
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


def enrol(tx: Write, now: int, user: User, vault: Vault) -> tuple[str, str]:
    """A new secret and its otpauth URL; it is asked for once `activate` has seen a code. Raises AlreadyEnrolled."""
    if user.tfa_active:
        raise AlreadyEnrolled
    secret = pyotp.random_base32()
    store.change(
        tx, user.id, {"tfa_secret": vault.seal(secret.encode(), _place(user.id)), "tfa_created_at": now}
    )
    return secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def activate(tx: Write, now: int, user: User, vault: Vault, code: str) -> list[str]:
    """Ask for codes from now on; the recovery codes. Raises BadCode, NotEnrolled, AlreadyEnrolled."""
    held = store.secrets_of(tx, user.id)
    if held is None or held.tfa_secret is None:
        raise NotEnrolled
    if held.tfa_active:
        raise AlreadyEnrolled
    step = _step(held, user.id, vault, code, now)
    if step is None or not store.use_step(tx, user.id, step):
        raise BadCode
    return renew(tx, user.id, {"tfa_active": True, "tfa_created_at": now, "updated_at": now})


def renew(tx: Write, user_id: str, values: dict[str, object] | None = None) -> list[str]:
    """New recovery codes; the old ones work no more."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    hashed = msgspec.json.encode([digest(code) for code in codes])
    store.change(tx, user_id, {"recovery": hashed, **(values or {})})
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def check(tx: Write, now: int, user_id: str, vault: Vault, code: str) -> None:
    """Use up a code of the authenticator or a recovery code. Raises BadCode."""
    held = store.secrets_of(tx, user_id)
    if held is None or held.tfa_secret is None:
        raise BadCode
    step = _step(held, user_id, vault, code, now)
    if step is not None:
        if not store.use_step(tx, user_id, step):
            raise BadCode
        return
    used = digest("".join(letter for letter in code.lower() if letter.isalnum()))
    if used not in held.recovery:
        raise BadCode
    left = [each for each in held.recovery if each != used]
    if not store.use_recovery(tx, user_id, held.recovery, left):
        raise BadCode


def drop(tx: Write, now: int, user_id: str) -> None:
    """Ask for codes no more."""
    nothing = {"tfa_secret": None, "tfa_active": False, "tfa_created_at": None, "recovery": None}
    store.change(tx, user_id, nothing | {"updated_at": now})


def _step(held: Secrets, user_id: str, vault: Vault, code: str, now: int) -> int | None:
    """The 30 seconds that a code is of; None when it is of none near now."""
    digits = code.replace(" ", "")
    if held.tfa_secret is None or not (digits.isascii() and digits.isdigit()):
        return None
    totp = pyotp.TOTP(vault.open(held.tfa_secret, _place(user_id)).decode())
    current = now // SECOND // STEP
    fitting = [
        step for step in range(current - DRIFT, current + DRIFT + 1) if same(totp.at(step * STEP), digits)
    ]
    return fitting[0] if fitting else None


def _place(user_id: str) -> str:
    return f"second factor of {user_id}"
