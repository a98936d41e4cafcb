"""Decide assertions of promptfoo that are code as promptfoo does: JavaScript by `node`, and Python.

`evalgate import promptfoo` copies this file into a project, and adds a function for each assertion. An assertion that
cannot be decided raises an error, so that it has no score.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 9

NODE = r"""
const fs = require('node:fs'), url = require('node:url'), {createRequire} = require('node:module');
const given = JSON.parse(fs.readFileSync(0, 'utf8')), own = createRequire(given.root + '/promptfoo.js');
for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) delete globalThis[name];
for (const name of ['log', 'info', 'debug']) console[name] = console.error;
const told = {}, tell = (key, error) => { told[key] = String(error && error.message || error); };
const isOfMachine = error => /^(E[A-Z0-9]+|(ERR_)?MODULE_NOT_FOUND)$/.test(error?.code || error?.cause?.code);
const context = new Proxy(given.context, {get(all, key) {
  const isKnown = typeof key !== 'string' || key in all || key in Object.prototype;
  if (!isKnown && !['config', 'then', 'toJSON'].includes(key)) tell('unknown', `context.${key} is not known here`);
  return all[key];
}});
const shim = new Proxy(process, {get: (all, key) => key === 'mainModule' ? {require: own} : Reflect.get(all, key)});
function find(code) {
  const text = code.trim().replace(/;+\s*$/, '');
  if (!/^(const|let|var)\s/.test(text)) return `return ${text}`;
  const quoted = /\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/gs;
  const end = text.replace(quoted, all => '_'.repeat(all.length));
  const at = end.lastIndexOf(';'), last = text.slice(at + 1).trim();
  return at < 0 || !last ? text : `${text.slice(0, at + 1)} return ${last}`;
}
async function load(file, name) {
  const all = await import(url.pathToFileURL(file)), made = all.default?.default || all.default || all;
  const named = name && typeof made[name] === 'function' ? made[name] : made;
  const found = typeof named === 'function' ? named : made.default;
  if (typeof found !== 'function') throw new Error('the file exports no function');
  return found;
}
(async () => {
  let run;
  try {
    if (given.file) run = await load(given.file, given.name);
  } catch (error) { return tell('unknown', error); }
  try {
    const code = given.transform ? given.code : given.code?.trimEnd();
    const body = () => code.includes('\n') ? code : given.transform ? `return ${code}` : find(code);
    run ??= new Function('output', 'context', 'process', body());
    const value = await run(given.output, context, shim);
    told.kind = value === null ? 'null' : typeof value;
    told.value = told.kind === 'number' ? String(value) : value;
  } catch (error) { tell(isOfMachine(error) ? 'unknown' : 'error', error); }
})().then(() => fs.writeSync(1, '\n' + JSON.stringify(told) + '\n')).then(() => process.exit(0));
"""


class Context(dict[str, Any]):
    """What the code may know. Raises UndecidedError for what only promptfoo knows, instead of deciding without it."""

    def __missing__(self, key: str) -> Any:
        if key == "config":
            raise KeyError(key)
        raise UndecidedError(f"context[{key!r}] is not known here")

    def get(self, key: str, default: Any = None) -> Any:
        return default if key == "config" and key not in self else self[key]


class UndecidedError(Exception):
    """The code of an assertion could not be run as promptfoo does."""


class FailedError(Exception):
    """The code of an assertion raised an error, which promptfoo counts as a failure."""


def decide(output: str, case: dict[str, Any], assertion: dict[str, Any]) -> tuple[bool, str]:
    """Return whether an output passes an assertion, and why. Raises UndecidedError."""
    for name, digest in assertion.get("files", {}).items():
        if hashlib.sha256((ROOT / name).read_bytes()).hexdigest() != digest:
            raise UndecidedError(f"{name} has changed: write its new SHA-256 into {Path(__file__).name}")
    context = {"vars": read_variables(case, assertion.get("variables", {}))}
    context |= {"config": assertion["config"]} if "config" in assertion else {}
    try:
        value = read_output(output, assertion)
        for transform in assertion.get("transforms", []):
            value = run(transform, value, context)
            if value is None:
                raise FailedError("the transform returned nothing")
        passed, reason = judge(run(assertion, value, context), assertion)
    except FailedError as error:
        return False, str(error)
    return passed is not bool(assertion.get("negated")), reason


def read_variables(case: dict[str, Any], kinds: dict[str, list[str]]) -> dict[str, Any]:
    """Return the variables of a test from the fields of its case: by name, each with its field and its kind."""
    found: dict[str, Any] = {}
    for name, (field, kind) in kinds.items():
        value = case.get(field)
        if field not in case or (kind and value == ""):
            continue
        found[name] = json.loads(value) if kind == "json" and isinstance(value, str) else value
    return found


def read_output(output: str, assertion: dict[str, Any]) -> Any:
    """Return the output as the provider of promptfoo gives it: JSON as data, and calls of tools in OpenAI's form."""
    try:
        data = json.loads(output)
    except ValueError:
        return output
    if assertion.get("parsed"):
        return data
    if assertion.get("tools") and isinstance(data, dict) and list(data) == ["tool_calls"]:
        called = [{"name": one["name"], "arguments": json.dumps(one["arguments"])} for one in data["tool_calls"]]
        return [{"type": "function", "function": one} for one in called]
    return output


