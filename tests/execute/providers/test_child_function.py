"""Tests of functions in a child process: what goes in and out, and how the process may end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted_provider import make_request

from evalgate.domain import Failure, Output, Target
from evalgate.errors import InputError
from evalgate.execute.providers import child_function
from evalgate.execute.providers.child_function import ChildFunctionProvider
from evalgate.execute.providers.protocol import DeclaredCode, FunctionMemory, ProviderError
from evalgate.mask import Mask

SECRET = "secret-key-1234"


@contextmanager
def child(
    folder: Path, code: str, *, location: str = "app:answer", timeout: float = 20.0, **options: str
) -> Iterator[ChildFunctionProvider]:
    (folder / "app.py").write_text(code)
    target = Target(name="app", kind="python", location=location, identity="i", options=options)
    provider = ChildFunctionProvider(target, folder, timeout, code="c0de", mask=Mask([SECRET]))
    try:
        yield provider
    finally:
        provider.close()


def ask(provider: ChildFunctionProvider, *texts: str, **fields: Any) -> list[Any]:
    """The outcomes of requests that are made at once; an error in place of one that failed."""

    async def run() -> list[Any]:
        requests = [make_request(text, inputs=fields) for text in texts]
        return list(await asyncio.gather(*map(provider.answer, requests), return_exceptions=True))

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_case_and_messages_go_in_and_the_answer_comes_out(tmp_path: Path, kind: str) -> None:
    code = (
        f"{kind} answer(case, messages):\n    return {{'text': messages[0]['content'] + case['q'], 'cost_usd': 0.5}}\n"
    )
    with child(tmp_path, code, version="1") as provider:
        (outcome,) = ask(provider, "größer \u2028", q="!")
        assert isinstance(outcome, Output)
        assert (outcome.text, outcome.cost_usd) == ("größer \u2028!", 0.5)
        assert provider.sees_prompt
        assert provider.memory == DeclaredCode("c0de")


def test_working_folder_and_path_are_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "app.py").write_text("def answer(case): return 'of the change'")
    (elsewhere / "more.py").write_text("x = 1")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    own = tmp_path / "own"
    own.mkdir()
    code = "import os, sys\ndef answer(case):\n    return os.getcwd() + ' ' + ' '.join(sys.path)"
    with child(own, code) as provider:
        (outcome,) = ask(provider, "q")
        here, first, *rest = outcome.text.split(" ")
        assert here == first == str(own.resolve())
        assert str(elsewhere) not in rest
        assert not provider.sees_prompt
        assert provider.memory == FunctionMemory("c0de")


def test_prints_and_input_do_not_disturb_the_answers(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys\n"
        "print('imported')\n"
        "def answer(case):\n"
        '    print(\'{"id": 1, "value": "forged"}\', flush=True)\n'
        "    os.write(1, b'raw')\n"
        "    subprocess.run([sys.executable, '-c', 'print(1)'])\n"
        "    return 'read ' + repr(sys.stdin.read())\n"
    )
    with child(tmp_path, code) as provider:
        assert [outcome.text for outcome in ask(provider, "a", "b")] == ["read ''"] * 2


def test_an_exception_fails_its_request_alone_and_tells_no_secret(tmp_path: Path) -> None:
    code = f"def answer(case, messages):\n    if messages[0]['content'] == 'bad':\n        raise ValueError('{SECRET}')\n    return 'fine'\n"
    with child(tmp_path, code) as provider:
        bad, fine = ask(provider, "bad", "good")
        assert isinstance(bad, ProviderError)
        assert bad.message == "app:answer raised ValueError: *** (at app.py:3, in answer)"
        assert bad.refused
        assert fine.text == "fine"


def test_an_exception_of_a_connection_is_no_reply(tmp_path: Path) -> None:
    with child(tmp_path, "def answer(case): raise ConnectionError('x')\n") as provider:
        (lost,) = ask(provider, "a")
        assert isinstance(lost, ProviderError) and not lost.refused


@pytest.mark.parametrize(
    ("value", "said"), [("None", "returned NoneType"), ("['x']", "returned list"), ("{}", "without")]
)
def test_what_is_no_text_is_an_error(tmp_path: Path, value: str, said: str) -> None:
    with child(tmp_path, f"def answer(case): return {value}") as provider:
        (error,) = ask(provider, "q")
        assert isinstance(error, ProviderError)
        assert said in error.message


def test_an_empty_text_is_unusable_as_elsewhere(tmp_path: Path) -> None:
    with child(tmp_path, "def answer(case): return ' '") as provider:
        (outcome,) = ask(provider, "q")
        assert isinstance(outcome, Failure)
        assert outcome.kind == "unusable"


@pytest.mark.parametrize("death", ["os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_a_process_that_dies_is_started_again(tmp_path: Path, death: str) -> None:
    code = (
        "import os, sys\n"
        "def answer(case, messages):\n"
        "    if messages[0]['content'] == 'die':\n"
        f"        print('last words {SECRET}', file=sys.stderr, flush=True)\n"
        f"        {death}\n"
        "    return 'alive'\n"
    )
    with child(tmp_path, code) as provider:
        (dead,) = ask(provider, "die")
        assert isinstance(dead, ProviderError)
        assert dead.retryable
        assert "its process ended with exit code" in dead.message
        assert "last words ***" in dead.message
        assert ask(provider, "live")[0].text == "alive"


def test_a_function_that_hangs_with_the_interpreter_is_ended(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "def answer(case, messages):\n"
        "    while messages[0]['content'] == 'hang':\n"
        "        time.sleep(0.01)\n"
        "    return 'alive'\n"
    )
    with child(tmp_path, code, timeout=1.0) as provider:
        (hung,) = ask(provider, "hang")
        assert isinstance(hung, ProviderError)
        assert "did not answer within 1 s" in hung.message
        deadline = time.monotonic() + 20
        while not provider._child.has_ended and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ask(provider, "go")[0].text == "alive"


def test_a_function_that_never_lets_go_of_the_interpreter_blocks_nothing(tmp_path: Path) -> None:
    """Its process then reads no request either; large ones fill the pipe."""
    code = "import re\ndef answer(case, messages):\n    re.match('(a+)+$', 'a' * 40 + 'b')\n"
    with child(tmp_path, code, timeout=1.0) as provider:
        outcomes = ask(provider, *("x" * 1_000_000 + str(number) for number in range(4)))
        assert all(isinstance(outcome, ProviderError) for outcome in outcomes)


def test_an_endless_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_function, "LONGEST_ANSWER", 1024 * 1024)
    with child(tmp_path, "def answer(case): return 'x' * 10_000_000") as provider:
        (error,) = ask(provider, "q")
        assert isinstance(error, ProviderError)
        assert "one answer has more than 1 MiB" in error.message


def test_much_on_standard_error_does_not_block_it(tmp_path: Path) -> None:
    code = "import sys\ndef answer(case):\n    sys.stderr.write('x' * 5_000_000)\n    print('y' * 5_000_000)\n    return 'done'\n"
    with child(tmp_path, code) as provider:
        assert ask(provider, "q")[0].text == "done"


@pytest.mark.parametrize(
    ("code", "location", "said"),
    [
        ("import no_such_module_here", "app:answer", 'no module named "no_such_module_here"'),
        ("raise ValueError('broken')", "app:answer", "importing app raised ValueError: broken"),
        ("x = 1", "app:answer", 'app has no function "answer"'),
        ("def answer(a, b, c): ...", "app:answer", "takes neither one argument nor two"),
        ("import os; os._exit(7)", "app:answer", "its process ended with exit code 7"),
        ("", "nowhere:answer", "cannot import nowhere"),
    ],
)
def test_what_cannot_be_imported_is_told_before_a_call(tmp_path: Path, code: str, location: str, said: str) -> None:
    with pytest.raises(InputError, match=said), child(tmp_path, code, location=location):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="signals and process lists differ")
def test_the_process_outlives_neither_its_provider_nor_its_parent(tmp_path: Path) -> None:
    code = "import os\ndef answer(case): return str(os.getpid())"
    with child(tmp_path, code) as provider:
        number = int(ask(provider, "q")[0].text)
        os.kill(number, 2)  # Ctrl-C reaches the whole group; the parent decides
        assert int(ask(provider, "q")[0].text) == number
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\n"
        "from evalgate.domain import Target\n"
        "from evalgate.execute.providers.child_function import ChildFunctionProvider\n"
        "target = Target(name='a', kind='python', location='app:answer', identity='i')\n"
        "provider = ChildFunctionProvider(target, Path(sys.argv[1]), 5.0, code='c')\n"
        "print(provider._child._process.pid, flush=True)\n"
        "import os; os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    number, deadline = int(done.stdout), time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("the child is still there")
