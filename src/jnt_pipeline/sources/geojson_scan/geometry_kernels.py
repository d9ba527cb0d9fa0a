"""Kernels that turn the coordinates of GeoJSON into WKB: polygons and multipolygons, their numbers exact.

A number of up to 2⁵³ with at most 22 decimals is a division of two exact numbers, rounded once; others are Python's.
Source: W. D. Clinger, How to read floating point numbers accurately, 1990.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.sources.geojson_scan.kernels import PLAIN, after_string, blank, is_word

__all__ = ["write_geometries"]

_POWERS = np.array([10.0**k for k in range(23)])  # all of them exact


@compiled
def _number(buffer: Any, at: Any, end: Any) -> Any:
    """The number at ``at``: where it ends (−1: not one, or left to Python), its value, and whether it needs a look."""
    is_negative = at < end and buffer[at] == 45
    if is_negative:
        at += 1
    mantissa, n_digits, n_decimals = np.uint64(0), 0, 0
    start = at
    while at < end and 48 <= buffer[at] <= 57:
        if n_digits < 19:
            mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 48)
        n_digits += 1
        at += 1
    if at == start or (buffer[start] == 48 and at > start + 1):
        return -1, 0.0, False
    if at < end and buffer[at] == 46:
        at += 1
        start = at
        while at < end and 48 <= buffer[at] <= 57:
            if n_digits < 19:
                mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 48)
                n_decimals += 1
            n_digits += 1
            at += 1
        if at == start:
            return -1, 0.0, False
    exponent = 0
    if at < end and (buffer[at] == 101 or buffer[at] == 69):
        at += 1
        is_small = at < end and buffer[at] == 45
        if at < end and (buffer[at] == 45 or buffer[at] == 43):
            at += 1
        start = at
        while at < end and 48 <= buffer[at] <= 57 and exponent < 1000:
            exponent = exponent * 10 + (buffer[at] - 48)
            at += 1
        if at == start or exponent >= 1000:
            return -1, 0.0, False
        if is_small:
            exponent = -exponent
    if n_digits > 18 or mantissa > np.uint64(1 << 53):
        return at, 0.0, True
    power = exponent - n_decimals
    if power < -22 or power > 22:
        return -1, 0.0, False
    value = float(mantissa)
    value = value / _POWERS[-power] if power < 0 else value * _POWERS[power]
    return at, (-value if is_negative else value), False


@compiled
def _put(out: Any, at: Any, value: Any) -> None:
    """Four little-endian bytes."""
    for k in range(4):
        out[at + k] = (value >> (8 * k)) & 255


@compiled
def _coordinates(buffer: Any, at: Any, end: Any, out: Any, to: Any, hard: Any, n_hard: Any, scratch: Any) -> Any:
    """Write the array at ``at`` as WKB: three brackets deep a polygon, four a multipolygon.

    Returns where it ends (−1: it is something else), where the WKB ends, how many numbers need Python, and its depth.
    """
    words = scratch.view(np.uint8)
    depth = 0
    look = at
    while depth < 5:
        look = blank(buffer, look, end)
        if look >= end or buffer[look] != 91:
            break
        depth += 1
        look += 1
    if depth not in (3, 4):
        return -1, to, n_hard, depth
    n_polygons_at = to + 5
    if depth == 4:
        out[to] = 1
        _put(out, to + 1, 6)
        to += 9
        at = blank(buffer, at + 1, end)
    n_polygons = 0
    while True:  # polygons
        if at >= end or buffer[at] != 91:
            return -1, to, n_hard, depth
        n_polygons += 1
        n_rings, n_rings_at = 0, to + 5
        out[to] = 1
        _put(out, to + 1, 3)
        to += 9
        at = blank(buffer, at + 1, end)
        while True:  # rings
            if at >= end or buffer[at] != 91:
                return -1, to, n_hard, depth
            n_rings += 1
            n_points, n_points_at = 0, to
            to += 4
            at = blank(buffer, at + 1, end)
            while True:  # positions
                if at >= end or buffer[at] != 91:
                    return -1, to, n_hard, depth
                at += 1
                axis = 0
                while True:
                    at = blank(buffer, at, end)
                    first = at
                    at, value, is_hard = _number(buffer, at, end)
                    if at < 0:
                        return -1, to, n_hard, depth
                    if axis < 2:
                        if is_hard:
                            if n_hard >= len(hard):
                                return -1, to, n_hard, depth
                            hard[n_hard, 0], hard[n_hard, 1], hard[n_hard, 2] = first, at, to
                            n_hard += 1
                        scratch[0] = value
                        for k in range(8):
                            out[to + k] = words[k]
                        to += 8
                    axis += 1
                    at = blank(buffer, at, end)
                    if at >= end:
                        return -1, to, n_hard, depth
                    if buffer[at] == 93:
                        break
                    if buffer[at] != 44:
                        return -1, to, n_hard, depth
                    at += 1
                if axis < 2:
                    return -1, to, n_hard, depth
                n_points += 1
                at = blank(buffer, at + 1, end)
                if at < end and buffer[at] == 44:
                    at = blank(buffer, at + 1, end)
                    continue
                break
            if at >= end or buffer[at] != 93:
                return -1, to, n_hard, depth
            _put(out, n_points_at, n_points)
            at = blank(buffer, at + 1, end)
            if at < end and buffer[at] == 44:
                at = blank(buffer, at + 1, end)
                continue
            break
        if at >= end or buffer[at] != 93:
            return -1, to, n_hard, depth
        _put(out, n_rings_at, n_rings)
        at += 1
        if depth == 3:
            break
        at = blank(buffer, at, end)
        if at < end and buffer[at] == 44:
            at = blank(buffer, at + 1, end)
            continue
        if at >= end or buffer[at] != 93:
            return -1, to, n_hard, depth
        at += 1
        _put(out, n_polygons_at, n_polygons)
        break
    return at, to, n_hard, depth


@compiled
def write_geometries(buffer: Any, spans: Any, n: Any, words: Any, out: Any, starts: Any, odd: Any, hard: Any) -> Any:
    """Write polygons and multipolygons as WKB, one after the other.

    Parameters
    ----------
    words : tuple of uint8 arrays
        ``type``, ``coordinates``, ``Polygon``, ``MultiPolygon``.
    starts : (n + 1,) int64
        Written: where each record starts in ``out``.
    odd : (n,) bool
        Written: whether Python has to read the geometry; it has no bytes then.
    hard : (m, 3) int64
        Written: start and end of numbers that Python has to convert, and where their eight bytes go.

    Returns how many of these there are.
    """
    to, n_hard = 0, 0
    scratch = np.zeros(1)
    starts[0] = 0
    for row in range(n):
        begin, known_hard = to, n_hard
        at, end = spans[row, 2], spans[row, 3]
        odd[row] = True
        if spans[row, 6] == PLAIN and end > at and buffer[at] == 123:
            kind, depth = 0, 0
            at = blank(buffer, at + 1, end)
            while True:
                if at >= end or buffer[at] != 34:
                    break
                key = at + 1
                at = after_string(buffer, at, end)
                if at < 0:
                    break
                key_end = at - 1
                at = blank(buffer, at, end)
                if at >= end or buffer[at] != 58:
                    break
                at = blank(buffer, at + 1, end)
                if at >= end:
                    break
                if is_word(buffer, key, key_end, words[0]) and buffer[at] == 34 and kind == 0:
                    after = after_string(buffer, at, end)
                    if after < 0:
                        break
                    if is_word(buffer, at + 1, after - 1, words[2]):
                        kind = 3
                    elif is_word(buffer, at + 1, after - 1, words[3]):
                        kind = 4
                    else:
                        break
                    at = after
                elif is_word(buffer, key, key_end, words[1]) and depth == 0:
                    at, to, n_hard, depth = _coordinates(buffer, at, end, out, to, hard, n_hard, scratch)
                    if at < 0:
                        break
                else:
                    break
                at = blank(buffer, at, end)
                if at < end and buffer[at] == 44:
                    at = blank(buffer, at + 1, end)
                    continue
                if at == end - 1 and buffer[at] == 125 and kind > 0 and kind == depth:
                    odd[row] = False
                break
        if odd[row]:
            to, n_hard = begin, known_hard
        starts[row + 1] = to
    return n_hard
