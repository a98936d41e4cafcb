"""Template syntaxes: the variables of a text, the text with values filled in, and expressions that stay unfilled."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from evalgate.domain.expressions import Placeholder
from evalgate.domain.text import Json, as_text

Syntax: TypeAlias = Literal["mustache", "jinja", "fstring"]
SYNTAXES: tuple[Syntax, ...] = ("mustache", "jinja", "fstring")

LONGEST_EXPRESSION = 1_000
"""Characters between the delimiters of an expression of another syntax, up to which it is recognised."""
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# a name may have spaces and other characters of a column's title, but none that other syntaxes give a meaning
_NAME = re.compile(r"\w(?:[^\W]|[ .&/#,?:%°-]|(?<=[ ])\(|\))*")
_RAW = re.compile(r"\{%-?\s*(raw|endraw)\s*-?%\}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[^\W\d][\w-]*")
_SINGLE = re.compile(r"(?<![{$#])\{([^{}]{1,200})\}(?!\})")
_DOLLAR = re.compile(r"\$\{([^{}]{1,200})\}")
_RUBY = re.compile(r"#\{[^{}\n]{1,200}\}")
# the delimiters of other syntaxes
_FOREIGN = (("{%", "%}"), ("<%", "%>"), ("{#", "#}"), ("{{", "}}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The syntax of a prompt's texts. `files` are the files that they include, by name, in order (jinja only)."""

    syntax: Syntax = "mustache"
    files: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> Json:
        """The syntax and the included files as plain data, for digests; None for mustache."""
        return None if self.syntax == "mustache" else [self.syntax, dict(self.files)]

    def find_names(self, text: str) -> tuple[str, ...]:
        """Return the names of the variables of a text: in order and with repetitions, or sorted for jinja."""
        if self.syntax == "jinja":
            from evalgate.domain.jinja_templates import find_names

            return find_names(text, self.files)
        return tuple(found.name for found in find_placeholders(text, self.syntax) if _NAME.fullmatch(found.name))

    def list_read_texts(self, text: str) -> tuple[str, ...]:
        """Return the texts whose white space decides what is rendered, as literal strings in conditions; only jinja."""
        if self.syntax != "jinja":
            return ()
        from evalgate.domain.jinja_templates import list_read_texts

        return list_read_texts(text, self.files)

    def make_filler(self, variables: Mapping[str, Json]) -> Callable[[str], str]:
        """Return a function that fills the values of a case into a text. Values are not treated as templates.

        The function raises KeyError with the name of a variable that the case lacks, and RenderingError (a ValueError)
        for a jinja template that cannot be rendered.
        """
        if self.syntax == "jinja":
            from evalgate.domain.jinja_templates import render

            return lambda text: render(text, variables, self.files)
        if self.syntax == "fstring":
            return lambda text: _fill_fstring(text, variables)
        return lambda text: fill_mustache(text, variables)


