"""Fakes of the actions of github.com, so that a workflow runs offline; called by the folders that `write` makes.

Each changes the job's folder as the real action does, and nothing else: checkout fetches the event's commit from a bare
repository on this disk, caches and artifacts are zip files in a folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import yaml

KNOWN = {
    "actions/checkout": {"repository": "", "ref": "", "token": "${{ github.token }}", "fetch-depth": "1", "fetch-tags": "false", "persist-credentials": "true", "path": "."},
    "actions/cache/restore": {"path": "", "key": "", "restore-keys": "", "fail-on-cache-miss": "false"},
    "actions/cache/save": {"path": "", "key": ""},
    "actions/cache": {"path": "", "key": "", "restore-keys": ""},
    "actions/upload-artifact": {"name": "artifact", "path": "", "if-no-files-found": "warn", "retention-days": "", "include-hidden-files": "false", "overwrite": "false"},
    "actions/download-artifact": {"name": "", "pattern": "", "path": ".", "merge-multiple": "false", "run-id": "${{ github.run_id }}", "github-token": "", "repository": ""},
    "actions/setup-python": {"python-version": "", "cache": ""},
    "pypa/gh-action-pypi-publish": {"packages-dir": "dist", "attestations": "true"},
}  # fmt: skip
OUTPUTS = {
    "actions/checkout": ["ref", "commit"],
    "actions/cache/restore": ["cache-hit"],
    "actions/upload-artifact": ["artifact-id"],
    "actions/setup-python": ["python-path"],
}
PRE_NODE = (
    "require('node:child_process').execFileSync({python}, [{script}, {verb}, {settings}], {{stdio: 'inherit'}});\n"
)
# act runs `post` from a folder beside the one that it unpacked a local repository into, so `main` puts it there as well
MAIN_NODE = """\
const fs = require('node:fs'), path = require('node:path');
const beside = path.join(process.env.RUNNER_TEMP, '..', 'act', 'actions', path.basename(__dirname));
fs.mkdirSync(beside, {recursive: true});
fs.copyFileSync(path.join(__dirname, 'post.js'), path.join(beside, 'post.js'));
"""


def write(folder: Path, *, origin: Path, cache: Path, artifacts: Path, tools: Path) -> dict[str, Path]:
    """Write a folder for each fake action; return a map of repository (`actions/cache` has `restore`, `save`) to folder."""
    settings = {"origin": str(origin), "cache": str(cache), "artifacts": str(artifacts), "tools": str(tools)}
    for name, inputs in KNOWN.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        described = {key: {"description": key, "default": default} for key, default in inputs.items()}
        action = {"name": name, "description": "fake", "inputs": described}
        if name == "actions/cache":
            words = {"python": json.dumps(sys.executable), "script": json.dumps(__file__), "settings": json.dumps(json.dumps(settings))}  # fmt: skip
            main = PRE_NODE.format(verb="'actions/cache/restore'", **words)
            (place / "main.js").write_text(MAIN_NODE + main, encoding="utf-8")
            (place / "post.js").write_text(PRE_NODE.format(verb="'actions/cache/save'", **words), encoding="utf-8")
            action["runs"] = {"using": "node24", "main": "main.js", "post": "post.js", "post-if": "success()"}
        else:
            step = {
                "id": "it",
                "shell": "bash",
                "run": '"$FAKE_PYTHON" "$FAKE_SCRIPT" "$FAKE" "$FAKE_SETTINGS"',
                "env": {
                    "FAKE": name,
                    "FAKE_PYTHON": sys.executable,
                    "FAKE_SCRIPT": __file__,
                    "FAKE_SETTINGS": json.dumps(settings),
                    **{_variable(key): "${{ inputs." + key + " }}" for key in inputs},
                },
            }
            given = OUTPUTS.get(name, [])
            action["outputs"] = {o: {"description": o, "value": "${{ steps.it.outputs." + o + " }}"} for o in given}
            action["runs"] = {"using": "composite", "steps": [step]}
        (place / "action.yml").write_text(yaml.safe_dump(action, sort_keys=False), encoding="utf-8")
    return {name: folder / name for name in KNOWN if name.count("/") == 1}


def _variable(name: str) -> str:
    return "INPUT_" + name.upper()


def _input(name: str) -> str:
    return os.environ.get(_variable(name), "").strip()


def _output(**values: str) -> None:
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name.replace('_', '-')}={value}\n" for name, value in values.items())


def checkout(settings: dict[str, str]) -> None:
    """Run the git commands of actions/checkout, as its log shows them."""
    ref, sha = os.environ["GITHUB_REF"], os.environ["GITHUB_SHA"]
    if wanted := _input("ref"):
        ref, sha = ("", wanted) if len(wanted) == 40 else (f"refs/heads/{wanted.removeprefix('refs/heads/')}", "")
    folder = Path(os.environ["GITHUB_WORKSPACE"]) / _input("path")

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    git("remote", "add", "origin", f"file://{settings['origin']}")
    local = ref.replace("refs/heads/", "refs/remotes/origin/").replace("refs/pull/", "refs/remotes/pull/")
    fetch = ["fetch", "--quiet", "--prune", "--no-recurse-submodules"]
    if _input("fetch-depth") == "0":
        git(*fetch, "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    depth = [] if _input("fetch-depth") == "0" else ["--no-tags", f"--depth={_input('fetch-depth')}"]
    git(*fetch, *depth, "origin", f"+{sha or ref}:{local}" if local else sha)
    if local.startswith("refs/remotes/origin/"):
        git("checkout", "--quiet", "--force", "-B", local.removeprefix("refs/remotes/origin/"), local)
    else:
        git("checkout", "--quiet", "--force", local or sha)
    if _input("persist-credentials") == "true":
        git("config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic " + _input("token"))
    _output(ref=ref, commit=git("rev-parse", "HEAD"))


def cache_restore(settings: dict[str, str]) -> None:
    """Restore the exact key, else the newest one that begins with a restore key."""
    saved = sorted(Path(settings["cache"]).glob("*.zip"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for key in [_input("key"), *_input("restore-keys").splitlines()]:
        for file in saved:
            name = bytes.fromhex(file.stem).decode()
            if name == key or (key != _input("key") and name.startswith(key.strip())):
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(os.environ["GITHUB_WORKSPACE"])
                return _output(cache_hit=str(name == _input("key")).lower())
    return _output(cache_hit="")


def cache_save(settings: dict[str, str]) -> None:
    file = Path(settings["cache"]) / (_input("key").encode().hex() + ".zip")
    if not file.exists():  # a key is written only once
        _pack(file, Path(os.environ["GITHUB_WORKSPACE"]), _input("path"), from_root=True)


def upload(settings: dict[str, str]) -> None:
    file = Path(settings["artifacts"]) / os.environ["GITHUB_RUN_ID"] / f"{_input('name')}.zip"
    if file.exists() and _input("overwrite") != "true":
        sys.exit(f"an artifact with the name {file.stem} exists already (409)")
    count = _pack(file, Path(os.environ["GITHUB_WORKSPACE"]), _input("path"), from_root=False)
    if not count:
        file.unlink()
        if _input("if-no-files-found") == "error":
            sys.exit("no files were found with the provided path")
    _output(artifact_id=str(len(list(file.parent.glob("*.zip")))))


def download(settings: dict[str, str]) -> None:
    """Download one artifact by name into `path`, or several by pattern into folders, or together with merge-multiple."""
    files = sorted((Path(settings["artifacts"]) / _input("run-id")).glob("*.zip"))
    name, into = _input("name"), Path(os.environ["GITHUB_WORKSPACE"]) / _input("path")
    chosen = [f for f in files if (f.stem == name if name else fnmatch(f.stem, _input("pattern") or "*"))]
    if name and not chosen:
        sys.exit(f"artifact not found for name: {name}")
    for file in chosen:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(into if name or _input("merge-multiple") == "true" else into / file.stem)


def _pack(file: Path, root: Path, patterns: str, *, from_root: bool) -> int:
    found: list[tuple[Path, Path]] = []
    for line in patterns.split("\n"):
        given = Path(line.strip())
        matches = [given] if given.is_absolute() else root.glob(line.strip())
        for match in matches:
            inside = [match] if match.is_file() else [p for p in sorted(match.rglob("*")) if p.is_file()]
            base = root if from_root else (match.parent if match.is_file() else match)
            found += [(path, path.relative_to(base)) for path in inside]
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in found:
            archive.write(path, name.as_posix())
    return len(found)


def setup_python(settings: dict[str, str]) -> None:
    """Make the folder of tools: this interpreter as `python`, this checkout as `evalgate`, and a `pip` for this checkout."""
    with Path(os.environ["GITHUB_PATH"]).open("a", encoding="utf-8") as file:
        file.write(settings["tools"] + "\n")
    _output(python_path=str(Path(settings["tools"]) / "python"))


VERBS = {
    "actions/checkout": checkout,
    "actions/cache/restore": cache_restore,
    "actions/cache/save": cache_save,
    "actions/upload-artifact": upload,
    "actions/download-artifact": download,
    "actions/setup-python": setup_python,
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](json.loads(sys.argv[2]))
