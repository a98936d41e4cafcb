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


def test_the_pass_of_a_measured_revert_counts(shop: World) -> None:  # noqa: F811
    assert measures(shop)
    shop.repository.git("switch", "--quiet", "main")
    shop.repository.commit("back", **{PATH: GOOD})
    shop.repository.commit("worse", **{PATH: prompt("1.3.0", "Be rudely brief, always and everywhere.")})
    shop.repository.git("switch", "--quiet", "--force-create", "back")
    assert not measures(shop)
