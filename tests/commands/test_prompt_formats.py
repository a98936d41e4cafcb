"""Prompts in the formats of repositories, through the command."""

from __future__ import annotations

import pytest
from gated_project import World, prompt


def convert(world: World, path: str, before: str, after: str, more: str = "") -> None:
    """Gate another file on main, whose text the working tree edits."""
    config = (world.root / "evalgate.yml").read_text()
    config = config.replace("prompts/support.prompt.yml\n", f"{path}\n{more}").replace("name: support", "name: other")
    file = path.partition(":")[0]
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit(**{"evalgate.yml": config, file: before})
    world.repository.git("switch", "--quiet", "--force-create", "work")
    world.repository.write(file, after)


BODY = "You answer the customers of a small shop in one sentence, and you stay with what is known, whatever they ask you about goods, prices and days."
ASKED = '    user: "{{query}} {{context}}"\n'
FORMATS = {
    "prompts/review.prompt.md": (f"---\nmode: ask\ntools: [search]\n---\n{BODY}", ASKED),
    "prompts/system": (BODY, ASKED),
    "prompts/p.xml": (f"<task>{BODY}</task>", ASKED),
    "prompts/p.j2": (f"{BODY} {{{{ query | trim }}}} {{% if context %}}{{{{ context }}}}{{% endif %}}", ""),
    "prompts/p.prompty": (f"system:\n{BODY}\nuser:\n{{{{ query }}}} {{{{ context }}}}", ""),
    "prompts/p.json": (
        f'[{{"role": "system", "content": "{BODY}"}}, {{"role": "user", "content": "{{{{query}}}}"}}]',
        "",
    ),
    "prompts/p.txt": (f"{BODY} {{query}} {{context}} {{{{}}}}", "    template: fstring\n"),
    "app/prompts.py:Prompts.ANSWER": (f'class Prompts:\n    ANSWER = """{BODY}"""\n', ASKED),
}


@pytest.mark.parametrize("path", FORMATS)
def test_a_prompt_of_another_format_is_gated(world: World, path: str) -> None:
    text, more = FORMATS[path]
    convert(world, path, text, text.replace("one sentence", "one short sentence"), more)
    assert world.evalgate("validate").code == 0
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.out + ended.err
    gate = world.report()["gates"][0]
    assert gate["level"]["effective"] == "PATCH"
    bodies = [received.body["messages"] for received in world.server.received]
    assert all("question" in messages[-1]["content"] for messages in bodies)
    assert not any(
        "{{query" in str(messages) or "{query" in str(messages) or "---" in str(messages) for messages in bodies
    )


def test_a_text_whose_role_is_stated_has_changed_though_its_words_have_not(world: World) -> None:
    """Without a role it is the system message beside the cases' only field; as the user's, it would be sent alone."""
    cases = "".join(f'{{"id": "c{number}", "query": "question {number}"}}\n' for number in range(8))
    world.repository.git("switch", "--quiet", "main")
    world.repository.commit(**{"cases.jsonl": cases})
    config = (world.root / "evalgate.yml").read_text()
    start, end = config.index("      - {type: contains"), config.index("run:")
    world.repository.write("evalgate.yml", config[:start] + config[end:])
    convert(world, "prompts/p.md", BODY, f"---\nrole: user\n---\n{BODY}")
    for arguments in (["run", "--changed"], ["run"], ["validate"]):
        ended = world.evalgate(*arguments)
        assert (ended.code, "no message uses a field of the cases" in ended.err) == (2, True), ended.out


def test_keys_that_are_not_sent_are_named_in_the_report(world: World) -> None:
    text, more = FORMATS["prompts/review.prompt.md"]
    convert(world, "prompts/review.prompt.md", text, text.replace("one sentence", "one short sentence"), more)
    world.evalgate("run", "--output", "report.json")
    assert "prompts/review.prompt.md: not sent to the model: mode, tools" in world.report()["gates"][0]["notes"]
    assert "not sent to the model: mode, tools" in world.evalgate("validate").out


def test_an_expression_that_is_not_filled_in_stops_before_a_call(world: World) -> None:
    world.repository.write("prompts/support.prompt.yml", prompt("1.1.0", "Mind {{ query | upper }}."))
    ended = world.evalgate("run")
    assert ended.code == 2
    assert "prompts/support.prompt.yml:6:" in ended.err
    assert "state `template: jinja`" in ended.err
    assert world.server.received == []
