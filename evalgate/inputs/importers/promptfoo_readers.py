"""Each type of assertion of promptfoo as checks and judges, with the meaning that promptfoo gives it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalgate.domain import Json
from evalgate.inputs.importers import nunjucks, output_conditions, promptfoo_judges
from evalgate.inputs.importers.code_values import to_re2
from evalgate.inputs.importers.javascript import read_javascript
from evalgate.inputs.importers.output_conditions import NoCheckError
from evalgate.inputs.importers.promptfoo_code_checks import make_code_check
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError, Wanted, as_wanted, make_check
from evalgate.inputs.importers.promptfoo_csv import split_list
from evalgate.inputs.importers.promptfoo_file import SCHEME, as_mapping, try_parse
from evalgate.inputs.importers.promptfoo_reading import Reading, Surroundings
from evalgate.inputs.importers.promptfoo_tests import Assertion, ForeignTest
from evalgate.inputs.importers.promptfoo_tools import check_calls
from evalgate.inputs.importers.python_syntax import read_python
from evalgate.inputs.schema_keywords import find_written_fault

_TEXT_CHECKS = {
    "contains": ("contains", False),
    "icontains": ("contains", True),
    "contains-any": ("contains_any", False),
    "icontains-any": ("contains_any", True),
    "contains-all": ("contains_all", False),
    "icontains-all": ("contains_all", True),
}
_DIALECTS = {
    "mysql": "mysql", "mariadb": "mysql", "postgresql": "postgres", "postgres": "postgres", "bigquery": "bigquery",
    "sqlite": "sqlite", "snowflake": "snowflake", "transactsql": "tsql", "redshift": "redshift", "hive": "hive",
    "athena": "athena", "trino": "trino",
}  # fmt: skip
_DRAFT = "http://json-schema.org/draft-07/schema#"
_OLD_KEYWORDS = frozenset({"additionalItems", "dependencies"})
# formats that promptfoo asserts and a check can assert; before 2019-09 uuid is none
_FORMATS = frozenset(
    {
        "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "json-pointer", "regex",
        "relative-json-pointer", "time", "uri", "uri-reference", "uri-template", "uuid",
    }
)  # fmt: skip
_REASONS = {
    "select-best": "it compares the outputs of several prompts; a gate compares two versions",
    "max-score": "it compares the outputs of several prompts; a gate compares two versions",
    "human": "a person decides it",
    "ruby": "a check runs no code",
    "webhook": "a check makes no request",
    "is-html": "there is no check of HTML",
    "contains-html": "there is no check of HTML",
    "is-refusal": "a refusal cannot be required",
    "search-rubric": "a judge does not search the web",
    **dict.fromkeys(("bleu", "gleu", "meteor", "rouge-n"), "there is no check of shared word sequences"),
    **dict.fromkeys(("classifier", "moderation", "pi"), "it asks a service of its own"),
    **dict.fromkeys(("perplexity", "perplexity-score"), "log-probabilities of the answer are not read"),
}


def read_assertion_of(
    around: Surroundings, assertion: Assertion, test: ForeignTest, options: Mapping[str, Any]
) -> list[Wanted]:
    """Return the checks and judges of an assertion. Raises NotCarriedError, or NoCheckError for code."""
    return _Reading(around, assertion, test, options).read()


class _Reading(Reading):
    """The checks and judges of an assertion."""

    def read(self) -> list[Wanted]:
        """Return the checks and judges. Raises NotCarriedError, or NoCheckError for code."""
        try:
            found = self._read_plain()
        except (NotCarriedError, NoCheckError):
            made = make_code_check(self)
            if made is None:
                raise
            found = [made]
        label = str(self.data.get("type", ""))
        return [replace(each, label=label, source=self.source) for each in found]

    def _read_plain(self) -> list[Wanted]:
        transform = self.read_transforms()
        reader = _READERS.get(self.kind)
        if self.kind in _TEXT_CHECKS:
            found = [self._search()]
        elif reader is not None:
            found = reader(self)
        elif promptfoo_judges.is_judged(self.kind):
            if transform:
                raise NotCarriedError("a judge reads the whole output, not a part of it")
            found = [self._judge()]
        else:
            reason = _REASONS.get(self.kind)
            if self.kind.startswith(("trace-", "trajectory:", "skill")):
                reason = "traces are not read"
            raise NotCarriedError(reason or ("it has no type" if not self.kind else "promptfoo has no such type"))
        return [self._add_transform(each, transform) for each in found] if transform else found

    def _add_transform(self, wanted: Wanted, transform: Json) -> Wanted:
        if wanted.options["type"] in ("any_of", "all_of"):
            checks = wanted.options["checks"]
            parts: Any = [{**part, "transform": transform} for part in checks] if isinstance(checks, list) else []
            return replace(wanted, options={**wanted.options, "checks": parts})
        return replace(wanted, options={**wanted.options, "transform": transform})

    def _search(self) -> Wanted:
        kind, ignore = _TEXT_CHECKS[self.kind]
        values = self.value
        if self.kind.endswith(("-any", "-all")):
            values = split_list(values) if isinstance(values, str) else values
        else:
            values = [self.text()]
        if not isinstance(values, list) or not values:
            raise NotCarriedError("it has no texts to search for")
        texts = list(dict.fromkeys(self.require_visible(str(nunjucks.show(each))) for each in values))
        if self.negated:
            kind = {"contains": "not_contains", "contains_any": "not_contains_any"}.get(kind, "not_contains_all")
        options: dict[str, Json] = {"type": kind, "values": texts, **({"ignore_case": True} if ignore else {})}
        return as_wanted(options)

    def equals(self) -> list[Wanted]:
        kind = "not_equals" if self.negated else "equals"
        if isinstance(self.value, dict | list):
            return [make_check(kind, slot="value", value=self.value)]
        if self.negated and self.text() == "":
            return [make_check("length", limits={"min_chars": 1})]
        return [make_check(kind, slot="value", value=self.require_visible(self.text()))]

    def starts_with(self) -> list[Wanted]:
        begins = output_conditions.Has({"type": "starts_with", "value": self.require_visible(self.text())})
        made = output_conditions.make_check(output_conditions.Not(begins) if self.negated else begins)
        return [as_wanted(made)] if isinstance(made, dict) else []

    def regex(self) -> list[Wanted]:
        pattern = to_re2(self.require_visible(self.text()))
        self.require_pattern(pattern)
        return [make_check("not_regex" if self.negated else "regex", slot="pattern", value=pattern)]

    def is_json(self) -> list[Wanted]:
        schema = self._schema()
        if schema is None:
            return [make_check("not_is_json" if self.negated else "is_json")]
        formats = self._assert_formats(schema)
        if not self.negated:
            return [make_check("json_schema", formats, slot="schema", value=schema)]
        draft = {"$schema": schema["$schema"]} if "$schema" in schema else {}
        parts: list[Json] = [
            {"type": "not_is_json"},
            {"type": "json_schema", "schema": {**draft, "not": schema}, **formats},
        ]
        return [make_check("any_of", {"checks": parts})]

    def contains_json(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("there is no check that forbids JSON in a text")
        schema = self._schema()
        if schema is None:
            return [make_check("contains_json")]
        return [make_check("contains_json", self._assert_formats(schema), slot="schema", value=schema)]

    def _assert_formats(self, schema: Mapping[str, Any]) -> dict[str, Json]:
        """Return the option that asserts the formats of a schema, as promptfoo does."""
        found = set(_list_formats(schema))
        other = found - (_FORMATS - {"uuid"} if "$schema" in schema else _FORMATS)
        if other:
            self.note(f"formats are not asserted, because of {', '.join(sorted(other))}")
        return {"formats": True} if found and not other else {}

    def _schema(self) -> dict[str, Any] | None:
        value = self.value
        if isinstance(value, str):
            value = try_parse(value, "schema.yml") if value.strip() else None
        if value is None or value == {}:
            return None
        if not isinstance(value, dict):
            raise NotCarriedError("its value is not a JSON Schema")
        schema: dict[str, Any] = _allow_null({"$schema": _DRAFT, **value} if _has_old_form(value) else value)
        fault = None if self.negated else find_written_fault(json.dumps(schema))
        if fault is None:
            return schema
        typed = {"type": "object", **schema}
        if find_written_fault(json.dumps(typed)) is not None:
            raise NotCarriedError(fault.message)
        self.note("the JSON has to be an object")
        return typed

    def is_xml(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("there is no check that forbids XML")
        names = as_mapping(self.value).get("requiredElements") if isinstance(self.value, dict) else self.value
        names = split_list(names) if isinstance(names, str) else names or []
        options: dict[str, Json] = {"elements": [str(each).replace(".", "/") for each in names]} if names else {}
        if self.kind == "contains-xml":
            self.note("everything from the first tag to the last has to be one document")
            options["transform"] = {"regex": r"(?s)<[A-Za-z_?].*>"}
        return [make_check("is_xml", options)]

    def is_sql(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("there is no check that forbids SQL")
        wanted = as_mapping(self.value)
        dialect = _DIALECTS.get(str(wanted.get("databaseType") or wanted.get("database") or "").lower())
        if any(key in wanted for key in ("allowedTables", "allowedColumns", "whiteTableList", "whiteColumnList")):
            self.around.remarks.leave_out("the lists of tables and columns of is-sql", self.assertion.place)
        options: dict[str, Json] = {"dialect": dialect} if dialect else {}
        if self.kind == "contains-sql":
            self.note("the last code block has to be SQL")
            options["transform"] = "last_code_block"
        return [make_check("is_sql", options)]

    def is_refusal(self) -> list[Wanted]:
        if not self.negated:
            raise NotCarriedError(_REASONS["is-refusal"])
        self.note("`no_refusal` knows refusals by other words")
        return [make_check("no_refusal")]

    def inline_code(self) -> list[Wanted]:
        if not isinstance(self.value, str) or self.value.startswith(SCHEME):
            raise NotCarriedError("it is code of a file")
        used = {name: value for name, value in self.test.variables.items() if name in self.value}
        key = json.dumps([self.kind, self.value, self.negated, self.lowest_pass(), used], sort_keys=True)
        known = self.around.conditions  # the code of `defaultTest` is that of every test
        if key not in known:
            try:
                known[key] = self._read_condition(self.value)
            except NoCheckError as error:
                known[key] = error
        made = known[key]
        if isinstance(made, NoCheckError):
            raise made
        is_partial = self.assertion.is_share and self._read_condition(self.value, 1.0) != made
        return [replace(each, is_partial=is_partial) for each in self._as_checks(made)]

    def _read_condition(self, code: str, threshold: float | None = None) -> dict[str, Any] | bool:
        read = read_javascript if self.kind == "javascript" else read_python
        condition = read(code, self.test.variables, self.lowest_pass() if threshold is None else threshold)
        return output_conditions.make_check(output_conditions.Not(condition) if self.negated else condition)

    def _as_checks(self, made: dict[str, Any] | bool) -> list[Wanted]:
        if made is False:
            raise NotCarriedError("it can never pass")
        if not isinstance(made, dict):
            self.note("it always passes, so it needs no check")
            return []
        for pattern in output_conditions.list_patterns(made):
            self.require_pattern(pattern)
        return [as_wanted(made)]

    def latency(self) -> list[Wanted]:
        threshold = self.threshold()
        if threshold is None or threshold <= 0 or self.negated:
            raise NotCarriedError("it has no threshold" if not self.negated else "there is no least time")
        return [make_check("latency", limits={"max_seconds": nunjucks.show(threshold / 1000)})]

    def cost(self) -> list[Wanted]:
        threshold = self.threshold()
        if threshold is None or self.negated:
            raise NotCarriedError("it has no threshold" if not self.negated else "there is no least cost")
        return [make_check("cost", limits={"max_usd": threshold})]

    def levenshtein(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("there is no least distance")
        threshold = self.threshold()
        limit = math.floor(5 if threshold is None else threshold)
        value = self.require_visible(self.text())
        return [make_check("levenshtein", slot="value", value=value, limits={"max_distance": max(0, limit)})]

    def word_count(self) -> list[Wanted]:
        low, high = _read_bounds(self.value)
        if (low, high) == (None, None) or (low is not None and high is not None and low > high):
            raise NotCarriedError("its bounds leave no number of words")
        if not self.negated:
            bounds = {"min_words": low, "max_words": high}
            return [make_check("length", limits={key: each for key, each in bounds.items() if each is not None})]
        parts: list[Json] = [{"type": "length", "max_words": low - 1}] if low else []
        parts += [{"type": "length", "min_words": high + 1}] if high is not None else []
        if not parts:
            raise NotCarriedError("it can never pass")
        return [make_check("any_of", {"checks": parts})] if len(parts) > 1 else [as_wanted(as_mapping(parts[0]))]

    def finish_reason(self) -> list[Wanted]:
        if self.negated or str(self.value).lower() not in ("stop", "end_turn"):
            raise NotCarriedError("only `stop` has a counterpart: the check `answered` of every gate")
        self.note("the check `answered`, which every gate has")
        return []

    def guardrails(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("a filtered answer cannot be required")
        self.note("the check `answered`, which every gate has")
        return []

    def calls(self) -> list[Wanted]:
        if self.negated:
            raise NotCarriedError("there is no such check")
        made = check_calls(self.around.tools, self.around.files)
        return [
            replace(each, options={**each.options, **self._assert_formats(as_mapping(each.value))}) for each in made
        ]

    def tool_names(self) -> list[Wanted]:
        names = split_list(self.value) if isinstance(self.value, str) else self.value
        if self.negated or not isinstance(names, list) or not names:
            raise NotCarriedError("it has no names of tools")
        if (self.threshold() or 1.0) < 1:
            raise NotCarriedError("there is no F1: all tools have to be called, and no other")
        raise NotCarriedError("write the names into a field, and add {type: tool_call, from: FIELD, only: true}")

    def _judge(self) -> Wanted:
        rendered = self.value
        return promptfoo_judges.make_judge(
            self.kind,
            rendered,
            negated=self.negated,
            names=self.around.prompt_names,
            data=self.data,
            options=self.options,
            variables=self.test.variables,
            note=self.note,
        )


def _has_old_form(schema: Any) -> bool:
    """Return whether a schema has what means nothing after draft-07, by which promptfoo reads a schema."""
    if isinstance(schema, dict):
        is_old = isinstance(schema.get("items"), list) or not schema.keys().isdisjoint(_OLD_KEYWORDS)
        return is_old or any(map(_has_old_form, schema.values()))
    return isinstance(schema, list) and any(map(_has_old_form, schema))


def _allow_null(schema: Any) -> Any:
    """Return a schema with the type null where it says `nullable`, which promptfoo reads."""
    if isinstance(schema, list):
        return [_allow_null(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _allow_null(inner) for key, inner in schema.items()}
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _list_formats(schema: Any) -> Iterator[str]:
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _list_formats(inner)
    if isinstance(schema, dict) and isinstance(schema.get("format"), str):
        yield schema["format"]


def _read_bounds(value: Any) -> tuple[int | None, int | None]:
    bounds = [value.get(key) for key in ("min", "max")] if isinstance(value, dict) else [value, value]
    read: list[int | None] = []
    for number, each in enumerate(bounds):
        try:
            read.append(None if each is None else (math.ceil if number == 0 else math.floor)(float(each)))
        except (TypeError, ValueError):
            raise NotCarriedError("its value is not a number of words") from None
    return read[0], read[1]


_READERS: Mapping[str, Callable[[_Reading], list[Wanted]]] = {
    "equals": _Reading.equals,
    "starts-with": _Reading.starts_with,
    "regex": _Reading.regex,
    "is-json": _Reading.is_json,
    "contains-json": _Reading.contains_json,
    "is-xml": _Reading.is_xml,
    "contains-xml": _Reading.is_xml,
    "is-sql": _Reading.is_sql,
    "contains-sql": _Reading.is_sql,
    "is-refusal": _Reading.is_refusal,
    "javascript": _Reading.inline_code,
    "python": _Reading.inline_code,
    "latency": _Reading.latency,
    "cost": _Reading.cost,
    "levenshtein": _Reading.levenshtein,
    "word-count": _Reading.word_count,
    "finish-reason": _Reading.finish_reason,
    "guardrails": _Reading.guardrails,
    "is-valid-function-call": _Reading.calls,
    "is-valid-openai-function-call": _Reading.calls,
    "is-valid-openai-tools-call": _Reading.calls,
    "tool-call-f1": _Reading.tool_names,
}
