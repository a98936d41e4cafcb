"""Which stored verdict is a PASS of the version that a change goes back to."""

from __future__ import annotations

import json

import pytest
from change.test_reverts import GOOD, PATH, pass_good, run, sentence, shop  # noqa: F401 - a fixture
from gated_project import World, prompt


def measures(shop: World) -> bool:  # noqa: F811
    shop.server.received.clear()
    shop.repository.write(PATH, GOOD)
    gate = run(shop)
    assert bool(shop.server.received) is ("no PASS of it" in sentence(gate))
    return bool(shop.server.received)


def test_a_damaged_verdict_proves_nothing(shop: World) -> None:  # noqa: F811
    pass_good(shop)
    for path in (shop.root / ".evalgate" / "verdicts").iterdir():
        path.write_text(path.read_text()[:-20])
    assert measures(shop)


def test_a_verdict_under_another_name_proves_nothing(shop: World) -> None:  # noqa: F811
    pass_good(shop)
    for path in (shop.root / ".evalgate" / "verdicts").iterdir():
        path.rename(path.with_name(f"{'0' * 64}.json"))
    assert measures(shop)


def test_a_fail_proves_nothing(shop: World) -> None:  # noqa: F811
    shop.application = lambda system, user: "no" if "please" in system else json.dumps({"answer": user})
    with pytest.raises(AssertionError):
        pass_good(shop)
    shop.repository.git("checkout", "--quiet", "--", ".")
    shop.repository.git("switch", "--quiet", "back")
    shop.application = lambda system, user: json.dumps({"answer": user})
    assert measures(shop)


@pytest.mark.parametrize(
    ("file", "old", "new"), [("cases.jsonl", "fact 3", "fact three"), ("evalgate.yml", "is_json", "json")]
)
def test_a_pass_under_other_rules_proves_nothing(shop: World, file: str, old: str, new: str) -> None:  # noqa: F811
    """The rules changed on the default branch after the version had passed."""
    pass_good(shop)
    git = shop.repository.git
    git("switch", "--quiet", "main")
    text = (shop.root / file).read_text().replace(old, new).replace("{type: json}", "{type: contains, value: answer}")
    shop.repository.commit("rules", **{file: text})
    git("switch", "--quiet", "--force-create", "back")
    assert measures(shop)


FAR = prompt("1.2.0", "Be rudely brief, and say it once more in every sentence, rudely.")


def change_rules(shop: World, old: str, new: str, *, far: bool) -> None:  # noqa: F811
    """Change the configuration on the default branch, after 1.1.0 has passed as MINOR, and start a branch there.

    If `far`, going back to 1.1.0 is a MINOR change, which asks judges; else it is a PATCH, which asks none.
    """
    pass_good(shop)
    git = shop.repository.git
    git("switch", "--quiet", "main")
    if far:
        git("reset", "--quiet", "--hard", "main~1")
        shop.repository.commit("worse", **{PATH: FAR})
    text = (shop.root / "evalgate.yml").read_text()
    assert old in text
    shop.repository.commit("rules", **{"evalgate.yml": text.replace(old, new)})
    git("switch", "--quiet", "--force-create", "back")


RULES = {
    "model": ("model: m,", "model: m2,"),
    "parameters": ("model: m,", "model: m, parameters: {temperature: 0.5},"),
    "reasoning": ("model: m,", "model: m, strip_reasoning: true,"),
    "judge's model": ("{rubric: faithfulness}", "{rubric: faithfulness, model: j}"),
    "judge's reading": ("{rubric: faithfulness}", "{rubric: faithfulness, reading: lenient}"),
    "samples": ("candidate: 1", "candidate: 2"),
    "blocking check": ("- {type: is_json}", "- {type: is_json}\n      - {type: not_contains, value: curt}"),
    "reported check that decides now": ("blocking: false}", "blocking: true}"),
}
JUDGE = ("{rubric: faithfulness}", "{rubric: faithfulness}\n      - {rubric: relevance}")
REPORTED = ("- {type: is_json}", "- {type: is_json}\n      - {type: contains, name: dry, value: x, blocking: false}")


@pytest.mark.parametrize(("name", "far"), [*((name, False) for name in RULES), ("judge", True)])
def test_what_the_pass_never_saw_is_measured(shop: World, name: str, far: bool) -> None:  # noqa: F811
    change_rules(shop, *(RULES | {"judge": JUDGE})[name], far=far)
    assert measures(shop)


@pytest.mark.parametrize(
    ("edit", "far"),
    [(JUDGE, False), (REPORTED, False), (REPORTED, True), (("attempts: 2", "attempts: 3"), True)],
    ids=["a judge that a PATCH does not ask", "a check that decides nothing", "and at MINOR", "a setting of the run"],
)
def test_the_pass_counts_where_it_saw_all_that_decides(shop: World, edit: tuple[str, str], far: bool) -> None:  # noqa: F811
    change_rules(shop, *edit, far=far)
    assert not measures(shop)


def test_the_pass_of_a_gate_whose_criteria_are_for_some_cases_counts(shop: World) -> None:  # noqa: F811
    text = (shop.root / "evalgate.yml").read_text()
    some = text.replace("{type: is_json}", "{type: is_json, when: {tags: [odd]}}")
    git = shop.repository.git
    for branch, files in (("main~2", {"evalgate.yml": some}), (None, {PATH: GOOD}), (None, {PATH: FAR})):
        git(*(["switch", "--quiet", "--detach", branch] if branch else ["status", "--short"]))
        shop.repository.commit("edit", **files)
    git("branch", "--force", "main", "HEAD")
    pass_good(shop)
    git("switch", "--quiet", "--force-create", "back", "main")
    assert not measures(shop)


def test_a_pass_without_judges_is_none_of_a_change_that_asks_them(shop: World) -> None:  # noqa: F811
    assert measures(shop)  # as a PATCH
    git = shop.repository.git
    git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    shop.repository.commit("far", **{PATH: FAR.replace("1.2.0", "1.3.0")})
    git("switch", "--quiet", "--force-create", "back")
    assert measures(shop)


@pytest.mark.parametrize("name", ["model", "blocking check", "judge", None])
def test_a_pin_counts_where_its_release_was_run_alike(shop: World, name: str | None) -> None:  # noqa: F811
    git = shop.repository.git
    git("switch", "--quiet", "main")
    git("reset", "--quiet", "--hard", "main~1")
    assert shop.evalgate("baseline", "pin", "--gate", "support", "--by", "grace").code == 0
    shop.repository.commit("pin")
    shop.repository.commit("worse", **{PATH: FAR})
    if name is not None:
        old, new = (RULES | {"judge": JUDGE})[name]
        shop.repository.commit("rules", **{"evalgate.yml": (shop.root / "evalgate.yml").read_text().replace(old, new)})
    git("switch", "--quiet", "--force-create", "back")
    assert measures(shop) is (name is not None)


def test_the_pass_of_a_measured_revert_counts(shop: World) -> None:  # noqa: F811
    assert measures(shop)
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    shop.repository.commit("worse", **{PATH: prompt("1.3.0", "Be brief, always and everywhere, rudely!")})
    shop.repository.git("switch", "--quiet", "--force-create", "back")
    assert not measures(shop)
