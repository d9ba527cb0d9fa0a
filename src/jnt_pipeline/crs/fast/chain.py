"""A chain: a pinned operation turned into stages, and the arrays that the kernel reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.fast import kernels
from jnt_pipeline.crs.fast.cells import Cells, cells_of
from jnt_pipeline.crs.fast.exact import exact
from jnt_pipeline.crs.fast.geocentric import geocentric, helmert
from jnt_pipeline.crs.fast.height_grid import HeightGrid, read_height_grid
from jnt_pipeline.crs.fast.kernels import BLOCK, ROWS
from jnt_pipeline.crs.fast.lambert import lambert
from jnt_pipeline.crs.fast.mercator import transverse_mercator
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError, Step, steps_of
from jnt_pipeline.crs.fast.stages import Extent, Stage
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.crs.route import HeightShift
from jnt_pipeline.provenance import GridUse

__all__ = ["Chain", "chain_of"]

Array = NDArray[np.float64]

FIT_MARGIN_DEG = 0.02
"""Added around the domain for the polynomials, degrees: a datum shift inside the chain moves points by some metres."""

_ROWS_AT_ONCE = 1 << 16  # rows copied at a time when the input is not plain float64
_HEIGHTS = (-9_998.0, 11_900.0)
"""Heights that need no closer look, in metres or feet, upwards or downwards: see :mod:`jnt_pipeline.crs.possible`."""
_UNITS = {"deg": 0.017453292519943296, "rad": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Stages in order, with the tables that they read; may be shared by threads."""

    kinds: NDArray[np.int64]
    """What each stage does."""
    starts: NDArray[np.int64]
    """Where its parameters start."""
    parameters: Array
    """Parameters and coefficients of all stages."""
    cells: Cells
    """The domain."""
    values: NDArray[np.float32]
    """Height grids, one after the other."""
    first_steps: tuple[Step, ...]
    """Steps from the source to longitude and latitude in radians, which is where the domain is tested."""

    def run(self, points: NDArray[np.generic], n_out: int) -> tuple[Array, NDArray[np.uint8], bool]:
        """Transform points without refusing any.

        Parameters
        ----------
        points : (n, 2) or (n, 3), any number type and memory layout

        Returns
        -------
        (n, n_out) float64; (n,) uint8, the state of each point (bits of :mod:`~jnt_pipeline.crs.fast.kernels`);
        and whether any state is not 0.
        """
        n = len(points)
        out, state = np.empty((n, n_out)), np.empty(n, dtype=np.uint8)
        scratch = np.empty((ROWS, BLOCK))
        if points.dtype == np.float64 and points.flags.c_contiguous and points.flags.aligned:
            return out, state, self._run(points, out, state, scratch)
        anything = False
        plain = np.empty((min(n, _ROWS_AT_ONCE), points.shape[1]))
        for first in range(0, n, _ROWS_AT_ONCE):
            part = slice(first, min(first + _ROWS_AT_ONCE, n))
            rows = plain[: part.stop - first]
            rows[:] = points[part]
            anything |= self._run(rows, out[part], state[part], scratch)
        return out, state, anything

    def _run(self, points: NDArray[np.generic], out: Array, state: NDArray[np.uint8], scratch: Array) -> bool:
        return bool(
            kernels.run(
                points, out, state, self.kinds, self.starts, self.parameters, self.cells.values.ravel(), self.values,
                scratch,
            )
        )  # fmt: skip


def chain_of(
    steps: Sequence[PinnedOperation | HeightShift], domains: Sequence[Domain], *, is_geocentric: bool
) -> Chain:
    """Turn the steps of a route into a chain.

    Parameters
    ----------
    is_geocentric
        Whether the third coordinate of the source is Z from the Earth's centre.

    Raises
    ------
    NotCompiledError
        A step is PROJ's work; the message says which.
    TooWideError
        The domain is too wide for polynomials.
    MissingGridError
        A grid is damaged.
    """
    cells = cells_of(domains)
    with exact():
        builder = _Builder(cells, Extent.around(cells.bounds, FIT_MARGIN_DEG))
        builder.heights = (-np.inf, np.inf) if is_geocentric else _HEIGHTS
        parsed = [s if isinstance(s, HeightShift) else (s, steps_of(s.pipeline)) for s in steps]
        for item in parsed:
            if isinstance(item, HeightShift):
                builder.stages.append(Stage(kernels.SHIFT, (item.value_m,)))
            else:
                builder.add_operation(*item)
    return builder.chain()


