"""Fetch the grids that are missing: resumed, checked against their known checksum, then put in place at once."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS, KnownGrid
from jnt_pipeline.errors import DiskFullError, MissingGridError

if TYPE_CHECKING:
    import httpx

__all__ = ["GridSync", "SyncReport", "sync_grids"]

logger = logging.getLogger(__name__)

N_ATTEMPTS = 4
"""Requests for one grid before giving up."""

MAX_WAIT_S = 60.0
"""Longest pause that a server may ask for with Retry-After, seconds; a longer one is an error that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSync:
    """What was done for one grid."""

    name: str
    """File name."""
    state: Literal["present", "downloaded", "resumed"]
    """Already there and intact; fetched whole; or completed from an earlier part."""
    n_bytes_fetched: int
    """Bytes that came over the network."""
    path: Path
    """Where the grid now is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What was done, grid by grid, in the order asked for."""

    grids: tuple[GridSync, ...]
    """One row per grid."""

    @property
    def n_bytes_fetched(self) -> int:
        """Bytes that came over the network."""
        return sum(grid.n_bytes_fetched for grid in self.grids)


class _Retry(Exception):  # noqa: N818 - not an error yet: the request is made again
    def __init__(self, error: MissingGridError, wait_s: float = 0.0):
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


def sync_grids(
    names: Iterable[str],
    folder: Path,
    *,
    base_url: str = "https://cdn.proj.org",
    client: httpx.Client | None = None,
    known: Mapping[str, KnownGrid] = KNOWN_GRIDS,
    sleep: Callable[[float], None] = time.sleep,
    watch: Callable[[str, int], None] | None = None,
) -> SyncReport:
    """Bring grids into a folder; those that are there and intact are left alone.

    A partial file ``NAME.part`` is continued; the grid appears under its name only when size and checksum are right.

    Parameters
    ----------
    names
        File names, as in ``KNOWN_GRIDS``.
    base_url
        Where the files are; PROJ's content delivery network by default.
    client
        HTTP client; None makes one with a time-out of 30 seconds.
    known
        The table with sizes and checksums.
    sleep
        How to wait between attempts, seconds.
    watch
        Told the name of a grid and how many of its bytes are there, each time that some come in.

    Raises
    ------
    MissingGridError
        A name is not in the table, or the grid could not be fetched: refused, moved, busy, cut short or another
        content. The message names the URL and the reason.
    DiskFullError
        No room left; the partial file is removed.
    """
    import httpx

    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise MissingGridError(
            "these grids are not in the table, so that their content could not be checked",
            where=", ".join(unknown),
            expected=f"one of {len(known)} grids: {', '.join(sorted(known)[:3])}…",
            remedy="see the names with `jnt grids list`",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with nullcontext(client) if client is not None else httpx.Client(timeout=30.0) as session:
        rows = tuple(_sync(known[name], folder, base_url.rstrip("/"), session, sleep, watch) for name in wanted)
    return SyncReport(grids=rows)


def _sync(
    grid: KnownGrid,
    folder: Path,
    base_url: str,
    client: httpx.Client,
    sleep: Callable[[float], None],
    watch: Callable[[str, int], None] | None,
) -> GridSync:
    path, part = folder / grid.name, folder / f"{grid.name}.part"
    if path.is_file() and _sha256(path) == grid.sha256:
        return GridSync(name=grid.name, state="present", n_bytes_fetched=0, path=path)
    url = f"{base_url}/{grid.name}"
    n_before = _size(part)
    n_fetched = 0
    for attempt in range(1, N_ATTEMPTS + 1):
        try:
            n_fetched += _fetch(grid, url, part, client, watch)
            _verify(grid, url, part)
            break
        except _Retry as retry:
            if attempt == N_ATTEMPTS:
                raise retry.error from retry
            logger.info("%s: %s; attempt %d", url, retry.error.what, attempt + 1)
            sleep(retry.wait_s or float(2 ** (attempt - 1)))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            part.unlink(missing_ok=True)
            raise DiskFullError(
                "no room left for the grid",
                where=path,
                found=str(error),
                expected=f"{grid.n_bytes} bytes free",
                remedy="free some room or choose another folder",
            ) from error
    os.replace(part, path)
    logger.info("%s: %d bytes into %s", grid.name, grid.n_bytes, folder)
    return GridSync(name=grid.name, state="resumed" if n_before else "downloaded", n_bytes_fetched=n_fetched, path=path)


def _fetch(
    grid: KnownGrid, url: str, part: Path, client: httpx.Client, watch: Callable[[str, int], None] | None
) -> int:
    """One request; appends to the part, and returns the number of bytes it brought."""
    import httpx

    have = _size(part)
    if have > grid.n_bytes:
        part.unlink()
        have = 0
    if have == grid.n_bytes:
        return 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    n_fetched = 0
    try:
        with client.stream("GET", url, headers=headers, follow_redirects=False) as answer:
            _judge(answer, grid, url, part, have)
            continued = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with part.open("ab" if continued else "wb") as stream:
                for block in answer.iter_raw():
                    n_fetched += len(block)
                    stream.write(block)
                    if watch is not None:
                        watch(grid.name, stream.tell())
                    if stream.tell() > grid.n_bytes:
                        break  # more than the table says: the checksum will refuse it
                stream.flush()
                os.fsync(stream.fileno())
    except httpx.TransportError as error:
        raise _Retry(
            MissingGridError(
                "the server did not answer, or broke off",
                where=url,
                found=f"{type(error).__name__}: {error} after {_size(part)} of {grid.n_bytes} bytes",
                expected=f"{grid.n_bytes} bytes",
                remedy="try again: what came is kept; or copy the file into a folder of JNT_PROJ_GRIDS",
            )
        ) from error
    return n_fetched


def _judge(answer: httpx.Response, grid: KnownGrid, url: str, part: Path, have: int) -> None:
    from httpx import codes

    code = answer.status_code
    if code == codes.OK:
        return
    if code == codes.PARTIAL_CONTENT:
        stated = answer.headers.get("Content-Range", "")
        if stated == f"bytes {have}-{grid.n_bytes - 1}/{grid.n_bytes}":
            return
        part.unlink(missing_ok=True)
        raise _Retry(_refused(url, f"another part than asked for ({stated or 'no Content-Range'})", grid))
    if code == codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
        raise _Retry(_refused(url, "the server has fewer bytes than the partial file", grid))
    if answer.is_redirect:
        moved = answer.headers.get("Location", "an address it does not name")
        raise _refused(url, f"HTTP {code}, moved to {moved}", grid, remedy="give the new address as base URL")
    if code == codes.TOO_MANY_REQUESTS or answer.is_server_error:
        text = answer.headers.get("Retry-After", "")
        wait_s = float(text) if text.isdigit() else 0.0
        error = _refused(
            url, f"HTTP {code}" + (f", Retry-After {text}" if text else ""), grid, remedy="try again later"
        )
        if wait_s > MAX_WAIT_S:
            raise error
        raise _Retry(error, wait_s)
    raise _refused(url, f"HTTP {code}", grid)


def _verify(grid: KnownGrid, url: str, part: Path) -> None:
    n_bytes = _size(part)
    if n_bytes < grid.n_bytes:
        raise _Retry(_refused(url, f"{n_bytes} bytes, cut short", grid))
    found = _sha256(part)
    if found != grid.sha256:
        part.unlink()
        raise _refused(url, f"SHA-256 {found}", grid, remedy="another edition, or not a grid: see `jnt grids list`")


def _refused(url: str, found: str, grid: KnownGrid, *, remedy: str = "") -> MissingGridError:
    return MissingGridError(
        "the grid could not be fetched",
        where=url,
        found=found,
        expected=f"{grid.n_bytes} bytes, SHA-256 {grid.sha256}",
        remedy=remedy or "check the address, or copy the file into a folder of JNT_PROJ_GRIDS",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
