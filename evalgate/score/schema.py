"""JSON Schema: a check's schema compiled once, without network or files, and what is wrong with a value."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator
    from referencing import Resource, Specification
    from referencing._core import Resolver

_TIME = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
_DATE = r"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)"
_DURATION = re.compile(rf"P(?:{_DATE}(?:{_TIME})?|{_TIME}|\d+W)", re.ASCII)
# what the packages behind these formats let pass: a line break at the end, digits of other scripts, 1_2 for 12
_IN_ASCII = re.compile("[!-~]*")
_CHARACTERS = {
    **dict.fromkeys(("date", "date-time", "hostname", "ipv4", "ipv6", "time", "uri", "uri-reference"), _IN_ASCII),
    "email": re.compile("[ -~]*"),
    "uuid": re.compile("[0-9A-Fa-f-]*"),
}
_SIMPLE: tuple[Any, ...] = (None, "", {}, [])
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PLAIN_DATA = ("const", "enum", "default", "examples")
# these drafts are identified by http alone, and many schemas name them by https
_BY_HTTPS = re.compile(r"https(?=://json-schema\.org/draft-0[3467]/)")


def find_fault(check: Check, value: Any) -> str | Unscored | None:
    """What is most wrong with `value` under a `json_schema` check, as "at /place: message"; None when it fits.

    `options["schema"]` is the loaded schema, `options["schema_path"]` the URI its relative references start from,
    `options["formats"]` whether `format` is asserted. The draft is the one `$schema` names, 2020-12 by default.
    Raises ValueError as `validator` does; a fault of the schema that only this value met is Unscored.
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
    if error is None:
        return None
    return f"at {_place(error)}: {error.message}"


def make_validator(check: Check) -> Validator:
    """The check's validator, compiled once for each Check object.

    Patterns are searched with RE2 where it can express them, else in limited time (`patterns.compile_schema_search`),
    so a
    hostile output cannot make a schema's pattern run for ever.

    Formats asserted when asked, under 2020-12: date, date-time, duration, email, hostname, idn-email, idn-hostname,
    ipv4, ipv6, json-pointer, regex, relative-json-pointer, time, uri, uri-reference, uri-template, uuid.

    Raises ValueError, as a sentence, for a `$schema` that is no known draft, an invalid schema, a reference that
    leaves `check.documents`, or, where formats are asserted, one that nobody can assert.
    """
    return _compile(_Held(check))


class _Held:
    """A Check as a cache key: by identity (its mappings cannot be hashed), and kept alive, so that no id is reused."""

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
    schema: Any = _name_drafts_by_http(options.get("schema"), path)
    draft = _draft(schema, path)
    resources: dict[str, Resource[Any]] = {}
    specifications: dict[str, Specification[Any]] = {}
    for uri, written in {**documents, path: schema}.items():
        document = _name_drafts_by_http(written, uri)
        own = _draft(document, uri, default=draft)
        _check_schema(own, document, uri)
        specification = specification_with(str(own.META_SCHEMA.get("$schema")))
        # a `$schema` would make jsonschema return to its plain class there, and lose our keywords
        bare = _without_draft(document) if own is draft else document
        resources[uri] = specification.create_resource(bare)
        specifications[uri] = specification
    checker = _format_checker(draft) if options.get("formats") else None
    registry = REGISTRY.with_resources(resources.items()).crawl()
    try:
        for uri, resource in resources.items():
            resolver = registry.resolver(base_uri=uri)
            _follow_references(resource, resolver)
            if checker is not None:
                _refuse_unknown_formats(resource, resolver, specifications[uri], set(checker.checkers), uri)
    except Unresolvable as missing:
        raise ValueError(f'{path}: "{missing.ref}" is not among the documents this schema may refer to') from None
    strict: Any = extend(  # type: ignore[no-untyped-call]
        draft,
        validators={
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
        },
    )
    start = urljoin(path, resources[path].id() or "")
    compiled: Validator = strict({"$ref": start}, registry=registry, format_checker=checker)
    _refuse_endless(compiled, path)
    return compiled


