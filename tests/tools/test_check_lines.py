"""The limit on the length of files."""

from pathlib import Path

import pytest
from tools.check_lines import LIMIT, main


def test_this_project_keeps_the_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out


def test_one_line_more_than_the_limit_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "module.py"
    path.write_text("x = 1\n" * LIMIT)
    (tmp_path / "data.txt").write_text("x\n" * 1000)
    assert main([str(tmp_path)]) == 0
    path.write_text("x = 1\n" * (LIMIT + 1))
    assert main([str(tmp_path)]) == 1
    assert f"{path}: 401 lines" in capsys.readouterr().out
