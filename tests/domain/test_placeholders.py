"""Cases that still have the texts of `evalgate init`."""

from __future__ import annotations

from plan.small_gate import case, dataset, prompt

from evalgate.domain.placeholders import PLACEHOLDER, describe_placeholders, make_image


def test_cases_with_a_placeholder_are_counted() -> None:
    history = [{"role": "user", "content": f"{PLACEHOLDER}: history 1"}]
    some = dataset(
        case(1, query=f"{PLACEHOLDER}: query 1"), case(2, query="REPLACEMENT parts?"), case(3, query=history)
    )
    (note,) = describe_placeholders(some, prompt())
    assert note.startswith("placeholders: 2 of 3 cases have a text that begins with REPLACE")
    (one,) = describe_placeholders(dataset(case(1, query=f"{PLACEHOLDER}: query 1"), case(2)), prompt())
    assert "1 of 2 case has" in one
    assert describe_placeholders(dataset(case(2)), prompt()) == ()


def test_an_image_and_a_prompt_that_were_left_to_write_are_told() -> None:
    (note,) = describe_placeholders(dataset(case(1, photo=make_image(1)), case(2)), prompt())
    assert "1 of 2 case has" in note
    (note,) = describe_placeholders(
        dataset(case(1)), prompt(f"{PLACEHOLDER}: the prompt is not at hand. {{{{query}}}}")
    )
    assert note.startswith("placeholders: a message of p.prompt.yml begins with REPLACE")