def run(code: dict[str, Any], output: Any, context: dict[str, Any]) -> Any:
    """Return what code returns. Raises FailedError for code that fails, and UndecidedError where it cannot be run."""
    runner = run_javascript if code["language"] == "javascript" else run_python
    value = runner(code, output, context)
    if isinstance(value, str) and code["language"] == "python" and not code.get("transform"):
        return read_text(value)
    return value


def run_javascript(code: dict[str, Any], output: Any, context: dict[str, Any]) -> Any:
    given: dict[str, Any] = {"output": output, "context": context, "root": str(ROOT), "code": code.get("code")}
    given |= {"transform": code.get("transform") is True, "name": code.get("name")}
    given |= {"file": str(ROOT / code["file"])} if "file" in code else {}
    try:
        done = subprocess.run(
            ["node", "--disable-wasm-trap-handler", "-e", NODE],
            input=json.dumps(given).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
    except FileNotFoundError:
        raise UndecidedError("node is not installed") from None
    except subprocess.CalledProcessError as error:
        raise UndecidedError(f"node ended with exit code {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise UndecidedError(f"the code took over {SECONDS} s") from None
    told = json.loads(done.stdout.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1])
    if "unknown" in told:
        raise UndecidedError(told["unknown"])
    if "error" in told:
        raise FailedError(f"the code failed: {told['error']}")
    return float(told["value"]) if told["kind"] == "number" else told.get("value")


def run_python(code: dict[str, Any], output: Any, context: dict[str, Any]) -> Any:
    try:
        function = load_python(code)
    except Exception as error:
        raise UndecidedError(f"the code cannot be loaded: {error}") from None
    try:
        return json.loads(json.dumps(function(output, Context(context)), allow_nan=False))
    except (UndecidedError, ImportError, OSError) as error:  # a package, file or service is not at hand
        raise UndecidedError(str(error)) from None
    except Exception as error:
        raise FailedError(f"the code failed: {type(error).__name__}: {error}") from None


def load_python(code: dict[str, Any]) -> Any:
    """Return the function of a file, or of code that stands in the configuration."""
    if "file" in code:
        path = ROOT / code["file"]
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, code["name"])
    lines = code["code"].split("\n")
    indented = re.search(r"^(?!\s*$)\s+", code["code"], re.MULTILINE)
    indent = indented[0] if indented and len(lines) > 1 else "    "
    body = "\n".join(f"{indent}{line}" for line in lines) if len(lines) > 1 else f"    return {lines[0]}"
    names: dict[str, Any] = {}
    exec(compile(f"import json\n\ndef main(output, context):\n{body}\n", "<assertion>", "exec"), names)
    return names["main"]


def read_text(value: str) -> Any:
    """Return what promptfoo reads in a text that Python code returns."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            raise FailedError(f"the code returned {value!r}") from None
    number = re.match(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", value)
    return float(number[0]) if number else value


def judge(value: Any, assertion: dict[str, Any]) -> tuple[bool, str]:
    """Return whether promptfoo passes a value that code returned. Raises FailedError for a value that it refuses."""
    threshold, least = assertion.get("threshold"), assertion.get("least", -math.inf)
    if isinstance(value, bool):
        return value, f"the code returned {str(value).lower()}"
    if isinstance(value, float) and not math.isfinite(value):  # `not-` would make a pass of NaN
        raise FailedError(f"the code returned {'NaN' if math.isnan(value) else value}")
    if isinstance(value, int | float):
        passed = value > 0 if threshold is None else value >= threshold
        return passed and value >= least, f"the code returned {value:g}"
    is_python = assertion["language"] == "python"
    if isinstance(value, dict) and is_python and "pass_" in value:
        value.setdefault("pass", value["pass_"])
    score = value.get("score") if isinstance(value, dict) else None
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("pass"), bool)
        or not isinstance(score, int | float)
        or isinstance(score, bool)
        or not isinstance(value.get("reason"), str)
    ):
        raise FailedError(f"the code returned {json.dumps(value)[:80]}")
    below = is_python and threshold is not None and score < threshold
    return value["pass"] and not below and score >= least, value["reason"][:200]
