"""The files of a delivery (*livraison*): listing them cheaply and fingerprinting those that are read."""

from __future__ import annotations

import gzip
import hashlib
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from jnt_pipeline.errors import SourceError, UnreadableError
from jnt_pipeline.provenance import SourceFile

__all__ = ["delivered_files", "fingerprint", "fingerprint_member", "read_bytes", "safe_name"]

_BLOCK = 1 << 20  # bytes read at once: hashing never holds a tile in memory


def delivered_files(path: Path, *suffixes: str) -> tuple[Path, ...]:
    """Files of a folder (and its subfolders) whose name ends in one of ``suffixes``, or the file itself.

    Sorted by their path inside the folder, so that the order does not depend on the file system. Opens nothing.
    Raises ``SourceError`` when the path does not exist; an empty tuple when nothing matches.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise SourceError(
            "no such file or folder",
            where=path,
            expected=f"a file or a folder of {', '.join(suffixes)} files",
            remedy="correct `path` in the description of the territory (it is relative to the YAML file)",
        )
    found = (p for p in path.rglob("*") if p.name.lower().endswith(suffixes) and p.is_file())
    return tuple(sorted(found, key=lambda p: p.relative_to(path).as_posix()))


def fingerprint(path: Path) -> SourceFile:
    """Name, SHA-256 and size of a file, read block by block. Raises ``UnreadableError``."""
    digest, n_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                n_bytes += len(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return SourceFile(name=path.name, sha256=digest.hexdigest(), n_bytes=n_bytes)


def fingerprint_member(path: Path, member: str) -> str:
    """SHA-256 of what stands in a ZIP archive under ``member``: that archive, or all files of the folder it lies in.

    Raises ``UnreadableError``; the rest of the archive is not read.
    """
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as archive:
            folder = PurePosixPath(member).parent
            whole = member.lower().endswith((".bz2", ".tar", ".gz", ".tgz"))
            names = [member] if whole else sorted(n for n in archive.namelist() if PurePosixPath(n).parent == folder)
            for name in names:
                digest.update(name.encode())
                digest.update(hashlib.sha256(archive.read(name)).digest())
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableError(
            "the ZIP archive is damaged",
            where=f"{path.name}/{member}",
            found=str(error),
            expected="a whole ZIP archive",
            remedy="download the file again",
        ) from error
    return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """Content of a file, unpacked when it is gzip (told by its first bytes, not by its name).

    Raises ``UnreadableError`` when it cannot be read or unpacked whole.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(
            "the gzip archive is damaged or cut short",
            where=path.name,
            found=f"{error} in {len(content):,} bytes",
            expected="a whole gzip file",
            remedy="download the file again and compare its size with the producer's",
        ) from error


def safe_name(text: str) -> str:
    """``text`` as a file name: letters, digits, ``.``, ``_`` and ``-`` are kept, the rest becomes ``_``."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("._") or "unnamed"


def _unreadable(path: Path, error: OSError) -> UnreadableError:
    return UnreadableError(
        "the file cannot be opened",
        where=path.name,
        found=error.strerror or type(error).__name__,
        remedy="check that the file exists and that its permissions let this user read it",
    )