MUSTACHE = Template()


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a variable: letters of any script, digits, spaces and `_ . -`."""
    return _NAME.fullmatch(text) is not None


def fill_mustache(text: str, variables: Mapping[str, Json]) -> str:
    """Replace each `{{name}}`. Text in `{% raw %}...{% endraw %}` stays as it is, without these two tags."""

    def fill(hit: re.Match[str]) -> str:
        name = hit[1].strip()
        if name in variables:
            return as_text(variables[name])
        if _PLAIN.fullmatch(name):
            raise KeyError(name)
        return hit[0]

    if "{%" not in text:
        return _PLACEHOLDER.sub(fill, text)
    return "".join(part if is_raw else _PLACEHOLDER.sub(fill, part) for is_raw, part, _ in _split_raw(text))


def split_text(text: str, syntax: Syntax, fields: Collection[str]) -> Iterator[str | Placeholder]:
    """Split a mustache or f-string text into what is sent as it is, and the placeholders that are filled in.

    For a case with these fields, the texts and the values in this order are what `Template.make_filler` returns.
    """
    known = set(fields)
    blocks = ((False, text, 0),) if syntax == "fstring" else _split_raw(text)
    pattern = _BRACES if syntax == "fstring" else _PLACEHOLDER
    for is_raw, part, start in blocks:
        done = 0
        for hit in pattern.finditer(part) if not is_raw else ():
            name = None if hit[1] is None else hit[1].strip()
            if name is not None and name not in known and not _PLAIN.fullmatch(name):
                continue
            yield part[done : hit.start()]
            done = hit.end()
            # of doubled braces, one is sent
            yield hit[0][0] if name is None else Placeholder(name=name, written=hit[0], position=start + hit.start())
        yield part[done:]


def find_placeholders(text: str, syntax: Syntax) -> Iterator[Placeholder]:
    """Yield the `{{...}}` of a mustache text, or the `{...}` of an f-string text, that are not escaped."""
    if syntax == "fstring":
        for hit in _BRACES.finditer(text):
            if hit[1] is not None:
                yield Placeholder(name=hit[1].strip(), written=hit[0], position=hit.start())
        return
    for is_raw, part, start in _split_raw(text):
        for hit in _PLACEHOLDER.finditer(part) if not is_raw else ():
            if hit[1].strip():
                yield Placeholder(name=hit[1].strip(), written=hit[0], position=start + hit.start())


def find_unfilled(text: str, syntax: Syntax, fields: Collection[str]) -> Iterator[Placeholder]:
    """Yield the expressions that look like a template, but that the syntax does not fill in; not for jinja.

    `fields` are the fields of the cases. An expression that is text in other contexts, such as `{name}` and `${name}`
    in a mustache text, counts only if it names a field. `name` is the field that an expression names, or empty.
    """
    known = set(fields)
    if syntax == "fstring":
        yield from _find_unfilled_fstring(text, known)
        return
    for is_raw, part, start in _split_raw(text):
        if is_raw:
            continue
        for found in _find_foreign(part, known):
            yield Placeholder(name=found.name, written=found.written, position=start + found.position)


def _find_foreign(text: str, known: set[str]) -> Iterator[Placeholder]:
    taken: set[int] = set()
    for found in find_placeholders(text, "mustache"):
        taken.update((found.position, found.position + 1))
        if found.name not in known and not is_name(found.name):
            yield Placeholder(name=_find_field(found.name, known), written=found.written, position=found.position)
    for position, written in (*_find_delimited(text), *((hit.start(), hit[0]) for hit in _RUBY.finditer(text))):
        name = _find_field(written, known)
        # nested braces are also JSON, LaTeX and code, which mention no field
        if position not in taken and (name or not written.startswith("{{")):
            yield Placeholder(name=name, written=written, position=position)
    for pattern in (_SINGLE, _DOLLAR):
        for hit in pattern.finditer(text):
            name = hit[1].strip()
            name = name if name in known else re.split(r"[:.!\[|]", name, maxsplit=1)[0].strip()
            if pattern is _DOLLAR and name not in known:
                name = hit[1].split(":")[1].strip() if ":" in hit[1] else name
            if name in known:
                yield Placeholder(name=name, written=hit[0], position=hit.start())


def _find_delimited(text: str) -> Iterator[tuple[int, str]]:
    """Yield the expressions between the delimiters of other syntaxes, with their positions."""
    for opening, closing in _FOREIGN:
        at = text.find(opening)
        while at >= 0:
            end = text.find(closing, at + len(opening), at + len(opening) + LONGEST_EXPRESSION)
            if end >= 0:
                yield at, text[at : end + len(closing)]
            at = text.find(opening, end if end >= 0 else at + len(opening))


def _find_unfilled_fstring(text: str, known: set[str]) -> Iterator[Placeholder]:
    for hit in _BRACES.finditer(text):
        name = "" if hit[1] is None else hit[1].strip()
        is_format = re.search("[!:]", name) is not None or not is_name(name)
        if hit[0] in "{}" or (hit[1] is not None and name not in known and is_format):
            yield Placeholder(name=_find_field(name, known), written=hit[0], position=hit.start())


def _find_field(expression: str, known: set[str]) -> str:
    return next((word for word in _WORD.findall(expression) if word in known), "")


def _fill_fstring(text: str, variables: Mapping[str, Json]) -> str:
    def fill(hit: re.Match[str]) -> str:
        if hit[1] is None:
            return hit[0][0]
        name = hit[1].strip()
        if name in variables:
            return as_text(variables[name])
        if _PLAIN.fullmatch(name):
            raise KeyError(name)
        return hit[0]

    return _BRACES.sub(fill, text)


@lru_cache(maxsize=256)
def _split_raw(text: str) -> tuple[tuple[bool, str, int], ...]:
    """Split a text at its raw blocks into (is_raw, part, position). A tag without its other half is not a block."""
    if "{%" not in text:
        return ((False, text, 0),)
    parts: list[tuple[bool, str, int]] = []
    done, opened = 0, None
    for hit in _RAW.finditer(text):
        if hit[1] == "raw" and opened is None:
            opened = hit
        elif hit[1] == "endraw" and opened is not None:
            parts += [
                (False, text[done : opened.start()], done),
                (True, text[opened.end() : hit.start()], opened.end()),
            ]
            done, opened = hit.end(), None
    return (*parts, (False, text[done:], done))
