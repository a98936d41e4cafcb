"""Tests of the documentation: every command runs, every output shown is the real one, every example loads.

The pages are README.md, CONTRIBUTING.md and docs/.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import cmarkgfm
import pytest
import yaml
from click.testing import CliRunner

from evalgate.cli import root
from evalgate.report import footer

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"console", "bash", "python", "yaml", "json", "markdown", "js", "csharp"}
PROGRAM = [sys.executable, "-c", "from evalgate.cli import main; main()"]
SCHEMA = json.loads((ROOT / "evalgate/inputs/evalgate.schema.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page; `mark` is the comment above it, empty if there is none."""

    page: str
    mark: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def find_blocks() -> list[Block]:
    found = []
    for path in PAGES:
        page = path.relative_to(ROOT).as_posix()
        for mark, language, text in re.findall(r"(?:<!-- ([\w -]+) -->\n)?```(\w*)\n(.*?)```", read(page), re.DOTALL):
            found.append(Block(page=page, mark=mark, language=language, text=text))
    return found


BLOCKS = find_blocks()


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


CONSOLE = [block.text.splitlines() for block in of("console")]


def scripts() -> list[list[str]]:
    """List the blocks of commands, which run in order."""
    return [[line.removeprefix("$ ") for line in block] for block in CONSOLE if block[-1].startswith("$ ")]


def screens() -> list[tuple[str, str]]:
    """List the commands that are shown with their output."""
    return [(block[0].removeprefix("$ "), "\n".join(block[1:])) for block in CONSOLE if not block[-1].startswith("$ ")]


def options() -> list[str]:
    """List the lines of all blocks that call evalgate."""
    parts = [part.strip() for block in BLOCKS for part in re.split(r"&&|\n", block.text)]
    return [part for part in parts if re.match(r"^(\.venv/bin/|- run: |- |RAY_ADDRESS=\S+ )?evalgate ", part)]


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program.endswith("evalgate"), command
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a new repository with the demo in it, and the scores file that the pages use."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "golden", folder / "golden", ignore=shutil.ignore_patterns(".evalgate", "*.sqlite3-*"))
    for order in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "demo"]):
        subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *order], cwd=folder, check=True
        )
    rows = [f"c{i},{arm},quality,0.9" for i in range(80) for arm in ("baseline", "candidate")]
    (folder / "scores.csv").write_text("case,arm,criterion,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    for arm in ("candidate", "baseline"):
        shutil.copy(ROOT / f"tests/inputs/importers/data/deepeval-4-wide-{arm}.json", folder / f"{arm}.json")
    return folder


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    assert all(read(path.relative_to(ROOT).as_posix()).count("```") % 2 == 0 for path in PAGES)
    assert {block[0][:2] for block in CONSOLE} == {"$ "}


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script[0])
def test_every_command_runs(script: list[str], checkout: Path) -> None:
    for command in script:
        ended = run(command, checkout)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(("command", "screen"), screens())
def test_every_screen_is_what_is_printed(command: str, screen: str, checkout: Path) -> None:
    shutil.rmtree(checkout / "golden/.evalgate", ignore_errors=True)  # the pages show the output of a first run
    printed = run(command, checkout).stdout
    parts = [part.strip("\n") for part in re.split(r"^\.\.\.$", screen, flags=re.MULTILINE)]
    place = 0
    for part in parts:
        found = printed.find(part, place)
        assert found >= 0, f"not printed (any more):\n{part}\n\nbut:\n{printed}"
        place = found + len(part)


# the functions on this page import packages that evalgate does not need: see test_providers_page.py
@pytest.mark.parametrize("block", [block for block in of("python") if block.page != "docs/providers.md"], ids=str)
def test_every_piece_of_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
        monkeypatch.setenv(name, "key")
    exec(compile(block.text, block.page, "exec"), {})


def commands(mark: str) -> list[str]:
    """Return the commands of a marked block of the README, which depend on each other in order."""
    block = next(block.text for block in BLOCKS if block.mark == mark and block.page == "README.md")
    return re.split(r" &&\s+", block.strip())


