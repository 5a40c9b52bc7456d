"""SQL of MTA-STS policies: one fetched by any process serves all, and outlives every one of them."""

from sqlalchemy import delete, select

from postwright.kernel.db import Read, Write

from .sts import StsPolicy
from .tables import sts_policies


def get(tx: Read, domain: str) -> StsPolicy | None:
    """The policy of `domain` that was fetched last, maybe expired."""
    row = tx.row(select(sts_policies).where(sts_policies.c.domain == domain))
    if row is None:
        return None
    return StsPolicy(
        row.mode, tuple(filter(None, row.mx.split(","))), row.max_age, row.policy_id, row.fetched_at
    )


def put(tx: Write, domain: str, policy: StsPolicy) -> None:
    """Keep a policy."""
    values = {
        "domain": domain,
        "policy_id": policy.id,
        "mode": policy.mode,
        "mx": ",".join(policy.mx),
        "max_age": policy.max_age,
        "fetched_at": policy.fetched_at,
        "expires_at": policy.expires_at,
    }
    tx.upsert(sts_policies, values, ["domain"], [name for name in values if name != "domain"])


def expire(tx: Write, now: int) -> int:
    """Delete policies that hold no more; how many."""
    return tx.run(delete(sts_policies).where(sts_policies.c.expires_at < now))
