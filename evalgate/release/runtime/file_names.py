"""The names of the files that registries in git, exports and servers keep documents in."""

from __future__ import annotations


def make_file_name(name: str) -> str:
    """Return the name of a prompt's file in a folder of documents, and on the branch of a registry in git."""
    from urllib.parse import quote

    quoted = quote(name, safe="")
    return f"%2E{quoted[1:]}.json" if quoted.startswith(".") else f"{quoted}.json"


def parse_file_name(file_name: str) -> str:
    """Return the name of a prompt from that of its file."""
    from urllib.parse import unquote

    return unquote(file_name.removesuffix(".json"))
