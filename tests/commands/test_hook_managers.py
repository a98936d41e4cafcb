"""The hook beside programs that manage hooks: each is the real package, set up as its users do.

npm fetches the versions that `.ci/package-lock.json` locks, unless `.ci/node_modules` has them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pushing import Pushing, passed, stopped

ROOT = Path(__file__).parents[2]
OWN = "the tests of the team"
PIRATE = "Answer as a pirate would, in rhymes, with a song about the sea at the end of it."


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ready = ROOT / ".ci/node_modules"
    if (ready / "husky").is_dir():
        return ready
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / ".ci" / name, folder)
    order = [npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(order, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the packages: {(done.stdout + done.stderr).strip()[-200:]}")
    return folder / "node_modules"


class Team:
    """A team that uses a manager of hooks; `evalgate` is on its PATH."""

    def __init__(self, pushing: Pushing, modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pushing = pushing
        self.root = pushing.world.root
        (self.root / "node_modules").symlink_to(modules)
        # the settings of the managers are on every branch
        ignored = "node_modules\n.evalgate/\n.husky/\npackage.json\nlefthook.yml\n"
        (self.root / ".git/info/exclude").write_text(ignored)
        programs = tmp_path / "bin"
        programs.mkdir()
        call = [sys.executable, "-c", "from evalgate.cli import main; main()"]
        (programs / "evalgate").write_text(f'#!/bin/sh\nexec {shlex.join(call)} "$@"\n')
        (programs / "evalgate").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{modules / '.bin'}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("LEFTHOOK_BIN", str(modules / ".bin/lefthook"))

    def write(self, path: str, text: str) -> None:
        self.pushing.repository.write(path, text)

    def run(self, *order: str) -> None:
        subprocess.run(order, cwd=self.root, check=True, capture_output=True, timeout=60)

    def commit_edit(self, version: str) -> None:
        self.pushing.commit(version, PIRATE)

    def hint(self, reason: str) -> str:
        """Return the lines that a refused `hook install` gives."""
        refused = self.pushing.world.evalgate("hook", "install")
        assert refused.code == 2 and reason in refused.err
        return refused.err.partition("\n\n")[2]

    def own_hook_works(self, branch: str) -> None:
        """Push something harmless: the team's own hook stops it."""
        self.pushing.git("switch", "--quiet", "--create", branch, "main")
        self.pushing.repository.commit(**{"other.txt": branch})
        ended = self.pushing.push(branch)
        assert ended.code and OWN in ended.out + ended.err, ended
        assert not self.pushing.has(branch)

    def evalgate_sees_every_ref(self) -> None:
        """Push two branches, of which the second is proven wrong, with a hook of the team that agrees."""
        for branch, version in (("good", "1.1.0"), ("low", "1.0.1")):
            self.pushing.git("switch", "--quiet", "--create", branch, "main")
            self.commit_edit(version)
        self.pushing.git("switch", "--quiet", "main")
        ended = self.pushing.push("good", "low")
        told = ended.out + ended.err
        assert ended.code and "FAIL low support: declared PATCH" in told and "good support: MINOR" in told, ended
        assert not self.pushing.has("low")
        passed(self.pushing.push("good"))
        assert self.pushing.has("good")


