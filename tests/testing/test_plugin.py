"""The fixtures work in a test suite of others, as its authors would use them."""

import os
import subprocess
import sys
from pathlib import Path

SUITE = """
import requests


def test_welcome(postwright, inbox):
    answer = requests.post(
        f"{postwright.base_url}/v3/{postwright.domain}/messages",
        auth=("api", postwright.key),
        data={"from": "app@app.test", "to": "ann@example.com", "subject": "Welcome", "text": "Hello Ann."},
        timeout=10,
    )
    assert answer.status_code == 200
    mail = inbox.wait("ann@example.com")
    assert mail.subject == "Welcome" and mail.text.startswith("Hello Ann.")
    assert mail.message["To"] == "ann@example.com"


def test_each_begins_with_nothing(postwright, inbox):
    assert inbox.all() == []
    inbox.rule("*@slow.test", "greylist")
    sent = postwright.send(to="bob@slow.test")
    assert postwright.wait_event("failed", sent)["severity"] == "temporary"
    postwright.advance(600)
    assert postwright.wait_event("delivered", sent)["recipient"] == "bob@slow.test"
    assert inbox.wait(subject="Test").recipient == "bob@slow.test"


def test_what_does_not_come_fails(inbox):
    inbox.wait("nobody@example.com", timeout=0.2)
"""


def test_a_suite_of_others(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(SUITE)
    # An installed Postwright brings them by itself; named, they are there in a source tree too, and once.
    env = dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "postwright.testing.plugin",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, env=env)
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "nobody@example.com matched within 0.2 s" in done.stdout
