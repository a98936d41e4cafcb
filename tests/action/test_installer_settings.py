"""What the installer of the action takes over from pip's settings, and where it says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from action import package_index

from evalgate.action import installer_settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "evalgate/action/installer_settings.py"
PLAIN = {"PATH": os.environ["PATH"], "HOME": os.devnull}


def settings(**environment: str) -> dict[str, str]:
    """Run the file as the action does; the real pip reads its settings."""
    done = subprocess.run(
        [sys.executable, "-I", str(FILE)], env={**PLAIN, **environment}, capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_a_file_and_variables_of_pip_reach_uv(tmp_path: Path) -> None:
    """`user` is an option of `pip config` as well: it must hide no file."""
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://me:pw@index.example/simple\nuser = true\ntrusted-host =\n    a.example\n    b.example:8443\n"
        "[install]\nproxy = proxy.example:3128\nrequire-virtualenv = true\n"
    )
    found = settings(PIP_CONFIG_FILE=str(file), PIP_FIND_LINKS="/one /two", PIP_CERT="/ca.pem", PIP_NO_INDEX="1")
    assert found["UV_DEFAULT_INDEX"] == "https://me:pw@index.example/simple"
    assert found["UV_INSECURE_HOST"] == "a.example b.example:8443"
    assert found["UV_FIND_LINKS"] == "/one,/two"
    assert found["HTTPS_PROXY"] == found["HTTP_PROXY"] == "http://proxy.example:3128"
    assert found["SSL_CERT_FILE"] == "/ca.pem" and "UV_SYSTEM_CERTS" not in found
    assert found["EVALGATE_UV_OPTIONS"] == "--no-index"


def test_a_variable_overrides_the_files_and_install_overrides_global() -> None:
    listed = "global.index-url='https://a'\ninstall.index-url='https://b'\nfreeze.user='1'\n:env:.cert=''\n"
    assert installer_settings.read_settings(listed) == {"index-url": "https://b"}
    assert installer_settings.read_settings(listed + ':env:.index-url="https://c"\n') == {"index-url": "https://c"}


def test_settings_of_uv_come_first() -> None:
    pip = {"index-url": "https://a", "extra-index-url": "https://b\nhttps://c"}
    found = installer_settings.translate(pip, {"UV_DEFAULT_INDEX": "https://own", "SSL_CERT_FILE": "/own.pem"})
    assert "UV_DEFAULT_INDEX" not in found and found["UV_INDEX"] == "https://b https://c"
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert "UV_DEFAULT_INDEX" not in installer_settings.translate(pip, {"UV_INDEX_URL": "https://own"})


def test_certificates_that_pip_takes_from_the_environment_are_taken() -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert installer_settings.translate({}, {name: "/ca.pem"}) == {"SSL_CERT_FILE": "/ca.pem"}
        assert installer_settings.translate({}, {name: "/ca.pem", "SSL_CERT_FILE": "/own.pem"}) == {}
    found = installer_settings.translate({"cert": "/ca.pem"}, {"SSL_CERT_FILE": "/own.pem"})
    assert found == {"SSL_CERT_FILE": "/ca.pem"}


def install(folder: Path, python: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the first step of the action with the imitated index."""
    folder.mkdir()
    step = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][0]
    given = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_ACTION_PATH": str(ROOT)}
    order = ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", step["run"]]
    return subprocess.run(
        order, cwd=folder, env={**PLAIN, **given, "EVALGATE_PYTHON": python, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def python(tmp_path: Path) -> str:
    return str(package_index.write(tmp_path / "tools") / "python3")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PIP_INDEX_URL": "https://index.example/simple", "PIP_CERT": "/ca.pem", "PIP_PROXY": "http://proxy:3128"},
        {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "true"},
    ],
)
def test_the_action_is_installed_with_the_settings_of_the_runner(
    python: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = install(tmp_path / "runner", python, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    interpreter = (tmp_path / "runner/output").read_text().strip().removeprefix("python=")
    code = "import evalgate.action, pandas; print(evalgate.__file__)"
    said = subprocess.run([interpreter, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert Path(said.strip()).is_relative_to(ROOT)


def test_a_python_without_pip_is_told_in_one_sentence(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = install(tmp_path / "runner", str(bare / "bin/python"))
    assert done.returncode == 1
    assert done.stderr == "evalgate needs a Python with pip: use actions/setup-python, or set the input python\n"
