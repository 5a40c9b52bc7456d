"""Check who imports whom in `src/postwright`, by reading the source.

    python tools/check_layers.py [PACKAGE_FOLDER]

Prints `file:line: what is wrong` and exits with 1 when something is. The rules are in `docs/architecture.md`;
the tables below are the whole configuration.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

# A line may import the lines below it; folders on one line never import each other.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split(" | "))
    for line in (
        "apps | testing | migrations",
        "doctor",
        "forwarding | operations | stats | classification | alerts | movein",
        "webhooks | logs | panel | delivery | inbound | capture | posting | tags",
        "tlsrpt | reports | rua",
        "tlspolicy | journal | archives",
        "analytics",
        "levers",
        "messages",
        "queue",
        "tracking",
        "suppressions | templates | lists | routes | forwards | habits | certificates",
        "ips",
        "domains",
        "audit",
        "users",
        "accounts",
        "events | spool | failures | arrivals | notices",
        "kernel | mail",
    )
)
LIBRARIES = frozenset({"kernel", "mail"})  # all their modules are public; every other folder is a concept
# Modules of a concept that are no part of its `__init__`, because they need the web framework or are started
# rather than called: `apps` wires them.
DOORS = frozenset({"api", "web", "smtp", "auth", "scope", "jobs", "projector"})

SQL = frozenset({"sqlalchemy", "alembic", "psycopg", "sqlite3"})
SQL_PLACES = ("*.store", "*.tables", "kernel.db", "migrations", "testing.postgres")
WEB = frozenset({"litestar", "starlette", "uvicorn"})
WEB_PLACES = ("*.api", "*.web", "accounts.auth", "domains.scope", "kernel.http", "apps")


@dataclass(frozen=True, order=True)
class Problem:
    """One broken rule, and where."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Import:
    """One imported module, and one name from it when there is one."""

    line: int
    module: str
    name: str | None
    bound: str  # what the importing module calls it


@dataclass
class Module:
    """One file. `name` is dotted and without the package's own name: `kernel.db.core`; "" is its root."""

    path: Path
    name: str
    tree: ast.Module
    imports: list[Import] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """The first part of the name: what layers are made of."""
        return self.name.partition(".")[0]


class Source:
    """All modules of a package."""

    def __init__(self, folder: Path) -> None:
        self.package = folder.name
        self.folder = folder
        self.modules: dict[str, Module] = {}
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.modules[name] = Module(path, name, ast.parse(path.read_bytes(), path))
        for module in self.modules.values():
            module.imports = list(self._imports(module))

    def _imports(self, module: Module) -> Iterator[Import]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(node.lineno, alias.name, None, alias.asname or alias.name)
            elif isinstance(node, ast.ImportFrom):
                origin = self._absolute(module, node)
                for alias in node.names:
                    yield Import(node.lineno, origin, alias.name, alias.asname or alias.name)

    def _absolute(self, module: Module, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        here = [self.package, *filter(None, module.name.split("."))]
        up = node.level - (module.path.name == "__init__.py")
        return ".".join([*here[: len(here) - up], *filter(None, [node.module])])

    def ours(self, each: Import) -> tuple[str, str | None] | None:
        """The module of this package that an import reaches, and the name it takes from it; None for others."""
        if each.module != self.package and not each.module.startswith(self.package + "."):
            return None
        module = each.module[len(self.package) + 1 :]
        below = f"{module}.{each.name}".lstrip(".")
        return (below, None) if each.name and below in self.modules else (module, each.name)

    def exports(self, folder: str) -> frozenset[str]:
        """The names of a concept's `__init__`: its `__all__`, else what it binds that is not private."""
        module = self.modules.get(folder)
        if module is None:
            return frozenset()
        names: set[str] = set()
        for node in module.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name("__all__")], value=ast.List(elts) | ast.Tuple(elts)):
                    return frozenset(str(e.value) for e in elts if isinstance(e, ast.Constant))
                case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                    names.add(name)
                case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                    names.add(name)
        names |= {each.bound for each in module.imports}
        return frozenset(name for name in names if not name.startswith("_") or name.endswith("__"))


