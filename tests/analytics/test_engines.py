"""Processes that never ask do not load the engines: together they are 60 MB."""

import subprocess
import sys

import pytest

CODE = """
import sys
import postwright.apps.{role}
print(sorted({{"duckdb", "pyarrow", "deltalake"}} & set(sys.modules)))
"""


@pytest.mark.parametrize("role", ["http", "smtp", "delivery", "projector"])
def test_roles_start_without_engines(role: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(role=role)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
