"""The check that an output is SQL, as sqlglot parses it. The package is an extra."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from evalgate.domain import Case, Check, Output
from evalgate.domain.names import suggest_closest
from evalgate.score.examined import as_list, find_text
from evalgate.score.observation import NotScoredError, Observation, join_texts, quote, shorten

MAX_LENGTH = 50_000
"""Characters of a text that is parsed: a longer one is not SQL that a model was asked for."""
STEPS = (100_000, 10)
"""Steps of the parser for one text: so many, and so many for each of its tokens. Ordinary SQL takes one or two for each
token. Some texts take exponentially many, such as a chain of 25 `JOIN` without `ON`."""
STATEMENTS = ("select", "insert", "update", "delete", "merge", "create", "alter", "drop", "truncate")
_REQUIRED = {"insert": ("expression", "source", "default"), "update": ("expressions",)}
"""The parts of a statement without any of which sqlglot takes it as well, although it is not complete."""
_INSTALL = "the check is_sql needs the package sqlglot: pip install 'prompt-evalgate[sql]'"


def check_sql(check: Check, case: Case, output: Output) -> Observation:
    """Require one or more statements of SQL in the dialect of the check, of the allowed kinds alone.

    Raises NotScoredError if sqlglot itself fails on the text.
    """
    text = find_text(check, output).strip()
    dialect = str(check.options.get("dialect", ""))
    allowed = [str(kind) for kind in as_list(check.options.get("statements", list(STATEMENTS)))]
    wanted = f"be SQL{f' ({dialect})' if dialect else ''}"
    wanted += f" of {join_texts(allowed)} alone" if "statements" in check.options else ""
    if len(text) > MAX_LENGTH:
        return Observation(False, wanted, f"{len(text)} characters: no more than {MAX_LENGTH} are parsed")
    try:
        kinds = list_statements(text, dialect)
    except ValueError as error:
        return Observation(False, wanted, f"{shorten(str(error), 80)}, in {quote(text)}")
    others = [kind for kind in dict.fromkeys(kinds) if kind not in allowed]
    return Observation(bool(kinds) and not others, wanted, join_texts(others) if others else quote(text))


def list_statements(text: str, dialect: str = "") -> list[str]:
    """Return the kinds of the statements in a text, such as "select" for every query, with those inside them.

    Raises ValueError, with a phrase, for a text that is not SQL or has no statement, and NotScoredError if sqlglot
    fails or takes too many steps. A text that sqlglot only passes on without parsing it, or an expression alone, is no
    statement.
    """
    sqlglot = _load()
    with _silent():
        try:
            parsed = _parse(sqlglot, text, dialect)
        except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
            found = getattr(error, "errors", None)
            problem = found[0] if found else {}
            reason = str(problem.get("description") or "not SQL")
            place = f" at line {problem['line']}, column {problem['col']}" if problem.get("line") else ""
            raise ValueError(f"{reason.rstrip('.')}{place}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except _TooManyStepsError:
            raise NotScoredError("sqlglot takes too many steps to parse this output") from None
        except Exception as error:  # a fault of the package decides nothing
            raise NotScoredError(f"sqlglot failed on this output: {type(error).__name__}") from None
    # a comment after the last semicolon is one that is empty
    statements = [each for each in parsed if each is not None and not isinstance(each, sqlglot.exp.Semicolon)]
    if not statements:
        raise ValueError("no statement")
    return [kind for each in statements for kind in _list_kinds(sqlglot.exp, each)]


def validate_sql(check: Check) -> None:
    """Check the options of an `is_sql` check. Raises ValueError without sqlglot, and for an unknown dialect."""
    sqlglot = _load()
    dialect = str(check.options.get("dialect", ""))
    known = sorted(name for name in sqlglot.Dialect.classes if name)
    if dialect and dialect not in known:
        hint = suggest_closest(dialect, known, otherwise=f"known dialects: {', '.join(known)}")
        raise ValueError(f'{check.name}: unknown dialect "{dialect}"; {hint}')


class _TooManyStepsError(Exception):
    """The parser took more steps than `STEPS` allows."""


def _parse(sqlglot: ModuleType, text: str, dialect: str) -> list[Any]:
    """Parse a text as `sqlglot.parse` does, in a limited number of steps, so that the result depends on no clock."""
    found = sqlglot.Dialect.get_or_raise(dialect or None)
    tokens = found.tokenize(text)
    parser = _make_parser(found.parser_class)(dialect=found, error_level=sqlglot.ErrorLevel.RAISE)
    parser.steps_left = STEPS[0] + STEPS[1] * len(tokens)
    parsed: list[Any] = parser.parse(tokens, text)
    return parsed


@functools.cache
def _make_parser(base: Any) -> Any:
    """Return a parser of a dialect that counts its steps: it goes to each token, and back, by one method."""

    class _CountedParser(base):  # type: ignore[misc]
        steps_left = STEPS[0]

        def _advance(self, times: int = 1) -> None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise _TooManyStepsError
            super()._advance(times)

    return _CountedParser


def _list_kinds(expressions: Any, statement: Any) -> Iterator[str]:
    """Yield the kind of a statement, and of the statements in its WITH and its subqueries that change something."""
    changing = {
        expressions.Insert: "insert",
        expressions.Update: "update",
        expressions.Delete: "delete",
        expressions.Merge: "merge",
    }
    defining = {
        expressions.Create: "create",
        expressions.Alter: "alter",
        expressions.Drop: "drop",
        expressions.TruncateTable: "truncate",
    }
    own = {**changing, **defining}.get(type(statement))
    if own in _REQUIRED and not any(statement.args.get(part) for part in _REQUIRED[own]):
        raise ValueError(f"{own.upper()} without what it writes")
    if own is None and (not isinstance(statement, expressions.Query) or _is_empty(expressions, statement)):
        raise ValueError(f"{type(statement).__name__}, which is not a statement of a known kind")
    yield own or "select"
    for inner in statement.find_all(*changing, expressions.Into):
        if isinstance(inner, expressions.Into):
            yield "create"  # SELECT ... INTO makes a table
        elif inner is not statement and inner.find_ancestor(expressions.CTE, expressions.Subquery) is not None:
            yield changing[type(inner)]


def _is_empty(expressions: Any, query: Any) -> bool:
    """Return whether a query selects nothing: sqlglot takes the word SELECT alone for one."""
    return isinstance(query, expressions.Select) and not query.expressions and not query.args.get("kind")


def _load() -> ModuleType:
    try:
        import sqlglot
        import sqlglot.errors
    except ImportError:
        raise ValueError(_INSTALL) from None
    return sqlglot


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep sqlglot from writing the output into the log of the process."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
