"""Reader of the targets in evalgate.yml, and of the identity under which their answers are cached."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from evalgate.domain import EMBEDDED_MODELS, Gate, Json, Judge, Prices, Target
from evalgate.domain.similarity import Similarity
from evalgate.domain.target import STARTUP_TIMEOUT
from evalgate.inputs.environment import EnvironmentReader, has_reference, read_reference
from evalgate.inputs.formats.nodes import Node
from evalgate.inputs.list_prices import find_list_prices
from evalgate.inputs.paths import PathResolver
from evalgate.inputs.prompt_files.prompt_keys import NOT_PARAMETERS
from evalgate.inputs.schema_check import SchemaCheck, describe_unknown

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_KEY_HINT = "never write a key into a file: set api_key_env to the NAME of the environment variable with the key"
KEY_HINTS = dict.fromkeys(
    ("api_key", "apikey", "api-key", "key", "token", "secret", "password", "authorization"), _KEY_HINT
)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_SECRET_HEADER = re.compile(
    r"(^|[-_])(api)?(auth|authorization|key|token|secret|password|credentials?|cookie|signature)([-_]|$)"
)
_FRAMING_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"}
    | {"keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_OWN_SETTINGS = {
    "model": 'use the target\'s own "model"',
    "stream": 'use the target\'s own "stream"',
    "response_format": 'use the target\'s own "response_format", which is for judges, or that of a prompt',
}


def read_target(
    name: str, node: Node, checker: SchemaCheck, files: PathResolver, environment: EnvironmentReader
) -> Target | None:
    """Read one target. If it is invalid, add faults at their places and return None."""
    kind = node["type"].data
    settings: Mapping[str, Any] = {}
    model = _read_text(node, "model")
    match kind:
        case "openai":
            model = environment.read(node.get("model"), "model")
            settings = _read_settings(node, checker)
            found = _read_openai(node, checker, environment)
            if model is None and node.get("model") is not None:
                return None
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
    identity += _identify_headers(settings.get("headers", {}))
    prices, version, stripped = node.get("prices"), node.get("version"), node.get("strip_reasoning")
    listed = find_list_prices(location) if kind == "openai" and prices is None else None
    options: dict[str, Json] = {} if version is None else {"version": version.data}
    return Target(
        name=name,
        kind=kind,
        location=location,
        identity=identity,
        model=model,
        api_key_env=_read_text(node, "api_key_env"),
        recordings=replayed,
        prices=None if prices is None else Prices(**prices.data),
        options=options,
        strip_reasoning=stripped is not None and stripped.data,
        startup_timeout=_read_startup_timeout(node),
        unset=tuple(environment.unset),
        url_variables=environment.used.get("base_url", ()),
        list_prices=listed if settings.get("azure_version") is None else None,
        **settings,
    )


def _read_startup_timeout(node: Node) -> float:
    seconds = node.get("startup_timeout")
    return STARTUP_TIMEOUT if seconds is None else float(seconds.data)


def _read_settings(node: Node, checker: SchemaCheck) -> Mapping[str, Any]:
    """Return the fields of a Target that only an endpoint has, and that are given."""
    given = {key: child.data for key, child in node.items() if key in ("response_format", "timeout", "stream")}
    parameters, headers, azure = node.get("parameters"), node.get("headers"), node.get("azure")
    if parameters is not None:
        for key, _ in parameters.items():
            if key in NOT_PARAMETERS:
                checker.add_fault(parameters, f'"{key}" cannot be a parameter', _OWN_SETTINGS.get(key), key=key)
        given["parameters"] = dict(parameters.data)
    if headers is not None:
        given["headers"] = _read_headers(headers, checker)
    if azure is not None:
        given["azure_version"] = azure["api_version"].data
    return given


def _identify_headers(headers: Mapping[str, str]) -> str:
    """Return the headers that may choose who answers, with their variables, as a fragment of the identity.

    A header with a secret by its name is none of them, so that a secret can be renamed and moved to another header.
    """
    listed = sorted(f"{name}={variable}" for name, variable in headers.items() if not _SECRET_HEADER.search(name))
    return f"#{'&'.join(listed)}" if listed else ""


def _read_headers(node: Node, checker: SchemaCheck) -> dict[str, str]:
    """Return the variables with the values of the headers, by the name of the header in small letters."""
    found: dict[str, str] = {}
    for key, child in node.items():
        name = key.lower()
        if not _HEADER_NAME.fullmatch(key):
            checker.add_fault(node, "this is not the name of a header", "such as X-Gateway-Key", key=key)
        elif name in _FRAMING_HEADERS:
            checker.add_fault(node, f'the header "{key}" belongs to the connection and cannot be set', key=key)
        elif name in found:
            checker.add_fault(node, f'the header "{key}" is given twice; capital letters make no difference', key=key)
        found[name] = read_reference(child.data)
    return found


def _read_openai(target: Node, checker: SchemaCheck, environment: EnvironmentReader) -> tuple[str, str] | None:
    """Return the base URL, and an identity without parts that may contain a secret.

    The identity has a digest of the query, because a query may contain a secret but also an API version, which changes
    answers. A secret of a variable is replaced by its digest in the path, because it may name who answers.
    """
    node, azure = target.get("base_url"), target.get("azure")
    if node is None and azure is not None:
        checker.add_fault(azure, '"azure" needs a "base_url": the resource, such as https://NAME.openai.azure.us')
    if node is None:
        return DEFAULT_BASE_URL, DEFAULT_BASE_URL
    written = environment.read(node, "base_url")
    if written is None or has_reference(written):
        return None if written is None else (written, written)
    parts = _read_url(node, written, checker)
    if parts is None:
        return None
    query = parts.query
    if azure is not None and query:
        checker.add_fault(node, '"base_url" has a query beside "azure": keep the API version in one place')
    elif azure is not None:
        query = f"api-version={azure['api_version'].data}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    netloc = str(host) if parts.port is None else f"{host}:{parts.port}"
    hidden = f"query-sha256={_digest_secret(query)}" if query else ""
    path = parts.path
    for secret in sorted(environment.secrets.get("base_url", ()), key=len, reverse=True):
        path = path.replace(secret, f"sha256={_digest_secret(secret)}")
    return written.strip(), urlunsplit((parts.scheme, netloc, path.rstrip("/"), hidden, ""))


def _digest_secret(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_url(node: Node, written: str, checker: SchemaCheck) -> SplitResult | None:
    """Return the parts of a base URL, or None with a fault, which does not quote it: it may contain a secret."""
    url = written.strip()
    message, hint = None, f"such as {DEFAULT_BASE_URL}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        checker.add_fault(node, '"base_url" is not a URL', hint)
        return None
    if "@" in parts.netloc:
        message, hint = '"base_url" must not contain a user name or password', _KEY_HINT
    elif parts.scheme not in ("http", "https") or not parts.hostname or any(sign.isspace() for sign in url):
        message = '"base_url" must be an http:// or https:// URL'
    if message is None:
        return parts
    checker.add_fault(node, message, hint)
    return None


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


def require_prices(
    root: Node, checker: SchemaCheck, targets: Mapping[str, Target | None], gates: Sequence[Gate | None]
) -> None:
    """Add a fault for each target in use without prices: a limit in dollars needs the price of each call.

    List prices are enough where they have all models that are known.
    """
    used = {name for gate in gates if gate is not None for name in (gate.candidate_target, gate.baseline_target)}
    others: list[Judge | Similarity] = [judge for gate in gates if gate is not None for judge in gate.judges]
    others += [gate.similarity for gate in gates if gate is not None and gate.similarity is not None]
    asked = {name: {other.model for other in others if other.target == name} for name in targets}
    used |= {other.target for other in others}
    for name, target in targets.items():
        if name not in used or target is None or target.kind != "openai" or target.prices is not None:
            continue
        # the model of a prompt is not known yet
        models = {model or target.model for model in asked[name] | {target.model}} - {None}
        if target.list_prices is None or any(target.find_list_price(model) is None for model in models):
            checker.add_fault(
                root["targets"][name],
                f'"prices" is missing in the target "{name}": without it "max_cost_usd" cannot stop a run',
                "add prices: {input: DOLLARS, output: DOLLARS}, per million tokens",
            )
