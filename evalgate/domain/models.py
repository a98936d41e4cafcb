"""The models that evalgate can run itself: the publisher's URL of each file, its size and its sha256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """One GGUF file. `bytes` and `sha256` are those of the whole file; `url` is the publisher's."""

    name: str
    file: str
    bytes: int
    sha256: str
    url: str
    license: str


def _qwen(size: str, length: int, sha256: str) -> EmbeddedModel:
    name = f"qwen2.5-coder-{size.lower()}-instruct-q4_k_m"
    return EmbeddedModel(
        name=name,
        file=f"{name}.gguf",
        bytes=length,
        sha256=sha256,
        url=f"https://huggingface.co/Qwen/Qwen2.5-Coder-{size}-Instruct-GGUF/resolve/main/{name}.gguf",
        license="Apache-2.0",
    )


EMBEDDED_MODELS: Mapping[str, EmbeddedModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            _qwen("1.5B", 1_117_320_768, "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"),
            _qwen("0.5B", 491_400_064, "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"),
        )
    }
)

DEFAULT_MODEL = next(iter(EMBEDDED_MODELS))
