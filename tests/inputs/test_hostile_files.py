"""Whatever bytes a file holds, reading it ends in data or in an InputError with a place: never in a traceback."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.inputs.config import load_config
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.recorded_outputs import load_outputs
from evalgate.inputs.rubrics import load_rubric
from evalgate.inputs.score_rows import load_scores

from .conftest import CONFIG, PROMPT, RUBRIC, Project

SEEDS = {
    "evalgate.yml": (load_config, CONFIG),
    "p.prompt.yml": (
        load_prompt,
        PROMPT + "modelParameters: {topP: 1}\nresponseFormat: json_schema\njsonSchema: '{}'\n",
    ),
    "p.md": (load_prompt, "---\nrole: system\n---\nHello {{query}}\n"),
    "r.md": (load_rubric, RUBRIC),
    "c.jsonl": (load_dataset, '{"id": "a", "q": [1, {"x": null}], "tags": ["t"]}\n{"id": 2}\n'),
    "c.json": (load_dataset, '[{"id": "a", "q": "\\u00e9"}, {"id": 2}]'),
    "c.csv": (load_dataset, 'id,q,tags\na,"x, ""y""",t;u\nb,,\n'),
    "c.yml": (load_dataset, "- &x {id: a, q: 1.5}\n- id: b\n  q: [*x, '1']\n"),
    "o.jsonl": (
        load_outputs,
        '{"case": "a", "text": "x", "usage": {"input_tokens": 1, "output_tokens": 2}, "latency": 1}\n',
    ),
    "s.csv": (load_scores, "case,arm,criterion,value,repeat\na,candidate,t,0.5,1\n"),
    "s.jsonl": (load_scores, '{"case": "a", "arm": "baseline", "criterion": "t", "value": true, "tag": "x"}\n'),
}
BITS = [
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\x85",
    b"\r",
    b"\n",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"'",
    b",",
    b":",
    b": ",
]
BITS += [
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"*x",
    b"!!set ",
    b"!",
    b"|\n",
    b">",
    b"%YAML 9.9\n",
    b"---\n",
    b"...\n",
    b"#",
    b"@",
    b"`",
    b"<<: *x",
]
BITS += [
    b"NaN",
    b"1e999",
    b"9" * 5000,
    b"null",
    b"~",
    b"true",
    b'"\\ud800"',
    b"\\",
    b"{{x}}",
    b"../",
    b"-0",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
]


@pytest.mark.parametrize("path", SEEDS)
@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(BITS)), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_spoilt_file_is_read_or_refused(project: Project, path: str, cuts: list[tuple[float, int, bytes]]) -> None:
    load, text = SEEDS[path]
    data = text.encode()
    for where, length, bit in cuts:
        at = int(where * len(data))
        data = data[:at] + bit + data[at + length :]
    project.write(path, data)
    try:
        load(project.tree, path)
    except InputError as error:
        assert error.faults
        assert all(fault.message and fault.place for fault in error.faults)
        assert len(str(error)) < 20_000


@pytest.mark.parametrize(
    "data",
    [
        b"a: [" + b"x," * 3_000_000,
        b"[" * 10_000_000,
        b"{" * 1_000_000,
        b"- " * 1_000_000,
        b"a: " * 500_000,
        b"? " * 100_000,
        b"\n" * 3_000_000,
        b"'" * 1_000_000,
        b'"' + b"\n" * 1_000_000,
        b"&a " * 100_000,
        b"# " + b"x" * 15_000_000,
        b"a: 'b" + b"''" * 3_000_000,
    ],
    ids=lambda data: repr(data[:6]),
)
def test_large_nonsense_is_refused_quickly(project: Project, data: bytes) -> None:
    for path in ("evalgate.yml", "c.json", "c.csv"):
        project.write(path, data)
        started = time.process_time()
        with pytest.raises(InputError):
            (load_config if path == "evalgate.yml" else load_dataset)(project.tree, path)
        assert time.process_time() - started < 10, path
