"""Tests of the pre-push hook, with real repositories and real pushes to a bare repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from gated_project import CASES, CONFIG, Ended, World, prompt
from pushing import BRIEF, Pushing, passed, stopped

from evalgate.commands.hook import run as before_push

ROOT = Path(__file__).parents[2]
PLAIN = "#!/bin/sh\ncat > {seen}\necho mine >&2\nexit {code}\n"


def test_a_level_declared_too_low_stops_the_push_and_no_verify_skips_the_hook(pushing: Pushing) -> None:
    assert "git push --no-verify" in pushing.install().out
    pushing.commit("1.0.1", "Answer as a pirate would, in rhymes, with a song about the sea at the end of it.")
    stopped(pushing.push("work"), "FAIL work support: declared PATCH")
    assert not pushing.has("work")
    passed(pushing.push("--no-verify", "work"))
    assert pushing.has("work")
    assert not pushing.world.server.received


def test_what_is_not_known_is_left_to_ci_without_a_call(pushing: Pushing) -> None:
    pushing.install()
    pushing.commit("1.1.0")
    passed(pushing.push("work"), "work support: MINOR; no output is known yet: left to CI")
    assert pushing.has("work")
    assert not pushing.world.server.received


@pytest.mark.parametrize("arguments", [("work",), ("work:refs/heads/other",), ("--force", "work"), ("HEAD",)])
def test_nothing_gated_has_changed(pushing: Pushing, arguments: tuple[str, ...]) -> None:
    pushing.install()
    pushing.repository.commit(**{"other.txt": "x"})
    ended = pushing.push(*arguments)
    passed(ended)
    assert ended.err == ""


def test_a_stored_fail_stops_and_a_stored_pass_is_told(pushing: Pushing) -> None:
    pushing.install()
    world = pushing.world
    pushing.commit("1.1.0")
    assert world.evalgate("run").code == 0
    calls = len(world.server.received)
    passed(pushing.push("work"), "work support: PASS")
    world.application = lambda system, user: "no json" if "rudely" in system else json.dumps({"answer": user})
    pushing.commit("1.2.0", "Be brief, always and everywhere, rudely.")
    assert world.evalgate("run").code == 1
    more = len(world.server.received)
    assert more > calls
    stopped(pushing.push("work"), "FAIL work support: is_json:", "64 of 64 cases failed at first")
    assert len(world.server.received) == more


def test_the_pushed_commit_is_looked_at_and_not_the_working_tree(pushing: Pushing) -> None:
    pushing.install()
    pushing.commit("1.0.0")
    pushing.world.edit("1.1.0")  # corrected, but not committed
    stopped(pushing.push("work"), "the content changed without a new version (1.0.0)")
    pushing.repository.commit()
    pushing.world.edit("1.0.0", "Broken again, and not committed, so that nobody but me will ever see this one.")
    stopped(pushing.push("work"), "version 1.0.0 has 2 contents")  # the first commit is still part of the history
    pushing.git("checkout", "--quiet", ".")
    pushing.git("reset", "--quiet", "--soft", "main")
    pushing.repository.commit()
    pushing.world.edit("1.0.0", "Broken again, and not committed, so that nobody but me will ever see this one.")
    passed(pushing.push("work"), "MINOR")


def test_known_outputs_prove_a_fail_by_checks_alone(pushing: Pushing) -> None:
    """Add a case after the run: there is no verdict on the dataset, and no answer to one case."""
    world = pushing.world
    pushing.install()
    world.application = lambda system, user: "no json" if "brief" in system and "7" in user else json.dumps([user])
    pushing.commit("1.1.0")
    assert world.evalgate("run").code == 1
    path = world.root / "cases.jsonl"
    rows = path.read_text()
    path.write_text(rows + json.dumps({"id": "new", "query": "new", "context": "c", "expected": "c"}) + "\n")
    pushing.repository.commit()
    calls = len(world.server.received)
    stopped(
        pushing.push("work"),
        "checks on 64 of 65 cases whose outputs are known",
        "is_json: proven to fail more often",
        "6 of 64 cases failed",
    )
    assert len(world.server.received) == calls


def test_the_first_push_of_a_new_repository(world: World, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    world.repository.git("init", "--quiet", "--bare", str(remote))
    world.repository.git("remote", "add", "origin", str(remote))
    assert world.evalgate("hook", "install").code == 0
    world.repository.git("push", "--quiet", "origin", "main", "work")
    assert world.repository.git("ls-remote", "origin").count("refs/heads/") == 2


def test_several_refs_each_against_its_own_merge_base(pushing: Pushing) -> None:
    pushing.install()
    good = pushing.commit("1.1.0")
    pushing.git("switch", "--quiet", "--create", "second", "main")
    pushing.commit("1.0.0", "Be anything at all.")
    pushing.git("tag", "--annotate", "v1", good, "-m", "a tag of a commit that is pushed, too")
    ended = pushing.push("work", "second", "v1", "main")
    stopped(ended, "FAIL second support: the content changed without a new version", "work support: MINOR")
    assert ended.err.count("MINOR;") == 1  # the tag's commit is checked once
    assert not pushing.has("work")  # all refs of a push are stopped together
    passed(pushing.push("work", "v1"))


def test_deletions_and_forced_pushes(pushing: Pushing) -> None:
    pushing.install()
    pushing.commit("1.1.0")
    passed(pushing.push("work"))
    pushing.git("reset", "--quiet", "--hard", "main")
    pushing.commit("1.0.0", "Be nothing.")
    stopped(pushing.push("--force", "work", ":refs/heads/nowhere"), "FAIL work support")
    ended = pushing.push("--delete", "work")
    passed(ended)
    assert ended.err == "" and not pushing.has("work")


def test_a_tag_of_a_file_is_no_commit(pushing: Pushing) -> None:
    pushing.install()
    pushing.git("tag", "blob", "HEAD:cases.jsonl")
    ended = pushing.push("blob")
    passed(ended)
    assert ended.err == ""


def test_main_is_compared_with_what_the_remote_has(pushing: Pushing) -> None:
    pushing.install()
    pushing.git("switch", "--quiet", "main")
    pushing.commit("1.0.0")
    stopped(pushing.push("main"), "FAIL main support: the content changed without a new version")


def test_a_remote_by_another_name(pushing: Pushing) -> None:
    pushing.install()
    pushing.git("remote", "rename", "origin", "upstream")
    pushing.git("switch", "--quiet", "main")
    pushing.commit("1.0.0")
    done = subprocess.run(["git", "push", "-q", "upstream", "main"], capture_output=True, text=True, check=False)
    assert done.returncode and "the content changed without a new version" in done.stderr


def test_faults_of_files_stop_the_push(pushing: Pushing) -> None:
    pushing.install()
    text = (pushing.world.root / "evalgate.yml").read_text()
    pushing.repository.commit(**{"evalgate.yml": text.replace("dataset:", "datset:")})
    stopped(pushing.push("work"), "FAULT work: ", 'unknown key "datset"')


def test_without_a_configuration_there_is_nothing_to_say(pushing: Pushing) -> None:
    pushing.install()
    (pushing.world.root / "evalgate.yml").unlink()
    pushing.repository.commit()
    passed(pushing.push("work"), "evalgate.yml was removed since the merge base")
    pushing.git("push", "--quiet", "--no-verify", "origin", "work:main")
    ended = pushing.push("work:again")
    passed(ended)
    assert ended.err == ""


def test_a_push_of_nothing_says_so(pushing: Pushing) -> None:
    pushing.install()
    passed(pushing.push("main"), "git pushes no ref: nothing was looked at")


def test_without_input_the_current_branch_is_looked_at(pushing: Pushing) -> None:
    pushing.commit("1.0.0")
    ended = hook_run(pushing.world)
    stopped(ended, "looking at work", "FAIL work support: the content changed without a new version")


def test_a_repository_beside_its_files_is_found(pushing: Pushing, tmp_path: Path) -> None:
    """Push with `--git-dir` from a folder that git would not find the repository from."""
    pushing.install()
    pushing.commit("1.0.0")
    moved = tmp_path / "moved.git"
    (pushing.world.root / ".git").rename(moved)
    for options in (("--work-tree=.",), (f"--work-tree={pushing.world.root}",), ()):
        done = subprocess.run(
            ["git", f"--git-dir={moved}", *options, "push", "-q", "origin", "work"],
            cwd=pushing.world.root, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode and "FAIL work support: the content changed without" in done.stderr, done.stderr


def test_a_gate_that_is_gone_is_named(pushing: Pushing) -> None:
    pushing.install()
    text = (pushing.world.root / "evalgate.yml").read_text()
    other = pushing.repository.write("prompts/other.prompt.yml", prompt()).relative_to(pushing.world.root)
    changed = text.replace("name: support", "name: other").replace("prompts/support.prompt.yml", other.as_posix())
    pushing.repository.commit(**{"evalgate.yml": changed})
    passed(pushing.push("work"), 'the gate "support" was removed since the merge base')


def test_no_common_history_is_left_to_ci(pushing: Pushing) -> None:
    pushing.install()
    pushing.git("switch", "--quiet", "--orphan", "alone")
    pushing.repository.write("prompts/support.prompt.yml", prompt("3.0.0"))
    pushing.repository.write("evalgate.yml", CONFIG.format(url=pushing.world.server.url))
    pushing.repository.commit()
    passed(pushing.push("alone"), "have no common history: left to CI")


@pytest.mark.parametrize("mode", ["quick", "full"])
def test_a_provider_that_is_down_or_a_missing_key_stops_nothing(pushing: Pushing, mode: str) -> None:
    pushing.install("--mode", mode)
    pushing.commit("1.1.0")
    no_key = {**os.environ}
    no_key.pop("API_KEY")
    order = ["git", "push", "--quiet", "origin", "work:one"]
    done = subprocess.run(order, env=no_key, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "API_KEY" in done.stderr and "left to CI" in done.stderr
    pushing.world.server.close()
    passed(pushing.push("work:two"), "left to CI")


def test_the_hook_takes_its_key_from_a_file(pushing: Pushing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "my keys.env"
    assert pushing.world.evalgate("hook", "install", "--env-file", str(file)).code == 2
    assert not pushing.hook.exists()
    file.write_text("API_KEY=key-of-the-file\n")
    pushing.install("--mode", "quick", "--env-file", str(file))
    pushing.commit("1.1.0")
    monkeypatch.delenv("API_KEY")
    passed(pushing.push("work"), "left to CI")
    sent = {one.headers["authorization"] for one in pushing.world.server.received}
    assert sent == {"Bearer key-of-the-file"}


def test_quick_runs_the_checks_on_twelve_cases_critical_ones_first(pushing: Pushing) -> None:
    world = pushing.world
    rows = [json.loads(line) for line in (world.root / "cases.jsonl").read_text().splitlines()]
    rows[-1]["tags"] = ["critical"]
    pushing.repository.commit(**{"cases.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    pushing.git("push", "--quiet", "origin", "work:main")
    pushing.install("--mode", "quick")
    pushing.commit("1.1.0")
    passed(pushing.push("work"), f"checks on {before_push.QUICK_CASES} of {CASES} cases (critical ones first)")
    assert len(world.server.received) == before_push.QUICK_CASES
    world.application = lambda system, user: (
        "no json" if rows[-1]["query"] in user and "if you can" in system else json.dumps({"answer": user})
    )
    pushing.commit("1.2.0", "Be brief, always and everywhere, if you can.")
    stopped(pushing.push("work"), "FAIL work support", "is_json", rows[-1]["id"], "7 of 7 draws")
    # six new samples of the candidate; one planned and two new samples of the baseline, which passed
    assert len(world.server.received) == 2 * before_push.QUICK_CASES + 6 + 3


def test_full_runs_the_whole_gate_and_a_second_push_is_free(pushing: Pushing) -> None:
    world = pushing.world
    pushing.install("--mode", "full")
    world.grade = lambda judged: 1 if "rudely" in judged else 5
    world.application = lambda system, user: json.dumps({"answer": user + ("rudely" if "rudely" in system else "")})
    pushing.commit("1.1.0", "Be brief, always and everywhere, rudely.")
    stopped(pushing.push("work"), "FAIL work support: faithfulness: proven worse than the baseline")
    calls = len(world.server.received)
    assert calls > CASES
    stopped(pushing.push("work"), "faithfulness: proven worse")
    assert len(world.server.received) == calls


@pytest.mark.parametrize("code", [0, 3])
def test_the_hook_that_was_there_sees_the_same_lines_and_its_exit_code_counts(
    pushing: Pushing, tmp_path: Path, code: int
) -> None:
    seen = tmp_path / "seen"
    pushing.hook.write_text(PLAIN.format(seen=seen, code=code))
    pushing.hook.chmod(0o755)
    assert "runs first" in pushing.install().out
    pushing.install()  # a second time: the existing hook is kept, and evalgate's is not chained to itself
    pushing.commit("1.0.0")
    sha = pushing.git("rev-parse", "HEAD")
    ended = pushing.push("work", "work:other")
    zero = "0" * 40
    assert sorted(seen.read_text().splitlines()) == [
        f"refs/heads/work {sha} refs/heads/other {zero}",
        f"refs/heads/work {sha} refs/heads/work {zero}",
    ]
    assert ended.code and "mine" in ended.err
    assert ("the content changed without a new version" in ended.err) is (code == 0)
    assert "restored the hook" in pushing.world.evalgate("hook", "uninstall").out
    assert pushing.hook.read_text() == PLAIN.format(seen=seen, code=code)
    assert not pushing.hook.with_name("pre-push.before-evalgate").exists()


def test_uninstalled_is_gone_and_says_when_there_was_nothing(pushing: Pushing) -> None:
    pushing.install()
    assert pushing.world.evalgate("hook", "uninstall").out.startswith("removed: ")
    assert not pushing.hook.exists()
    assert "not installed" in pushing.world.evalgate("hook", "uninstall").out
    pushing.commit("1.0.0")
    passed(pushing.push("work"))


def test_two_foreign_hooks_are_never_overwritten(pushing: Pushing) -> None:
    pushing.install()
    pushing.hook.with_name("pre-push.before-evalgate").write_text("#!/bin/sh\n")
    pushing.hook.write_text("#!/bin/sh\ntrue\n")
    ended = pushing.world.evalgate("hook", "install")
    assert ended.code == 2 and "one of them would be lost" in ended.err


def test_a_hook_that_looks_at_its_own_name_stays_as_it_is(pushing: Pushing) -> None:
    """An earlier evalgate renamed it: then it comes back."""
    script = '#!/bin/sh\n[ "$(basename "$0")" = pre-push ] || exit 0\necho mine >&2\nexit 1\n'
    pushing.hook.write_text(script)
    pushing.hook.chmod(0o755)
    refused = pushing.world.evalgate("hook", "install")
    assert refused.code == 2 and 'evalgate hook run --mode cached --config evalgate.yml -- "$@"' in refused.err
    assert pushing.hook.read_text() == script
    pushing.hook.unlink()
    pushing.install()
    pushing.hook.with_name("pre-push.before-evalgate").write_text(script)
    assert pushing.world.evalgate("hook", "install").code == 2
    assert pushing.hook.read_text() == script and not pushing.hook.with_name("pre-push.before-evalgate").exists()


def test_a_tracked_folder_of_hooks_gets_no_path_of_this_machine(pushing: Pushing) -> None:
    pushing.git("config", "core.hooksPath", ".githooks")
    pushing.repository.commit(**{".githooks/pre-commit": "#!/bin/sh\n"})
    refused = pushing.world.evalgate("hook", "install")
    assert refused.code == 2 and "under version control" in refused.err and ".githooks/pre-push" in refused.err
    assert not (pushing.world.root / ".githooks/pre-push").exists()


@pytest.mark.parametrize("shared", [False, True])
def test_core_hooks_path(pushing: Pushing, tmp_path: Path, shared: bool) -> None:
    folder = tmp_path / "shared" if shared else pushing.world.root / ".githooks"
    pushing.git("config", "core.hooksPath", str(folder) if shared else ".githooks")
    ended = pushing.install()
    assert (folder / "pre-push").exists() and not pushing.hook.exists()
    assert ("every repository" in ended.out) is shared
    pushing.commit("1.0.0")
    stopped(pushing.push("work"), "the content changed without a new version")


def test_from_a_worktree_with_the_configuration_in_a_folder(
    pushing: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("evalgate.yml", "cases.jsonl", "prompts"):
        (pushing.world.root / "app").mkdir(exist_ok=True)
        (pushing.world.root / name).rename(pushing.world.root / "app" / name)
    pushing.repository.commit("moved")
    pushing.git("push", "--quiet", "origin", "work:main")
    beside = tmp_path / "beside"
    pushing.git("worktree", "add", "--quiet", "-b", "third", str(beside))
    monkeypatch.chdir(beside / "app")
    assert "cached, app/evalgate.yml" in pushing.install().out
    (beside / "app/prompts/support.prompt.yml").write_text(prompt("1.0.0", BRIEF))
    subprocess.run(["git", "commit", "-qam", "edit"], cwd=beside, check=True)
    stopped(pushing.push("third", folder=beside), "FAIL third support: the content changed without a new version")


def test_what_lies_in_the_repository_is_not_imported(pushing: Pushing) -> None:
    pushing.install()
    pushing.repository.commit(
        **{"click.py": "raise SystemExit('planted')", "logging.py": "raise SystemExit('planted')"}
    )
    ended = pushing.push("work")
    passed(ended)
    assert ended.err == ""


def hook_run(world: World, **environment: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-c", "from evalgate.cli import main; main()", "hook", "run"],
        cwd=world.root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def test_under_pre_commit_its_variables_name_the_push(pushing: Pushing) -> None:
    bad = pushing.commit("1.0.0")
    pushing.git("switch", "--quiet", "main")
    to = {"PRE_COMMIT_TO_REF": bad, "PRE_COMMIT_FROM_REF": "main", "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/work"}
    for more in (to, {"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/work"}):
        ended = hook_run(pushing.world, PRE_COMMIT="1", **more)
        assert ended.code == 1
        assert "FAIL work support: " in ended.err and "SKIP=evalgate git push" in ended.err
    for no_push in ({"PRE_COMMIT": "1"}, {}):
        passed(hook_run(pushing.world, **no_push), "no pushed ref is named on standard input: looking at main")


def test_the_pre_commit_hook_is_declared_as_it_is_called() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["entry"]) == ("evalgate", "evalgate hook run")
    assert hook["stages"] == ["pre-push", "manual"]
    assert hook["always_run"] is True and hook["pass_filenames"] is False
