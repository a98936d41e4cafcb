"""Rules on the structure of the source: imports between packages, owners of outside packages, sizes, purity."""

from __future__ import annotations

import ast
import keyword
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from evalgate.cli import root

PACKAGE = Path(__file__).parents[1] / "evalgate"
FILES = sorted(PACKAGE.rglob("*.py"))

BASE = {"domain", "errors", "mask"}
STAGES = {"inputs", "change", "plan", "execute", "score", "decide"}
# Each package, lowest level first, and the packages of evalgate that it may import.
MAY_IMPORT = {
    "errors": set(),
    "mask": set(),
    "domain": {"errors", "mask"},
    "services": {"errors", "mask"},
    "plan": BASE,
    "score": {"domain"},
    "decide": {"domain"},
    "store": BASE,
    "report": BASE,
    "console": {*BASE, "report"},
    "inputs": {*BASE, "services"},
    "execute": {*BASE, "store"},
    "change": {*BASE, "services", "inputs"},
    "release": {*BASE, "store", "services"},
    "gate": {*BASE, *STAGES, "store", "services", "release"},
    "commands": {*BASE, *STAGES, "store", "services", "report", "gate", "release"},
    "cli": {*BASE, *STAGES, "store", "services", "report", "console", "gate", "commands", "release"},
    "action": {*BASE, *STAGES, "store", "services", "report", "console", "gate", "commands", "release"},
    "pytest_plugin": {*BASE, "decide", "services", "store", "report", "gate", "commands"},
    "__init__": {*BASE, "services", "store", "gate", "commands"},
}
OWNERS = {
    "openai": {"execute/providers/endpoint.py", "execute/providers/batch/api.py"},
    "aiohttp": {"execute/providers/http.py"},
    "httpx2": {
        "execute/providers/endpoint.py",
        "execute/providers/batch/api.py",
        "execute/providers/local_model.py",
        "execute/providers/openai.py",
    },
    "ray": {"execute/providers/ray.py"},
    "tenacity": {"execute/caller.py", "services/github_retry.py"},
    "sqlite3": {
        "store/row_cache.py",
        "store/output_cache.py",
        "store/cache_admin.py",
        "release/sqlite_registry.py",
        "release/runtime/sources.py",
    },
    "redis": set(),  # applications hand in their client
    "xllamacpp": {"execute/providers/local_model.py"},
    "pandas": {
        "__init__.py",
        "domain/frames.py",
        "domain/history_totals.py",
        "domain/verdict.py",
        "inputs/formats/dataframe.py",
    },
    "scipy": {"decide/statistics.py"},
    "rapidfuzz": {"score/text_checks.py", "plan/near_duplicates.py"},
    "sqlglot": {"score/sql_output.py"},
    "re2": {"score/patterns.py"},
    "regex": {"plan/words.py", "score/patterns.py"},
    "jsonschema": {"score/value_schema.py", "score/bounded_schema.py", "score/schema_formats.py"},
    "yaml": {"inputs/formats/yaml.py"},
    "backports": {"inputs/importers/inspect_archive.py"},
    "dotenv": {"cli/env_file.py"},
    "rich": {"report/terminal.py", "cli/progress.py"},
    "jinja2": {
        "report/html_templates.py",
        "domain/jinja_sandbox.py",
        "domain/jinja_shapes.py",
        "domain/jinja_templates.py",
    },
    "markupsafe": {"report/html_templates.py"},
    "semver": {"inputs/prompt_files/prompt_keys.py", "plan/level.py", "release/promotion.py"},
    "platformdirs": {"store/model_folder.py"},
    "github": {
        "services/github.py",
        "services/github_client.py",
        "services/github_retry.py",
        "services/github_rows.py",
    },
    "langfuse": {"services/langfuse.py"},
    "httpx": {"services/langfuse.py", "services/request_limits.py"},
    "requests": {"services/github.py", "services/github_retry.py"},
    "urllib3": {"services/github_retry.py"},
}
AT_START = {
    "aiohttp",
    "openai",
    "ray",
    "pandas",
    "numpy",
    "scipy",
    "rich",
    "jinja2",
    "jsonschema",
    "xllamacpp",
    "tenacity",
    "github",
    "requests",
    "httpx2",
    "httpx",
    "langfuse",
    "opentelemetry",
    "pydantic",
    "rapidfuzz",
    "re2",
    "regex",
    "sqlglot",
    "yaml",
    "dotenv",
}

