"""PROJ as the judge of a chain: both transform a sample of the whole domain, edges and heights included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyproj
from numpy.typing import NDArray

from jnt_pipeline.crs.fast.chain import Chain
from jnt_pipeline.crs.fast.kernels import REDO

__all__ = ["TOLERANCE_M", "sample_of", "verify"]

Array = NDArray[np.float64]

TOLERANCE_M = 1e-5
"""Greatest distance from PROJ's result, metres (0.01 mm)."""

_PER_SIDE = 25
_HEIGHTS_M = (0.0, -430.0, 55.5, 1_820.0, 4_810.0, 12_000.0)  # from below the sea to above the highest flight line
_EARTH_M = 6_378_137.0


def sample_of(chain: Chain, n_columns: int) -> Array:
    """Points of the source over the domain: (n, n_columns), a lattice with its edges, each with one of six heights."""
    west, south, east, north = chain.cells.bounds
    # A decimetre inside the edges, and off the nodes of any grid: exactly on a node, rounding alone decides which
    # cell is read, and next to nodata that matters.
    along = np.linspace(1e-6, 1 - 1.7e-6, _PER_SIDE)
    lon, lat = (axis.ravel() for axis in np.meshgrid(west + (east - west) * along, south + (north - south) * along))
    height = np.resize(_HEIGHTS_M, lon.size)
    # The first steps backwards: from longitude and latitude to the source.
    back = [step for step in reversed(chain.first_steps) if step.name != "push"]  # a height put aside
    parts = [f"step {'' if step.is_inverse else 'inv '}{step.text}" for step in back]
    pipeline = " ".join(["proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad", *parts])
    columns = pyproj.Transformer.from_pipeline(pipeline).transform(lon, lat, height)
    return np.column_stack(columns)[:, :n_columns]


def verify(
    chain: Chain, by_proj: Callable[[Array], Array], *, n_columns: int, n_out: int, is_degrees: bool
) -> tuple[float, str]:
    """Compare a chain with PROJ.

    Parameters
    ----------
    by_proj
        The same operation by PROJ: infinite where it has no result.
    is_degrees
        Whether the target is in degrees.

    Returns
    -------
    Greatest distance, metres; and what is wrong, empty when the chain may be used.
    """
    points = sample_of(chain, n_columns)
    expected = by_proj(points)
    got, state, _ = chain.run(points, n_out)
    here = (state & REDO) == 0
    known, ours = np.isfinite(expected).all(axis=1), np.isfinite(got).all(axis=1) & here
    if not here[known].all():
        return np.inf, f"{int((~here & known).sum())} of {here.size} points of the sample lie beyond the polynomials"
    if not np.array_equal(known, ours):
        return np.inf, f"a result where PROJ has none, or none where it has, at {int((known != ours).sum())} points"
    if not known.any():
        return np.inf, "PROJ has no result on the whole sample"
    difference = got[known] - expected[known]
    if is_degrees:
        difference[:, :2] *= np.pi / 180 * _EARTH_M
    worst = float(np.abs(difference).max())
    return worst, "" if worst <= TOLERANCE_M else f"{worst * 1000:.3g} mm from PROJ, more than {TOLERANCE_M * 1000:g}"
