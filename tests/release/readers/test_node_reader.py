"""Tests of what the Node.js reader does over time: single flight, time to live, failures, and its speed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from release.readers.chain import REFUSALS, write_chain
from release.readers.children import NODE_READER


def run(folder: Path, script: str) -> Any:
    """Run a module that has the reader and the documents `chain`, and return the JSON that it prints."""
    write_chain(folder)
    head = f"""
import {{ readFileSync }} from "node:fs";
import {{ setTimeout as sleep }} from "node:timers/promises";
import {{ ReleaseReader, ReleaseError, computeBucket }} from {json.dumps(NODE_READER.as_uri())};
const chain = (name) => readFileSync({json.dumps(str(folder))} + "/" + name + ".json");
const failure = async (call) => {{
  try {{ await call(); return null; }} catch (error) {{ return `${{error.name}}: ${{error.message}}`; }}
}};
const print = (value) => console.log(JSON.stringify(value));
"""
    (folder / "test.mjs").write_text(head + script, encoding="utf-8")
    node = shutil.which("node")
    assert node
    done = subprocess.run(
        [node, "test.mjs"], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_file_is_read(tmp_path: Path) -> None:
    script = """
const reader = new ReleaseReader({ file: "first.json" });
const cold = await failure(() => reader.get("support"));
await reader.load("support");
const served = reader.get("support");
print({ cold, messages: served.messages({ name: "Ada" }), stale: served.staleSeconds });
"""
    told = run(tmp_path, script)
    assert told["cold"].startswith('ReleaseError: the prompt "support" is not loaded; await load("support")')
    assert told["messages"][1] == {"role": "user", "content": "Hello Ada!"}
    assert 0 <= told["stale"] < 1


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    script = """
const began = performance.now();
const told = await failure(() => new ReleaseReader({ file: "pipe.json" }).load("support"));
print({ told, seconds: (performance.now() - began) / 1000 });
process.exit(0);
"""
    told = run(tmp_path, script)
    assert told["told"].startswith("ReleaseError: pipe.json is not a regular file")
    assert told["seconds"] < 5


def test_callers_share_one_call_of_the_source(tmp_path: Path) -> None:
    script = """
let calls = 0;
const reader = new ReleaseReader({ ttlSeconds: 0.05, read: async () => { calls += 1; await sleep(50); return chain("first"); } });
await Promise.all(Array.from({ length: 200 }, () => reader.load("support")));
const cold = calls;
await sleep(100);
const found = Array.from({ length: 200 }, () => reader.get("support").version);
await sleep(20);
print({ cold, expired: calls - cold, versions: [...new Set(found)] });
"""
    assert run(tmp_path, script) == {"cold": 1, "expired": 1, "versions": ["1.0.0"]}


def test_an_expired_document_is_served_until_the_new_one_is_there(tmp_path: Path) -> None:
    script = """
let now = "first";
const reader = new ReleaseReader({ ttlSeconds: 0.5, read: async () => chain(now) });
await reader.load("support");
now = "second";
const fresh = reader.get("support").version;
await sleep(700);
const old = reader.get("support");
let served = old;
for (let i = 0; i < 200 && served.revision === 1; i += 1) {
  await sleep(10);
  served = reader.get("support");
}
print({ fresh, old: old.version, isOld: old.staleSeconds >= 0.6, now: served.version, revision: served.revision });
"""
    assert run(tmp_path, script) == {"fresh": "1.0.0", "old": "1.0.0", "isOld": True, "now": "1.1.0", "revision": 2}


def test_the_last_good_document_stays_when_a_refresh_fails(tmp_path: Path) -> None:
    script = """
let now = "first";
const seen = [];
const read = async () => {
  if (now === "down") throw new Error("down");
  if (now === "null") return null;
  return chain(now);
};
const reader = new ReleaseReader({ ttlSeconds: 0.01, read, onError: (error, name) => seen.push([name, error.message]) });
await reader.load("support");
const told = {};
for (now of ["down", "null", "bad", "other", "stray", "changed", "second", "first", "later", "second"]) {
  told[`${now} ${reader.get("support").revision}`] = await failure(() => reader.refresh("support"));
}
now = "down";
await sleep(50);
const background = reader.get("support").revision;
for (let i = 0; i < 200 && seen.at(-1)?.[1] !== "down"; i += 1) await sleep(10);
print({ told, background, seen: seen.at(-1) });
"""
    told = run(tmp_path, script)
    assert (told["background"], told["seen"]) == (9, ["support", "down"])
    assert told["told"] == {
        "down 1": "Error: down",
        "null 1": 'ReleaseError: there is no document of "support": the source returned null, not bytes or text',
        "second 1": None,
        "later 2": None,
        **{name: f"ReleaseError: {why}" for name, why in REFUSALS.items()},
    }


def test_cold_with_nothing_is_an_error_and_the_next_call_tries_again(tmp_path: Path) -> None:
    script = """
