"""Tests of the module with the assertions that stay code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import Place
from evalgate.inputs.importers import promptfoo_code
from evalgate.inputs.importers.promptfoo_code import CodeModule, ForeignCode, list_variables, read_file, read_inline
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError
from evalgate.inputs.importers.promptfoo_file import ForeignFiles
from evalgate.inputs.importers.promptfoo_tests import ForeignTest
from evalgate.inputs.tree import WorkTree

NO_FILES = ForeignFiles(tree=WorkTree(Path(__file__).parent), folder="")
VALUES = st.recursive(
    st.text(max_size=120) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_the_module_says_what_the_assertions_are(assertion: dict[str, Any]) -> None:
    module = CodeModule()
    assert module.add(assertion) == module.add(assertion) == "checks.promptfoo_code.check_1"
    text = module.make_text()
    function = ast.parse(text[text.index("def check_1(") :]).body[0]
    assert isinstance(function, ast.FunctionDef) and function.name == "check_1"
    returned = function.body[0]
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)
    assert ast.literal_eval(returned.value.args[2]) == assertion


def test_a_module_gets_a_name_that_is_free(tmp_path: Path) -> None:
    assert promptfoo_code.find_name(WorkTree(tmp_path)) == "promptfoo_code"
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "promptfoo_code.py").write_text("")
    assert promptfoo_code.find_name(WorkTree(tmp_path)) == "promptfoo_code_2"


def test_what_a_file_needs_is_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    for name, text in {
        "a.js": "const b = require('./b'); export {c} from \"./c.mjs\"; import fs from 'node:fs';",
        "b.js": "module.exports = require('./a.js');",
        "c.mjs": "",
        "g.py": "import json, os as o, i\nfrom h import x\nfrom pack.deep import y",
        "h.py": "def f():\n    from evals.late import z",
        "i.py": "",
        "late.py": "",
        "pack/__init__.py": "",
        "pack/deep.py": "from . import near",
        "pack/near.py": "",
        "bad.py": "def (",
        "broken.js": "import './gone.js'",
        "typed.ts": "import './b'",
        "peek.js": "module.exports = (output, context) => context.providerResponse.raw",
    }.items():
        (tmp_path / "evals" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "evals" / name).write_text(text)
    files = ForeignFiles(tree=WorkTree(tmp_path), folder="evals")
    found = read_file("file://a.js:fn", "get_assert", files)
    assert found.options == {"language": "javascript", "file": "evals/a.js", "name": "fn"}
    assert sorted(found.files) == ["evals/a.js", "evals/b.js", "evals/c.mjs"]
    python = read_file("file://g.py", "get_assert", files)
    assert python.options["name"] == "get_assert" and sorted(python.files) == [
        f"evals/{name}.py" for name in ("g", "h", "i", "late", "pack/__init__", "pack/deep", "pack/near")
    ]
    inline = read_inline("from evals.pack import deep\nreturn deep.y(output)", "python", files)
    assert sorted(inline.files) == [f"evals/pack/{name}.py" for name in ("__init__", "deep", "near")]
    assert sorted(read_inline("import(`./evals/b.js`)", "javascript", files).files) == [
        "evals/a.js",
        "evals/b.js",
        "evals/c.mjs",
    ]
    for name, why in {
        "broken.js": "gone.js, which evals/broken.js needs, is not at hand",
        "typed.ts": "without its ending",
        "bad.py": "cannot be read as Python",
        "peek.js": "its code reads providerResponse of the context",
        "x.rb": "neither JavaScript nor Python",
        "../../x.js": "is not at hand",
    }.items():
        with pytest.raises(NotCarriedError, match=why):
            read_file(f"file://{name}", None, files)


def test_variables_come_back_as_promptfoo_has_them() -> None:
    def read(code: str, *variables: dict[str, Any], is_merged: bool = False) -> dict[str, list[str]]:
        tests = [ForeignTest(variables=each, assertions=(), options={}, place=Place(path="x")) for each in variables]
        return list_variables(
            [read_inline(code, "javascript", NO_FILES)], tests, {"id": "id_value"}, is_merged=is_merged
        )

    assert read("output.q", {"q": "a"}) == {}
    assert read("context.vars.id + context.vars.d", {"id": "a", "d": {"k": 1}}) == {
        "d": ["d", "json"],
        "id": ["id_value", ""],
    }
    assert read("context.vars.q", {"q": "a"}, {}) == {"q": ["q", "optional"]}
    assert read("context.vars.q", {"q": "a"}, {"q": "a"}, is_merged=True) == {"q": ["q", ""]}
    for several in ({"q": "a"}, {"q": [1]}), ({"q": None},):
        with pytest.raises(NotCarriedError, match="several types"):
            read("context.vars.q", *several)
    with pytest.raises(NotCarriedError, match="in which tests differ"):
        read("context.vars.q", {"q": "a"}, {"q": "b"}, is_merged=True)


BY_NAME = [
    "context.vars.a", "context['vars']['a'] in output", "context['vars'].get('a', 1)", "vars.a && vars['b'] && vars?.c",
    "({vars}) => vars.a", "(output, { vars, config }) => vars.a", "const { a, b } = context.vars;", "(o, {vars: {a}}) => a",
]  # fmt: skip
AS_A_WHOLE = [
    "Object.values(context.vars).every(v => output.includes(v))", "for k, v in context['vars'].items():", "f(output, context.vars)",
    "values = context['vars']", "vars[key]", "context['vars'].get(key)", "({...context.vars})", "for (const key in vars)",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "takes_all"), [*((each, False) for each in BY_NAME), *((each, True) for each in AS_A_WHOLE)]
)
def test_code_that_takes_the_variables_as_a_whole_gets_all(text: str, takes_all: bool) -> None:
    code = ForeignCode(options={}, texts=(text,))
    place = Place(path="promptfooconfig.yaml")
    test = ForeignTest(variables={"a": "x", "other": "y"}, assertions=(), options={}, place=place)
    assert code.reads_all_variables is takes_all
    assert ("other" in list_variables([code], [test], {}, is_merged=False)) is takes_all
