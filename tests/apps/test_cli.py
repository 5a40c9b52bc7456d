"""The command line: which flags are settings."""

from pathlib import Path

import pytest

from postwright.apps.cli import _parser, _settings


@pytest.mark.parametrize(
    ("line", "domain"),
    [
        (["serve", "--domain", "example.com"], "example.com"),
        (["import", "mailgun", "--domain", "example.com", "--domain", "example.org"], ""),
        (["queue", "show", "some-id", "--domain", "example.com"], ""),
    ],
)
def test_a_flag_is_a_setting_of_serve_only(
    line: list[str], domain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _settings(_parser().parse_args(line)).domain == domain
