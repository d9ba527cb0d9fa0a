"""Byte ranges of HTTP (RFC 9110 §14): which parts of a file a Range header asks for."""

from __future__ import annotations

import re

__all__ = ["UnsatisfiableRange", "byte_ranges"]

MAX_RANGES = 64  # RFC 9110 §14.2 lets a server ignore headers that ask for many small or overlapping ranges
_SPEC = re.compile(r"(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<suffix>\d{1,18})")


class UnsatisfiableRange(Exception):  # noqa: N818 - the name of the status in RFC 9110
    """The header is well formed and asks for nothing that the file has (HTTP 416)."""


def byte_ranges(header: str, n_bytes: int) -> list[tuple[int, int]] | None:
    """The satisfiable parts in the order asked, as (first, last) offsets, last included.

    None: the header is to be ignored and the whole file sent, because it is malformed, has another unit, or
    asks for more than the file is worth (over 64 parts, or more bytes than the file has).
    Raises ``UnsatisfiableRange`` when no part lies in the file.

    >>> byte_ranges("bytes=0-3, -2, 90-", 10)
    [(0, 3), (8, 9)]
    """
    unit, _, specs = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    texts = [text.strip() for text in specs.split(",")]
    texts = [text for text in texts if text]  # RFC 9110 §5.6.1: empty elements of a list are ignored
    matches = [_SPEC.fullmatch(text) for text in texts]
    if not matches or len(matches) > MAX_RANGES:
        return None
    parts = []
    for match in matches:
        if match is None:
            return None
        if match["suffix"] is not None:
            length = int(match["suffix"])
            if length and n_bytes:
                parts.append((max(0, n_bytes - length), n_bytes - 1))
            continue
        first = int(match["first"])
        last = int(match["last"]) if match["last"] else n_bytes - 1
        if match["last"] and last < first:
            return None  # RFC 9110 §14.1.1: such a range is invalid, not unsatisfiable
        if first < n_bytes:
            parts.append((first, min(last, n_bytes - 1)))
    if not parts:
        raise UnsatisfiableRange
    if len(parts) > 1 and sum(last - first + 1 for first, last in parts) > n_bytes:
        return None
    return parts