def level(folder: str) -> int | None:
    """The number of a folder's line, counted from the top."""
    return next((number for number, line in enumerate(LAYERS) if folder in line), None)


def check(folder: Path) -> list[Problem]:
    """Everything wrong with the package in `folder`."""
    source = Source(folder)
    problems = []
    for module in source.modules.values():
        if module.name and level(module.folder) is None and module.folder != "__main__":
            problems.append(Problem(module.path, 1, f"the folder {module.folder} has no line in LAYERS"))
        for each in module.imports:
            problems += _layer(source, module, each)
            problems += _framework(module, each)
        problems += _attributes(source, module)
        problems += _inside_functions(module)
    return sorted({*problems, *_cycles(source)})


def _layer(source: Source, module: Module, each: Import) -> Iterator[Problem]:
    reached = source.ours(each)
    if reached is None:
        return
    target, name = reached
    folder, _, inner = target.partition(".")
    if target == "":
        if module.folder == "mail" or name is None or name not in source.exports(""):
            yield Problem(module.path, each.line, f"there is nothing called {name or each.module} to import")
        return
    here, there = level(module.folder), level(folder)
    if folder == module.folder or here is None or there is None:
        return
    if folder == "testing":
        yield Problem(module.path, each.line, "only tests and benchmarks import testing")
    elif here == there:
        yield Problem(
            module.path, each.line, f"{module.folder} and {folder} are on one line: neither imports the other"
        )
    elif here > there:
        yield Problem(module.path, each.line, f"{module.folder} is below {folder} and may not import it")
    elif folder not in LIBRARIES and (inner or name):
        wired = module.folder == "apps" and (inner or name or "").partition(".")[0] in DOORS
        exported = each.module == f"{source.package}.{folder}" and each.name in source.exports(folder)
        if not wired and not exported:
            yield Problem(
                module.path, each.line, f"{folder}.{inner or name} is not exported by {folder}/__init__.py"
            )


def _attributes(source: Source, module: Module) -> Iterator[Problem]:
    """`from postwright import queue` and then `queue.store.add`: the same rule as for `from … import`."""
    concepts = {}
    for each in module.imports:
        reached = source.ours(each)
        if reached and "." not in reached[0] and reached[1] is None and reached[0] != module.folder:
            concepts[each.bound] = reached[0]
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(name), attr=attribute) if name in concepts:
                folder = concepts[name]
                if folder not in LIBRARIES and attribute not in source.exports(folder):
                    text = f"{folder}.{attribute} is not exported by {folder}/__init__.py"
                    yield Problem(module.path, node.lineno, text)


def _framework(module: Module, each: Import) -> Iterator[Problem]:
    top = each.module.partition(".")[0]
    for library, places in ((SQL, SQL_PLACES), (WEB, WEB_PLACES)):
        if top in library and not _is_in(module.name, places):
            yield Problem(module.path, each.line, f"{top} may be imported only in {', '.join(places)}")


def _is_in(name: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of the places, or in a folder that is one (`messages/api/sending.py`)."""
    parts = name.split(".")
    for place in places:
        wanted = place.split(".")
        if len(parts) >= len(wanted) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=False)):
            return True
    return False


def _inside_functions(module: Module) -> Iterator[Problem]:
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield Problem(
                        module.path, node.lineno, "import at the top of the file, not inside a function"
                    )


def _cycles(source: Source) -> Iterator[Problem]:
    graph: dict[str, set[str]] = {}
    for module in source.modules.values():
        # Imports for the type checker alone never run; two types of one folder may know each other.
        typing = {
            node.lineno
            for block in module.tree.body
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
            for node in ast.walk(block)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        reached = (source.ours(each) for each in module.imports if each.line not in typing)
        graph[module.name] = {found[0] for found in reached if found and found[0] != module.name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        names = list(reversed(cycle.args[1]))  # graphlib lists dependencies first
        path = source.modules[names[0]].path
        yield Problem(path, 1, "import cycle: " + " -> ".join(name or source.package for name in names))


def main(arguments: list[str]) -> int:
    """Check the folder named in the arguments, or this project's package."""
    folder = Path(arguments[0] if arguments else Path(__file__).parents[1] / "src" / "postwright")
    problems = check(folder)
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} problems" if problems else "layers: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
