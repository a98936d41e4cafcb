"""Reader of the targets in evalgate.yml, and of the identity under which their answers are cached."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit, urlunsplit

from evalgate.domain import EMBEDDED_MODELS, Json, Prices, Target
from evalgate.domain.inputs import STARTUP_TIMEOUT
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.paths import PathResolver
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_KEY_HINT = "never write a key into a file: set api_key_env to the NAME of the environment variable with the key"
KEY_HINTS = dict.fromkeys(
    ("api_key", "apikey", "api-key", "key", "token", "secret", "password", "authorization", "headers"), _KEY_HINT
)


def read_target(name: str, node: Node, checker: SchemaCheck, files: PathResolver) -> Target | None:
    """Read one target. If it is invalid, add faults at their places and return None."""
    kind = node["type"].data
    match kind:
        case "openai":
            found = _read_openai(node.get("base_url"), checker)
        case "local":
            found = _read_local(node["model"], checker)
        case "recorded":
            found = _read_recorded(node["path"], checker, files)
        case _:
            found = _read_python(node)
    recordings = node.get("recordings")
    replayed = files.resolve(recordings) if recordings is not None else None
    if found is None or (recordings is not None and replayed is None):
        return None
    location, identity = found
    prices, version, stripped = node.get("prices"), node.get("version"), node.get("strip_reasoning")
    options: dict[str, Json] = {} if version is None else {"version": version.data}
    return Target(
        name=name,
        kind=kind,
        location=location,
        identity=identity,
        model=_read_text(node, "model"),
        api_key_env=_read_text(node, "api_key_env"),
        recordings=replayed,
        prices=None if prices is None else Prices(input=prices["input"].data, output=prices["output"].data),
        options=options,
        strip_reasoning=stripped is not None and stripped.data,
        startup_timeout=_read_startup_timeout(node),
    )


def _read_startup_timeout(node: Node) -> float:
    seconds = node.get("startup_timeout")
    return STARTUP_TIMEOUT if seconds is None else float(seconds.data)


def _read_openai(node: Node | None, checker: SchemaCheck) -> tuple[str, str] | None:
    """Return the base URL, and an identity without parts that may contain a secret.

    The identity has a digest of the query, because a query may contain a secret but also an API version, which changes
    answers. Faults do not quote the URL, because it may contain a secret.
    """
    if node is None:
        return DEFAULT_BASE_URL, DEFAULT_BASE_URL
    url = node.data.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        checker.add_fault(node, '"base_url" is not a URL', f"such as {DEFAULT_BASE_URL}")
        return None
    if "@" in parts.netloc:
        checker.add_fault(node, '"base_url" must not contain a user name or password', _KEY_HINT)
        return None
    if parts.scheme not in ("http", "https") or not host or any(sign.isspace() for sign in url):
        checker.add_fault(node, '"base_url" must be an http:// or https:// URL', f"such as {DEFAULT_BASE_URL}")
        return None
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port is None else f"{shown}:{port}"
    query = f"query-sha256={hashlib.sha256(parts.query.encode()).hexdigest()[:16]}" if parts.query else ""
    return url, urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), query, ""))


def _read_local(node: Node, checker: SchemaCheck) -> tuple[str, str] | None:
    model = EMBEDDED_MODELS.get(node.data)
    if model is None:
        message, hint = describe_unknown("model", node.data, EMBEDDED_MODELS)
        checker.add_fault(node, message, hint)
        return None
    return model.name, f"local:{model.sha256}"


def _read_recorded(node: Node, checker: SchemaCheck, files: PathResolver) -> tuple[str, str] | None:
    path = files.find(node)
    if path is None:
        return None
    return path, f"recorded:{hashlib.sha256(files.tree.read(path)).hexdigest()}"


def _read_python(node: Node) -> tuple[str, str]:
    function, version = node["function"].data, node.get("version")
    return function, f"python:{function}" + ("" if version is None else f"@{version.data}")


def _read_text(node: Node, key: str) -> str | None:
    child = node.get(key)
    return None if child is None else str(child.data)
