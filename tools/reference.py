"""Write the reference pages out of the program itself: operations, settings, events, metrics.

    python tools/reference.py FOLDER

The site's builder calls it for each build (`hooks` in mkdocs.yml), so that no page can be stale.
"""

import ast
import asyncio
import importlib.util
import re
import sys
import tokenize
from pathlib import Path
from typing import Any

import msgspec

import postwright.apps.role  # noqa: F401  every metric
from postwright.events import EVENT_NAMES, WEBHOOK_TYPES
from postwright.kernel import metrics
from postwright.kernel import settings as settings_module
from postwright.kernel.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
_METHODS = ("get", "post", "put", "patch", "delete")
_EVENTS = {
    "accepted": "The message was taken: it is stored, and this recipient's copy will be sent.",
    "rejected": "The message was refused after its request had been answered.",
    "delivered": "The recipient's server took the copy.",
    "failed": "An attempt failed: `severity` `temporary` (it is tried again) or `permanent` (it is not).",
    "opened": "The recipient looked at the message (its pixel was loaded).",
    "clicked": "The recipient followed a link.",
    "unsubscribed": "The recipient wants no more.",
    "complained": "The recipient called the message spam, and the provider told us.",
    "stored": "A received message was stored by a route, and can be fetched.",
    "list_member_uploaded": "A line of an upload became a member of a mailing list.",
    "list_member_upload_error": "A line of an upload did not.",
    "list_uploaded": "An upload to a mailing list ended.",
}


def pages() -> dict[str, str]:
    """The pages by their names below `reference/`."""
    return {
        "operations.md": _operations(),
        "settings.md": _settings(),
        "events.md": _events(),
        "metrics.md": _metrics(),
    }


def _operations() -> str:
    document: Any = asyncio.run(_openapi().document())
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if found := methods.get(method):
                own = path.startswith("/postwright/")
                group = "Postwright's own" if own else (found.get("tags") or ["Others"])[0]
                row = (path, method.upper(), found.get("summary") or "", found["operationId"])
                groups.setdefault(group, []).append(row)
    lines = [
        "# Operations",
        "",
        "Every operation that a server has. Requests and answers in full are in the OpenAPI document of a running "
        "server, `/postwright/openapi.json`.",
    ]
    for group in sorted(groups, key=lambda name: (name == "Postwright's own", name)):
        lines += ["", f"## {group}", "", "| operation | does | id |", "|---|---|---|"]
        lines += [
            f"| `{method} {path}` | {_cell(summary)} | `{id}` |"
            for path, method, summary, id in sorted(groups[group])
        ]
    return "\n".join(lines) + "\n"


def _openapi() -> Any:
    spec = importlib.util.spec_from_file_location("openapi_tool", ROOT / "tools" / "openapi.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _settings() -> str:
    told = comments(Path(settings_module.__file__).read_text())
    lines = [
        "# Settings",
        "",
        f"From `postwright.toml` (the name in lower case, without `{PREFIX}`), the environment, and flags of "
        "`postwright serve`, in rising order. An unknown name is refused with a suggestion.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for field in msgspec.structs.fields(Settings):
        default = f"`{field.default}`" if field.default not in ("", None) else ""
        lines.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {_cell(told.get(field.name, ''))} |")
    return "\n".join(lines) + "\n"


def comments(source: str) -> dict[str, str]:
    """What the comments at each field of the settings say: those in the lines above, in its lines, and behind it."""
    said: dict[int, str] = {}
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            said[token.start[0]] = token.string.lstrip("# ").removeprefix("noqa")
    lines = source.splitlines()
    found = {}
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.ClassDef) and node.name == "Settings"):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                first, last = field.lineno, field.end_lineno or field.lineno
                while first - 1 in said and lines[first - 2].strip().startswith("#"):
                    first -= 1
                texts = [said[line] for line in range(first, last + 1) if line in said]
                found[field.target.id] = " ".join(texts)
    return found


def _events() -> str:
    lines = [
        "# Events",
        "",
        "What can happen to a message, as the events API, logs, webhooks and figures name it.",
        "",
        "| event | means | as a webhook |",
        "|---|---|---|",
    ]
    for name, means in _EVENTS.items():
        kinds = ["permanent_fail", "temporary_fail"] if name == "failed" else [name]
        hooks = ", ".join(f"`{kind}`" for kind in kinds if kind in WEBHOOK_TYPES)
        lines.append(f"| `{name}` | {means} | {hooks} |")
    if missing := EVENT_NAMES ^ set(_EVENTS):
        raise SystemExit(
            f"tools/reference.py describes other events than there are: {', '.join(sorted(missing))}"
        )
    return "\n".join(lines) + "\n"


def _metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "At `/metrics`, in the format of Prometheus, summed over the processes of a machine.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for family in metrics.families():
        labels = ", ".join(f"`{label}`" for label in family.label_names)
        lines.append(f"| `{family.name}` | {family.kind} | {labels} | {_cell(family.help)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def on_files(files: Any, config: Any) -> Any:
    """Called by the site's builder: add the pages."""
    structure = importlib.import_module("mkdocs.structure.files")
    for name, text in pages().items():
        files.append(structure.File.generated(config, f"reference/{name}", content=text))
    return files


def main(arguments: list[str]) -> None:
    """Write the pages into a folder."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
