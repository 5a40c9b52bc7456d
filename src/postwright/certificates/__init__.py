"""Certificates of host names that people reach us by over TLS: tracking hosts of domains, and our own name.

Tables: `certificates` (one row for a host: the certificate in use and the order for the next), `acme_accounts`,
`acme_challenges`. No events. A row is the job itself: whoever finds it due leases it and obtains a certificate from
the certification authority of the setting `acme_directory` (RFC 8555, HTTP-01); what came of it is recorded under
the lease. Any HTTP process answers the authority's question, since the answers are in the store.

- A certificate in use stays until the next one is complete; a failed renewal changes nothing but `last_error`.
- Private keys are sealed with the Vault, bound to their host (or directory), and never lie on a disk in the clear.
- Every process picks a new certificate up within `keyring.WATCH_SECONDS`.
- No more failed attempts for a host in an hour than authorities allow (`records.FAILURES_AN_HOUR`).
"""

from .contexts import load_pem, server_context
from .issuer import Issuer
from .keyring import Keyring
from .service import forget_domain
from .store import all_of_them

__all__ = ["Issuer", "Keyring", "all_of_them", "forget_domain", "load_pem", "server_context"]
