from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalgate.domain import Failure, Message, Outcome, Output, Prices, Request, Target, Usage, digest
from evalgate.errors import InputError
from evalgate.execute.providers.protocol import FunctionMemory, ProviderError
from evalgate.execute.providers.python_function import PythonProvider

SOURCE = """
import asyncio, functools, threading, time

def one(case): return f"one {case['q']}"
def two(case, messages): return f"{messages[0]['role']}: {messages[0]['content']} {case['q']}"
def defaulted(case, top_k=3): return f"top {top_k}"
def optional(case, messages=None): return str(len(messages))
def anything(*values): return str(len(values))
async def waits(case):
    await asyncio.sleep(0.001)
    return "async"
def makes_awaitable(case): return waits(case)
wrapped = functools.partial(two)
class Pipeline:
    def __call__(self, case): return "object"
    @staticmethod
    def answer(case): return "method"
pipeline = Pipeline()
def full(case): return {"text": "t", "usage": {"input_tokens": 1000, "output_tokens": 100}, "cost_usd": 0.25}
def counted(case): return {"text": "t", "usage": {"input_tokens": 1000, "output_tokens": 100}}
def empty(case): return " "
def number(case): return 5
def spoils(case): return str(case["sources"].pop())
def no_text(case): return {"answer": "x"}
def odd_usage(case): return {"text": "t", "usage": {"input_tokens": "many"}}
def huge_usage(case): return {"text": "t", "usage": {"input_tokens": 10**400, "output_tokens": 1}}
def huge_cost(case): return {"text": "t", "cost_usd": 10**400}
def broken(case): return {"text": "half of", "finish_reason": "network_error"}
def cut(case): return {"text": "half of", "finish_reason": "MAX_TOKENS"}
def refused(case): return {"text": "no", "finish_reason": "content_filter"}
def beside(case): return {"text": "t", "tool_calls": [{"function": {"name": "go", "arguments": {"a": object}}}]}
def calls_alone(case): return {"text": "", "function_call": {"name": "go", "arguments": "{}"}}
def calls_none(case): return {"text": None, "toolCalls": [{"name": "go", "arguments": "{}"}]}
def calls_as_text(case): return {"text": "t", "tool_calls": "go"}
def says_refusal(case): return {"text": "t", "refusal": "no"}
def says_error(case): return {"text": "sorry", "error": "upstream is down"}
def camel_cut(case): return {"text": "t", "finishReason": "MAX_TOKENS"}
async def cancels(case): raise asyncio.CancelledError
def generator_ends(case): raise GeneratorExit
def raises(case):
    raise LookupError(f"no index\\nfor {case['q']}")
async def raises_later(case):
    await asyncio.sleep(0)
    raise KeyError("k")
def exits(case): raise SystemExit(3)
def stops(case): raise StopIteration
class Panic(BaseException): pass
def panics(case): raise Panic("in Rust code")
async def panics_async(case): raise Panic("in Rust code")
def hangs(case): time.sleep(30)
async def hangs_async(case): await asyncio.sleep(30)
def none(): return ""
def three(a, b, c): return ""
value = 5
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.startswith("gated_app")]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "gated_app").mkdir()
    (tmp_path / "gated_app" / "__init__.py").write_text("")
    (tmp_path / "gated_app" / "rag.py").write_text(SOURCE)
    (tmp_path / "gated_app" / "broken.py").write_text("import json\njson.loads('{')\n")
    (tmp_path / "gated_app" / "needs.py").write_text("import not_installed_anywhere\n")
    return tmp_path


def make_target(name: str, prices: Prices | None = None) -> Target:
    return Target(name="rag", kind="python", location=name, identity="i", prices=prices)


def call(app: Path, name: str, timeout: float = 10, **more: Any) -> Outcome:
    messages = (Message(role="system", content="be kind"),)
    request = Request(target="rag", identity="i", model=None, messages=messages, inputs={"q": "why"})
    provider = PythonProvider(make_target(f"gated_app.rag:{name}", **more), app, timeout)
    return asyncio.run(provider.answer(request))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one", "one why"),
        ("two", "system: be kind why"),
        ("defaulted", "top 3"),
        ("optional", "1"),
        ("anything", "2"),
        ("waits", "async"),
        ("makes_awaitable", "async"),
        ("wrapped", "system: be kind why"),
        ("pipeline", "object"),
        ("Pipeline.answer", "method"),
    ],
)
def test_functions_of_every_shape(app: Path, name: str, text: str) -> None:
    outcome = call(app, name)
    assert isinstance(outcome, Output)
    assert outcome.text == text
    assert outcome.served_by == f"gated_app.rag:{name}"
    assert outcome.seconds is not None


def test_dotted_path_without_a_colon(app: Path) -> None:
    PythonProvider(make_target("gated_app.rag.one"), app)


def test_usage_and_cost(app: Path) -> None:
    told, counted = call(app, "full"), call(app, "counted", prices=Prices(input=1, output=10))
    assert isinstance(told, Output)
    assert isinstance(counted, Output)
    assert told.usage == counted.usage == Usage(input_tokens=1000, output_tokens=100)
    assert (told.cost_usd, counted.cost_usd) == (0.25, pytest.approx(0.002))
    unknown = call(app, "one")
    assert isinstance(unknown, Output)
    assert (unknown.usage, unknown.cost_usd) == (None, None)


@pytest.mark.parametrize("name", ["cancels", "generator_ends"])
def test_what_ends_a_task_is_this_requests_failure_where_the_function_raises_it(app: Path, name: str) -> None:
    with pytest.raises(ProviderError, match="raised"):
        call(app, name)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("raise ValueError('no JSON')", True),
        ("return None", True),
        ("return {'error': 'no tool for this'}", True),
        ("raise ConnectionError('reset')", False),
        ("return {'error': 'HTTP 503'}", False),
        ("return {'text': 'x', 'finish_reason': 'network_error'}", False),
    ],
)
def test_a_function_that_fails_on_a_reply_has_replied(tmp_path: Path, body: str, refused: bool) -> None:
    """A later run would ask again for what is lost, until each case is answered."""
    name = f"app_{digest(body)[:12]}"
    (tmp_path / f"{name}.py").write_text(f"def answer(case): {body}\n")
    provider = PythonProvider(make_target(f"{name}:answer"), tmp_path)
    with pytest.raises(ProviderError) as caught:
        asyncio.run(provider.answer(Request(target="rag", identity="i", model=None, messages=(), inputs={})))
    assert caught.value.refused == refused and not caught.value.retryable


def test_a_function_is_read_as_an_endpoint_is(app: Path) -> None:
    alone, beside = call(app, "calls_none"), call(app, "calls_as_text")
    assert isinstance(alone, Output) and json.loads(alone.text)["tool_calls"][0]["name"] == "go"
    assert isinstance(beside, Output) and beside.tool_calls[0].arguments == "go"
    refused, cut = call(app, "says_refusal"), call(app, "camel_cut")
    assert isinstance(refused, Failure) and refused.kind == "unusable"
    assert isinstance(cut, Output) and cut.finish_reason == "length"
    with pytest.raises(ProviderError, match="returned an error: upstream is down"):
        call(app, "says_error")


def test_what_a_function_says_of_its_answer_is_kept(app: Path) -> None:
    cut, beside, alone, refused = (call(app, name) for name in ("cut", "beside", "calls_alone", "refused"))
    assert isinstance(cut, Output) and cut.finish_reason == "length"
    assert isinstance(beside, Output) and [each.name for each in beside.tool_calls] == ["go"]
    assert isinstance(alone, Output) and alone.text == '{"tool_calls": [{"name": "go", "arguments": {}}]}'
    assert isinstance(refused, Failure) and refused.kind == "unusable"
    huge = call(app, "huge_cost")
    assert isinstance(huge, Output) and huge.cost_usd is None


def test_the_case_that_checks_compare_with_is_out_of_its_reach(app: Path) -> None:
    inputs = {"sources": ["a", "b"]}
    provider = PythonProvider(make_target("gated_app.rag:spoils"), app)
    request = Request(target="rag", identity="i", model=None, messages=(), inputs=inputs)
    for _ in range(2):
        outcome = asyncio.run(provider.answer(request))
        assert isinstance(outcome, Output)
        assert outcome.text == "b"
    assert inputs == {"sources": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "sees"), [("one", False), ("two", True), ("defaulted", False), ("optional", True), ("pipeline", False)]
)
def test_who_is_shown_the_prompt(app: Path, name: str, sees: bool) -> None:
    assert PythonProvider(make_target(f"gated_app.rag:{name}"), app).sees_prompt is sees


def test_what_is_remembered_depends_on_the_projects_code(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered() -> str:
        for name in [name for name in sys.modules if name.startswith("gated_app")]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        memory = PythonProvider(make_target("gated_app.rag:one"), app).memory
        assert isinstance(memory, FunctionMemory)
        return memory.fingerprint

    rag, helper = app / "gated_app" / "rag.py", app / "gated_app" / "helper.py"
    helper.write_text("size = 1\n")
    found = [remembered(), remembered()]
    rag.write_text(SOURCE + "\nfrom gated_app import helper\n")
    found.append(remembered())
    helper.write_text("size = 1 + 10\n")
    found.append(remembered())
    assert found[0] == found[1]
    assert len(set(found)) == 3, "a change of the function's module, and one of a module it uses"


def test_what_is_remembered_depends_on_what_links_lead_to(app: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def remembered() -> object:
        return PythonProvider(make_target("gated_app.rag:one"), app).memory

    shared = tmp_path_factory.mktemp("shared")
    (shared / "round").symlink_to(app)  # links may lead in circles
    (app / "data").symlink_to(shared)
    states = [remembered()]
    for content in ("a", "b"):
        (shared / "notes.txt").write_text(content)
        states.append(remembered())
    assert len(set(states)) == 3
    assert remembered() == states[-1]


@pytest.mark.parametrize("name", ["data.json", "gated_app/data.csv", "deep/er/data.bin"])
def test_what_is_remembered_depends_on_the_files_around_it(app: Path, name: str) -> None:
    def remembered() -> object:
        return PythonProvider(make_target("gated_app.rag:one"), app, store=app / "kept").memory

    states = [remembered()]
    file = app / name
    file.parent.mkdir(parents=True, exist_ok=True)
    for content in ("a", "b"):
        file.write_text(content)
        states.append(remembered())
    assert len(set(states)) == 3
    for beside in ("kept/cache.sqlite3", ".hidden/x", "gated_app/__pycache__/rag.cpython-311.pyc"):
        (app / beside).parent.mkdir(exist_ok=True)
        (app / beside).write_bytes(b"anything")
    assert remembered() == states[-1]


def test_a_declared_version_is_what_answers_are_kept_under(app: Path) -> None:
    target = replace(make_target("gated_app.rag:one"), options={"version": "1"})
    assert PythonProvider(target, app).memory == "declared"


def test_code_without_a_file_is_not_remembered(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = types.ModuleType("gated_app_made")
    made.answer = lambda case: "x"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gated_app_made", made)
    assert PythonProvider(make_target("gated_app_made:answer"), app).memory == "run"


def test_empty_text_is_unusable(app: Path) -> None:
    outcome = call(app, "empty")
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unusable"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("raises", ["LookupError: no index for why", "rag.py:", "in raises"]),
        ("raises_later", ["KeyError: 'k'", "in raises_later"]),
        ("exits", ["SystemExit: 3"]),
        ("stops", ["StopIteration"]),
        ("panics", ["Panic: in Rust code"]),
        ("panics_async", ["Panic: in Rust code"]),
        ("number", ["returned int"]),
        ("no_text", ["a mapping without a text"]),
        ("odd_usage", ["usage that is not"]),
        ("huge_usage", ["usage that is not"]),
        ("broken", ["no answer", "network_error"]),
    ],
)
def test_what_goes_wrong_concerns_this_request_only(app: Path, name: str, parts: list[str]) -> None:
    with pytest.raises(ProviderError) as caught:
        call(app, name)
    assert not caught.value.fatal
    assert not caught.value.retryable
    for part in parts:
        assert part in caught.value.message


@pytest.mark.parametrize("name", ["hangs", "hangs_async"])
def test_a_hanging_function_is_left_behind(app: Path, name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ProviderError, match=r"did not answer within 0\.1 s"):
        call(app, name, timeout=0.1)
    assert time.perf_counter() - started < 5
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "evalgate-target")


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("rag", ['"rag" is not the name of a function']),
        ("gated_app.rag:", ["is not the name of a function"]),
        ("gated_app.nowhere:f", ['no module named "gated_app.nowhere"']),
        ("gated_app.needs:f", ['no module named "not_installed_anywhere"']),
        ("gated_app.broken:f", ["JSONDecodeError", "broken.py:2"]),
        ("gated_app.rag:nothing", ['has no function "nothing"']),
        ("gated_app.rag:value", ['has no function "value"']),
        ("gated_app.rag:none", ["neither one argument nor two"]),
        ("gated_app.rag:three", ["neither one argument nor two", "def answer(case)"]),
    ],
)
def test_a_function_that_cannot_be_called_is_an_input_error(app: Path, path: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        PythonProvider(make_target(path), app)
    assert 'target "rag"' in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
