"""Fixtures for tests of applications: `pip install postwright` and ask for them.

    def test_welcome(postwright, inbox):
        sign_up("ann@example.com", mailgun_url=postwright.base_url, mailgun_key=postwright.key)
        assert "Welcome" in inbox.wait("ann@example.com").subject

One server serves the whole run; `inbox` is empty at the start of each test.
"""

from collections.abc import Iterator

import pytest

from .sandbox import Inbox, Sandbox


@pytest.fixture(scope="session")
def postwright(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server in capture mode: `base_url`, `key`, `domain`, `smtp`, and helpers."""
    with Sandbox(tmp_path_factory.mktemp("postwright")) as sandbox:
        yield sandbox


@pytest.fixture
def inbox(postwright: Sandbox) -> Inbox:
    """The server's inbox, emptied, with no rules about recipients."""
    postwright.inbox.clear()
    return postwright.inbox
