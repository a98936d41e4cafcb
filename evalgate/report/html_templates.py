"""The templates of the pages of HTML: style, script, security policy, and the escaping of all that they print.

The templates escape every value that they print. Only the filter `block` returns text that is escaped already.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from evalgate.domain.numbers import show_count
from evalgate.report.escape import address, is_address, page, page_block, prose
from evalgate.report.glue import join_units

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LONGEST_NAME = 200


class PageTemplates:
    """The templates of pages which have these files of `templates` as their one style, and `script` as their script.

    Without a `script` the security policy allows none. `functions` and `filters` are those of the templates of one kind
    of page.
    """

    def __init__(
        self,
        *styles: str,
        script: str = "",
        functions: Mapping[str, Any] | None = None,
        filters: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._environment = _make_environment()
        style = "\n" + "".join(map(_read_resource, styles))
        code = _read_resource(script) if script else ""
        self._environment.globals |= {
            "style": _mark(style),
            "style_digest": _digest(style),
            "script": _mark(code),
            "script_digest": _digest(code),
            **(functions or {}),
        }
        self._environment.filters |= filters or {}

    def render(self, template: str, /, **values: object) -> str:
        """Render the template of this name. Raises UndefinedError for a value that is missing."""
        return self._environment.get_template(template).render(**values)


def _read_resource(name: str) -> str:
    return files("evalgate.report").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _make_environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("evalgate.report"),
        auto_reload=False,
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(page(str(value))),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"address": address, "is_address": is_address, "show_count": show_count}
    environment.globals["zip"] = partial(zip, strict=True)
    environment.filters |= {
        "block": lambda text: _mark(page_block(text)),
        "name": partial(prose, most=LONGEST_NAME),
        "prose": prose,
        "sentence": lambda text: join_units(prose(text)),
        "tone": _tone,
    }
    return environment


def _mark(text: str) -> Markup:
    """Return text that is escaped already, or is ours."""
    from markupsafe import Markup

    return Markup(text)


def _tone(words: str) -> str:
    """Return the colour class of a decision; it only repeats the meaning of the words."""
    if words.endswith("awaiting sign-off"):
        return "unsure"
    passes = dict.fromkeys(("PASS", "HOLDS", "met"), "pass")
    tones = {**passes, "FAIL": "fail", **dict.fromkeys(("INCONCLUSIVE", "undecided", "warning"), "unsure")}
    return next((tone for word, tone in tones.items() if words.startswith(word)), "plain")
