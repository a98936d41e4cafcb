"""A string constant of a Python file, which is parsed and never imported."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import PromptSettings, PromptVersion
from evalgate.errors import InputError
from evalgate.inputs.prompt_files.python_constant import MOST_CONSTANT_FILE, MissingConstantError, split_constant
from evalgate.inputs.prompts import parse_prompt

FILE = '''
"""Prompts."""
import textwrap
from textwrap import dedent
raise SystemExit("never imported")

PLAIN = "Answer {{query}}"
TRIPLE = """
Answer
  {{query}}
"""
BESIDE = ("Answer " 'in one line: '
          "{{query}}")
ADDED: str = PLAIN + " now"
DEDENTED = textwrap.dedent("""\\
    Answer
      {{query}}
    """).strip()
SHORT = dedent("""
    Answer {{query}}
""")
RAW = r"C:\\new {{query}}"


class Prompts:
    SYSTEM = "Be kind."

    class Inner:
        USER = "{{query}}"


class Other(Prompts):
    SYSTEM = "Be short."
'''


def read(name: str, text: str = FILE) -> PromptVersion:
    return parse_prompt(text.encode(), "app/prompts.py", "working tree", PromptSettings(constant=name))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("PLAIN", "Answer {{query}}"),
        ("TRIPLE", "Answer\n  {{query}}"),
        ("BESIDE", "Answer in one line: {{query}}"),
        ("ADDED", "Answer {{query}} now"),
        ("DEDENTED", "Answer\n  {{query}}"),
        ("SHORT", "Answer {{query}}"),
        ("RAW", "C:\\new {{query}}"),
        ("Prompts.SYSTEM", "Be kind."),
        ("Prompts.Inner.USER", "{{query}}"),
        ("Other.SYSTEM", "Be short."),
    ],
)
def test_a_constant_is_the_prompt(name: str, wanted: str) -> None:
    prompt = read(name)
    assert (prompt.name, prompt.messages[0].content, prompt.is_text) == (name, wanted, True)


def test_only_the_constant_counts() -> None:
    assert read("PLAIN").digest == read("PLAIN", 'PLAIN = "Answer {{query}}"').digest


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('P = f"Answer {query}"', "app/prompts.py:1:5: an f-string is filled in by Python"),
        ('P = ("Answer " f"now")', "app/prompts.py:1:6: an f-string"),
        ("P = 5", "app/prompts.py:1:5: is not plain text"),
        ('P = load("x")', "app/prompts.py:1:5: calls load()"),
        ('P = "{}".format(1)', "app/prompts.py:1:5: calls format()"),
        ('P = "a"\nP = "b"', 'app/prompts.py:2:5: "P" is assigned 2 times'),
        ('P = "a"\nP += "b"', 'app/prompts.py:2:6: "P" is assigned 2 times'),
        ('Q = "a"', 'app/prompts.py: assigns no constant "P"\n  hint: it assigns: Q'),
        ('if x:\n    P = "a"', 'app/prompts.py: assigns no constant "P"'),
        ('P = " "', "app/prompts.py:1:5: P is empty"),
        ("P = P", "app/prompts.py:1:5: more than 20 constants"),
        ("P = (", "app/prompts.py:1:5: is not valid Python"),
        ("P = " + "(" * 5_000 + ")" * 5_000, "app/prompts.py"),
        ("P = " + '"a" + ' * 9_000 + '"b"', "app/prompts.py"),
        ('P = "a\0"', "app/prompts.py"),
        ("#" * (MOST_CONSTANT_FILE + 1), "app/prompts.py: has 1,048,577 bytes"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        read("P", text)
    assert str(caught.value).startswith(wanted), str(caught.value)


def test_a_missing_constant_has_a_class_of_its_own() -> None:
    with pytest.raises(MissingConstantError):
        read("NONE")
    with pytest.raises(InputError, match='has no class "None_"'):
        read("None_.X")


def test_a_place_is_that_of_the_text() -> None:
    start = read("TRIPLE").starts[0]
    assert start is not None
    assert start.locate("Answer\n  {{query}}", 9) == (10, 3)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a/b.py:NAME", ("a/b.py", "NAME")),
        ("b.py:Class.NAME", ("b.py", "Class.NAME")),
        ("b.py", ("b.py", None)),
        ("a:b.md", ("a:b.md", None)),
        ("C:\\b.py", ("C:\\b.py", None)),
        ("b.py:a-b", ("b.py:a-b", None)),
    ],
)
def test_the_name_stands_behind_a_colon(path: str, wanted: tuple[str, str | None]) -> None:
    assert split_constant(path) == wanted


# statements of a module that has `import textwrap` and `SENT = False`; each is run by the tests
STATEMENTS = [
    'P = "one {{query}}"',
    'A = "two"',
    "P = A",
    'P: str = A + " {{query}}"',
    "P: str",
    'P, Q = "three", "four"',
    "del P",
    'if SENT:\n    P = "five"',
    'if not SENT:\n    P = "six"',
    'try:\n    A = "seven"\nexcept ValueError as P:\n    pass',
    'for P in ["eight"]:\n    pass',
    '[P := each for each in ["nine"]]',
    "[each for each in [1] for P in [2]]",
    '(P := "ten")',
    "import json as P",
    "from json import *",
    "def P(): pass",
    'def change():\n    global P\n    P = "eleven"\nchange()',
    'def keep():\n    P = "twelve"\nkeep()',
    "class P:\n    pass",
    'class C:\n    A = "thirteen"\n    P = A',
    'class C:\n    P = A\n    A = "fourteen"',
    'class C:\n    P = textwrap.dedent(" fifteen")',
    'class C:\n    class textwrap:\n        dedent = str.upper\n    P = textwrap.dedent(" sixteen")',
    'class D:\n    P = "seventeen"\n    class C:\n        P = "eighteen"',
    'C.P = "nineteen"',
    "def textwrap(): pass\ntextwrap.dedent = str.upper",
    "from textwrap import indent as textwrap",
    "from textwrap import dedent",
    "dedent = str.upper",
    'P = dedent(" twenty {{query}}")',
    'P = textwrap.dedent(" twenty-one {{query}}").strip()',
    'match "twenty-two":\n    case P:\n        pass',
    'match {"a": 1}:\n    case {**P}:\n        pass',
    'with open("/dev/null") as P:\n    pass',
    'P = (lambda: (P := "twenty-three"))()',
    'f = lambda: (P := "twenty-four")',
]


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4), st.sampled_from(["P", "C.P", "D.C.P"]))
def test_a_constant_is_read_as_python_evaluates_it(statements: list[str], name: str) -> None:
    text = "\n".join(["import textwrap", "SENT = False", *statements])
    try:
        written = read(name, text).messages[0].content
    except InputError:
        return
    names: dict[str, object] = {}
    try:
        exec(text, names)
        first, *rest = name.split(".")
        found = names[first]
        for one in rest:
            found = getattr(found, one)
    except (NameError, KeyError, AttributeError, TypeError):
        return  # no application runs this file
    assert isinstance(found, str) and found.strip("\n") == written


@pytest.mark.parametrize("module", ["textwrap", "t", "sys.modules['textwrap']"])
@pytest.mark.parametrize("change", ["{}.dedent = str.upper", "del {}.dedent", "for {}.dedent in [str.upper]: pass"])
def test_a_function_that_the_file_replaces_is_not_the_library_s(module: str, change: str) -> None:
    for call in ("textwrap.dedent", "dedent"):
        text = f"import sys\nimport textwrap\nimport textwrap as t\nfrom textwrap import dedent\nP = {call}('one')\n"
        assert read("P", text.replace("import textwrap as t\n", "")).messages[0].content == "one"
        with pytest.raises(InputError, match=r"calls dedent\(\)"):
            read("P", f"{text}{change.format(module)}\n")


@pytest.mark.parametrize(
    "other", [one for one in STATEMENTS if "P" in one and "class C" not in one and "C.P" not in one]
)
def test_a_constant_has_its_value_from_one_place(other: str) -> None:
    own = {"P: str", "[each for each in [1] for P in [2]]", STATEMENTS[18], STATEMENTS[24], STATEMENTS[-1]}
    text = f'import textwrap\nA = "a"\nSENT = False\nP = "one {{{{query}}}}"\n{other}'
    if other in own:
        assert read("P", text).messages[0].content == "one {{query}}"
    else:
        with pytest.raises(InputError, match=r"in another place as well|is assigned 2 times"):
            read("P", text)


def test_a_place_is_named_where_a_constant_gets_another_value() -> None:
    with pytest.raises(InputError) as caught:
        read("P", 'P = "a"\nif x:\n    P, Q = "b", "c"\n')
    assert str(caught.value) == dedent(
        """\
        app/prompts.py:3:5: "P" gets its value in another place as well
          hint: assign the text once, at the top level of the module or class"""
    )


ENCODINGS = ("utf-8", "UTF8", "us-ascii", "latin-1", "cp1252", "utf-7", "utf-16", "rot13", "shift_jis", "no-such")


@given(
    encoding=st.sampled_from(ENCODINGS),
    line=st.sampled_from(["# coding: {}\n", "# -*- coding: {} -*-\n", "#!/usr/bin/python\n# vim: fileencoding={}\n"]),
    text=st.text(st.sampled_from("ab +AGIAYg-éß\\~¥"), max_size=12),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_a_text_is_read_in_the_encoding_that_python_reads_it_in(
    encoding: str, line: str, text: str, mark: bytes
) -> None:
    data = mark + f"{line.format(encoding)}P = {'x' + text!r}\n".encode()
    try:
        found = parse_prompt(data, "p.py", "x", PromptSettings(constant="P")).messages[0].content
    except InputError:
        assert encoding != "utf-8"
        return
    module: dict[str, object] = {}
    exec(compile(data, "p.py", "exec"), module)
    assert str(module["P"]).strip("\n") == found