def installing(lock: str) -> list[str]:
    """Return the install command, which must use the lock only, so that new releases of dependencies change nothing."""
    return [
        "python3 -m venv .venv",
        f".venv/bin/pip install -q -r {lock}",
        ".venv/bin/pip install -q --no-deps -e .",
    ]


def test_the_demo_command_is_the_whole_job() -> None:
    *install, gate = commands("demo-command")
    assert install == installing("requirements/package.txt")
    assert run(gate, ROOT).returncode == 0


def test_the_command_for_the_tests_is_the_one_that_ci_runs() -> None:
    assert commands("test-command") == [*installing("requirements/dev.txt"), ".venv/bin/pytest -q -n auto"]
    assert "test-command" in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", options())
def test_every_option_shown_exists(line: str) -> None:
    command = re.sub(r"^(- run: |- |RAY_ADDRESS=\S+ )", "", line).replace("$BASE", "main")
    ended = CliRunner().invoke(root, [*shlex.split(command)[1:], "--help"])
    assert ended.exit_code == 0, ended.output


def first_configuration() -> str:
    return next(block.text for block in of("yaml") if block.text.startswith("# evalgate.yml"))


def load(text: str, folder: Path) -> Any:
    """Load the configuration in a folder that has the files it names."""
    from evalgate.inputs.config import load_config
    from evalgate.inputs.tree import WorkTree

    (folder / "evalgate.yml").write_text(text, encoding="utf-8")
    named = ("support.prompt.yml", "a/one.prompt.yml")
    golden = ("golden/support.jsonl", "golden/answer.schema.json")
    for name in (*(f"prompts/{prompt}" for prompt in named), *golden):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    return load_config(WorkTree(folder), "evalgate.yml")


def test_the_first_configuration_loads(tmp_path: Path) -> None:
    config = load(first_configuration(), tmp_path)
    assert [judge.name for judge in config.gates[0].judges] == ["faithfulness", "relevance"]


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_every_other_piece_of_yaml_is_a_prompt_or_a_part_of_the_configuration(block: Block, tmp_path: Path) -> None:
    """Load every other YAML block; workflows and pipelines are linted and run by tests of their own."""
    from evalgate.inputs.prompts import parse_prompt

    given = yaml.safe_load(block.text)
    if "jobs" in given or block.mark or block.text.startswith("# evalgate.yml"):
        return
    if "repos" in given:
        hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
        assert {hook["id"] for repo in given["repos"] for hook in repo["hooks"]} == {hook["id"] for hook in hooks}
    elif "messages" in given:
        parse_prompt(block.text.encode(), "a.prompt.yml", block.page)
    else:
        load(yaml.safe_dump({**yaml.safe_load(first_configuration()), **given}), tmp_path)


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_every_line_of_json_is_a_case(block: Block, tmp_path: Path) -> None:
    from evalgate.inputs.datasets import load_dataset
    from evalgate.inputs.tree import WorkTree

    (tmp_path / "cases.jsonl").write_text(block.text, encoding="utf-8")
    assert len(load_dataset(WorkTree(tmp_path), "cases.jsonl").cases) == len(block.text.splitlines())


def test_the_rubric_shown_is_one() -> None:
    from evalgate.inputs.rubrics import parse_rubric

    assert [parse_rubric(block.text.encode(), "tone.md").maximum for block in of("markdown")] == [5]


def test_the_reference_names_every_setting() -> None:
    page = read("docs/configuration.md")
    for section in ("policy", "run"):
        for key in SCHEMA["$defs"][section]["properties"]:
            assert f"`{section}.{key}`" in page or f"`{key}`" in page, key
    for key in SCHEMA["$defs"]["gate"]["properties"]:
        assert f"`gates[].{key}" in page, key


@pytest.mark.parametrize("name", [name for name in SCHEMA["$defs"] if name.startswith("check_")])
def test_the_reference_has_every_check_with_its_options(name: str) -> None:
    kind = name.removeprefix("check_")
    row = next(row for row in read("docs/checks.md").splitlines() if row.startswith("| ") and f"`{kind}`" in row)
    options = set(SCHEMA["$defs"][name]["properties"]) - {"type", "name", "blocking", "strict", "when", "unless"}
    for option in options:
        bound, _, what = option.partition("_")
        is_named = f"`{option}`" in row or (bound in ("min", "max") and f"`{bound}_`" in row and f"`{what}`" in row)
        assert is_named, option
    assert ("`at`" in row) == ("at" in options)


