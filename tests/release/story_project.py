"""A shop with a prompt, a remote and people who work on clones of it, by the command line alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from chat_server import ChatServer, Received, Reply, completion
from gated_project import Ended
from repository import Repository

CONFIG = """\
format: 1
targets:
  api: {{type: openai, base_url: "{url}", api_key_env: API_KEY, model: m}}
gates:
  - name: support
    prompt: prompts/support.prompt.yml
    dataset: cases.jsonl
    samples: {{baseline: 1, candidate: 1}}
    checks:
      - {{type: is_json}}
      - {{type: contains, name: fact, from: expected, blocking: false}}
    judges: [{{rubric: faithfulness}}]
    thresholds: {{fact: {{max_drop: 0.05}}, faithfulness: {{max_drop: 0.05}}}}
release:
  registry: "{registry}"
{more}"""
PROMPT = """\
name: support
version: "{version}"
change: {change}
messages:
  - role: system
    content: "{text}"
  - role: user
    content: "{{{{query}}}}"
"""
CASES = 64
TEXT = "🏔️ You answer the customers of a small outdoor shop in one friendly sentence, as JSON, without guessing."


class StoryProject:
    """`remote` is a bare repository with the project on main; the registry is `registry`.

    All commands run in processes of their own, with an empty home and a key for the endpoint.
    """

    def __init__(
        self, folder: Path, kind: str, server: ChatServer, *, registry: str | None = None, more: str = ""
    ) -> None:
        """`registry` is the URL of one elsewhere, and `more` are lines of the configuration's part `release`."""
        self.folder = folder
        self.remote = folder / "remote.git"
        self.file = folder / "registry" / "releases.sqlite3"
        self.registry = registry or (f"sqlite:{self.file}" if kind == "sqlite" else f"git:{self.remote}")
        self._home = folder / "home"
        self._home.mkdir()
        server.script = _answer
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(self.remote)], check=True)
        self.author = self.clone("author", "Ada Author")
        named = "git:origin" if kind == "git" else self.registry
        rows = [
            {"id": f"case-{n:02}", "query": f"fact {n}?", "context": "all", "expected": f"fact {n}"}
            for n in range(CASES)
        ]
        self.author.write("evalgate.yml", CONFIG.format(url=server.url, registry=named, more=more))
        self.author.write("cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        self.author.write(".gitignore", ".evalgate/\n")
        self.write("1.0.0", "the first one", TEXT)
        self.author.commit("Add the prompt")
        self.author.git("push", "--quiet", "origin", "main")

    def clone(self, name: str, person: str) -> Repository:
        """Clone the project for a person."""
        root = self.folder / name
        subprocess.run(["git", "clone", "--quiet", str(self.remote), str(root)], check=True, capture_output=True)
        made = Repository(root)
        made.git("switch", "--quiet", "--force-create", "main", *(["origin/main"] if self._has_main() else []))
        made.git("config", "user.name", person)
        made.git("config", "user.email", f"{person.partition(' ')[0].lower()}@example.invalid")
        return made

    def write(self, version: str, change: str, text: str) -> None:
        self.author.write("prompts/support.prompt.yml", PROMPT.format(version=version, change=change, text=text))

    def evalgate(self, folder: Path, *arguments: str) -> Ended:
        """Run the command as a person or a workflow does."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "API_KEY": "secret", "PYTHONUTF8": "1"}
        environment |= {"GIT_CONFIG_NOSYSTEM": "1", "EVALGATE_HOME": str(self._home / "evalgate")}
        done = subprocess.run(
            [sys.executable, "-c", "from evalgate.cli import main; main()", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(code=done.returncode, out=_join(done.stdout), err=_join(done.stderr))

    def merge(self, version: str, change: str, text: str, *, code: int) -> Ended:
        """Edit the prompt on a branch, run the gate, merge the branch into main of the remote; return the run."""
        self.author.git("switch", "--quiet", "--create", f"edit-{version}")
        self.write(version, change, text)
        self.author.commit(f"Edit the prompt: {change}")
        ended = self.evalgate(self.author.root, "run")
        assert ended.code == code, ended
        self.author.git("switch", "--quiet", "main")
        self.author.git("merge", "--quiet", "--no-ff", "-m", f"Merge edit-{version}", f"edit-{version}")
        self.author.git("push", "--quiet", "origin", "main")
        return ended

    def _has_main(self) -> bool:
        order = ["git", "-C", str(self.remote), "rev-parse", "--verify", "--quiet", "main"]
        return subprocess.run(order, capture_output=True, check=False).returncode == 0


def _answer(received: Received, number: int) -> Reply:
    """Answer every question well, and judge every answer well."""
    if received.body.get("response_format", {}).get("json_schema", {}).get("name") == "judgement":
        return Reply(body=completion(json.dumps({"score": 5, "reason": "as scripted"})))
    return Reply(body=completion(json.dumps({"answer": received.body["messages"][-1]["content"]})))


def _join(text: str) -> str:
    """Return a text without the breaks and indents of its wrapped lines."""
    return re.sub(r"\n +", " ", text)
