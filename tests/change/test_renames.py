"""Deleting, renaming or copying files never turns a FAIL into a PASS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gated_project import CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.commands import run
from evalgate.domain import Verdict
from evalgate.errors import EvalgateError, ExitCode
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.store.store import Store

FILE = "prompts/support.prompt.yml"
GOOD, BAD = prompt(), prompt("1.1.0", "Be brief, always and everywhere, rudely.")
PLACES = ("prompts/b.prompt.yml", "prompts/c.prompt.yml", "zz/decoy.prompt.yml", "zz/decoy.yml", "notes.txt")
# the gated file is never given its old content again: that would be a revert, and rightly nothing to judge
FIRST = st.one_of(
    st.just([]),
    st.tuples(
        st.tuples(st.just("copy old"), st.sampled_from(PLACES)),
        st.tuples(st.just("move new"), st.sampled_from(PLACES)),
    ).map(list),
)
MORE = st.lists(
    st.one_of(
        st.tuples(st.just("copy old"), st.sampled_from(PLACES)),
        st.tuples(st.just("copy new"), st.sampled_from((*PLACES, FILE))),
        st.tuples(st.just("move new"), st.sampled_from((*PLACES, FILE))),
        st.tuples(st.just("delete"), st.sampled_from((*PLACES, FILE))),
        st.tuples(st.just("commit"), st.just("")),
    ),
    max_size=4,
)
STEPS = st.tuples(FIRST, MORE).map(lambda both: both[0] + both[1])


def apply(world: World, steps: list[tuple[str, str]]) -> str | None:
    """The worse prompt is written, then moved about; where it lies in the end, None where it is gone."""
    root, at = world.root, FILE
    world.repository.write(FILE, BAD)
    for step, path in steps:
        match step:
            case "copy old":
                world.repository.write(path, GOOD)
                at = FILE if at == path else at
            case "copy new":
                world.repository.write(path, BAD)
            case "move new":
                if (root / at).exists() and at != path:
                    (root / path).parent.mkdir(exist_ok=True)
                    (root / at).replace(root / path)
                    at = path
            case "delete":
                (root / path).unlink(missing_ok=True)
            case "commit":
                world.repository.commit("step")
    return at if (root / at).exists() and (root / at).read_text() == BAD else None


def test_no_moving_of_files_turns_a_fail_into_a_pass(world: World, tmp_path: Path) -> None:
    # by itself no answer fails: it takes the comparison
    world.application = lambda system, user: json.dumps({"answer": "no" if "rudely" in system else user})
    world.grade = lambda judged: 1 if '\\"no\\"' in judged or '"no"' in judged else 5
    git = world.repository.git
    main = git("rev-parse", "main")
    config = CONFIG.format(url=world.server.url)
    seen = {"FAIL": 0, "refused": 0, "waits": 0}

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(
        steps=STEPS,
        named=st.booleans(),
        policy_ref=st.sampled_from(["base", "head"]),
        said=st.sampled_from(["nothing", "the place", "a decoy"]),
    )
    def holds(steps: list[tuple[str, str]], named: bool, policy_ref: str, said: str) -> None:
        text = config if named else config.replace("name: support\n    ", "")
        git("switch", "--quiet", "--discard-changes", "--detach", main)
        git("clean", "-fdq", "prompts", "zz")
        base = world.repository.commit("base", **{"evalgate.yml": text})
        git("branch", "--force", "main", base)
        place = apply(world, steps)
        if said == "the place" and place is not None:
            world.repository.write("evalgate.yml", text.replace(FILE, place))
        head = world.repository.commit("change")
        if said == "a decoy":  # by a configuration that is edited it waits for a person, and never simply passes
            decoys = [path for path in PLACES if (world.root / path).exists() and path != place]
            if not decoys or place is None or policy_ref == "head":
                return
            head = world.repository.commit("decoy", **{"evalgate.yml": text.replace(FILE, decoys[0])})
        selection = Selection(
            changed=True,
            default_branch=base,
            policy_ref=policy_ref,  # type: ignore[arg-type]
            policy_commit=base if policy_ref == "base" else None,
            head=head,
        )
        machine = Machine(environment={"API_KEY": "k"}, store=Store(root=tmp_path / "store"), home=tmp_path)
        try:
            report = run.run(Path("evalgate.yml"), selection, machine, CallMode(), lambda event: None)
        except EvalgateError as error:
            assert error.exit_code is ExitCode.USAGE
            seen["refused"] += 1
            return
        if report.exit_code == ExitCode.AWAITING_SIGN_OFF:
            assert report.policy_changes, (steps, said)
            seen["waits"] += 1
            return
        assert (report.decision, report.exit_code) == (Verdict.FAIL, ExitCode.FAIL), (steps, said, report.warnings)
        seen["FAIL"] += 1

    holds()
    assert min(seen.values()) >= 1, seen


@pytest.mark.parametrize("cut", [0, pytest.param(20, marks=pytest.mark.long)])
def test_no_moving_of_a_whole_gate_makes_it_a_new_one(world: World, cut: int) -> None:
    """With the working tree's own rules: configuration, cases and prompt move at once, and the prompt is rewritten."""
    world.application = lambda system, user: json.dumps({"answer": "no" if "rudely" in system else user})
    world.grade = lambda judged: 1 if '\\"no\\"' in judged or '"no"' in judged else 5
    git, text = world.repository.git, CONFIG.format(url=world.server.url)
    rows = (world.root / "cases.jsonl").read_text().splitlines(keepends=True)
    if cut:  # nothing else is wrong
        world.application = lambda system, user: json.dumps({"answer": user})

    @settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
    @given(
        folder=st.sampled_from(["", "evals/"]),
        config=st.sampled_from(["evalgate.yml", "gate.yml"]),
        cases=st.sampled_from(["cases.jsonl", "golden.jsonl"]),
        place=st.sampled_from(["prompts/support.prompt.yml", "texts/answers.prompt.yml"]),
        named=st.booleans(),
        narrow=st.booleans(),
    )
    def holds(  # noqa: PLR0917
        folder: str, config: str, cases: str, place: str, named: bool, narrow: bool
    ) -> None:
        own = text if named else text.replace("name: support\n    ", "")
        git("switch", "--quiet", "--discard-changes", "--detach", "main")
        git("clean", "-fdq")
        base = world.repository.commit("base", **{"evalgate.yml": own})
        git("rm", "-q", "-r", "evalgate.yml", "cases.jsonl", "prompts")
        moved = own.replace(FILE, place).replace("cases.jsonl", cases)
        worse = prompt("1.1.0", "Rudely.").replace("friendly", "rudely")
        world.repository.write(folder + config, moved)
        world.repository.write(folder + cases, "".join(rows[cut:]))
        world.repository.write(folder + place, worse)
        world.repository.commit("move")
        arguments = ["run", "--config", folder + config, "--default-branch", base, *(["--changed"] if narrow else [])]
        ended = world.evalgate(*arguments)
        assert ended.code == (4 if cut else 1), ended.out + ended.err

    holds()
