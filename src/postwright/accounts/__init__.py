"""Accounts, the keys that open them, and what each key may do.

Everything a customer owns belongs to an account; a subaccount is one with a parent. Tables: `accounts`,
`api_keys`. No events.

- Of an API key only the SHA-256 digest is stored; its secret is in one answer, once.
- An account's signing key is stored sealed, bound to that account.
- A deleted, expired or disabled key opens nothing in any process after one second at the latest.
- Who may do what is data (`roles.MATRIX`): a pair of role and area that is not there is refused.
- A key of kind `domain` sends from its own domain and does nothing else.
- `Principal.account_id` is the account a request acts on: the key's own, or (`X-Mailgun-On-Behalf-Of`) one of
  its subaccounts. Every query of every concept is scoped by it.

Putting it together takes `auth.Authenticator` (its `guard`, and itself as the constant `authenticator`), the
dependency `auth.principal`, and the constant `owns_domain`, because domains are known only above.
"""

from .allowlist import Allowlists
from .errors import AccountDisabled, AccountNotFound, InvalidKey, LimitSpent, NotAllowed, SubaccountNotFound
from .fresh import Fresh
from .limits import messages_left, spend, spent_text
from .rates import RateLimited, Rates, hour_spent
from .recipients import all_agreed
from .records import Account, Key, NewKey, Principal, Status
from .roles import Area, Kind, Role
from .service import (
    OwnsDomain,
    account,
    any_account,
    create_account,
    create_key,
    delete_domain_keys,
    delete_key,
    delete_sessions,
    family,
    get_key,
    signing_key,
    user_sessions,
)
from .sessions import COOKIE, Keyring, csrf_token
from .signing import SigningKeys
from .subaccounts import closed, is_stopped, mark_emptied, must_be_able_to_send, stopped
from .tables import accounts, api_keys, message_limits

__all__ = [
    "COOKIE",
    "Account",
    "AccountDisabled",
    "AccountNotFound",
    "Allowlists",
    "Area",
    "Fresh",
    "InvalidKey",
    "Key",
    "Keyring",
    "Kind",
    "LimitSpent",
    "NewKey",
    "NotAllowed",
    "OwnsDomain",
    "Principal",
    "RateLimited",
    "Rates",
    "Role",
    "SigningKeys",
    "Status",
    "SubaccountNotFound",
    "account",
    "accounts",
    "all_agreed",
    "any_account",
    "api_keys",
    "closed",
    "create_account",
    "create_key",
    "csrf_token",
    "delete_domain_keys",
    "delete_key",
    "delete_sessions",
    "family",
    "get_key",
    "hour_spent",
    "is_stopped",
    "mark_emptied",
    "message_limits",
    "messages_left",
    "must_be_able_to_send",
    "signing_key",
    "spend",
    "spent_text",
    "stopped",
    "user_sessions",
]
