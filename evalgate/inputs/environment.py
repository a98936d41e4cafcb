"""References to environment variables in evalgate.yml: `${NAME}` in a target's URL and model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalgate.domain import UnsetVariable
from evalgate.errors import Fault
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.schema_check import SchemaCheck
from evalgate.mask import SHORTEST_SECRET, find_path_secrets, is_secret_variable

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LIKE_REFERENCE = re.compile(r"^\$[A-Za-z_][A-Za-z0-9_]*$|\$\{")


class EnvironmentReader:
    """Replaces `${NAME}` by the variables of `environment`; one reader for each target.

    With None, references are left as they are. So are those to variables that are not set, or blank: `unset` collects
    them. They are faults only where the target is needed. `used` has the variables by the key that names them, and
    `secrets` those of their values that are to be shown nowhere, and the parts of these that are secrets themselves.
    """

    def __init__(self, environment: Mapping[str, str] | None, checker: SchemaCheck) -> None:
        self.unset: list[UnsetVariable] = []
        self.used: dict[str, tuple[str, ...]] = {}
        self.secrets: dict[str, tuple[str, ...]] = {}
        self._environment = environment
        self._checker = checker

    def read(self, node: Node | None, key: str) -> str | None:
        """Return the text of a key's value with its references replaced; None if it is absent.

        None as well if it is malformed: then a fault is added.
        """
        if node is None:
            return None
        text = str(node.data)
        if _LIKE_REFERENCE.search(_REFERENCE.sub("", text)):
            self._checker.add_fault(
                node,
                f'"{key}" has a "$" that begins no reference to an environment variable',
                "write ${NAME}, with letters, digits and _ in its name; there is no default value",
            )
            return None
        if self._environment is None:
            return text
        self.used[key] = tuple(dict.fromkeys(_REFERENCE.findall(text)))
        values = {name: self._environment.get(name, "").strip() for name in self.used[key]}
        secrets = [value for name, value in values.items() if is_secret_variable(name, value)]
        parts = [part for value in secrets for part in (value, *find_path_secrets(value))]
        self.secrets[key] = tuple(part for part in parts if len(part) >= SHORTEST_SECRET)
        for name, value in values.items():
            if not value:
                self._add_unset(node, key, name)
            elif not value.isprintable():
                self._checker.add_fault(node, f'"{key}": the environment variable {name} has control characters')
                return None
        return _REFERENCE.sub(lambda found: values[found[1]] or found[0], text)

    def _add_unset(self, node: Node, key: str, name: str) -> None:
        message = f'"{key}": the environment variable {name} is not set'
        hint = f"set {name}, or name a file that sets it with --env-file FILE; or write the value here"
        fault = Fault(message=message, place=node.place(self._checker.path), hint=hint)
        self.unset.append(UnsetVariable(name=name, fault=fault))


def has_reference(text: str) -> bool:
    """Return True if a text has a reference, because it was not resolved."""
    return _REFERENCE.search(text) is not None


def read_reference(text: str) -> str:
    """Return the name of the variable in a text that is one reference."""
    found = _REFERENCE.fullmatch(text)
    assert found is not None
    return found[1]
