"""The table of what works."""

from pathlib import Path

from tools.coverage_api import CONTRACT, table

ENTRY = '[[operation]]\nid = "a.b"\ngroup = "{}"\nmethod = "GET"\npath = "/x"\nstate = "{}"\n'


def test_each_group_and_the_sum_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "operations.toml"
    path.write_text(
        ENTRY.format("Tags", "works") + ENTRY.format("Keys", "planned") + ENTRY.format("Tags", "planned")
    )
    assert [line.split() for line in table(path).splitlines()] == [
        ["group", "works", "planned", "total"],
        ["Keys", "0", "1", "1"],
        ["Tags", "1", "1", "2"],
        ["all", "1", "2", "3"],
    ]


def test_the_contract_of_this_project_counts_266() -> None:
    assert table(CONTRACT).splitlines()[-1].split()[-1] == "266"
