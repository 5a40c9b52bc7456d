"""A route as it is stored."""

import msgspec


class Route(msgspec.Struct, frozen=True):
    """One route. `created_at` in microseconds."""

    id: str
    account_id: str
    priority: int
    description: str
    expression: str
    actions: list[str]
    created_at: int
