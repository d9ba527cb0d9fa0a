"""The disk: write, fsync, rename, remove; and "no space left", however a library words it.

All that the store writes goes through ``write``, ``fsync`` and ``replace``: a test lets a crash strike at each call.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from jnt_pipeline.errors import DiskFullError

__all__ = ["Spool", "file_sha256", "fsync", "full_disk_named", "remove", "replace", "write"]

_ROOM_LEFT = 1 << 20
"""Bytes under which a failed write is put down to the disk being full, when the library that failed does not say."""


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def full_disk_named(root: Path) -> Iterator[None]:
    """Turn "no space left", however a library words it, into ``DiskFullError``."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT} or shutil.disk_usage(root).free < _ROOM_LEFT:
            raise DiskFullError(
                "no room left on the disk",
                where=root,
                found=f"{shutil.disk_usage(root).free:,} bytes free",
                remedy="make room (jnt clean WORKSPACE drops old results) and run again: nothing made so far is lost",
            ) from error
        raise


def write(path: Path, content: bytes) -> None:
    """Write a file, not yet safe from a power cut."""
    path.write_bytes(content)


def fsync(path: Path) -> None:
    """Make a file or a folder safe from a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename, over what is there, in one step."""
    os.replace(source, target)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Spool:
    """Bytes that wait on the disk while something is worked out: a file without a name, gone when it is closed.

    Threads may put and get at the same time.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on leaving
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, content: bytes | memoryview) -> int:
        """Keep some bytes; returns where they lie."""
        with self._lock:
            place = self._file.seek(0, os.SEEK_END)
            self._file.write(content)
        return place

    def get(self, place: int, n_bytes: int) -> bytes:
        """The bytes that lie there."""
        with self._lock:
            self._file.seek(place)
            return self._file.read(n_bytes)
