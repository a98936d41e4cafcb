"""Read a report from the artifact of an untrusted run: a possibly hostile zip, opened in memory and never on disk."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from evalgate.errors import InputError, Place

NAME = "report.json"
_MEMBERS = 1000
_ENTRY = b"PK\x01\x02"  # the signature of each entry in a zip's central directory
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flag bits: a member, strong encryption, the directory itself
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other methods may allocate much memory before the first byte
# All exceptions that zipfile is known to raise for malformed data.
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
    """Return the content of the regular member `report.json` of the zip `data`, at most `most` bytes.

    Raises InputError if `data` is not a zip, if there is no such member or more than one, or if the member is a link,
    is encrypted, or is larger than `most` or than its declared size. Other members are not read.
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
        raise _make_error(f"it is not a valid zip ({type(error).__name__}: {error})") from None
    if len(report) > most or beyond:
        raise _make_error(f"{NAME} has more than {most} bytes")
    if len(report) != member.file_size:
        raise _make_error(f"{NAME} declares {member.file_size} bytes, but has {len(report)}")
    return report


def _read_member(archive: zipfile.ZipFile, most: int) -> zipfile.ZipInfo:
    """Return the directory entry of the report, after checking it; no content is read yet."""
    found = [each for each in archive.infolist() if NAME in (each.filename, each.orig_filename)]
    if len(found) != 1:
        raise _make_error(f"it has {len(found)} members named {NAME}")
    (member,) = found
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.filename != member.orig_filename:
        raise _make_error(f"the name of a member has hidden characters after {NAME}")
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
        hint="upload the output of `evalgate run --format json` unchanged",
    )
