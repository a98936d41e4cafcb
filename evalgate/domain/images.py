"""Images: their media type by content, and where an image may come from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

MAX_IMAGE_BYTES = 20 * 1024 * 1024
"""The largest image, in bytes."""
_DATA_URL = re.compile(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/]+={0,2})")
_HTTPS = re.compile(r"https://[^\s/?#]+[^\s]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a __dict__
class Image:
    """The content of an image file."""

    media_type: str
    data: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the content, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def url(self) -> str:
        """The data URL, made anew each time: it is a third larger than the content."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


NO_IMAGES: Mapping[str, Image] = MappingProxyType({})


def read_image(data: bytes) -> Image:
    """Return the image with this content. Raises ValueError, with a phrase, if it is none that models read."""
    if len(data) > MAX_IMAGE_BYTES:
        raise ValueError(f"has {len(data):,} bytes; an image may have {MAX_IMAGE_BYTES:,}")
    media_type = find_media_type(data)
    if media_type is None:
        if data.startswith(_POINTER):
            raise ValueError("is a pointer of Git LFS, not the image: run `git lfs pull`")
        raise ValueError("is not a PNG, JPEG, GIF or WebP image")
    return Image(media_type=media_type, data=data)


def find_media_type(data: bytes) -> str | None:
    """Return the media type of an image by its first bytes; None for any other content."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def is_file(source: str) -> bool:
    """Return whether the source of an image is a file, and not an address."""
    return not _SCHEME.match(source) and not source.startswith("//")


def find_source_fault(source: str) -> str | None:
    """Return what is wrong with the source of an image, as a phrase that follows it; None if nothing is.

    The content of a file is not looked at.
    """
    if source.startswith("data:"):
        return _find_data_fault(source)
    if not is_file(source):
        return None if _HTTPS.fullmatch(source) else "is not an https address, nor a file of the dataset's folder"
    if not source.strip():
        return "names no image"
    if "\\" in source:
        return "has backslashes: write paths with forward slashes"
    normal = posixpath.normpath(source)
    if normal.startswith(("/", "../")) or normal in (".", ".."):
        return "is outside of the dataset's folder"
    return None


def _find_data_fault(source: str) -> str | None:
    found = _DATA_URL.fullmatch(source)
    if found is None:
        return "is not a data URL of an image in base64"
    if len(found.group(2)) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        return f"is larger than {MAX_IMAGE_BYTES:,} bytes"
    try:
        kind = find_media_type(base64.b64decode(found.group(2)[:64] if len(found.group(2)) > 64 else found.group(2)))
    except binascii.Error:
        return "is not valid base64"
    return None if kind == found.group(1) else f"holds {kind or 'no image that models read'}, not {found.group(1)}"
