"""The CSV of a report: byte for byte what pandas writes of the same rows, without loading pandas."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.commands.decide import decide_scores, read_scores
from evalgate.domain import Arm, Report, Result, Score, Unscored
from evalgate.domain.frames import list_scores
from evalgate.report import csv

_TEXTS = st.text(st.sampled_from("ab,\"';=+-@\r\n\t \x1bé\u2028"), max_size=12)
_SCORES = st.one_of(
    st.builds(Score, value=st.floats(0, 1) | st.sampled_from([0, 1]), reason=_TEXTS), st.builds(Unscored, reason=_TEXTS)
)


def write_by_pandas(report: Report) -> str:
    table = report.to_frame()
    for name in ("gate", "case", "criterion", "tag", "cluster", "reason"):
        table[name] = table[name].map(csv.escape_formula, na_action="ignore")
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def test_each_sample_is_written_as_pandas_would(named: tuple[str, Report]) -> None:
    _, report = named
    assert csv.render(report) == write_by_pandas(report)


@given(tag=_TEXTS, case=_TEXTS, cluster=st.none() | _TEXTS, scores=st.dictionaries(_TEXTS, _SCORES, max_size=3))
def test_any_text_and_number_is_written_as_pandas_would(
    samples: ModuleType, tag: str, case: str, cluster: str | None, scores: dict[str, Score | Unscored]
) -> None:
    report: Report = samples.SAMPLES["fail"]()
    gate = report.gates[0]
    first = replace(gate.evidence.results[0], case=case, tags=(tag,), scores=scores)
    clusters = {} if cluster is None else {case: cluster}
    evidence = replace(gate.evidence, results=(first, *gate.evidence.results[1:]), clusters=clusters)
    report = replace(report, gates=(replace(gate, evidence=evidence),))
    assert csv.render(report) == write_by_pandas(report)


def test_pandas_is_not_loaded(tmp_path: Path) -> None:
    rows = [f"c{i},{arm},quality,0.9" for i in range(80) for arm in ("baseline", "candidate")]
    (tmp_path / "scores.csv").write_text("\n".join(["case,arm,criterion,value", *rows]), encoding="utf-8")
    code = (
        "import sys; from evalgate.cli import main; sys.argv[1:] = ['decide', '--scores', 'scores.csv', '--format', 'csv']\n"
        "try: main()\nexcept SystemExit as end: sys.exit(end.code or 10 * ('pandas' in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(
        "gate,case,arm,criterion,value,repeat,tag,cluster,reason\nscores,c0,baseline,quality,0.9,0,,,\n"
    )


_REASONS = st.text(st.sampled_from('ab=,"\n;'), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@given(
    scores=st.dictionaries(
        st.tuples(st.sampled_from(["case-1", "case-2", "=case", "c;-3"]), st.sampled_from(Arm), st.integers(0, 2)),
        st.dictionaries(
            st.sampled_from(["is_json", "tone", "-fact"]),
            st.one_of(st.builds(Score, value=st.floats(0, 1)), st.builds(Unscored, reason=_REASONS)),
            min_size=1,
        ),
        min_size=1,
    )
)
def test_decide_reads_every_score_back_and_every_absence(
    samples: ModuleType, tmp_path_factory: pytest.TempPathFactory, scores: dict
) -> None:
    report: Report = samples.SAMPLES["fail"]()
    gate = report.gates[0]
    results = [
        Result(case=case, arm=arm, repeat=repeat, tags=("odd",), outcome=None, scores=own)
        for (case, arm, repeat), own in scores.items()
    ]
    evidence = replace(gate.evidence, results=tuple(results), clusters={})
    report = replace(report, gates=(replace(gate, evidence=evidence),))
    path = tmp_path_factory.mktemp("scores") / "rows.csv"
    path.write_text(csv.render(report), encoding="utf-8")
    given = read_scores(path)
    rows = given.rows
    wanted = [(arm, value, repeat) for _, _, arm, _, value, repeat, *_ in list_scores(report)]
    assert [(r.arm, None if r.unscored else r.value, r.repeat) for r in rows] == wanted
    assert decide_scores(given, floors={}, max_drop=None, level=None).gates
    assert [r.unscored is None for r in read_scores(report.to_frame()).rows] == [
        value is not None for _, value, _ in wanted
    ]
