from __future__ import annotations

from evalgate.domain.expressions import RenderingError


def test_an_error_of_a_template_is_a_value_error_with_its_place() -> None:
    error = RenderingError("`name` is undefined", 3, "head.jinja", name="name")
    assert isinstance(error, ValueError) and str(error) == "`name` is undefined"
    assert (error.line, error.file, error.name) == (3, "head.jinja", "name")
