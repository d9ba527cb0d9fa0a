"""Kernels that walk over the bytes of GeoJSON: the spans of features, of their geometries and their properties.

They take what producers write, in any layout of white space and order of members, and say so when they meet anything
else: then Python's ``json`` reads that feature. Source: RFC 7946, RFC 8259.
"""

from __future__ import annotations

from typing import Any

from jnt_pipeline.libraries.compiled import compiled

__all__ = [
    "BROKEN",
    "DONE",
    "FULL",
    "MORE",
    "ODD",
    "PLAIN",
    "after_string",
    "blank",
    "find_features",
    "is_word",
    "write_lines",
]

DONE, MORE, FULL, BROKEN = 0, 1, 2, 3
"""Why the walk over features stopped: end of the array; end of the window; enough features; no JSON."""

PLAIN, ODD = 0, 1
"""How a feature is written: with the members that RFC 7946 names; or so that Python has to read it."""


@compiled
def blank(buffer: Any, at: Any, end: Any) -> Any:
    """The first byte from ``at`` that is no white space."""
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@compiled
def after_string(buffer: Any, at: Any, end: Any) -> Any:
    """Behind the string that opens at ``at``; −1 when it does not end."""
    at += 1
    while at < end:
        if buffer[at] == 92:
            at += 2
        elif buffer[at] == 34:
            return at + 1
        else:
            at += 1
    return -1


@compiled
def _after_value(buffer: Any, at: Any, end: Any) -> Any:
    """Behind the value at ``at``: −1 when the window ends first, −2 when it is none. Brackets are only counted."""
    first = buffer[at]
    if first == 34:
        return after_string(buffer, at, end)
    if first not in (123, 91):
        start = at
        while at < end and (
            (48 <= buffer[at] <= 57)
            or (97 <= buffer[at] <= 122)
            or (65 <= buffer[at] <= 90)
            or buffer[at] == 43
            or buffer[at] == 45
            or buffer[at] == 46
        ):
            at += 1
        return -1 if at >= end else (at if at > start else -2)
    depth = 0
    while at < end:
        byte = buffer[at]
        if byte == 34:
            at = after_string(buffer, at, end)
            if at < 0:
                return -1
            continue
        if byte in (123, 91):
            depth += 1
        elif byte in (125, 93):
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return -1


@compiled
def is_word(buffer: Any, at: Any, end: Any, word: Any) -> Any:
    """Whether the bytes from ``at`` to ``end`` are those of ``word``."""
    if end - at != len(word):
        return False
    for k in range(len(word)):  # noqa: SIM110 - a generator is nothing for numba
        if buffer[at + k] != word[k]:
            return False
    return True


@compiled
def find_features(buffer: Any, at: Any, end: Any, spans: Any, words: Any, needs_comma: Any) -> Any:
    """Walk over the members of the array ``features`` from ``at``.

    Parameters
    ----------
    spans : (n, 7) int64
        Written: start and end of each feature, of its geometry and of its properties (0 where absent), PLAIN or ODD.
    words : tuple of uint8 arrays
        ``type``, ``id``, ``bbox``, ``geometry``, ``properties``.
    needs_comma : bool
        Whether a comma has to come before the next feature.

    Returns
    -------
    Why it stopped, how many features were found, where the next byte to read is, and whether a comma is needed there.
    """
    n = 0
    while True:
        resume = at
        at = blank(buffer, at, end)
        if at >= end:
            return MORE, n, resume, needs_comma
        if buffer[at] == 93 and (needs_comma or n == 0):
            return DONE, n, at + 1, False
        if needs_comma:
            if buffer[at] != 44:
                return BROKEN, n, at, needs_comma
            at = blank(buffer, at + 1, end)
            if at >= end:
                return MORE, n, resume, needs_comma
        if n == len(spans):
            return FULL, n, resume, needs_comma
        start = at
        spans[n, :] = 0
        if buffer[at] != 123:
            after = _after_value(buffer, at, end)
            if after == -1:
                return MORE, n, resume, needs_comma
            if after == -2:
                return BROKEN, n, at, needs_comma
            spans[n, 0], spans[n, 1], spans[n, 6] = start, after, ODD
            n += 1
            at = after
            needs_comma = True
            continue
        at = blank(buffer, at + 1, end)
        kind = PLAIN
        if at < end and buffer[at] == 125:
            kind = ODD
        else:
            while True:
                if at >= end:
                    return MORE, n, resume, needs_comma
                if buffer[at] != 34:
                    return BROKEN, n, at, needs_comma
                key = at + 1
                at = after_string(buffer, at, end)
                if at < 0:
                    return MORE, n, resume, needs_comma
                key_end = at - 1
                at = blank(buffer, at, end)
                if at >= end:
                    return MORE, n, resume, needs_comma
                if buffer[at] != 58:
                    return BROKEN, n, at, needs_comma
                at = blank(buffer, at + 1, end)
                if at >= end:
                    return MORE, n, resume, needs_comma
                after = _after_value(buffer, at, end)
                if after == -1:
                    return MORE, n, resume, needs_comma
                if after == -2:
                    return BROKEN, n, at, needs_comma
                if is_word(buffer, key, key_end, words[3]):
                    spans[n, 2], spans[n, 3] = at, after
                elif is_word(buffer, key, key_end, words[4]):
                    spans[n, 4], spans[n, 5] = at, after
                elif not (
                    (is_word(buffer, key, key_end, words[0]) and buffer[at] == 34)
                    or (is_word(buffer, key, key_end, words[1]) and buffer[at] == 34)
                ):
                    kind = ODD
                at = blank(buffer, after, end)
                if at >= end:
                    return MORE, n, resume, needs_comma
                if buffer[at] == 125:
                    break
                if buffer[at] != 44:
                    return BROKEN, n, at, needs_comma
                at = blank(buffer, at + 1, end)
        spans[n, 0], spans[n, 1], spans[n, 6] = start, at + 1, kind
        n += 1
        at += 1
        needs_comma = True


@compiled
def write_lines(buffer: Any, spans: Any, n: Any, out: Any) -> Any:
    """Write the properties of features, one object a line, ``{}`` where there are none; returns the bytes written.

    A line break between the members of an object is white space, and none can stand in a string.
    """
    to = 0
    for row in range(n):
        at, end = spans[row, 4], spans[row, 5]
        if end > at and buffer[at] == 123:
            for k in range(at, end):
                byte = buffer[k]
                out[to] = 32 if byte in (10, 13) else byte
                to += 1
        else:
            out[to], out[to + 1] = 123, 125
            to += 2
        out[to] = 10
        to += 1
    return to
