"""The API on both databases, and events that simply happen."""

from tests.analytics.conftest import stage  # noqa: F401
