"""The published files as a server sees them: only what the twin lists, never outside its folder, hashed once."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from jnt_pipeline.territory.model import PublishedFile, StoredPublication

__all__ = ["OpenFile", "PublishedFiles"]

_MAX_HASHES = 100_000  # about 20 MB; a tileset of a métropole has some ten thousand files
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A published file, open: what is sent is what was hashed, even if another run replaces the file meanwhile."""

    stream: BinaryIO
    n_bytes: int
    etag: str
    """Strong entity tag: digest of the bytes, quoted."""
    media_type: str


class PublishedFiles:
    """Opens files of publications by (kind, path)."""

    def __init__(self, publications: Mapping[str, StoredPublication]):
        self._folders = {kind: publication.folder for kind, publication in publications.items()}
        self._listed: dict[tuple[str, str], PublishedFile] = {
            (kind, file.path): file for kind, publication in publications.items() for file in publication.files
        }
        self._hashes: OrderedDict[tuple[int, int, int, int], str] = OrderedDict()
        self._lock = threading.Lock()

    def size_of(self, kind: str, path: str) -> int | None:
        """Size of a listed file, bytes; None where it is absent."""
        try:
            return (self._folders[kind] / path).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, kind: str, path: str) -> OpenFile | None:
        """The file, to be closed by the caller; None when it is not published, absent, or leads out of its folder."""
        listed = self._listed.get((kind, path))
        if listed is None:
            return None
        folder = self._folders[kind].resolve()
        target = (folder / path).resolve()
        if not target.is_relative_to(folder):
            return None
        try:
            stream = target.open("rb")
        except (FileNotFoundError, IsADirectoryError):
            return None
        try:
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                stream.close()
                return None
            etag = f'"{self._digest(stream, facts)}"'
        except BaseException:
            stream.close()
            raise
        return OpenFile(stream=stream, n_bytes=facts.st_size, etag=etag, media_type=listed.media_type)

    def _digest(self, stream: BinaryIO, facts: os.stat_result) -> str:
        key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        with self._lock:
            if key in self._hashes:
                self._hashes.move_to_end(key)
                return self._hashes[key]
        digest = hashlib.sha256()
        while block := stream.read(_BLOCK):
            digest.update(block)
        with self._lock:
            self._hashes[key] = digest.hexdigest()[:32]
            if len(self._hashes) > _MAX_HASHES:
                self._hashes.popitem(last=False)
            return self._hashes[key]
