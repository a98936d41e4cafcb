"""The history of version numbers, of prompts that include files."""

from __future__ import annotations

from change.recorded_project import CONFIG, Project

JINJA = "prompts/p.j2"
HEAD = "prompts/head.txt"


def text(version: str) -> str:
    return f'---\nversion: "{version}"\nchange: because\n---\n{{% include "head.txt" %}} {{{{ query }}}}\n'


def test_a_number_with_two_contents_of_an_included_file_is_in_the_history(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    config = CONFIG.replace("prompts/p.prompt.yml", JINJA)
    first = project.commit(**{"evalgate.yml": config, JINJA: text("1.0.0"), HEAD: "Be kind."})
    second = project.commit(**{HEAD: "Be short."})
    project.git("checkout", "--quiet", "-B", "work")
    project.write(JINJA, text("1.1.0"))
    (gate,) = project.config().gates
    found = project.resolve(gate)
    own = [release for release in found.history if release.version == "1.0.0"]
    assert [release.commit for release in own] == [first, second]
    assert len({release.digest for release in own}) == 2


def test_other_formats_have_a_history(project: Project) -> None:
    path = "prompts/p.prompty"
    project.git("checkout", "--quiet", "main")
    config = CONFIG.replace("prompts/p.prompt.yml", path)
    body = '---\nversion: "1.0.0"\n---\nuser:\nSay {word}: {{{{ query }}}}\n'
    first = project.commit(**{"evalgate.yml": config, path: body.format(word="yes")})
    project.git("checkout", "--quiet", "-B", "work")
    project.write(path, body.format(word="no"))
    (gate,) = project.config().gates
    found = project.resolve(gate)
    assert [(release.commit, release.version) for release in found.history] == [(first, "1.0.0")]
    assert found.candidate.digest != found.history[0].digest
