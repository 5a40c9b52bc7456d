"""What lies in `deploy/` fits the program: every name in it exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import postwright.apps.cli  # noqa: F401  every metric
from postwright.apps.cli import _parser
from postwright.apps.metrics import SOURCES
from postwright.apps.roles import chosen
from postwright.kernel import metrics
from postwright.kernel.db import Db
from postwright.kernel.settings import PREFIX, Settings, load
from tests.world import world

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text())
    board = json.loads((DEPLOY / "monitoring/grafana.json").read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return found + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


async def test_every_metric_of_rules_and_dashboard_exists(sqlite_db: Db, tmp_path: Path) -> None:
    async with world(sqlite_db, tmp_path) as api:
        page = (await api.call("GET", "/postwright/v1/metrics")).text
        readings = [each for source in SOURCES for each in api.db.read_now(source, api.clock.now())]
    known = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}
    known |= metrics._registry.families.keys() | {metrics.PREFIX + each.name for each in readings}
    assert len(expressions()) > 20
    for expression in expressions():
        used = re.findall(r"postwright_\w+", expression)
        assert used or expression.startswith("up{"), expression
        unknown = [name for name in used if name not in known and _SUFFIX.sub("", name) not in known]
        assert not unknown, expression
        families = [metrics._registry.families.get(_SUFFIX.sub("", name)) for name in used]
        if None not in families:
            labels = {"le", *(label for family in families if family for label in family.label_names)}
            grouped = {
                word.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for word in by.split(",")
            }
            assert grouped <= labels, expression


def test_alert_rules_say_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text())["groups"][0]["rules"]
    assert all({"summary", "description"} <= {*rule["annotations"]} for rule in rules)
    assert all(rule["labels"]["severity"] in ("warning", "critical") for rule in rules)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cluster.yaml"])
def test_settings_in_compose_files_exist_and_are_usable(name: str) -> None:
    services = yaml.safe_load((DEPLOY / name).read_text())["services"]
    ours = [service for service in services.values() if service["image"] == "postwright"]
    roles: set[str] = set()
    for service in ours:
        given = {key: value for key, value in service["environment"].items() if key.startswith(PREFIX)}
        assert given.keys() <= NAMES
        filled = {
            key: re.sub(r"\$\{(\w+):?[-?]([^}]*)\}", _value, str(value)) for key, value in given.items()
        }
        settings = load(filled)
        roles |= chosen(settings.roles)
        # Nothing of root, a file system that cannot be changed, and time to finish what is in flight.
        assert service["cap_drop"] == ["ALL"] and service["read_only"] is True
        assert service["stop_grace_period"] == "45s"
    assert roles == chosen(Settings().roles)  # together they do everything


def _value(match: re.Match[str]) -> str:
    return {"POSTWRIGHT_HOSTNAME": "mail.example.com", "POSTGRES_PASSWORD": "secret"}.get(
        match[1], match[2] if "-" in match[0] else "x"
    )


def test_the_image_has_settings_that_exist_and_no_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"POSTWRIGHT_\w+", text)) <= NAMES
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER postwright$", last, re.M)
    root = DEPLOY.parent
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M):
        for source in line.split()[:-1]:
            assert source == "." or (root / source).exists(), source


def test_commands_in_units_and_images_exist() -> None:
    known = set(_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr,arg-type,call-overload]
    texts: list[Any] = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    used = {
        verb for text in texts for verb in re.findall(r"bin/postwright (?:--config \S+ )?([a-z-]+)", text)
    }
    assert used and used <= known
    assert '"ready"' in (DEPLOY / "Dockerfile").read_text() and "ready" in known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(
    "unit", ["postwright.service", "postwright-backup.service", "postwright-backup.timer"]
)
def test_units_are_understood_and_hardened(unit: str, tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"^(Exec\w+)=/opt/\S+", r"\1=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit)], capture_output=True, text=True, timeout=60
    )
    said = [line for line in checked.stderr.splitlines() if str(tmp_path) in line or unit in line]
    assert checked.returncode == 0 and not said, checked.stderr
    if unit == "postwright.service":
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(tmp_path / unit)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert rated.returncode == 0, rated.stdout[-300:]
