"""All workflows under test: our own, and those in README and docs/."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"


def of_docs() -> dict[str, str]:
    """Map the name to the text of each YAML block of README and docs/ that has jobs."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return {str(yaml.safe_load(block)["name"]): block for block in blocks if re.search(r"^jobs:", block, re.MULTILINE)}


def all_of_them() -> dict[str, str]:
    """Map the file name to the text of each workflow."""
    own = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}
    return {**own, **{f"docs-{name}.yml": text for name, text in of_docs().items()}}


def installed_action(into: Path) -> Path:
    """Copy the files of this repository that the action needs into a folder, which is passed to a `Machine`."""
    shutil.copytree(ROOT / "evalgate", into / "evalgate", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", into / "requirements")
    shutil.copy(ACTION, into / ACTION.name)
    return into