# Folders that may have modules of the same name: a verb has a parser and an implementation, a format a reader and a
# writer.
SAME_NAME = (
    {"cli", "commands"},
    {"inputs/formats", "report"},
)
LARGEST_VERB = 60
"""Limit of the statements of a file in `cli/`, in lines, without the declarations of options and their help."""
TESTS = Path(__file__).parent
PURE_FILES = [path for path in FILES if path.relative_to(PACKAGE).parts[0] in {"plan", "score", "decide", "report"}]
IMPURE_MODULES = {
    "asyncio", "glob", "http", "numpy.random", "os", "pathlib", "random", "secrets", "shutil", "socket", "ssl",
    "subprocess", "tempfile", "time", "urllib.request", "uuid",
}  # fmt: skip
PURITY_EXCEPTIONS = {
    "score/patterns.py": {"time"},  # a search that is not in linear time needs the clock for its timeout
}
# Modules without a test file of their name, and why.
UNTESTED = {
    "action/outcome.py": "a type",
    "domain/approval.py": "types",
    "domain/case_changes.py": "a type",
    "domain/report_refs.py": "types",
    "domain/revert.py": "a type",
    "domain/rollout.py": "types",
    "domain/run_parts.py": "types",
    "domain/sent_prompts.py": "types",
    **dict.fromkeys(
        [
            "cli/render/cache_text.py",
            "cli/render/calibration_text.py",
            "cli/render/langfuse_labels.py",
            "cli/render/new_project.py",
            "cli/render/plan_text.py",
            "cli/render/release_json.py",
            "cli/render/release_text.py",
            "cli/render/rollout_json.py",
            "cli/render/rollout_markdown.py",
            "cli/render/rollout_plots.py",
            "cli/render/rollout_text.py",
            "cli/render/self_check_table.py",
            "cli/render/simulated_rollouts.py",
            "cli/render/simulation_tables.py",
            "release/rollout/rollout_counts.py",
            "release/rollout/rollout_table.py",
            "release/rollout/rollout_view.py",
        ],
        "the text of a verb, tested with the verb",
    ),
}
FILE_CALLS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "iterdir"}
CLOCK_CALLS = {"now", "utcnow", "today"}


