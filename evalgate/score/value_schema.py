"""JSON Schema checks: compile a check's schema once, without network or files, and find the fault of a value."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from evalgate.domain import Check, Unscored
from evalgate.domain.names import suggest_closest
from evalgate.score.bounded_schema import bound_patterns
from evalgate.score.patterns import (
    SCHEMA_SECONDS,
    SlowPatternError,
    SlowSchemaError,
    compile_schema_search,
    limit_output,
)
from evalgate.score.schema_formats import is_pattern, make_format_checker

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator
    from referencing import Resource, Specification
    from referencing._core import Resolver

_SIMPLE: tuple[Any, ...] = (None, "", {}, [])
_DIGITS = 700  # more than a double has before and after its point together
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PLAIN_DATA = ("const", "enum", "default", "examples")
# these drafts are identified by http alone, and many schemas name them by https
_BY_HTTPS = re.compile(r"https(?=://json-schema\.org/draft-0[3467]/)")


def find_fault(check: Check, value: Any) -> str | Unscored | None:
    """Return the most relevant fault of `value` under a `json_schema` check as "at /place: message"; None if valid.

    `options["schema"]` is the loaded schema, `options["schema_path"]` the base URI of its relative references, and
    `options["formats"]` says whether `format` is asserted. `$schema` names the draft; the default is 2020-12. Raises
    ValueError as `make_validator` does. A fault of the schema that appears only with this value is Unscored.
    """
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    compiled = make_validator(check)
    try:
        with limit_output(), bound_patterns():
            error = best_match(compiled.iter_errors(value))
    except RecursionError:
        return "nested too deeply"
    except Unresolvable as missing:
        return Unscored(reason=f'the schema refers to "{missing.ref}", which is not among its documents')
    except (SlowPatternError, SlowSchemaError, ValueError) as refusal:
        return Unscored(reason=str(refusal))
    except Exception as fault:  # one of the package decides nothing
        return Unscored(reason=f"jsonschema failed on this output: {type(fault).__name__}")
    if error is None:
        return None
    return f"at {_show_place(error)}: {error.message}"


def make_validator(check: Check) -> Validator:
    """Return the check's validator, compiled once for each Check object.

    Patterns are searched with RE2 if it supports them, else with a time limit (`patterns.compile_schema_search`), so
    that a hostile output cannot make a schema's pattern run forever.

    The formats that can be asserted under 2020-12 are: date, date-time, duration, email, hostname, idn-email,
    idn-hostname, ipv4, ipv6, json-pointer, regex, relative-json-pointer, time, uri, uri-reference, uri-template, uuid.

    Raises ValueError, with a sentence, for a `$schema` that is not a known draft, an invalid schema, a reference to a
    document that is not in `check.documents`, or a format that cannot be asserted although formats are asserted.
    """
    return _compile(_Held(check))


class _Held:
    """A Check as a cache key, compared by identity because its mappings cannot be hashed.

    It keeps the Check alive, so that its id is not reused.
    """

    __slots__ = ("check",)

    def __init__(self, check: Check) -> None:
        self.check = check

    def __hash__(self) -> int:
        return id(self.check)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.check is other.check


@functools.lru_cache(maxsize=128)
def _compile(held: _Held) -> Validator:
    from jsonschema.validators import extend
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    options, documents = held.check.options, held.check.documents
    path = str(options.get("schema_path") or "urn:evalgate:schema")
    schema: Any = _rewrite_drafts(options.get("schema"), path)
    draft = _find_draft(schema, path)
    resources: dict[str, Resource[Any]] = {}
    specifications: dict[str, Specification[Any]] = {}
    for uri, written in {**documents, path: schema}.items():
        document = _rewrite_drafts(written, uri)
        own = _find_draft(document, uri, default=draft)
        _check_schema(own, document, uri)
        specification = specification_with(str(own.META_SCHEMA.get("$schema")))
        # with a `$schema`, jsonschema would switch to its own class there, without our keywords
        bare = _remove_draft(document) if own is draft else document
        resources[uri] = specification.create_resource(bare)
        specifications[uri] = specification
    checker = make_format_checker(draft) if options.get("formats") else None
    registry = REGISTRY.with_resources(resources.items()).crawl()
    try:
        for uri, resource in resources.items():
            resolver = registry.resolver(base_uri=uri)
            _follow_references(resource, resolver)
            if checker is not None:
                _refuse_unknown_formats(resource, resolver, specifications[uri], set(checker.checkers), uri)
    except Unresolvable as missing:
        raise ValueError(f'{path}: "{missing.ref}" is not among the documents that this schema may refer to') from None
    strict: Any = extend(  # type: ignore[no-untyped-call]
        draft,
        validators={
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
            "multipleOf": _multiple_of,
            "divisibleBy": _multiple_of,
        },
    )
    start = urljoin(path, resources[path].id() or "")
    compiled: Validator = strict({"$ref": start}, registry=registry, format_checker=checker)
    _refuse_endless(compiled, path)
    return compiled


def _find_draft(schema: Any, path: str, default: Any = None) -> Any:
    """Return the validator class of the draft that `$schema` names."""
    from jsonschema.validators import Draft202012Validator, validator_for

    default = default or Draft202012Validator
    if not isinstance(schema, Mapping):
        if not isinstance(schema, bool):
            raise ValueError(f"{path}: a JSON Schema is an object or a boolean")
        return default
    named = schema.get("$schema")
    if named is None:
        return default
    unknown: Any = None
    known = validator_for(schema, default=unknown) if isinstance(named, str) else None
    if known is None:
        raise ValueError(f'{path}: "$schema" is not a known draft: {named!r}')
    return known


def _rewrite_drafts(schema: Any, path: str) -> Any:
    """Return the schema with drafts 3 to 7 named by their http identifiers, which jsonschema requires."""
    try:
        return _rewrite_value(schema)
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def _rewrite_value(value: Any, key: str = "") -> Any:
    if key in ("$schema", "$ref") and isinstance(value, str):
        return _BY_HTTPS.sub("http", value) if _BY_HTTPS.match(value) else value
    if isinstance(value, Mapping) and key not in _PLAIN_DATA:
        return {name: _rewrite_value(inner, name) for name, inner in value.items()}
    return [_rewrite_value(inner) for inner in value] if isinstance(value, list) and key not in _PLAIN_DATA else value


def _remove_draft(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    return {key: value for key, value in document.items() if key != "$schema"}


def _check_schema(draft: Any, schema: Any, path: str) -> None:
    """Validate a schema by its draft's meta-schema. Patterns are checked with RE2 and `regex`, not with `re`."""
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError

    checker = FormatChecker(formats=())
    checker.checks("regex", raises=ValueError)(is_pattern)
    try:
        embedded: list[Any] = []
        draft.check_schema(_take_embedded(schema, embedded), format_checker=checker)
        for inner in embedded:
            _check_schema(_find_draft(inner, path), inner, path)
    except SchemaError as error:
        raise ValueError(f"{path}: not a JSON Schema, at {_show_place(error)}: {error.message}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def _take_embedded(schema: Any, found: list[Any]) -> Any:
    """Return a schema with {} in the place of each subschema that names a draft of its own. Adds these to `found`."""

    def take(value: Any, key: str) -> Any:
        if key in _PLAIN_DATA:
            return value
        if isinstance(value, list):
            return [take(inner, "") for inner in value]
        if not isinstance(value, Mapping):
            return value
        if isinstance(value.get("$schema"), str):
            found.append(value)
            return {}
        return {name: take(inner, name) for name, inner in value.items()}

    if not isinstance(schema, Mapping):
        return schema
    return {name: take(value, name) for name, value in schema.items()}


def _follow_references(resource: Resource[Any], resolver: Resolver[Any]) -> None:
    """Look up every reference, so that a missing document is found before any output is scored."""
    resolver = resolver.in_subresource(resource)
    if isinstance(resource.contents, Mapping):
        for keyword in _REFERENCES:
            reference = resource.contents.get(keyword)
            if isinstance(reference, str):
                resolver.lookup(reference)
    for inner in resource.subresources():
        _follow_references(inner, resolver)


def _refuse_unknown_formats(
    resource: Resource[Any], resolver: Resolver[Any], specification: Specification[Any], known: set[str], path: str
) -> None:
    """Raise ValueError for a format that the checker does not know, because it would accept every text.

    Searches all subschemas and the targets of references.
    """
    waiting = [(resource, resolver.in_subresource(resource))]
    seen: set[int] = set()
    while waiting:
        resource, resolver = waiting.pop()
        contents = resource.contents
        if id(contents) in seen:
            continue
        seen.add(id(contents))
        if isinstance(contents, Mapping):
            name = contents.get("format")
            if isinstance(name, str) and name not in known:
                listed = f"the known formats are: {', '.join(sorted(known))}"
                hint = suggest_closest(name, sorted(known), otherwise=listed)
                raise ValueError(f'{path}: the format "{name}" cannot be asserted; {hint}')
            for keyword in _REFERENCES:
                if isinstance(contents.get(keyword), str):
                    found = resolver.lookup(contents[keyword])
                    waiting.append((specification.create_resource(found.contents), found.resolver))
        waiting += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


def _refuse_endless(compiled: Validator, path: str) -> None:
    """Raise ValueError for a schema that refers to itself endlessly: every output would seem nested too deeply."""
    try:
        with limit_output(), bound_patterns():
            for value in _SIMPLE:
                compiled.is_valid(value)
    except RecursionError:
        raise ValueError(f"{path}: the schema refers to itself endlessly") from None
    except SlowSchemaError:
        raise ValueError(
            f"{path}: the schema takes more than {SCHEMA_SECONDS:g} s for a value as simple as null"
        ) from None
    except ValueError:
        raise
    except Exception as error:  # such as `items: true` beside `unevaluatedItems` in 2019-09
        raise ValueError(f"{path}: jsonschema cannot use the schema: {type(error).__name__}: {error}") from None


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not compile_schema_search(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _multiple_of(validator: Any, step: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Compare numbers as they are written in JSON: 19.99 is a multiple of 0.01, although no binary fraction is."""
    from decimal import Decimal, localcontext

    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "number"):
        return
    with localcontext() as context:
        context.prec = _DIGITS
        context.clear_traps()
        rest = Decimal(repr(instance)) % Decimal(repr(step))
    if rest != 0:
        yield ValidationError(f"{instance!r} is not a multiple of {step!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        matches = compile_schema_search(pattern)
        for key, value in instance.items():
            if matches(key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "object"):
        return
    matchers = [compile_schema_search(pattern) for pattern in schema.get("patternProperties", {})]
    named = schema.get("properties", {})
    extras = [key for key in instance if key not in named and not any(matches(key) for matches in matchers)]
    if validator.is_type(allowed, "object"):
        for key in extras:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extras:
        yield ValidationError(f"unexpected {'property' if len(extras) == 1 else 'properties'} {_join_names(extras)}")


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _show_place(error: ValidationError | Any) -> str:
    """Return the JSON Pointer of an error; "the top" for the whole value."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path]
    return "".join(f"/{part}" for part in parts) or "the top"
