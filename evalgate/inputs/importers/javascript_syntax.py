"""A parser for the expressions and the plain statements of JavaScript that assertions consist of. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

Tree: TypeAlias = tuple[Any, ...]
"""A node: its kind, and what belongs to it. The kinds are those that `_Parser` makes."""

LONGEST = 20_000
"""The most characters of a code."""
_DEEPEST = 60
_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<template>`(?:\\.|[^`\\])*`)"
    r"|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>=>|===|!==|\?\?|\?\.(?![0-9])|==|!=|<=|>=|&&|\|\||\.\.\.|\+=|[-+*/%<>=!?:;,.(){}\[\]])",
    re.DOTALL,
)
_REGEX = re.compile(r"/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+)/([a-z]*)")
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("??",), ("||",), ("&&",), ("===", "!==", "==", "!="), ("<", ">", "<=", ">=", "in"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_CONSTANTS = {"true": True, "false": False, "null": None}


class SyntaxOutsideError(ValueError):
    """Code that the parser does not read. The message is a phrase."""


def parse(code: str) -> list[Tree]:
    """Return the statements of a function's body, or of one expression. Raises SyntaxOutsideError."""
    if len(code) > LONGEST:
        raise SyntaxOutsideError("is too long")
    return _Parser(_split(code)).read_statements()