def test_the_table_of_promptfoo_names_checks_and_options_that_exist() -> None:
    from evalgate.score.checks import NEGATABLE, TYPES

    table = read("docs/import.md").split("### Assertions")[1]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines() if row.startswith("| `")]
    known = {*TYPES, *(f"not_{name}" for name in NEGATABLE), "answered", "faithfulness", "relevance", "stop"}
    known |= {key for name, one in SCHEMA["$defs"].items() if name.startswith("check_") for key in one["properties"]}
    for _, ours, verdict in rows:
        names = re.findall(r"`([a-z_]+)`", ours.replace("for `icontains`", ""))
        assert set(names) <= known, ours
        answer = re.split("[:;,]", verdict)[0]
        assert answer in ({"yes", "partly"} if ours else {"no"}), verdict
    theirs = [name for row in rows for name in re.findall(r"`([a-z0-9:-]+[a-z0-9])`", row[0])]
    assert len(theirs) == len(set(theirs)) > 70


@pytest.mark.parametrize(("section", "title"), [("inputs", "## Inputs"), ("outputs", "## Outputs")])
def test_the_reference_names_every_input_and_output_of_the_action(section: str, title: str) -> None:
    page = read("docs/action.md").split(title)[1].split("\n## ")[0]
    for name in yaml.safe_load(read("action.yml"))[section]:
        assert f"`{name}`" in page, name


def list_options(command: click.Command) -> set[str]:
    return {name for one in command.params if isinstance(one, click.Option) for name in one.opts}


def list_verbs(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of a group and of the groups in it, with the words that name them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from list_verbs(found, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", found


def test_the_reference_has_every_verb_with_its_options_and_no_other() -> None:
    page = read("docs/commands.md")
    common = {"--config", "--store", "--format", "--output"}
    wanted = {verb: list_options(command) - common for verb, command in list_verbs(root)}
    rows = re.findall(r"^\| `([a-z -]+)` \|.*\| ([^|]*(?:\\\|[^|]*)*) ?\|$", page, re.MULTILINE)
    assert {verb: set(re.findall(r"`(--[a-z-]+)", options)) for verb, options in rows} == wanted
    assert common == set(re.findall(r"^\| `(--[a-z]+)", page, re.MULTILINE))


def test_reports_explains_every_line_under_a_report(samples: ModuleType) -> None:
    page = read("docs/reports.md")
    for report in (make() for make in samples.SAMPLES.values()):
        lines = [
            *footer.describe_report(report),
            *(pair for gate in report.gates for pair in footer.describe_gate(gate)),
        ]
        for word, _ in lines:
            assert f"`{word}`" in page, word


def test_the_index_names_every_page() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"]({path.name})" in read("docs/README.md"), path.name


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        there = path.parent / name if name else path
        assert there.is_file(), link
        assert not anchor or anchor in anchors(there), link


def test_the_readme_stays_short_and_contributing_one_page() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 250
    assert len(read("CONTRIBUTING.md").splitlines()) <= 120


def test_every_path_in_contributing_exists() -> None:
    text = re.sub(r"```.*?```", "", read("CONTRIBUTING.md"), flags=re.DOTALL)
    words = [word for word in re.findall(r"`([^`\s]+)`", text) if not word.startswith((".venv/", ".evalgate/"))]
    paths = [word for word in words if re.search(r"/|\.(md|py|yml|toml|json)$", word)]
    assert len(paths) > 20
    for name in paths:
        assert (ROOT / name).exists() or (ROOT / "evalgate" / name).exists(), name


def test_no_words_stand_for_something_to_come() -> None:
    for path in PAGES:
        assert "@@" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_table_is_rendered_as_one(path: Path) -> None:
    """Check that GitHub's renderer keeps every row and cell: it drops extra cells, and a table without a rule."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    page = cmarkgfm.github_flavored_markdown_to_html(text)
    assert page.count("<tr>") == len(rows) - sum(set(row) <= set("|-: ") and "-" in row for row in rows)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table
