"""A report out of the artifact of a run that nobody trusts: a hostile zip, opened in memory and never on disk."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from evalgate.errors import InputError, Place

NAME = "report.json"
_MEMBERS = 1000
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip's directory
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # a member, strongly, the directory itself
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can ask for much memory before they give a byte
# All that zipfile has been seen to raise on bytes that are not what they claim to be.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def read_report(data: bytes, *, most: int) -> bytes:
    """The bytes of the one regular member `report.json` of the zip `data`, at most `most` of them.

    Raises InputError: no zip, no such member or several, a link, an encrypted one, one that is larger than it may be
    or than it says. Other members are not looked at.
    """
    if data.count(_ENTRY) > _MEMBERS:
        raise _make_error(f"it has more than {_MEMBERS} members")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _read_member(archive, most)
            with archive.open(member) as stream:
                report = stream.read(most + 1)
                beyond = stream.read(1)
    except _BROKEN as error:
        raise _make_error(f"it is not a sound zip ({type(error).__name__}: {error})") from None
    if len(report) > most or beyond:
        raise _make_error(f"{NAME} has more than {most} bytes")
    if len(report) != member.file_size:
        raise _make_error(f"{NAME} says it has {member.file_size} bytes, and has {len(report)}")
    return report


def _read_member(archive: zipfile.ZipFile, most: int) -> zipfile.ZipInfo:
    """The entry of the report, of which only what the directory says is known so far."""
    found = [each for each in archive.infolist() if NAME in (each.filename, each.orig_filename)]
    if len(found) != 1:
        raise _make_error(f"it has {len(found)} members named {NAME}")
    (member,) = found
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.filename != member.orig_filename:
        raise _make_error(f"a member hides its name behind {NAME}")
    if kind not in (0, stat.S_IFREG) or member.is_dir():
        raise _make_error(f"{NAME} is not a regular file")
    if member.flag_bits & _ENCRYPTED:
        raise _make_error(f"{NAME} is encrypted")
    if member.compress_type not in _METHODS:
        raise _make_error(f"{NAME} is compressed by method {member.compress_type}; only deflate is read")
    if member.file_size > most:
        raise _make_error(f"{NAME} has {member.file_size} bytes, more than {most}")
    return member


def _make_error(why: str) -> InputError:
    return InputError(
        f"the artifact is refused: {why}",
        place=Place(path=NAME),
        hint="it must be what `evalgate run --format json` wrote, uploaded as it is",
    )