def _split(code: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(code):
        before = next((token for token in reversed(tokens[-2:]) if token[0] != "line"), ("sign", ""))
        may_be_regex = (before[0] == "sign" and before[1] not in (")", "]", "}")) or before == ("name", "return")
        hit = _REGEX.match(code, position) if may_be_regex and not code.startswith(("//", "/*"), position) else None
        if hit:
            tokens.append(("regex", hit[0]))
        else:
            hit = _TOKEN.match(code, position)
            if hit is None:
                raise SyntaxOutsideError(f"has the character {code[position]!r}")
            if hit.lastgroup != "space":
                tokens.append((str(hit.lastgroup), hit[0]))
            elif "\n" in hit[0] and tokens and tokens[-1] != ("line", ""):
                tokens.append(("line", ""))
        position = hit.end()
    return tokens


class _Parser:
    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        # the ends of lines matter after a statement alone
        self._tokens = [token for token in tokens if token[0] != "line"]
        self._at = 0
        self._depth = 0

    def read_statements(self) -> list[Tree]:
        found: list[Tree] = []
        while self._peek() not in (None, ("sign", "}")):
            if not self._take(";"):
                found.append(self._statement())
        if self._peek() is not None and not self._depth:
            raise SyntaxOutsideError("has a brace too many")
        return found

    def _statement(self) -> Tree:
        token = self._peek()
        if token == ("name", "return"):
            self._at += 1
            empty = self._peek() in (None, ("sign", ";"), ("sign", "}"))
            return ("return", ("constant", None) if empty else self._expression())
        if token in (("name", "const"), ("name", "let"), ("name", "var")):
            self._at += 1
            name = self._name()
            self._expect("=")
            return ("let", name, self._expression())
        if token == ("name", "if"):
            self._at += 1
            self._expect("(")
            test = self._expression()
            self._expect(")")
            then = self._block()
            other: list[Tree] = []
            if self._peek() == ("name", "else"):
                self._at += 1
                other = self._block()
            return ("if", test, then, other)
        if token == ("name", "try"):
            return self._try()
        if token is not None and token[0] == "name" and token[1] in _STATEMENTS:
            raise SyntaxOutsideError(f"has the statement {token[1]}")
        return ("expression", self._expression())

    def _try(self) -> Tree:
        self._at += 1
        body = self._block()
        if self._peek() != ("name", "catch"):
            raise SyntaxOutsideError("has a try without catch")
        self._at += 1
        if self._take("("):
            self._name()
            self._expect(")")
        return ("try", body, self._block())

    def _block(self) -> list[Tree]:
        if not self._take("{"):
            alone = [self._statement()]
            self._take(";")
            return alone
        self._enter()
        found = self.read_statements()
        self._depth -= 1
        self._expect("}")
        return found

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise SyntaxOutsideError("is nested too deeply")

    def _expression(self) -> Tree:
        self._enter()
        arrow = self._arrow()
        if arrow is None:
            arrow = self._binary(0)
            if self._take("?"):
                then = self._expression()
                self._expect(":")
                arrow = ("choose", arrow, then, self._expression())
        self._depth -= 1
        return arrow

    def _arrow(self) -> Tree | None:
        start = self._at
        names: list[str] = []
        token = self._peek()
        if token is not None and token[0] == "name":
            names = [token[1]]
            self._at += 1
        elif self._take("("):
            while (token := self._peek()) is not None and token[0] == "name":
                names.append(token[1])
                self._at += 1
                self._take(",")
            if not self._take(")"):
                self._at = start
                return None
        if not self._take("=>"):
            self._at = start
            return None
        if self._peek() == ("sign", "{"):
            return ("function", names, self._block())
        return ("function", names, [("return", self._expression())])

    def _binary(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (token := self._peek()) is not None and token[0] in ("sign", "name") and token[1] in _LEVELS[level]:
            self._at += 1
            left = ("binary", token[1], left, self._binary(level + 1))
        return left

    def _unary(self) -> Tree:
        token = self._peek()
        if token in (("sign", "!"), ("sign", "-"), ("sign", "+"), ("name", "typeof")):
            self._at += 1
            self._enter()
            made = ("unary", self._tokens[self._at - 1][1], self._unary())
            self._depth -= 1
            return made
        return self._postfix(self._primary())

    def _postfix(self, tree: Tree) -> Tree:
        while True:
            if self._take("."):
                tree = ("member", tree, ("constant", self._name()))
            elif self._take("?."):
                if self._take("["):
                    tree = ("optional", tree, self._expression())
                    self._expect("]")
                elif self._peek() == ("sign", "("):
                    raise SyntaxOutsideError("has an optional call")
                else:
                    tree = ("optional", tree, ("constant", self._name()))
            elif self._take("["):
                tree = ("member", tree, self._expression())
                self._expect("]")
            elif self._take("("):
                tree = ("call", tree, self._list(")"))
            else:
                return tree

    def _primary(self) -> Tree:  # noqa: PLR0911 - one return for each kind
        token = self._peek()
        if token is None:
            raise SyntaxOutsideError("ends too early")
        self._at += 1
        kind, text = token
        if kind == "number":
            return ("constant", float(text) if not text.isdigit() else int(text))
        if kind == "text":
            return ("constant", _unescape(text[1:-1]))
        if kind == "template":
            return ("template",) if "${" in text else ("constant", _unescape(text[1:-1]))
        if kind == "regex":
            hit = _REGEX.fullmatch(text)
            return ("regex", hit[1], hit[2]) if hit else ()
        if kind == "name":
            if text in ("new", "function", "async", "await", "delete", "void", "yield", "class"):
                raise SyntaxOutsideError(f"has the word {text}")
            return ("constant", _CONSTANTS[text]) if text in _CONSTANTS else ("name", text)
        if text == "(":
            made = self._expression()
            self._expect(")")
            return made
        if text == "[":
            return ("list", self._list("]"))
        if text == "{":
            return self._object()
        raise SyntaxOutsideError(f"has the sign {text}")

    def _list(self, end: str) -> list[Tree]:
        found: list[Tree] = []
        while not self._take(end):
            if self._take("..."):
                raise SyntaxOutsideError("spreads a list")
            found.append(self._expression())
            if not self._take(","):
                self._expect(end)
                break
        return found

    def _object(self) -> Tree:
        pairs: dict[str, Tree] = {}
        while not self._take("}"):
            token = self._peek()
            if token is None or token[0] not in ("name", "text"):
                raise SyntaxOutsideError("has an object of another form")
            self._at += 1
            key = token[1] if token[0] == "name" else _unescape(token[1][1:-1])
            pairs[key] = self._expression() if self._take(":") else ("name", key)
            if not self._take(","):
                self._expect("}")
                break
        return ("object", pairs)

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, sign: str) -> bool:
        if self._peek() != ("sign", sign):
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            token = self._peek()
            raise SyntaxOutsideError(f"has {token[1] if token else 'its end'} where {sign} is expected")

    def _name(self) -> str:
        token = self._peek()
        if token is None or token[0] != "name":
            raise SyntaxOutsideError("has no name where one is expected")
        self._at += 1
        return token[1]


_STATEMENTS = frozenset({"for", "while", "do", "switch", "throw", "function", "class", "import", "async"})


def _unescape(text: str) -> str:
    def change(hit: re.Match[str]) -> str:
        if hit[1]:
            return chr(int(hit[1], 16))
        return _ESCAPES.get(hit[2], hit[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", change, text, flags=re.DOTALL)
