"""A promptfoo configuration as a project of evalgate: configuration, prompts, cases, rubrics and schemas as texts."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalgate.domain import PromptSettings
from evalgate.domain.placeholders import PLACEHOLDER
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.config import derive_name
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.importers import nunjucks, promptfoo_code
from evalgate.inputs.importers.import_remarks import Remarks
from evalgate.inputs.importers.promptfoo_asserts import Converter
from evalgate.inputs.importers.promptfoo_cases import keep_common, make_cases, rename_fields, rewrite_message
from evalgate.inputs.importers.promptfoo_criteria import Wanted
from evalgate.inputs.importers.promptfoo_file import ForeignFiles, as_mapping, is_results
from evalgate.inputs.importers.promptfoo_grouping import group_criteria, number_names
from evalgate.inputs.importers.promptfoo_prompts import ForeignPrompt, make_file_stem, read_prompts
from evalgate.inputs.importers.promptfoo_providers import (
    ForeignProvider,
    find_parameters,
    gives_data,
    list_lost_settings,
    make_provider,
    read_providers,
)
from evalgate.inputs.importers.promptfoo_reading import Surroundings
from evalgate.inputs.importers.promptfoo_tests import ForeignTest, read_tests
from evalgate.inputs.importers.promptfoo_tools import load_tools
from evalgate.inputs.importers.yaml_text import make_block
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import Tree, is_absolute

NOTHING: Mapping[str, str] = {}
_READ = frozenset(
    {"prompts", "providers", "targets", "tests", "defaultTest", "scenarios", "description", "assertionTemplates"}
)
_WITHOUT_EFFECT = frozenset(
    {
        "$schema",
        "outputPath",
        "sharing",
        "writeLatestResults",
        "commandLineOptions",
        "evaluateOptions",
        "tags",
        "author",
    }
)
_WITHOUT_DECISION = frozenset({"metadata", "tracing", "derivedMetrics"})
_LEFT_OUT = frozenset({"extensions", "nunjucksFilters"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedProject:
    """The files of a project, by path, with the configuration as a text; and what the import has to tell.

    `prompts` are the prompts of the gates, and `kept` those of them that were there already.
    """

    config: str
    files: Mapping[str, str]
    kept: tuple[str, ...]
    prompts: tuple[str, ...]
    cases: int
    remarks: Remarks


def import_config(
    tree: Tree,
    path: str,
    root: Node,
    fault_of: Callable[[str], str | None],
    unreadable: Mapping[str, str] = NOTHING,
) -> ImportedProject:
    """Make a project of a promptfoo configuration at a path of the tree.

    `fault_of` tells why RE2 refuses a pattern. `unreadable` are prompts of an earlier attempt that evalgate refuses, by
    path, with the reason: they become placeholders. Raises InputError for a file that has nothing to gate.
    """
    if not isinstance(root.data, dict):
        raise InputError("is not a configuration of promptfoo", place=Place(path=path))
    if is_results(root):
        hint = "evalgate import promptfoo FILE --cases FILE --scores FILE"
        raise InputError("is a file of results of promptfoo, not a configuration", place=Place(path=path), hint=hint)
    return _Import(tree, path, root, fault_of, unreadable).run()


class _Import:
    def __init__(
        self,
        tree: Tree,
        path: str,
        root: Node,
        fault_of: Callable[[str], str | None],
        unreadable: Mapping[str, str],
    ) -> None:
        self.unreadable = unreadable
        self.tree = tree
        self.path = path
        self.root = root
        self.fault_of = fault_of
        self.files = ForeignFiles(tree=tree, folder=posixpath.dirname(path))
        self.remarks = Remarks()
        self.written: dict[str, str] = {}
        self.kept: list[str] = []
        self.code = promptfoo_code.CodeModule(name=promptfoo_code.find_name(tree))
        self._texts: tuple[str, ...] = ()
        self._fields: tuple[str, ...] = ()
        self._prompts: list[ForeignPrompt] = []

    def run(self) -> ImportedProject:
        self._list_unread()
        providers = read_providers(self.root, self.files, self.path, self.remarks)
        for provider in providers:
            for key in list_lost_settings(provider):
                self.remarks.ask(f"the setting `{key}` of the provider {provider.id}", provider.place)
        tests = read_tests(self.root, self.files, self.path, self.remarks)
        self._read_prompts(tests)
        names = self._list_names(self._prompts, tests)
        renamed = self._rename(tests, names)
        wanted = self._convert(tests, providers, names, renamed)
        if not names and len(tests) > 1:
            self.remarks.change(f"{len(tests)} tests with equal requests are one case", tests[0].place)
            tests, wanted = [keep_common(tests)], [[each for one in wanted for each in one]]
        cases = make_cases(tests, names, renamed, self._texts)
        shared = set.intersection(*(set(case) for case in cases))
        self._fields = tuple(name for name in cases[0] if name in shared and name.isidentifier() and name != "id")
        grouped = group_criteria(wanted, cases, self.tree.exists)
        for case, test in zip(cases, tests, strict=True):
            if test.metadata and "metadata" not in case:
                case["metadata"] = dict(test.metadata)
        self.written |= grouped.files
        targets = {provider.name: provider.target for provider in providers}
        judges = [self._name_target(judge, targets) for judge in grouped.judges]
        dataset = self._find_free(f"golden/{self._find_stem()}", ".jsonl")
        self.written[dataset] = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
        policy = self._write_code()
        gates = _name_apart([self._make_gate(prompt, providers, renamed, names) for prompt in self._prompts])
        config: dict[str, Any] = {"format": 1, "targets": targets}
        config |= self._join(gates, {"dataset": dataset, "checks": grouped.checks, "judges": judges}) | policy
        return ImportedProject(
            config="\n".join(make_block({**config, **self._make_run()})) + "\n",
            files=self.written,
            kept=tuple(self.kept),
            prompts=tuple(str(gate["prompt"]) for gate in gates),
            cases=len(cases),
            remarks=self.remarks,
        )

    def _write_code(self) -> dict[str, Any]:
        """Write the module of the assertions that are code, and return the policy that lets it run."""
        if not self.code.functions:
            return {}
        self.written[f"{promptfoo_code.FOLDER}/{self.code.name}.py"] = self.code.make_text()
        count = len(self.code.functions)
        self.remarks.change(
            f"{count} assertion{'s stay' if count > 1 else ' stays'} code: checks of type `python` run "
            f"{'them' if count > 1 else 'it'}{self.code.needs}, which `policy: {{trust_code: true}}` allows"
        )
        return {"policy": {"trust_code": True}}

    def _read_prompts(self, tests: Sequence[ForeignTest]) -> None:
        """Read the prompts. Raises InputError if there are no tests for them."""
        has_redteam = self.root.get("redteam") is not None
        if not tests or (has_redteam and not any(test.assertions for test in tests)):
            message = "has no test with an assertion" if tests else "has no tests"
            hint = "red teaming stays with promptfoo" if has_redteam else None
            raise InputError(message, place=Place(path=self.path), hint=hint)
        prompts = read_prompts(self.root.get("prompts"), self.files, self.path, self.remarks)
        prompts = prompts or [self._make_missing_prompt()]
        self._prompts = [self._add_affixes(prompt, tests[0]) for prompt in prompts]
        self._texts = tuple(text for prompt in self._prompts for text in prompt.list_texts())

    def _rename(self, tests: Sequence[ForeignTest], names: Sequence[str]) -> dict[str, str]:
        """Return the new names of variables, and tell them and the variables that no test has."""
        renamed = rename_fields(tests, names)
        for name, new in sorted(renamed.items()):
            self.remarks.change(f'the variable "{name}" is the field "{new}"', Place(path=self.path))
        missing = [name for name in names if not any(name in test.variables for test in tests) and name != "env"]
        if missing:
            shown = ", ".join(f"{{{{{name}}}}}" for name in missing)
            self.remarks.change(f"the prompts use {shown}, which no test gives: the field is empty")
        return renamed

    def _join(self, gates: list[dict[str, Any]], shared: dict[str, Any]) -> dict[str, Any]:
        """Return the gates with what they share: in `defaults`, if there are several."""
        kept = {key: value for key, value in shared.items() if value}
        if len(kept) == 1:
            self.remarks.ask("no criterion was carried over: add checks or judges to the gates")
            kept["checks"] = [{"type": "length", "min_chars": 1}]
        return {"gates": [{**gates[0], **kept}]} if len(gates) == 1 else {"defaults": kept, "gates": gates}

    def _list_unread(self) -> None:
        for key in self.root.data:
            place = self.root.key_place(key, self.path)
            if key in _LEFT_OUT:
                self._read_extensions(place) if key == "extensions" else self.remarks.leave_out(f"`{key}`", place)
            elif key == "redteam":
                self.remarks.change("`redteam`: red teaming stays with promptfoo, whose `eval` does not read it", place)
            elif key == "env":
                names = ", ".join(map(str, as_mapping(self.root.data[key])))
                self.remarks.ask(f"`env`: set the environment variables where the gate runs: {names}", place)
            elif key in _WITHOUT_DECISION:
                self.remarks.change(f"`{key}` decides nothing, and is not needed here", place)
            elif key not in _READ | _WITHOUT_EFFECT:
                self.remarks.change(f"`{key}` is not a key of promptfoo, which ignores it", place)

    def _read_extensions(self, place: Place) -> None:
        """Tell which extensions are left out: all but those that run after the tests."""
        for each in self.root.data["extensions"] or ():
            name = str(each)
            if name.rsplit(":", 1)[-1] in ("afterEach", "afterAll"):
                self.remarks.change(f"the extension {name} runs after a decision, and is not needed here", place)
            else:
                self.remarks.leave_out(f"the extension {name}", place)

    def _make_missing_prompt(self) -> ForeignPrompt:
        self.remarks.ask("the configuration has no prompt: write it down in its file", Place(path=self.path))
        return ForeignPrompt(name="prompt", place=Place(path=self.path), messages=None)

    def _find_stem(self) -> str:
        base = posixpath.basename(self.path)
        stem = re.sub(r"\.(ya?ml|json)$", "", base).replace("promptfooconfig", "").strip("._- ")
        stem = stem or posixpath.basename(posixpath.dirname(self.path)) or "cases"
        return make_file_stem(stem)

    def _find_free(self, base: str, suffix: str) -> str:
        """Return a path that is neither there nor written."""
        tries = (f"{each}{suffix}" for each in number_names(base, "-"))
        return next(path for path in tries if path not in self.written and not self.tree.exists(path))

    def _add_affixes(self, prompt: ForeignPrompt, test: ForeignTest) -> ForeignPrompt:
        """Return a prompt with the `prefix` and `suffix` of the tests' options."""
        prefix, suffix = (str(test.options.get(key) or "") for key in ("prefix", "suffix"))
        if not (prefix or suffix) or prompt.messages is None or len(prompt.messages) != 1:
            return prompt
        message = prompt.messages[0]
        return replace(prompt, file=None, messages=({**message, "content": f"{prefix}{message['content']}{suffix}"},))

    def _list_names(self, prompts: Sequence[ForeignPrompt], tests: Sequence[ForeignTest]) -> tuple[str, ...]:
        """Return the variables of all prompts, sorted. A prompt that is not at hand uses those of all tests."""
        found: set[str] = set()
        if any(prompt.messages is None for prompt in prompts):
            found = {name for test in tests for name in test.variables if name.isidentifier()}
        for prompt in prompts:
            for text in prompt.list_texts():
                try:
                    found |= set(nunjucks.find_names(text))
                except ValueError as error:
                    self.remarks.ask(f"the template of the prompt {prompt.name}: it {error}", prompt.place)
        return tuple(sorted(found))

    def _convert(
        self,
        tests: Sequence[ForeignTest],
        providers: Sequence[ForeignProvider],
        names: tuple[str, ...],
        renamed: Mapping[str, str],
    ) -> list[list[Wanted]]:
        tools = next((each.tools for each in providers if each.tools), None)
        shown = tuple(renamed.get(name, name) for name in names if name not in ("env", "_conversation"))
        around = Surroundings(
            remarks=self.remarks,
            files=self.files,
            fault_of=self.fault_of,
            tools=tools,
            prompt_names=shown,
            is_parsed=any(gives_data(each) for each in providers[:1]),
            tests=tests,
            is_merged=not names and len(tests) > 1,
            renamed=renamed,
            code=self.code,
        )
        converter = Converter(around=around)
        found = [list(converter.convert_test(test)) for test in tests]
        return [[replace(w, source=renamed.get(w.source, w.source)) if w.source else w for w in each] for each in found]

    def _name_target(self, judge: dict[str, Any], targets: dict[str, Any]) -> dict[str, Any]:
        """Return a judge whose target is the name of one, which is added if no provider has it."""
        wanted = judge.get("target")
        if wanted is None:
            return judge
        rest = {key: value for key, value in judge.items() if key != "target"}
        made = make_provider(wanted, Place(path=self.path), Remarks(), set())
        same = next((name for name, target in targets.items() if target.get("model") == made.target["model"]), None)
        if "embedding" in wanted or (same is None and made.target.get("model") not in wanted):
            return rest
        if same is None:
            same = made.name
            targets[same] = made.target
        return {"rubric": rest.pop("rubric"), "target": same, **rest}

    def _make_gate(
        self,
        prompt: ForeignPrompt,
        providers: Sequence[ForeignProvider],
        renamed: Mapping[str, str],
        names: Sequence[str],
    ) -> dict[str, Any]:
        answering = [each for each in providers if each.prompts is None or set(each.prompts) & set(prompt.ids)]
        provider = (answering or list(providers))[0]
        messages = [rewrite_message(message, renamed) for message in self._write_messages(prompt, names)]
        gate: dict[str, Any] = {}
        settings = self._make_settings(provider, prompt)
        is_kept = prompt.file is not None and not settings and prompt.file not in self.unreadable
        if is_kept and prompt.file is not None and self._is_same(prompt.file, messages):
            self.kept.append(prompt.file)
            gate = {"prompt": prompt.file, "template": "jinja"}
        else:
            stem = make_file_stem(prompt.name or self._find_stem())
            path = self._find_free(f"prompts/{stem}", ".prompt.yml")
            reason = self.unreadable.get(path, self.unreadable.get(prompt.file or ""))
            if reason is not None:
                self.remarks.ask(f"the prompt {prompt.name or path} cannot be read as a prompt: {reason}", prompt.place)
                messages = self._write_messages(replace(prompt, messages=None), sorted({*names, *self._fields}))
            document = {"name": prompt.name or stem, "template": "jinja", **settings, "messages": messages}
            self.written[path] = "\n".join(make_block(document)) + "\n"
            gate = {"prompt": path}
        return {**gate, "target": provider.name}

    def _write_messages(self, prompt: ForeignPrompt, names: Sequence[str]) -> list[dict[str, Any]]:
        if prompt.messages is not None:
            return [dict(message) for message in prompt.messages]
        shown = "".join(f"\n{name}: {{{{ {name} }}}}" for name in names)
        is_named = bool(prompt.source) and not nunjucks.has_template(prompt.source) and "\n" not in prompt.source
        source = f" ({prompt.source})" if is_named else ""
        return [{"role": "user", "content": f"{PLACEHOLDER}: the prompt{source} is not at hand.{shown}"}]

    def _make_settings(self, provider: ForeignProvider, prompt: ForeignPrompt) -> dict[str, Any]:
        """Return the keys of a prompt file for its own parameters, and for the tools and the format of its provider."""
        parameters = find_parameters(prompt.config)
        made: dict[str, Any] = {"modelParameters": parameters} if parameters else {}
        for key in sorted(set(prompt.config) - set(parameters) - {"response_format", "tools"}):
            self.remarks.leave_out(f"the setting `{key}` of the prompt {prompt.name}", prompt.place)
        form = prompt.config.get("response_format") or provider.response_format
        if isinstance(form, str):
            form = self.files.parse(form).data if self.files.exists(form) else None
        kind = as_mapping(form).get("type")
        if kind == "json_object":
            made["responseFormat"] = "json_object"
        elif kind == "json_schema" and isinstance(form, dict):
            held = as_mapping(form.get("json_schema")) or {key: form[key] for key in ("name", "schema") if key in form}
            if "schema" in held:
                strict = {"strict": held["strict"]} if "strict" in held else {}
                schema = {"name": held.get("name", "answer"), **strict, "schema": held["schema"]}
                made |= {"responseFormat": "json_schema", "jsonSchema": json.dumps(schema, ensure_ascii=False)}
        tools = load_tools(prompt.config.get("tools") or provider.tools, self.files)
        functions = [each for each in tools if isinstance(each, dict)] if isinstance(tools, list) else []
        wrapped = [each if "function" in each else {"type": "function", "function": each} for each in functions]
        wrapped = [each for each in wrapped if as_mapping(each.get("function")).get("name")]
        return made | ({"tools": wrapped} if wrapped else {})

    def _is_same(self, file: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether evalgate reads a prompt file as promptfoo does."""
        if is_absolute(file):
            return False
        try:
            version = load_prompt(self.tree, file, PromptSettings(template="jinja"))
        except EvalgateError:
            return False
        read = [(message.role, message.content) for message in version.messages]
        is_plain = all(isinstance(message.get("content"), str) for message in messages)
        wanted = [(str(message.get("role")), str(message.get("content")).strip()) for message in messages]
        return is_plain and bool(version.variables) and [(r, c.strip()) for r, c in read] == wanted

    def _make_run(self) -> dict[str, Any]:
        options = as_mapping(self.root.data.get("evaluateOptions"))
        most = options.get("maxConcurrency")
        return {"run": {"concurrency": most}} if isinstance(most, int) and 0 < most <= 1_000 else {}


def _name_apart(gates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the gates, with names for those that would have the name of another one."""
    made: list[dict[str, Any]] = []
    taken: set[str] = set()
    for gate in gates:
        stem = derive_name(str(gate["prompt"]), None)
        name = next(each for each in number_names(stem, "-") if each not in taken)
        taken.add(name)
        made.append({**({"name": name} if name != stem else {}), **gate})
    return made