let up = false;
const read = async () => { if (!up) throw new Error("down"); return chain("first").toString(); };
const reader = new ReleaseReader({ read });
const first = await failure(() => reader.load("support"));
const cold = await failure(() => reader.get("support"));
up = true;
await reader.load("support");
print({ first, cold: cold.includes("is not loaded"), version: reader.choose("support").version });
"""
    assert run(tmp_path, script) == {"first": "Error: down", "cold": True, "version": "1.0.0"}


def test_a_source_that_never_answers_is_given_up(tmp_path: Path) -> None:
    script = """
let aborted = 0;
const read = (name, { signal }) => new Promise(() => signal.addEventListener("abort", () => { aborted += 1; }));
const reader = new ReleaseReader({ read, timeoutSeconds: 0.05 });
const told = await failure(() => reader.load("support"));
print({ told, again: await failure(() => reader.load("support")), aborted });
"""
    late = 'ReleaseError: the document of "support" did not arrive in 0.05 s'
    assert run(tmp_path, script) == {"told": late, "again": late, "aborted": 2}


def test_what_is_served_cannot_change_the_version(tmp_path: Path) -> None:
    script = """
const reader = new ReleaseReader({ file: "first.json" });
await reader.load("support");
const served = reader.get("support");
const frozen = await failure(() => { served.parameters.temperature = 2; });
served.messages({ name: "a" })[0].content = "changed";
print({ frozen, text: served.messages({ name: "a" })[0].content, polluted: {}.polluted === undefined });
"""
    told = run(tmp_path, script)
    assert told["frozen"].startswith("TypeError: Cannot assign to read only property")
    assert told["text"] == "You are support." and told["polluted"]


@pytest.mark.parametrize("given", ["{}", '{ file: "a", read: () => "" }'])
def test_there_is_one_source(tmp_path: Path, given: str) -> None:
    told = run(tmp_path, f"print(await failure(() => new ReleaseReader({given})));")
    assert told == "TypeError: give either `file` or `read`"


@pytest.mark.parametrize("key", ["1.5", "true", "{}", "NaN"])
def test_a_key_is_text_or_a_whole_number(tmp_path: Path, key: str) -> None:
    script = f"""
const reader = new ReleaseReader({{ file: "rollout.json" }});
await reader.load("support");
print(await failure(() => reader.choose("support", {key})));
"""
    assert run(tmp_path, script).startswith("ReleaseError: the key must be text or a whole number, not ")


def test_a_whole_number_counts_as_its_text(tmp_path: Path) -> None:
    script = """
const reader = new ReleaseReader({ file: "rollout.json" });
await reader.load("support");
const choose = (key) => reader.choose("support", key).variant;
const whole = Array.from({ length: 50 }, (_, i) => i);
print([whole.map(choose), whole.map(String).map(choose), whole.map(BigInt).map(choose)]);
"""
    numbers, texts, large = run(tmp_path, script)
    assert numbers == texts == large and set(texts) == {"candidate", "production"}


def test_choosing_and_rendering_are_fast(tmp_path: Path) -> None:
    script = """
const reader = new ReleaseReader({ file: "rollout.json" });
await reader.load("support");
const measure = (call) => {
  const times = [];
  for (let round = 0; round < 20; round += 1) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 2000; i += 1) call(i);
    times.push(Number(process.hrtime.bigint() - start) / 2000 / 1000);
  }
  return Math.min(...times);
};
print({
  get: measure(() => reader.get("support")),
  choose: measure((i) => reader.choose("support", `user-${i}`)),
  messages: measure((i) => reader.get("support").messages({ name: `Ada ${i}` })),
});
"""
    microseconds = run(tmp_path, script)
    assert microseconds["get"] < 5 and microseconds["choose"] < 20, microseconds
