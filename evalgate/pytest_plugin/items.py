"""The tests of a configuration: one for each case of each gate, and the verdict.

The tests never contradict the verdict. A case fails only where it is a reason for the verdict to block the change. A
case that does not hold otherwise, such as one that is worse within the allowed drop, is an expected failure (xfail).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import assert_never

import pytest

from evalgate.domain import GateReport, Report
from evalgate.domain.numbers import show_count
from evalgate.errors import EvalgateError, InterruptedRunError, NothingToCompareError
from evalgate.pytest_plugin.runs import AskedRun, Runs, decide_part, list_cases
from evalgate.report import case_states, view
from evalgate.report.case_states import CaseState
from evalgate.report.escape import block, line, prose

_VERDICT = "verdict"
_SHOWN_REASONS = 3


class GateItem(pytest.Item):
    """A test of a configuration."""

    @cached_property
    def file(self) -> GateFile:
        found = self.getparent(GateFile)
        assert found is not None
        return found

    def setup(self) -> None:
        """Run the gate with the first test: an error of the run is an error of each test, not a failure."""
        if not (self.config.getoption("setuponly") or self.config.getoption("setupplan")):
            self.file.evaluate()

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.nodeid.partition("::")[2]


class CaseItem(GateItem):
    """The test of one case."""

    gate: str
    case: str

    def runtest(self) -> None:
        state = self.file.find_state(self.gate, self.case)
        why = "; ".join(line(prose(reason)) for reason in state.reasons[:_SHOWN_REASONS])
        match state.state:
            case "holds":
                return
            case "fails" | "undecided":
                pytest.fail(self._describe(state), pytrace=False)
            case "tolerated":
                pytest.xfail(f"does not block: {why}")
            case "unscored":
                pytest.skip(f"unscored: {why}")
            case "not run":
                pytest.skip(f"not run: {why}")
            case _:
                assert_never(state.state)

    def _describe(self, state: CaseState) -> str:
        from evalgate.report import case_page, case_text

        word = "fails" if state.state == "fails" else "is undecided"
        head = [f"case {self.case} of {self.gate} {word}", *(prose(reason) for reason in state.reasons)]
        gate, texts = self.file.gates[self.gate], self.file.evaluate().texts
        page = case_page.make_page(gate, self.case, None, "`evalgate show` has them", arm=None, texts=texts)
        return "\n".join([*map(line, head), "", case_text.render_page(page, color=False)])


class VerdictItem(GateItem):
    """The verdict on all gates of the configuration. `not_a_gate` is why this session reaches none."""

    not_a_gate: str | None = None
    is_reported = False

    def setup(self) -> None:
        self.is_reported = True
        if self.not_a_gate is not None:
            pytest.skip(f"not a gate: {self.not_a_gate}")
        super().setup()

    def runtest(self) -> None:
        from evalgate.decide import policy
        from evalgate.report import terminal
        from evalgate.report.withhold import withhold_texts

        report = self.file.evaluate()
        sentence = line(prose(f"{view.verdict(report)}: {view.sentence(report)}"))
        if report.exit_code.blocks:
            text = terminal.render(withhold_texts(report, policy.decide))
            pytest.fail(f"{sentence}\n\n{text}", pytrace=False)
        if report.exit_code.awaits_sign_off or any(gate.only_warns for gate in report.gates):
            pytest.skip(sentence)


class GateNode(pytest.Collector):
    """The cases of one gate."""

    cases: tuple[str, ...]

    def collect(self) -> Iterator[pytest.Item]:
        for case in self.cases:
            item: CaseItem = CaseItem.from_parent(self, name=_make_name(case))
            item.gate, item.case = self.name, case
            yield item


class GateFile(pytest.File):
    """A configuration. `wanted` are the cases that the session selects, by gate; None for all."""

    runs: Runs
    wanted: Mapping[str, tuple[str, ...]] | None = None
    cases: Mapping[str, tuple[str, ...]]
    verdict: VerdictItem | None = None
    is_placed = False
    has_failed = False

    @classmethod
    def make(cls, parent: pytest.Collector, path: Path, runs: Runs) -> GateFile:
        made: GateFile = cls.from_parent(parent, path=path)
        made.runs = runs
        made.cases = {}
        return made

    @property
    def asked(self) -> AskedRun:
        return make_asked(self.config, self.path)

    @property
    def lacks_verdict(self) -> bool:
        """Whether the session ended before its verdict."""
        return self.is_placed and self.verdict is not None and not self.verdict.is_reported

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        self.verdict = VerdictItem.from_parent(self, name=_VERDICT)
        try:
            self.cases = list_cases(self.asked)
        except NothingToCompareError as error:
            self.verdict.not_a_gate = line(prose(str(error)))
        except EvalgateError as error:
            raise self.CollectError(block(str(error))) from None
        for name, cases in self.cases.items():
            node: GateNode = GateNode.from_parent(self, name=name)
            node.cases = cases
            yield node
        yield self.verdict

    def evaluate(self) -> Report:
        """Return the report of the selected cases, which are run the first time."""
        from dataclasses import replace

        try:
            return self.runs.find(replace(self.asked, cases=self.wanted))
        except InterruptedRunError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERRUPTED)
        except EvalgateError as error:
            text = "the run could not be made: see the first error" if self.has_failed else block(str(error))
            self.has_failed = True
            pytest.fail(text, pytrace=False)

    def find_state(self, gate: str, case: str) -> CaseState:
        return self._states.get((gate, case)) or CaseState(
            case=case, state="not run", reasons=("the run has no result of it",)
        )

    @cached_property
    def gates(self) -> Mapping[str, GateReport]:
        """The gates of the report by name, without the texts that the configuration keeps on this machine."""
        from evalgate.decide import policy
        from evalgate.report.withhold import withhold_gate

        report = self.evaluate()
        decided = [decide_part(gate) for gate in report.gates]
        return {gate.evidence.name: withhold_gate(gate, report.texts, policy.decide) for gate in decided}

    @cached_property
    def _states(self) -> Mapping[tuple[str, str], CaseState]:
        make = case_states.list_case_states if self.wanted is None else case_states.list_part_states
        return {(name, state.case): state for name, gate in self.gates.items() for state in make(gate)}


def make_asked(config: pytest.Config, path: Path) -> AskedRun:
    """Return the whole run of a configuration that the options of pytest ask for."""
    return AskedRun(
        config=path.as_posix(),
        gates=tuple(config.getoption("evalgate_gate")),
        candidate=config.getoption("evalgate_candidate"),
        baseline=config.getoption("evalgate_baseline"),
        policy_ref=config.getoption("evalgate_policy_ref"),
    )


def place_verdicts(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put each verdict behind the last of its cases, and say why it is none where not all cases are selected."""
    files = dict.fromkeys(item.file for item in items if isinstance(item, GateItem))
    for file in files:
        assert file.verdict is not None
        own = [item for item in items if isinstance(item, CaseItem) and item.file is file]
        if not own:
            continue
        is_selected = file.verdict in items
        file.verdict.not_a_gate = file.verdict.not_a_gate or _explain_no_gate(
            config, file, own, is_selected=is_selected
        )
        if is_selected:
            items.remove(file.verdict)
        else:
            _forget_deselected(config, file.verdict)
        items.insert(items.index(own[-1]) + 1, file.verdict)
        file.is_placed = True


def _explain_no_gate(config: pytest.Config, file: GateFile, own: list[CaseItem], *, is_selected: bool) -> str | None:
    selected = {(item.gate, item.case) for item in own}
    every = {(gate, case) for gate, cases in file.cases.items() for case in cases}
    if selected != every:
        file.wanted = {
            gate: tuple(case for case in cases if (gate, case) in selected) for gate, cases in file.cases.items()
        }
        return f"{len(selected)} of {show_count(len(every), 'case')} {'is' if len(selected) == 1 else 'are'} selected"
    if not is_selected:
        return "the verdict is deselected"
    if config.getoption("maxfail"):
        return "with -x or --maxfail the tests may end before all cases are reported"
    if config.getoption("stepwise", False):
        return "with --stepwise the tests end at the first failure"
    return None


def _forget_deselected(config: pytest.Config, verdict: VerdictItem) -> None:
    """Take the verdict out of the count of deselected tests: it is reported as skipped."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    counted = [] if reporter is None else reporter.stats.get("deselected", [])
    if verdict in counted:
        counted.remove(verdict)


def _make_name(case: str) -> str:
    """Return the id of a case as the name of a test, without what separates the names in a node id."""
    return line(case).replace("::", ":")