class _Builder:
    def __init__(self, cells: Cells, extent: Extent) -> None:
        self.cells = cells
        self.extent = extent
        self.stages: list[Stage] = []
        self.grids: list[HeightGrid] = []
        self.first_steps: list[Step] = []
        self.is_checked = False
        self.heights = _HEIGHTS

    def add_operation(self, operation: PinnedOperation, steps: Sequence[Step]) -> None:
        """Add the steps of one pinned operation."""
        # PROJ gives a two-dimensional operation the height zero, whatever height travels with the point.
        hides = operation.n_columns == 2 and any(step.name in ("cart", "vgridshift") for step in steps)
        if hides and any(step.name in ("push", "pop") for step in steps):
            # one place to put a height aside: the one of the operation; the inner one would keep a zero
            steps = [step for step in steps if step.name not in ("push", "pop")]
            if any(step.name == "vgridshift" for step in steps):
                raise NotCompiledError("a height grid in an operation without heights")
        if hides:
            self.stages += [Stage(kernels.PUSH, (0.0,)), Stage(kernels.ZERO, (0.0,))]
        for step in steps:
            self._add(step, operation.grids)
        if hides:
            self.stages.append(Stage(kernels.POP, (0.0,)))

    def _add(self, step: Step, grids: Sequence[GridUse]) -> None:
        if not self.is_checked:
            self.first_steps.append(step)
        if step.name == "noop":
            return
        if step.name in ("push", "pop"):
            self.stages.append(Stage(kernels.PUSH if (step.name == "push") != step.is_inverse else kernels.POP, (0.0,)))
        elif step.name == "lcc":
            self.stages.append(lambert(step, self.extent))
        elif step.name in ("utm", "tmerc"):
            self.stages.append(transverse_mercator(step, self.extent))
        elif step.name == "cart":
            self.stages.append(geocentric(step, self.extent))
        elif step.name == "helmert":
            self.stages.append(helmert(step))
        elif step.name == "unitconvert":
            self.stages.append(_units(step))
        elif step.name == "vgridshift":
            self.stages.append(self._height_grid(step, grids))
        self._check_here(step)

    def _check_here(self, step: Step) -> None:
        """Test the domain as soon as the point is a longitude and a latitude in radians."""
        arrives = step.is_inverse if step.name in ("lcc", "utm", "tmerc", "cart") else step.name == "unitconvert"
        if arrives and not self.is_checked:
            self.stages.append(Stage(kernels.CHECK, (*self.cells.parameters, *_HEIGHTS)))
            self.is_checked = True
        elif not self.is_checked and not (step.name in ("push", "noop") or _is_small_shift(step)):
            raise NotCompiledError(f"the step {step.name} before longitude and latitude are known")

    def _height_grid(self, step: Step, grids: Sequence[GridUse]) -> Stage:
        name = step.values.get("grids", "")
        use = next((grid for grid in grids if grid.name == name), None)
        if use is None:
            raise NotCompiledError(f"the grids {name}: one is asked for, with its checksum")
        grid = read_height_grid(use)
        factor = float(step.values.get("multiplier", "-1"))  # PROJ's default
        start = sum(other.values.size for other in self.grids)
        self.grids.append(grid)
        columns = grid.values.shape[1]
        numbers = (grid.west, grid.south, grid.east, grid.north, grid.inv_x, grid.inv_y)
        sign = -factor if step.is_inverse else factor
        return Stage(kernels.GRID, (sign, *numbers, float(columns), float(start)))

    def chain(self) -> Chain:
        """The finished chain."""
        if not self.is_checked:
            raise NotCompiledError("no step that gives longitude and latitude in radians")
        sizes = [len(self.heights), *(len(stage.parameters) for stage in self.stages)]
        return Chain(
            kinds=np.array([stage.kind for stage in self.stages], dtype=np.int64),
            starts=np.cumsum(sizes[:-1]).astype(np.int64),
            parameters=np.array([*self.heights, *(v for stage in self.stages for v in stage.parameters)]),
            cells=self.cells,
            values=np.concatenate(
                [np.zeros(1, np.float32)] * (not self.grids) + [g.values.ravel() for g in self.grids]
            ),
            first_steps=tuple(self.first_steps),
        )


def _is_small_shift(step: Step) -> bool:
    """Whether a step moves points by metres at most: cells are a hundred metres wide, and edges have one of room."""
    if step.name != "helmert":
        return False
    values = {key: abs(float(text)) for key, text in step.values.items() if key != "convention"}
    # An arc second is 31 m on the ground, a millionth of the Earth's radius 6 m.
    limits = {"x": 1.0, "y": 1.0, "z": 1.0, "rx": 0.05, "ry": 0.05, "rz": 0.05, "s": 0.2}
    return all(value <= limits[key] for key, value in values.items())


def _units(step: Step) -> Stage:
    values = step.values
    ends = values.get("xy_in", ""), values.get("xy_out", "")
    if not set(ends) <= set(_UNITS) or {values.get("z_in", "m"), values.get("z_out", "m")} != {"m"}:
        raise NotCompiledError(f"units other than degrees, radians and metres ({step.text})")
    before, after = (_UNITS[unit] for unit in (reversed(ends) if step.is_inverse else ends))
    return Stage(kernels.SCALE, (before / after,))