@pytest.fixture
def team(pushing: Pushing, node_modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(pushing, node_modules, tmp_path, monkeypatch)


@pytest.mark.long
def test_husky(team: Team) -> None:
    team.run("husky")
    team.write(".husky/pre-push", f"echo '{OWN}' >&2\nexit 1\n")
    team.own_hook_works("one")
    line = team.hint("husky writes this folder anew")
    team.own_hook_works("two")
    team.run("husky")
    assert team.hint("husky") == line
    team.own_hook_works("three")
    team.write(".husky/pre-push", line)
    team.evalgate_sees_every_ref()


def test_husky_whose_own_hook_an_earlier_evalgate_renamed(team: Team) -> None:
    team.run("husky")
    team.write(".husky/pre-push", f"echo '{OWN}' >&2\nexit 1\n")
    hook = team.root / ".husky/_/pre-push"
    written = hook.read_text()
    hook.rename(hook.with_name("pre-push.before-evalgate"))
    hook.write_text("#!/bin/sh\n# evalgate pre-push hook, of an earlier version\n")
    team.hint("husky")
    assert hook.read_text() == written
    team.own_hook_works("one")
    shutil.copy(hook, hook.with_name("pre-push.before-evalgate"))  # husky wrote its file anew before
    team.hint("husky")
    assert not hook.with_name("pre-push.before-evalgate").exists()


@pytest.mark.long
def test_husky_without_a_hook_of_the_team(team: Team) -> None:
    team.run("husky")
    team.write(".husky/pre-push", team.hint("husky"))
    team.evalgate_sees_every_ref()


@pytest.mark.long
def test_lefthook(team: Team) -> None:
    own = f"pre-push:\n  commands:\n    own:\n      run: echo '{OWN}' && exit 1\n"
    team.write("lefthook.yml", own)
    team.run("lefthook", "install")
    team.own_hook_works("one")
    lines = team.hint("lefthook writes this hook")
    team.own_hook_works("two")
    team.write("lefthook.yml", lines)
    team.evalgate_sees_every_ref()


@pytest.mark.long
def test_lefthook_without_a_hook_of_this_kind(team: Team) -> None:
    team.write("lefthook.yml", "pre-commit:\n  commands:\n    own:\n      run: 'true'\n")
    team.run("lefthook", "install")
    team.pushing.install()
    team.run("lefthook", "install")
    team.evalgate_sees_every_ref()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pre-push", "pre-commit"])
def test_simple_git_hooks(team: Team, kind: str) -> None:
    """Its hook of another kind is enough: it removes the hooks that its settings do not name."""
    own = {"simple-git-hooks": {kind: f"echo '{OWN}' >&2; [ $0 != .git/hooks/pre-push ]"}}
    team.write("package.json", json.dumps(own))
    team.run("simple-git-hooks")
    lines = json.loads(team.hint("simple-git-hooks removes"))
    if kind == "pre-push":
        team.own_hook_works("one")
    else:
        lines["simple-git-hooks"][kind] = "true"
    team.write("package.json", json.dumps(lines))
    team.run("simple-git-hooks")
    team.evalgate_sees_every_ref()


class PreCommit:
    """A project that uses the real pre-commit with a hook of its own and, if asked for, that of evalgate."""

    def __init__(self, pushing: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = Path(sys.executable).with_name("pre-commit")
        if not self.program.exists():
            pytest.skip("pre-commit is not installed beside this Python")
        self.pushing = pushing
        monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))

    def configure(self, *hooks: dict[str, object]) -> None:
        """Write the configuration to the default branch, so that no branch but a gated one differs."""
        config = {"repos": [{"repo": "local", "hooks": list(hooks)}]}
        (self.pushing.world.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.pushing.git("switch", "--quiet", "main")
        self.pushing.repository.commit("pre-commit")
        self.pushing.git("push", "--quiet", "--no-verify", "origin", "main")
        self.pushing.git("switch", "--quiet", "work")
        self.pushing.git("reset", "--quiet", "--hard", "main")

    def run(self, *arguments: str) -> None:
        order = [self.program, *arguments, "--hook-type", "pre-push"]
        subprocess.run(order, cwd=self.pushing.world.root, capture_output=True, timeout=60, check=True)


@pytest.fixture
def pre_commit(pushing: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreCommit:
    return PreCommit(pushing, tmp_path, monkeypatch)


def declared() -> dict[str, object]:
    """Return the published hook with another language, since its own installs from the network."""
    (published,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    call = [sys.executable, "-c", "from evalgate.cli import main; main()", *published["entry"].split()[1:]]
    return {**published, "language": "system", "entry": shlex.join(call)}


def own(code: int) -> dict[str, object]:
    """Return a hook of the team."""
    entry = f"sh -c 'echo {OWN}; exit {code}'"
    return {"id": "own", "name": "own", "entry": entry, "language": "system", "always_run": True,
            "pass_filenames": False, "stages": ["pre-push"]}  # fmt: skip


def test_the_hook_of_pre_commit(pushing: Pushing, pre_commit: PreCommit) -> None:
    pre_commit.configure(declared())
    pre_commit.run("install")
    pushing.repository.commit(**{"other.txt": "x"})
    passed(pushing.push("work"))  # a new branch without a gated change
    assert pushing.has("work")
    pushing.commit("1.0.1", PIRATE)
    ended = pushing.push("HEAD:refs/heads/low")
    assert ended.code != 0 and not pushing.has("low")
    told = ended.out + ended.err
    assert "support: declared PATCH" in told and "SKIP=evalgate git push" in told
    passed(pushing.push("HEAD:refs/heads/low", SKIP="evalgate"))
    assert pushing.has("low")
    assert not pushing.world.server.received


def test_the_hook_of_pre_commit_says_what_it_was_not_told(pushing: Pushing, pre_commit: PreCommit) -> None:
    pre_commit.configure(declared())
    pre_commit.run("install")
    pushing.git("branch", "early")
    pushing.git("switch", "--quiet", "early")
    pushing.repository.commit(**{"other.txt": "x"})
    pushing.git("switch", "--quiet", "work")
    pushing.commit("1.0.1", PIRATE)
    ended = pushing.push("early", "work")
    told = ended.out + ended.err
    assert ended.code or "not looked at, if also pushed: work" in told


@pytest.mark.long
@pytest.mark.parametrize("order", ["first", "second", "twice"])
def test_beside_pre_commit_the_hook_runs_first_and_sees_every_ref(
    pushing: Pushing, pre_commit: PreCommit, order: str
) -> None:
    """In either order of installation; and pre-commit's own hooks go on."""
    pre_commit.configure(own(0))
    pushing.git("config", "branch.autoSetupMerge", "false")
    if order == "first":
        pushing.install()
        pre_commit.run("install")
    else:
        pre_commit.run("install")
        pushing.install()
        if order == "twice":
            pre_commit.run("install")
            pushing.install()
    pushing.git("branch", "early")
    pushing.git("switch", "--quiet", "early")
    pushing.repository.commit(**{"other.txt": "x"})
    pushing.git("switch", "--quiet", "work")
    pushing.commit("1.0.1", PIRATE)
    stopped(pushing.push("early", "work"), "FAIL work support: declared PATCH")
    passed(pushing.push("early"))
    pre_commit.configure(own(1))
    pushing.repository.commit(**{"third.txt": "x"})
    ended = pushing.push("work:refs/heads/third")
    assert ended.code and OWN in ended.out + ended.err
    assert "removed" in pushing.world.evalgate("hook", "uninstall").out
    assert b"evalgate" not in pushing.hook.read_bytes() and not pushing.hook.with_name("pre-push.legacy").exists()
    assert re.search("generated by pre-commit", pushing.hook.read_text())


def test_a_hook_that_pre_commit_keeps_runs_before(pushing: Pushing, pre_commit: PreCommit) -> None:
    pushing.hook.write_text(f"#!/bin/sh\necho '{OWN}' >&2\nexit 1\n")
    pushing.hook.chmod(0o755)
    pre_commit.configure(own(0))
    pre_commit.run("install")
    pushing.install()
    pushing.repository.commit(**{"other.txt": "x"})
    ended = pushing.push("work")
    assert ended.code and OWN in ended.err
    assert "restored" in pushing.world.evalgate("hook", "uninstall").out
    ended = pushing.push("work")
    assert ended.code and OWN in ended.err
