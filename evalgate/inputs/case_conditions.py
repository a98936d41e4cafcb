"""Reader of the conditions `when` and `unless` of a check or judge."""

from __future__ import annotations

from evalgate.domain import Condition
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck


def read_condition(node: Node | None, checker: SchemaCheck) -> Condition | None:
    """Return the condition at a node that the schema accepts; None without one.

    Adds a fault for a field without its value, and for a value without its field.
    """
    if node is None:
        return None
    given = node.data
    compared = [key for key in ("equals", "in") if key in given]
    if "field" in given and not compared:
        checker.add_fault(
            node, '"field" needs "equals" or "in"', "or use `has: [FIELD]`, for cases that have the field"
        )
    elif compared and "field" not in given:
        checker.add_fault(node, f'"{compared[0]}" needs "field"', "add `field: NAME`", key=compared[0])
    return Condition(
        tags=tuple(given.get("tags", ())),
        ids=tuple(given.get("ids", ())),
        has=tuple(given.get("has", ())),
        field=given.get("field"),
        place=node.place(checker.path),
        values=tuple(given["in"]) if "in" in given else (given.get("equals"),) if "equals" in given else (),
    )
