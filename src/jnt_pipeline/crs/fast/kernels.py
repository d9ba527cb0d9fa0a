"""The kernel: a chain of stages over blocks of points, each stage a row of loops that the compiler vectorises.

A block of points lies in rows of scratch: ``a, b, c`` are the coordinates of the moment (x, y, z; or longitude and
latitude in radians, and height), ``bad`` counts what the caller has to look at. Every loop does the same IEEE
operations for every point, in the same order, whatever its place in the block: no fused multiply-add, no reordering,
no library function beyond the square root. So a point has one result, alone or among millions, on any processor.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jnt_pipeline.crs.fast import kernel_geocentric, kernel_parts, kernel_projections, kernel_tables
from jnt_pipeline.crs.fast.kernel_geocentric import affine, cart_forward, cart_inverse
from jnt_pipeline.crs.fast.kernel_parts import BEYOND, BOUNDARY, part
from jnt_pipeline.crs.fast.kernel_projections import lcc_forward, lcc_inverse, tm_forward, tm_inverse
from jnt_pipeline.crs.fast.kernel_tables import check, grid
from jnt_pipeline.libraries.compiled import numba

__all__ = ["BLOCK", "LOOK", "LOST", "REDO", "ROWS", "run"]

BLOCK = 512
"""Points in a block."""
ROWS = 12
"""Rows of scratch: a, b, c, bad, a height put aside, and seven for the stages."""

LOOK, REDO, LOST = 1, 2, 4
"""Bits of the state of a point: its domain has to be tested exactly; PROJ has to compute it; it has no result."""

SCALE, CHECK, LCC_INVERSE, LCC_FORWARD, TM_INVERSE, TM_FORWARD, GRID = range(7)
CART_FORWARD, CART_INVERSE, AFFINE, PUSH, POP, ZERO, SHIFT = range(7, 14)
"""What a stage does."""

_F8, _I8, _U1, _F4 = numba.float64, numba.int64, numba.uint8, numba.float32


def _row(item: Any, n_axes: int = 1) -> Any:
    return numba.types.Array(item, n_axes, "C", readonly=True)


_TABLE = numba.types.Array(_F8, 2, "C")
_STATE = numba.types.Array(_U1, 1, "C")
_SIGNATURE = numba.types.boolean(
    _row(_F8, 2), _TABLE, _STATE, _row(_I8), _row(_I8), _row(_F8), _row(_U1), _row(_F4), _TABLE
)  # fmt: skip


@part
def _load(points: Any, p: Any, first: int, a: Any, b: Any, c: Any, bad: Any, m: int) -> None:
    low, high = p[0], p[1]
    if points.shape[1] == 3:
        for i in range(m):
            a[i], b[i], c[i] = points[first + i, 0], points[first + i, 1], points[first + i, 2]
    else:
        for i in range(m):
            a[i], b[i], c[i] = points[first + i, 0], points[first + i, 1], 0.0
    for i in range(m):
        rest = (a[i] - a[i]) + (b[i] - b[i]) + (c[i] - c[i])  # zero, or NaN when one is not finite
        bad[i] = 0.0 if rest == 0.0 else BEYOND
        bad[i] += 0.0 if (c[i] > low) & (c[i] < high) else BOUNDARY


@part
def _store(out: Any, state: Any, first: int, a: Any, b: Any, c: Any, bad: Any, m: int) -> bool:
    """Write the results and the state of the points; returns whether any of them needs a look."""
    if out.shape[1] == 3:
        for i in range(m):
            out[first + i, 0], out[first + i, 1], out[first + i, 2] = a[i], b[i], c[i]
    else:
        for i in range(m):
            out[first + i, 0], out[first + i, 1] = a[i], b[i]
            c[i] = 0.0
    total = 0.0
    for i in range(m):
        rest = (a[i] - a[i]) + (b[i] - b[i]) + (c[i] - c[i])
        c[i] = 0.0 if rest == 0.0 else 1.0
        total += bad[i] + c[i]  # whole numbers: exact in any order
    if total == 0.0:
        for i in range(m):
            state[first + i] = 0
        return False
    for i in range(m):
        flags = LOST if c[i] > 0.0 else 0
        if bad[i] > 0.0:
            flags |= LOOK
        if bad[i] >= BEYOND:
            flags |= REDO
        state[first + i] = flags
    return True


def _kernel(stamp: int) -> Callable[..., bool]:
    """The kernel, compiled from the parts that have this stamp."""

    @numba.njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")
    def run(
        points: Any, out: Any, state: Any, kinds: Any, starts: Any, p: Any, cells: Any, values: Any, scratch: Any
    ) -> bool:
        """Transform points, block by block.

        Parameters
        ----------
        points, out : (n, 2) or (n, 3) float64
            Input and result.
        state : (n,) uint8
            Written: 0 where the result stands, else bits ``LOOK``, ``REDO``, ``LOST``.
        kinds, starts : (s,) int64
            What each stage does, and where its parameters start.
        p : float64
            Least and greatest third coordinate that need no look; parameters and coefficients of all stages.
        cells : uint8
            Domain, by rows from the south: 0 where a cell lies wholly inside, 1 elsewhere.
        values : float32
            Height grids one after the other, by rows from the south, NaN for nodata.
        scratch : (ROWS, BLOCK) float64

        Returns
        -------
        Whether any state is not 0.
        """
        n = points.shape[0]
        _ = stamp  # in the closure, hence part of the key of the machine code
        anything = False
        a, b, c, bad, kept = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
        r0, r1, r2, r3, r4 = scratch[5], scratch[6], scratch[7], scratch[8], scratch[9]
        r5, r6 = scratch[10], scratch[11]
        for first in range(0, n, BLOCK):
            m = min(BLOCK, n - first)
            _load(points, p, first, a, b, c, bad, m)
            for stage in range(len(kinds)):
                kind, at = kinds[stage], starts[stage]
                if kind == CHECK:
                    check(p, at, a, b, c, bad, cells, r0, r1, m)
                elif kind == LCC_INVERSE:
                    lcc_inverse(p, at, a, b, bad, r0, r1, r2, m)
                elif kind == LCC_FORWARD:
                    lcc_forward(p, at, a, b, r0, r1, r2, r3, r4, m)
                elif kind == TM_INVERSE:
                    tm_inverse(p, at, a, b, bad, r0, r1, r2, m)
                elif kind == TM_FORWARD:
                    tm_forward(p, at, a, b, r0, r1, r2, r3, m)
                elif kind == GRID:
                    grid(p, at, a, b, c, values, r0, r1, r2, r3, r4, r5, r6, m)
                elif kind == CART_FORWARD:
                    cart_forward(p, at, a, b, c, r0, r1, r2, r3, r4, r5, m)
                elif kind == CART_INVERSE:
                    cart_inverse(p, at, a, b, c, bad, r0, r1, r2, r3, r4, r5, m)
                elif kind == AFFINE:
                    affine(p, at, a, b, c, m)
                elif kind == SCALE:
                    factor = p[at]
                    for i in range(m):
                        a[i] *= factor
                        b[i] *= factor
                else:
                    amount = p[at]
                    for i in range(m):
                        if kind == PUSH:
                            kept[i] = c[i]
                        elif kind == POP:
                            c[i] = kept[i]
                        elif kind == ZERO:
                            c[i] = 0.0
                        else:
                            c[i] += amount
            anything |= _store(out, state, first, a, b, c, bad, m)
        return anything

    return run


def _stamp() -> int:
    """Checksum of the files of the parts: numba keeps machine code by the file and the closure of a function alone."""
    parts = (kernel_geocentric, kernel_parts, kernel_projections, kernel_tables)
    return zlib.crc32(b"".join(Path(str(module.__file__)).read_bytes() for module in parts))


run = _kernel(_stamp())
