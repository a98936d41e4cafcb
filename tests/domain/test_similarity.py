"""How a gate measures similarity, and what its values depend on."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain.similarity import REPORTED_SIMILARITY, SEMANTIC_SIMILARITY, Similarity


def test_the_digest_depends_on_who_embeds_and_on_the_field_and_not_on_the_name_of_the_target() -> None:
    first = Similarity(target="a", model="m")
    assert first.identify("i") == replace(first, target="b").identify("i")
    others = [first.identify("j"), replace(first, model="n").identify("i"), replace(first, source="s").identify("i")]
    assert len({first.identify("i"), *others}) == 4


def test_no_criterion_can_have_the_name_of_the_reports() -> None:
    assert REPORTED_SIMILARITY.startswith(SEMANTIC_SIMILARITY) and "(" in REPORTED_SIMILARITY
