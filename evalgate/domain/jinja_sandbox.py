"""The environment of jinja templates: no access to code, and a budget of steps and characters for each rendering.

jinja2's own sandbox guards attributes and calls, but not time and memory. This one also counts what a template does:
each turn of a loop, call, filter and operator, and the size of the values that they take and return.

What is not available here is an error as soon as a template names it, also in a test. If it were undefined, a template
could tell the sandbox from the jinja of an application, and render another text there than the one that is measured.
"""

from __future__ import annotations

import contextlib
import functools
import re
import time
import types
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextvars import ContextVar
from typing import Any, NoReturn

from jinja2 import BaseLoader, StrictUndefined, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

MOST_STEPS = 100_000
"""Turns of loops, calls and values that one rendering may take; 1,000 characters that are processed count as one."""
MOST_RENDERED = 16 * 1024 * 1024
"""The maximum number of characters of a rendered text, and of any value on the way to it."""
LONGEST_RENDERING = 10.0
"""Seconds. A second limit, for what takes few steps and is slow."""
_LARGEST_POWER = 4_096
_MOST_DIGITS = 64
_UNIT = 1_000

# random and attr are left out on purpose, urlize because of its patterns
_FILTERS = (
    "abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat",
    "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "last", "length", "list", "lower",
    "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice",
    "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount", "wordwrap", "xmlattr",
)  # fmt: skip
_TEXT_METHODS = (
    "capitalize", "casefold", "center", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit",
    "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition",
    "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
)  # fmt: skip
_METHODS: Mapping[type, Collection[str]] = {
    str: _TEXT_METHODS,
    dict: ("copy", "get", "items", "keys", "values"),
    list: ("copy", "count", "index"),
    tuple: ("count", "index"),
    range: ("count", "index"),
}
GLOBALS = frozenset(["range", "dict", "cycler", "joiner", "namespace", "lipsum"])
_TELLING_TESTS = ("filter", "test")  # they say which filters and tests an environment has
_READING = (  # filters that make a text of what they get
    "capitalize", "center", "e", "escape", "filesizeformat", "forceescape", "format", "indent", "lower", "replace",
    "safe", "string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "wordcount", "wordwrap",
    "xmlattr",
)  # fmt: skip
_SHOWN = (str, int, float, type(None), range, Undefined)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\d{4}|\*)")


class TooMuchError(SecurityError):
    """A template that takes more steps, characters or time than a rendering may."""