def _draft(schema: Any, path: str, default: Any = None) -> Any:
    """The validator class of the draft that `$schema` names."""
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
        raise ValueError(f'{path}: "$schema" names no known draft: {named!r}')
    return known


def _name_drafts_by_http(schema: Any, path: str) -> Any:
    """The schema with drafts 3 to 7 under their identifiers: by another name a subschema would be of its parent's."""
    try:
        return _by_http(schema)
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def _by_http(value: Any, key: str = "") -> Any:
    if key in ("$schema", "$ref") and isinstance(value, str):
        return _BY_HTTPS.sub("http", value) if _BY_HTTPS.match(value) else value
    if isinstance(value, Mapping) and key not in _PLAIN_DATA:
        return {name: _by_http(inner, name) for name, inner in value.items()}
    return [_by_http(inner) for inner in value] if isinstance(value, list) and key not in _PLAIN_DATA else value


def _without_draft(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    return {key: value for key, value in document.items() if key != "$schema"}


def _check_schema(draft: Any, schema: Any, path: str) -> None:
    """Refuses what the draft's meta-schema refuses; patterns are held against RE2 and `re`, not against `re` alone."""
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError

    checker = FormatChecker(formats=())
    checker.checks("regex", raises=ValueError)(_is_pattern)
    try:
        draft.check_schema(schema, format_checker=checker)
    except SchemaError as error:
        raise ValueError(f"{path}: not a JSON Schema, at {_place(error)}: {error.message}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def _follow_references(resource: Resource[Any], resolver: Resolver[Any]) -> None:
    """Looks up every reference now, so that a missing document is known before any output is."""
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
    """A format that the checker does not know would let every text pass.

    Looked for in all subschemas, and in what references lead to, wherever that stands in a document.
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
                hint = suggest_closest(name, sorted(known), otherwise=f"asserted are: {', '.join(sorted(known))}")
                raise ValueError(f'{path}: the format "{name}" cannot be asserted; {hint}')
            for keyword in _REFERENCES:
                if isinstance(contents.get(keyword), str):
                    found = resolver.lookup(contents[keyword])
                    waiting.append((specification.create_resource(found.contents), found.resolver))
        waiting += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


def _refuse_endless(compiled: Validator, path: str) -> None:
    """A schema that refers to itself without going deeper would make every output look nested too deeply."""
    try:
        with limit_output(), bound_patterns():
            for value in _SIMPLE:
                compiled.is_valid(value)
    except RecursionError:
        raise ValueError(f"{path}: the schema refers to itself without end") from None
    except SlowSchemaError:
        raise ValueError(
            f"{path}: the schema takes more than {SCHEMA_SECONDS:g} s for a value as simple as null"
        ) from None


def _format_checker(draft: Any) -> Any:
    """The draft's formats; a check that trips over a hostile text has not recognised it, whatever it raises."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, (recognise, _) in draft.FORMAT_CHECKER.checkers.items():
        checker.checks(name, raises=Exception)(_is_pattern if name == "regex" else _in_characters(name, recognise))
    checker.checks("duration")(_is_duration)
    return checker


def _in_characters(name: str, recognise: Callable[[object], bool]) -> Callable[[object], bool]:
    """The check of a format, for texts of no other characters than the format has."""
    allowed = _CHARACTERS.get(name)
    if allowed is None:
        return recognise
    return lambda value: (not isinstance(value, str) or allowed.fullmatch(value) is not None) and recognise(value)


def _is_duration(value: object) -> bool:
    """RFC 3339, appendix A; the package that jsonschema would ask takes longer to load than all the rest."""
    return not isinstance(value, str) or _DURATION.fullmatch(value) is not None


def _is_pattern(value: object) -> bool:
    if isinstance(value, str):
        compile_schema_search(value)
    return True


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not compile_schema_search(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


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
        yield ValidationError(f"unexpected {'property' if len(extras) == 1 else 'properties'} {_list_names(extras)}")


def _list_names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _place(error: ValidationError | Any) -> str:
    """The JSON Pointer of an error; the whole value is "the top"."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path]
    return "".join(f"/{part}" for part in parts) or "the top"
