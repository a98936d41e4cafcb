"""The secrets of a configuration, and the masks in force, which the output streams of the process use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from evalgate.domain.inputs import Config
from evalgate.mask import Mask, find_environment_keys, find_path_secrets, find_url_secrets, is_secret_variable


def make_mask(config: Config, environment: Mapping[str, str], others: Iterable[str] = ()) -> Mask:
    """Return the mask for all secrets in the environment variables and URLs of a configuration, and others.

    A variable in a URL is a secret if its name says so, or if its value looks like a key. The passwords of the proxies
    in the environment are secrets, too. So are the keys in the environment where a function of the user answers: no
    setting names those that it reads.
    """
    urls = [target.location for target in config.targets.values()]
    proxies = [value.strip() for name, value in environment.items() if name.lower().endswith("_proxy")]
    urls += [url if "://" in url else f"http://{url}" for url in proxies]
    urls += [config.release.registry] if config.release is not None else []
    in_urls = (value for url in urls for value in find_url_secrets(url))
    named = [name for target in config.targets.values() for name in target.url_variables]
    given = ((name, environment.get(name, "").strip()) for name in named)
    secret = [value for name, value in given if is_secret_variable(name, value)]
    in_variables = [part for value in secret for part in (value, *find_path_secrets(value))]
    variables = (environment.get(name) for name in list_secret_variables(config))
    has_function = any(target.kind == "python" for target in config.targets.values())
    keys = find_environment_keys(environment) if has_function else ()
    return Mask([*variables, *in_urls, *in_variables, *keys, *others])


def list_secret_variables(config: Config) -> tuple[str, ...]:
    """Return the environment variables that contain secrets: the settings `..._env`, and the targets' headers."""
    settings = [(of.name, getattr(target, of.name)) for target in config.targets.values() for of in fields(target)]
    settings += [option for target in config.targets.values() for option in target.options.items()]
    named = [str(value) for name, value in settings if name.endswith("_env") and value]
    if config.release is not None:
        named += config.release.secret_variables
    return tuple(
        dict.fromkeys([*named, *(name for target in config.targets.values() for name in target.headers.values())])
    )


_IN_FORCE: list[Mask] = []


@contextlib.contextmanager
def in_force(mask: Mask) -> Iterator[None]:
    """Make `mask_text` mask these secrets inside the block, in all threads. A user's function may print a secret."""
    _IN_FORCE.append(mask)
    try:
        yield
    finally:
        _IN_FORCE.remove(mask)


def mask_text(text: str) -> str:
    """Return the text with the secrets of all masks in force masked. Used for the process's output streams."""
    for mask in _IN_FORCE:
        text = mask.text(text)
    return text


def count_open(text: str) -> int:
    """Return how many characters at the text's end may begin a secret of a mask in force."""
    return max((mask.count_open(text) for mask in _IN_FORCE), default=0)
