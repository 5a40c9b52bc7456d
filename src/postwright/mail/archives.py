"""Compressed files from anybody: one file out of a gzip or zip, with a bound on what comes out."""

import io
import zipfile
import zlib

MAX_PLAIN = 10 << 20  # octets; the largest DMARC reports in the wild have some 2 MB
MAX_MEMBERS = 10  # of a zip


class ArchiveError(ValueError):
    """It cannot be unpacked, or is larger inside than is allowed."""


def unpack(data: bytes, most: int = MAX_PLAIN) -> bytes:
    """The file in a gzip or zip (its first one), or `data` itself when it is neither. Raises ArchiveError."""
    if data.startswith(b"\x1f\x8b"):
        return _gzip(data, most)
    if data.startswith(b"PK\x03\x04"):
        return _zip(data, most)
    if len(data) > most:
        raise ArchiveError("too large")
    return data


def _gzip(data: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)  # RFC 1952, with its checksum
    try:
        plain = unpacker.decompress(data, most + 1)
    except zlib.error as wrong:
        raise ArchiveError(f"no gzip: {wrong}") from wrong
    if len(plain) > most:
        raise ArchiveError("too large when unpacked")
    if not unpacker.eof:
        raise ArchiveError("cut off")
    return plain


def _zip(data: bytes, most: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if not members or len(members) > MAX_MEMBERS:
                raise ArchiveError("a zip with one file is expected")
            with archive.open(members[0]) as member:
                plain = member.read(most + 1)  # what the directory says of the size may be a lie
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        NotImplementedError,
    ) as wrong:
        raise ArchiveError(f"no zip: {wrong}") from wrong
    if len(plain) > most:
        raise ArchiveError("too large when unpacked")
    return plain