def package(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@cache
def walk(path: Path) -> tuple[ast.AST, ...]:
    """Return the nodes of a file; several rules look at each file."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    for node in walk(path):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node
            if node.module == "evalgate":
                for name in node.names:
                    yield f"evalgate.{name.name}", node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_package_imports_only_what_the_table_allows(path: Path) -> None:
    own = package(path)
    for name, node in imports(path):
        parts = name.split(".")
        if parts[0] != "evalgate" or len(parts) == 1 or parts[1] == own or parts[1].startswith("__"):
            continue
        assert parts[1] in MAY_IMPORT[own], f"{path}:{node.lineno}: {own} may not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_an_outside_package_has_one_owner(path: Path) -> None:
    here = path.relative_to(PACKAGE).as_posix()
    for name, node in imports(path):
        owners = OWNERS.get(name.split(".")[0])
        typing_only = here.startswith("decide/") and name.split(".")[0] in ("pandas", "numpy")
        assert owners is None or here in owners or typing_only, f"{path}:{node.lineno}: {name} belongs to {owners}"


def test_the_runtime_imports_the_release_document_and_nothing_else() -> None:
    """Keep what an application loads small: the document, the buckets, the standard library."""
    own = "evalgate.release.runtime"
    allowed = {f"evalgate.release.{name}" for name in ("document", "bucket", "checked_value", "langfuse_chain")}
    for path in (PACKAGE / "release" / "runtime").rglob("*.py"):
        for name, node in imports(path):
            inside = name in allowed or f"{name}.".startswith(f"{own}.")
            assert inside or name.split(".")[0] in sys.stdlib_module_names, f"{path}:{node.lineno}: {name}"
    for name in sorted(allowed):
        for found, node in imports(PACKAGE / f"{name.removeprefix('evalgate.').replace('.', '/')}.py"):
            assert found in allowed or found.split(".")[0] in sys.stdlib_module_names, f"{name}:{node.lineno}: {found}"


def test_only_entry_points_print_exit_or_read_the_environment() -> None:
    for path in FILES:
        if package(path) in {"cli", "action", "pytest_plugin", "console", "__init__"}:
            continue
        for node in walk(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "quit"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                place = f"{node.value.id}.{node.attr}"
                forbidden = {"os.environ", "os.getenv", "sys.exit", "sys.stdout", "sys.stderr"}
                if path.name in {"git_process.py", "git_fetch.py"} and package(path) == "services":
                    forbidden -= {"os.environ"}  # git must inherit it
                assert place not in forbidden, f"{path}:{node.lineno}: {place}"


def test_only_execute_awaits() -> None:
    for path in FILES:
        for node in walk(path):
            if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
                assert package(path) == "execute", f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_and_functions_stay_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    nodes = walk(path)
    if text.strip():
        assert isinstance(nodes[0], ast.Module) and ast.get_docstring(nodes[0]), f"{path}: no module docstring"
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, f"{path}:{node.lineno}: {node.name} is too long"


def classes(path: Path) -> Iterator[str]:
    for node in walk(path):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def list_twice(named: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, path in named:
        found.setdefault(name, []).append(path.relative_to(PACKAGE).as_posix())
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_no_public_class_name_stands_twice() -> None:
    assert not list_twice((name, path) for path in FILES for name in classes(path))


def split_module(path: Path) -> tuple[str, str]:
    """Return a module's folder and its name. The name of a verb of a group contains the group's: `cache/stats`."""
    here = path.relative_to(PACKAGE).with_suffix("")
    if here.parts[0] in {"cli", "commands"}:
        return here.parts[0], "/".join(here.parts[1:])
    return here.parent.as_posix(), here.name


def name_module(path: Path) -> str:
    return split_module(path)[1]


def test_no_module_name_stands_twice_but_for_verbs_and_formats() -> None:
    modules = [path for path in FILES if path.name != "__init__.py"]
    for name, paths in list_twice((name_module(path), path) for path in modules).items():
        folders = {split_module(PACKAGE / path)[0] for path in paths}
        assert any(folders <= allowed for allowed in SAME_NAME), f"{name}: {', '.join(paths)}"


FOLDERS = {"import": "imports"}  # a package cannot have the name of a keyword


def list_verbs() -> Iterator[str]:
    """Yield the module of each verb, as in `run` and `cache/stats`."""
    context = click.Context(root)
    for verb in root.list_commands(context):
        command = root.get_command(context, verb)
        if not isinstance(command, click.Group):
            yield verb
            continue
        for name in command.list_commands(context):
            module = f"{name}_" if keyword.iskeyword(name) else name.replace("-", "_")
            yield f"{FOLDERS.get(verb, verb)}/{module}"


@pytest.mark.parametrize("verb", list(list_verbs()))
def test_a_verb_has_one_file_that_parses_and_one_that_works(verb: str) -> None:
    for folder in ("cli", "commands"):
        assert (PACKAGE / folder / f"{verb}.py").is_file(), f"{folder}/{verb}.py"


def test_commands_has_no_file_but_the_verbs() -> None:
    found = {name_module(path) for path in FILES if package(path) == "commands" and path.name != "__init__.py"}
    assert found == set(list_verbs())


def find_tests(path: Path) -> bool:
    """Return whether a module has a test file of its name. Both files of a verb, or of a group of verbs, share one."""
    here = path.relative_to(PACKAGE)
    places = [here.parent / f"test_{here.name}"]
    if here.parts[0] in {"cli", "commands"}:
        verb = Path(here.parts[1]).stem
        places += [Path(folder, f"test_{verb}.py") for folder in ("cli", "commands")]
    return any((TESTS / place).is_file() for place in places)


def test_every_module_has_a_test_file_of_its_name() -> None:
    modules = [path for path in FILES if path.name not in {"__init__.py", "__main__.py"}]
    lacking = {path.relative_to(PACKAGE).as_posix() for path in modules if not find_tests(path)}
    assert lacking == set(UNTESTED)


def count_statements(path: Path) -> int:
    """Return the lines of the bodies of all functions in a file, without their docstrings."""
    lines = 0
    for function in (node for node in walk(path) if isinstance(node, ast.FunctionDef)):
        first, *rest = function.body
        is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        body = rest if is_docstring else function.body
        lines += (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
    return lines


@pytest.mark.parametrize("path", [path for path in FILES if package(path) == "cli"], ids=name_module)
def test_the_command_line_parses_and_prints_and_leaves_the_work_to_commands(path: Path) -> None:
    assert count_statements(path) <= LARGEST_VERB


@pytest.mark.parametrize("path", PURE_FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_pure_packages_touch_nothing_outside(path: Path) -> None:
    """Forbid files (except package resources), clock, network, environment, and random numbers without a seed."""
    here = path.relative_to(PACKAGE).as_posix()
    for name, node in imports(path):
        outside = name.split(".")[0] in IMPURE_MODULES or name in IMPURE_MODULES
        assert not outside or name in PURITY_EXCEPTIONS.get(here, ()), f"{path}:{node.lineno}: {name}"
    for node in walk(path):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        last = called.rpartition(".")[2]
        assert called not in {"open", "input", "__import__"}, f"{path}:{node.lineno}: {called}"
        if last in FILE_CALLS:
            assert here == "report/html_templates.py" and called.startswith("files("), f"{path}:{node.lineno}: {called}"
        assert not (last in CLOCK_CALLS and "date" in called), f"{path}:{node.lineno}: {called}"
        if re.match(r"(np|numpy)\.random\.", called):
            assert last == "default_rng" and (node.args or node.keywords), f"{path}:{node.lineno}: {called} has no seed"


def test_packages_form_at_most_seven_levels_without_a_cycle() -> None:
    below: dict[str, set[str]] = {}
    for path in FILES:
        parts = (name.split(".") for name, _ in imports(path))
        named = {part[1] for part in parts if part[0] == "evalgate" and len(part) > 1 and not part[1].startswith("__")}
        below.setdefault(package(path), set()).update(named - {package(path)})
    # raises CycleError, which names the packages
    order = TopologicalSorter(below).static_order()
    levels: dict[str, int] = {}
    for name in order:
        levels[name] = 1 + max((levels[other] for other in below[name]), default=0)
    assert max(levels.values()) <= 7, levels


def list_modules(node: ast.AST) -> Iterator[str]:
    """Yield the modules that code imports, also inside functions; not those that only annotations name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{name.name}" for name in child.names)
        yield from list_modules(child)


def test_modules_form_no_cycle() -> None:
    files = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    del files["evalgate"]  # it hands out names of all packages, and has the version
    below: dict[str, set[str]] = {}
    for name, path in files.items():
        named = (one if one in files else one.rpartition(".")[0] for one in list_modules(walk(path)[0]))
        below[name] = {one for one in named if one in files}
    # raises CycleError, which names the modules
    TopologicalSorter(below).prepare()


def test_heavy_packages_load_when_they_are_needed_and_not_before() -> None:
    code = "import sys, evalgate.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not AT_START & {name.split(".")[0] for name in loaded}
    assert "evalgate.domain" not in loaded  # its dataclasses take as long as the rest of `--help`


ROOT = PACKAGE.parent


def locked(lock: str) -> dict[str, set[str]]:
    """Read the packages of a lock file with their versions; several versions if they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize(("lock", "groups"), [
    ("requirements/package.txt", ["dependencies"]),
    ("requirements/action.txt", ["dependencies", "github", "langfuse", "sql"]),
    ("requirements/dev.txt", ["dependencies", "dev"]),
    ("requirements/ray.txt", ["ray"]),
])  # fmt: skip
def test_the_lock_covers_every_dependency(lock: str, groups: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    all_groups = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    versions = locked(lock)
    for wanted in (Requirement(text) for group in groups for text in all_groups[group]):
        found = versions.get(canonicalize_name(wanted.name), set())
        assert found and all(wanted.specifier.contains(version) for version in found), f"{wanted}: {found}"


def test_the_locks_agree() -> None:
    """Require equal versions of the packages that the locks of tests, package, action and Ray share."""
    tested = locked("requirements/dev.txt")
    for lock in ("requirements/package.txt", "requirements/action.txt", "requirements/ray.txt"):
        versions = locked(lock)
        assert {name: versions[name] for name in versions if name in tested} == {
            name: tested[name] for name in tested if name in versions
        }, lock
