"""Fake `python3`, `pip` and `uv` for a machine without a package index, whose packages are installed already.

`write` makes a folder of commands for the start of PATH. They refuse an installation that is not locked by hashes, or
that would read its configuration from the workspace. `pip` refuses what the real one refuses with `--target`, and `uv`
an index, a proxy or a certificate that only pip was told.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

SHIM = '#!/bin/sh\nexec "{python}" "{script}" {name} "$@"\n'
LOCKED = ("--require-hashes", "--no-deps", "--only-binary")
SAME = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_PROXY": "HTTPS_PROXY", "PIP_CERT": "SSL_CERT_FILE"}


COMMIT = "git+https://github.com/OWNER/evalgate@0123456789abcdef0123456789abcdef01234567"
"""The source that the workflows of the documentation install from."""


def write(folder: Path) -> Path:
    """Make the folder for PATH. `python3` and `python` run this interpreter, except for `-m pip install`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python3", "python", "pip", "evalgate"):
        _shim(folder / name, name)
    return folder


def _shim(path: Path, name: str) -> None:
    path.write_text(SHIM.format(python=sys.executable, script=__file__, name=name), encoding="utf-8")
    path.chmod(0o755)


def python(arguments: list[str]) -> None:
    plain = [word for word in arguments if word != "-I"]
    if plain[:3] != ["-m", "pip", "install"]:
        os.execv(sys.executable, [sys.executable, *arguments])
    if "-I" not in arguments:
        sys.exit("pip without -I: the folder it runs in is on sys.path")
    for name in ("PIP_USER", "PIP_REQUIRE_VIRTUALENV"):
        if os.environ.get(name, "0") != "0":
            sys.exit(f"pip with {name} and --target")
    _locked(plain)
    target = Path(plain[plain.index("--target") + 1]) / "bin"
    target.mkdir(parents=True)
    _shim(target / "uv", "uv")


def uv(arguments: list[str]) -> None:
    """Act as uv: `uv venv` makes a real virtual environment, `uv pip install` links the packages of this one."""
    if "--no-config" not in arguments:
        sys.exit("uv without --no-config: it reads a uv.toml")
    if arguments[0] == "venv":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", arguments[-1]], check=True)
    elif arguments[:2] == ["pip", "install"]:
        _locked(arguments)
        for pip_name, name in SAME.items():
            if os.environ.get(pip_name) and os.environ.get(name) != os.environ[pip_name]:
                sys.exit(f"uv without {name}, which pip was told as {pip_name}")
        environment = Path(arguments[arguments.index("--python") + 1])
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
        (packages / "zz-index.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    else:
        sys.exit(f"uv {arguments}: not known here")


def _locked(arguments: list[str]) -> None:
    for word in LOCKED:
        if word not in arguments:
            sys.exit(f"an installer without {word}: {arguments}")
    lock = Path(arguments[arguments.index("-r") + 1]).read_text(encoding="utf-8")
    if "--hash=sha256:" not in lock:
        sys.exit("a lock without hashes")


def pip(arguments: list[str]) -> None:
    if arguments not in (["install", "prompt-evalgate"], ["install", COMMIT]):
        sys.exit(f"pip {arguments}: not known here")


def main(name: str, arguments: list[str]) -> None:
    if name == "evalgate":
        code = "from evalgate.cli import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", code, *arguments])
    {"python": python, "python3": python, "pip": pip, "uv": uv}[name](arguments)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