class _Budget:
    def __init__(self) -> None:
        self._left = MOST_STEPS
        self._until = time.monotonic() + LONGEST_RENDERING

    def take(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooMuchError(f"it takes more than {MOST_STEPS:,} steps")
        if time.monotonic() > self._until:
            raise TooMuchError(f"it takes more than {LONGEST_RENDERING:g} seconds")


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextlib.contextmanager
def start_budget() -> Iterator[None]:
    """Give what is rendered inside the block a new budget."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def make_environment(loader: BaseLoader, size: int) -> ImmutableSandboxedEnvironment:
    """Return an environment for the templates of a prompt, whose texts have `size` characters together."""
    environment = _Environment(
        loader=loader,
        undefined=_Undefined,
        keep_trailing_newline=True,
        optimized=False,  # nothing is computed before there is a budget
        finalize=_finalize,
        auto_reload=False,
        cache_size=-1,
    )
    environment.size = size
    environment.filters = {name: _bound(name, FILTERS[name]) for name in _FILTERS}
    environment.filters |= {"join": _join, "_each": _each, "_concat": _concat, "_start": _start}
    environment.globals = {
        "range": _range, "dict": dict, "cycler": Cycler, "joiner": Joiner, "namespace": Namespace, "lipsum": _lipsum,
    }  # fmt: skip
    for name in _TELLING_TESTS:
        del environment.tests[name]
    return environment


class _Undefined(StrictUndefined):
    """A missing value. It cannot be shown inside of a list either."""

    __slots__ = ()
    __repr__ = StrictUndefined.__str__


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "*", "**", "%", "-", "/", "//"])
    size = 0

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counted(self.size).visit(super()._parse(source, name, filename))
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        _refuse_parts(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        _refuse_parts(obj, argument)
        return super().getitem(obj, argument)

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        raise SecurityError(f"access to attribute {attribute!r} of {type(obj).__name__!r} object is unsafe.")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _charge(left, right)
        if operator == "**":
            _refuse_power(left, right)
        elif operator == "*":
            _refuse_product(left, right)
        elif operator == "%" and isinstance(left, str):
            _require_text(right)
            _refuse_format(left, right)
        result = super().call_binop(context, operator, left, right)
        _charge(result)
        return result

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        _take(1 + self.size // _UNIT if not isinstance(function, type) else 1)
        _charge(*args, *kwargs.values())
        owner = getattr(function, "__self__", None)
        if hasattr(function, "__wrapped__") and isinstance(getattr(function.__wrapped__, "__self__", None), str):
            raise SecurityError('the method "format" is not available: use the filter, as in {{ "%.2f" | format(x) }}')
        kind = next((kind for kind in _METHODS if isinstance(owner, kind)), None)
        if kind is not None:
            _refuse_method(kind, owner, function.__name__, args)
        elif owner is not None and type(owner).__module__ in ("builtins", "types"):
            raise SecurityError(f"{function.__name__}() of {type(owner).__name__} is not available")
        result = super().call(context, function, *args, **kwargs)
        _charge(result)
        return result


class _Counted(NodeTransformer):
    """Adds the counting to a template: of loops, of joined texts, and of files that are included."""

    def __init__(self, size: int) -> None:
        self._size = size

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        own = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        included = self._size if any(node.find_all((nodes.Include, nodes.Import, nodes.FromImport))) else 0
        self.generic_visit(node)
        weight = nodes.Const(own + included, lineno=node.lineno)
        node.iter = nodes.Filter(node.iter, "_each", [weight], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        joined = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(joined, "_concat", [], [], None, None, lineno=node.lineno)

    def visit_Include(self, node: nodes.Include) -> list[nodes.Node]:  # noqa: N802
        return [self._make_start(node), node]

    visit_Import = visit_FromImport = visit_Include  # noqa: N815

    def _make_start(self, node: nodes.Node) -> nodes.Node:
        size = nodes.Const(self._size, lineno=node.lineno)
        taken = nodes.Filter(size, "_start", [], [], None, None, lineno=node.lineno)
        return nodes.Output([taken], lineno=node.lineno)


def _take(steps: int) -> None:
    budget = _BUDGET.get()
    if budget is not None:
        budget.take(steps)


def _charge(*values: Any) -> int:
    """Take the steps for values, and return their number of characters. Raises TooMuchError if they are too large."""
    count, size = 0, 0
    stack = list(values)
    while stack:
        value = stack.pop()
        count += 1
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, int):
            size += value.bit_length() // 3 + 1
        elif isinstance(value, Mapping):
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            stack += value
        if count > MOST_STEPS or size > MOST_RENDERED:
            break
    if size > MOST_RENDERED:
        raise TooMuchError(f"a value has more than {MOST_RENDERED:,} characters")
    _take(count + size // _UNIT)
    return size


@pass_context  # with the context, so that no output is computed at compile time
def _finalize(_: Any, value: Any) -> Any:
    if value is None:
        raise SecurityError("a value is null, which is not text: test for it, or give it a default")
    _charge(value)
    _require_text(value)
    return value


def _require_text(*values: Any) -> None:
    """Refuse to show an object: its text has an address or a name that another process does not have.

    The values have been charged, so that there are not too many of them.
    """
    stack = list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | KeysView | ValuesView | ItemsView):
            stack += value
        elif not isinstance(value, _SHOWN):
            raise SecurityError(f"a {type(value).__name__} has no text: go through it, or call it")


def _bound(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that takes steps for what it gets and returns."""

    @functools.wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        first = 1 if hasattr(function, "jinja_pass_arg") else 0
        given = (*args[first:], *kwargs.values())
        size = _charge(*given)
        if name in _READING:
            _require_text(*given)
        numbers = [number for number in given[1:] if isinstance(number, int)]
        _refuse_growth(name, given, size, max([0, *numbers]))
        result = function(*args, **kwargs)
        if isinstance(result, str | list | dict | tuple | int):
            _charge(result)
        return result

    return bounded


def _refuse_growth(name: str, given: tuple[Any, ...], size: int, number: int) -> None:
    """Raise TooMuchError for a filter whose result can be much larger than what it gets."""
    text = given[0] if isinstance(given[0], str) else ""
    if name in ("indent", "center", "wordwrap", "batch", "slice", "truncate"):
        _refuse_size((text.count("\n") + 1) * (number + size) if name != "wordwrap" else size * size // max(1, number))
        _take(number // _UNIT if name not in ("batch", "slice") else number)
    elif name == "replace":
        _refuse_replacing(str(given[0]), given[1:])
    elif name == "format":
        _refuse_format(text, given[1:])
    elif name == "tojson" and number > _MOST_DIGITS:
        raise SecurityError(f"tojson indents by {_MOST_DIGITS} characters at most")
    elif name == "sum" and any(isinstance(value, str | list | tuple) for value in given[2:]):
        raise SecurityError("sum adds numbers")
    elif name == "round" and number > _MOST_DIGITS:
        raise SecurityError(f"round takes {_MOST_DIGITS} digits at most")


def _refuse_size(size: int) -> None:
    if size > MOST_RENDERED:
        raise TooMuchError(f"a value has more than {MOST_RENDERED:,} characters")


def _refuse_replacing(text: str, args: tuple[Any, ...]) -> None:
    if len(args) >= 2:
        old, new = str(args[0]), str(args[1])
        _refuse_size(len(text) + (text.count(old) if old else len(text) + 1) * len(new))


def _refuse_format(text: str, args: Any) -> None:
    """Refuse widths of four digits and more, and results that can be too large."""
    if _WIDE.search(text):
        raise SecurityError("a format may have widths of three digits at most")
    values = args if isinstance(args, tuple) else tuple(args.values()) if isinstance(args, Mapping) else (args,)
    _refuse_size(len(text) + text.count("%") * max([0, *(_charge(value) for value in values)]) + text.count("%") * 999)


def _refuse_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _LARGEST_POWER:
        raise TooMuchError("the power is too large a number")


def _refuse_product(left: Any, right: Any) -> None:
    for value, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(value, str | list | tuple):
            _refuse_size((_charge(value) + 1) * max(0, times))
            _take(len(value) * max(0, times) if not isinstance(value, str) else 0)


def _refuse_method(kind: type, owner: Any, name: str, args: tuple[Any, ...]) -> None:
    if name not in _METHODS[kind]:
        raise SecurityError(f"{name}() of {kind.__name__} is not available")
    _charge(owner)
    if name == "replace":
        _refuse_replacing(owner, args)
    elif name == "join" and args:
        args = (list(args[0]),) if isinstance(args[0], Iterator) else args
        _refuse_size(_charge(*args) + len(owner) * (len(args[0]) if hasattr(args[0], "__len__") else 0))
    elif name in ("center", "ljust", "rjust", "zfill"):
        _refuse_size(max([0, *(number for number in args if isinstance(number, int))]))


def _refuse_parts(value: Any, name: Any) -> None:
    """Refuse attributes of functions and classes: those of this module are not the ones that jinja itself has."""
    if isinstance(value, _FUNCTIONS):
        raise SecurityError(f'"{name}" of a function is not available')


def _lipsum(*_: Any, **__: Any) -> NoReturn:
    raise SecurityError("lipsum() is not available: its text is random")


def _range(*args: int) -> range:
    """Python's range, of the numbers that a rendering can go through."""
    found = range(*args)
    if len(range(*args)[: MOST_STEPS + 1]) > MOST_STEPS:
        raise TooMuchError(f"it takes more than {MOST_STEPS:,} steps")
    return found


def _each(values: Iterable[Any], weight: int) -> Iterator[Any]:
    """Go through the values of a loop whose body has `weight` characters of text."""
    done = 0
    for value in values:
        done += weight
        _take(1 + done // _UNIT)
        done %= _UNIT
        yield value


def _concat(values: list[Any]) -> str:
    _charge(*values)
    _require_text(*values)
    return "".join(map(str, values))


def _start(size: int) -> str:
    _take(1 + size // _UNIT)
    return ""


@pass_context
def _join(context: Any, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    """Join texts, as jinja's own filter does, once their size is known."""
    from jinja2.filters import make_attrgetter

    read = make_attrgetter(context.environment, attribute) if attribute is not None else lambda item: item
    parts = []
    for item in value:
        _take(1)
        part = read(item)
        if not isinstance(part, str):
            _charge(part)
            _require_text(part)
        parts.append(str(part))
    _charge(parts, len(d))
    _refuse_size(sum(map(len, parts)) + len(d) * len(parts))
    return str(d).join(parts)
