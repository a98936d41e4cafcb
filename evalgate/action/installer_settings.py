"""Print pip's settings of index, proxy and certificates as variables of uv, one `NAME=VALUE` a line.

The action runs this file before anything is installed, so it imports the standard library alone. Settings of uv that
the environment has already come first, and are not printed.
"""

from __future__ import annotations

import ast
import os
import platform
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SECTIONS = ("global", "install", ":env:")
"""Where pip reads a setting from; a later one overrides an earlier one."""
_YES = {"1", "true", "yes", "on", "y", "t"}


def main() -> None:
    """Read the settings of the pip that belongs to this interpreter, and print those of uv."""
    order = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "config", "list"]
    # for `pip config`, `user` means that only the user's file is read
    plain = {**os.environ, "PIP_USER": "0"}
    listed = subprocess.run(order, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=plain, check=False).stdout
    for name, value in translate(read_settings(listed), os.environ).items():
        sys.stdout.buffer.write(f"{name}={value}\n".encode())  # without carriage returns, on Windows as well


def read_settings(listed: str) -> dict[str, str]:
    """Return the settings that `pip config list` prints as `SECTION.NAME='VALUE'`, as they hold for `pip install`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found and value:
            found[section][key] = str(ast.literal_eval(value)).strip()
    return {key: value for section in SECTIONS for key, value in found[section].items() if value}


def translate(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables for pip's settings, without those that the environment has."""
    told = {
        "UV_DEFAULT_INDEX": pip.get("index-url"),
        "UV_INDEX": _join(pip.get("extra-index-url"), " "),
        # pip takes the best file of all indexes; the hashes of the lock say which files are meant
        "UV_INDEX_STRATEGY": "unsafe-best-match" if "extra-index-url" in pip else None,
        "UV_FIND_LINKS": _join(pip.get("find-links"), ","),
        "UV_INSECURE_HOST": _join(pip.get("trusted-host"), " "),
        "UV_HTTP_TIMEOUT": pip.get("timeout") or pip.get("default-timeout"),
        "SSL_CLIENT_CERT": pip.get("client-cert"),
        "EVALGATE_UV_OPTIONS": "--no-index" if pip.get("no-index", "").lower() in _YES else None,
    }
    if "UV_INDEX_URL" in environment:
        del told["UV_DEFAULT_INDEX"]
    found = {name: value for name, value in told.items() if value and not environment.get(name)}
    return {**found, **_translate_connection(pip, environment)}


def _translate_connection(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return proxy and certificates; pip's own go before those of the environment, as they do in pip."""
    found: dict[str, str] = {}
    if proxy := pip.get("proxy"):
        address = proxy if "://" in proxy else f"http://{proxy}"
        found |= dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), address)
    bundle = pip.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
    if bundle and ("cert" in pip or not environment.get("SSL_CERT_FILE")):
        found["SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE"] = bundle
    elif not bundle and not environment.get("UV_SYSTEM_CERTS") and _has_system_certificates():
        found["UV_SYSTEM_CERTS"] = "true"  # as pip does
    return found


def _has_system_certificates() -> bool:
    if platform.system() in {"Darwin", "Windows"}:
        return True
    paths = ssl.get_default_verify_paths()  # None for what does not exist
    return bool(paths.cafile) or (bool(paths.capath) and any(Path(paths.capath).iterdir()))


def _join(value: str | None, separator: str) -> str | None:
    return value and separator.join(value.split())


if __name__ == "__main__":
    main()
