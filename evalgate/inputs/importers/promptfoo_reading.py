"""One assertion of one test of promptfoo: its value with the variables filled in, its threshold and its transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import nunjucks
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.output_conditions import NoCheckError
from evalgate.inputs.importers.promptfoo_code import CodeModule
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles, try_parse
from evalgate.inputs.importers.promptfoo_tests import Assertion, ForeignTest
from evalgate.inputs.importers.transform_code import read_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the conversion of an assertion needs beside it.

    `fault_of` returns why RE2 refuses a pattern, and None for one that it accepts. `tools` are the definitions of the
    provider, and `is_parsed` tells whether it gives JSON as data. `prompt_names` are the variables of the prompts,
    `tests` are all tests, which are one case if `is_merged`, and `renamed` the fields of variables with another name.
    `conditions` are the checks of code that was read before, or why it has none.
    """

    remarks: Remarks
    files: ForeignFiles
    fault_of: Callable[[str], str | None]
    tools: Json = None
    prompt_names: tuple[str, ...] = ()
    is_parsed: bool = False
    tests: Sequence[ForeignTest] = ()
    is_merged: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    code: CodeModule = field(default_factory=CodeModule)
    conditions: dict[str, dict[str, Any] | bool | NoCheckError] = field(default_factory=dict)


class Reading:
    """One assertion of one test."""

    def __init__(
        self, around: Surroundings, assertion: Assertion, test: ForeignTest, options: Mapping[str, Any]
    ) -> None:
        self.around = around
        self.assertion = assertion
        self.data = assertion.data
        self.test = test
        self.options = options
        written = str(self.data.get("type", ""))
        self.negated = written.startswith("not-")
        self.kind = written.removeprefix("not-")
        self.source: str | None = None
        self.is_rendered = True
        self.value = self._render(self.data.get("value"))

    def note(self, text: str) -> None:
        """Tell that the assertion is carried over in another form."""
        self.around.remarks.change(f"the assertion {self.data.get('type')}: {text}", self.assertion.place)

    def _render(self, value: Any) -> Any:
        """Return the value with the test's variables filled in."""
        if isinstance(value, list):
            return [self._render(each) for each in value]
        if not isinstance(value, str):
            return value
        self.source = nunjucks.find_only_name(value)
        if self.kind in ("javascript", "python") and value.startswith(SCHEME):
            return value
        try:
            rendered = nunjucks.render(value, self.test.variables)
        except ValueError as error:
            if self.kind in ("javascript", "regex"):
                self.is_rendered = False
                return value
            raise NotCarriedError(f"the template in its value {error}") from None
        if rendered.startswith(SCHEME) and self.kind not in ("javascript", "python"):
            return self._read_file(rendered)
        return rendered

    def _read_file(self, name: str) -> Any:
        bare = name.removeprefix(SCHEME)
        if bare.split(":", 1)[0].endswith((".js", ".cjs", ".mjs", ".ts", ".py", ".rb")):
            raise NotCarriedError(f"the code of {name} makes its value")
        if not self.around.files.exists(bare):
            raise NotCarriedError(f"{name} is not at hand")
        text = self.around.files.read(bare)
        if bare.lower().endswith((".json", ".yaml", ".yml")):
            return try_parse(text, bare)
        return nunjucks.render(text.strip(), self.test.variables)

    def list_transforms(self) -> list[str]:
        """Return the code of the transforms, in their order: that of the test, and that of the assertion."""
        own = self.options.get("transform") or self.options.get("postprocess")
        found = [own, self.data.get("transform")]
        return [] if self.kind in ("latency", "cost") else [str(each) for each in found if each]

    def read_transforms(self) -> list[Json]:
        """Return the steps of all transforms. Raises NotCarriedError for code that takes no part of the output."""
        steps: list[Json] = []
        for code in self.list_transforms():
            found = read_transform(code)
            if found is None:
                raise NotCarriedError("the code of its transform cannot be read")
            steps += found if isinstance(found, list) else [found]
        return steps

    def text(self) -> str:
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, str | int | float):
            return str(nunjucks.show(self.value))
        raise NotCarriedError("it has no text to compare with")

    def require_visible(self, text: str) -> str:
        if not text.strip():
            raise NotCarriedError("its text is empty")
        return text

    def threshold(self) -> float | None:
        value = self.data.get("threshold")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise NotCarriedError("its threshold is not a number")
        return None if value is None else float(value)

    def lowest_pass(self) -> float | None:
        """Return the score from which on code passes: that of its own threshold, or what its test needs."""
        own, least = self.threshold(), None if self.negated else self.assertion.least
        return max((each for each in (own, least) if each is not None), default=None)

    def require_pattern(self, pattern: str) -> None:
        fault = self.around.fault_of(pattern)
        if fault is not None:
            raise NotCarriedError(fault)
