"""Hits between the answer and the event log: appended to a file before the answer, told to the log after it.

A write to a file survives the death of the process at once, and costs microseconds; the log's own commit, some
milliseconds later, survives a power cut. Each process has a file of its own, locked while it lives. Whoever starts
takes over the files of the dead. How far a file is told is noted in the transaction that tells it, so that each
hit is told exactly once.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from postwright.kernel.ids import hex_id

SUFFIX = ".hits"
_FRAME = struct.Struct(">II")  # length and CRC-32 of what follows
_MAX_RECORD = 65_536  # octets
_READ = 1 << 18
ROTATE = 4 << 20  # octets after which a file that is told completely makes way for a new one


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """One request for a link or a pixel. `at` in microseconds; `name`: opened · clicked."""

    at: int
    name: str
    domain_id: bytes
    message: bytes
    recipient: str
    url: str
    ip: str
    agent: str
    head: bool  # a HEAD request


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hit).decode


class Journal:
    """One file. `size` is what was written, `position` how far it is told."""

    def __init__(self, path: Path, fd: int, size: int, position: int) -> None:
        self.path = path
        self.name = path.name
        self.size = size
        self.position = position
        self._fd = fd

    @classmethod
    def create(cls, folder: Path) -> "Journal":
        """A new file of this process."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = hex_id()
        fd = os.open(folder / f"{name}.new", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # Locked before it has the name by which others look for what the dead left.
        fcntl.flock(fd, fcntl.LOCK_EX)
        path = folder / f"{name}{SUFFIX}"
        os.rename(folder / f"{name}.new", path)
        return cls(path, fd, 0, 0)

    @classmethod
    def adopt(cls, path: Path) -> "Journal | None":
        """The file of a process that died; None while it lives."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(path, fd, os.fstat(fd).st_size, 0)

    def append(self, hit: Hit) -> None:
        """Write a hit; it then survives this process. Raises OSError, and then it is not there."""
        data = _encode(hit)
        frame = _FRAME.pack(len(data), zlib.crc32(data)) + data
        written = os.write(self._fd, frame)
        if written != len(frame):
            os.ftruncate(self._fd, self.size)
            raise OSError("the journal of hits cannot be written completely")
        self.size += written

    def read(self, most: int) -> tuple[list[Hit], int]:
        """The next hits that are not told, and the position behind them."""
        data = os.pread(self._fd, _READ, self.position)
        hits: list[Hit] = []
        end = 0
        for record, stop in _records(data):
            hits.append(record)
            end = stop
            if len(hits) == most:
                break
        return hits, self.position + end

    @property
    def full(self) -> bool:
        """Whether it should make way for a new one."""
        return self.size >= ROTATE and self.position >= self.size

    def remove(self) -> None:
        """Delete the file; everything in it is told."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


def _records(data: bytes) -> Iterator[tuple[Hit, int]]:
    """The complete records at the start of `data`, each with where it ends; what is torn ends them."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, check = _FRAME.unpack_from(data, at)
        start, at = at + _FRAME.size, at + _FRAME.size + length
        record = data[start:at]
        if length > _MAX_RECORD or len(record) < length or zlib.crc32(record) != check:
            return
        yield _decode(record), at
