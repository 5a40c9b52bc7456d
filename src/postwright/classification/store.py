"""What servers really said, from the events."""

from collections.abc import Sequence

from postwright.analytics import Look, Parameters

MAX_SAMPLE = 500  # characters


def samples(look: Look, accounts: Sequence[str], low: int, high: int, rules: Sequence[str]) -> dict[str, str]:
    """One reply for each of the rules that judged any."""
    if not rules:
        return {}
    params = Parameters()
    where = (
        f"account_id IN ({', '.join(map(params.add, accounts))})",
        "event = 'failed'",
        f"rule IN ({', '.join(map(params.add, rules))})",
    )
    source = look.source(params, ("rule", "status_message"), low, high, where)
    sql = f"SELECT rule, min(status_message) FROM ({source}) WHERE status_message <> '' GROUP BY rule"  # noqa: S608
    return {rule: text[:MAX_SAMPLE] for rule, text in look.rows(sql, params)}
