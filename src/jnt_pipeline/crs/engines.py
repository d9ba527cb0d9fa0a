"""What computes a transformation: compiled kernels where they agree with PROJ, and PROJ itself elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyproj
from numpy.typing import NDArray

from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.grids import require_same
from jnt_pipeline.crs.operations import PinnedOperation, pinned_transformer
from jnt_pipeline.crs.route import HeightShift, Route
from jnt_pipeline.crs.systems import System, move

if TYPE_CHECKING:
    from jnt_pipeline.crs.fast.chain import Chain

__all__ = ["Engine", "by_proj", "engine_for"]

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Who computes, and why."""

    name: Literal["compiled", "PROJ"]
    """``compiled``: kernels of this package, verified against PROJ; ``PROJ``: PROJ's own pipeline."""
    reason: str
    """Greatest distance from PROJ on the sample; or why PROJ computes."""
    chain: Chain | None
    """What the kernels run; None for PROJ."""


def engine_for(
    route: Route, domains: Sequence[Domain], source: System, target: System, folders: tuple[Path, ...]
) -> Engine:
    """Build the compiled chain of a route and verify it; PROJ computes where there is none or it differs.

    Raises
    ------
    MissingGridError
        A grid of the operation is damaged.
    """
    if not route.steps:
        return Engine(name="PROJ", reason="nothing moves", chain=None)
    words = f"{source.reference} to {target.reference}"
    # numba takes a second to load: not before a transformation is applied.
    from jnt_pipeline.crs.fast.chain import chain_of
    from jnt_pipeline.crs.fast.exact import TooWideError
    from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError
    from jnt_pipeline.crs.fast.verify import verify

    try:
        chain = chain_of(route.steps, domains, is_geocentric=source.is_geocentric)
    except (NotCompiledError, TooWideError) as error:
        logger.info("%s: computed by PROJ (%s)", words, error)
        return Engine(name="PROJ", reason=str(error), chain=None)
    n_columns = 3 if route.needs_third else 2
    distance, wrong = verify(
        chain,
        lambda points: by_proj(route, points, words, folders),
        n_columns=n_columns,
        n_out=2 if route.drops_third else n_columns,
        is_degrees=target.is_degrees,
    )
    if wrong:
        logger.warning("%s: the compiled transformation is refused, PROJ computes: %s", words, wrong)
        return Engine(name="PROJ", reason=wrong, chain=None)
    reason = f"within {distance * 1000:.2g} mm of PROJ on a sample of the area"
    logger.info("%s: compiled, %s", words, reason)
    return Engine(name="compiled", reason=reason, chain=chain)


def by_proj(route: Route, points: Array, where: str, folders: tuple[Path, ...]) -> Array:
    """All steps of a route by PROJ; infinite where it has no result.

    Parameters
    ----------
    points : (n, 2) or (n, 3) float64

    Raises
    ------
    MissingGridError
        A grid is not there any more, or is another file than the one on record.
    """
    columns = [points[:, i] for i in range(points.shape[1])]
    for step in route.steps:
        if isinstance(step, HeightShift):
            columns[2] = columns[2] + step.value_m
        else:
            # pyproj opens the grids again in each thread: they have to be the same ones still.
            for grid in step.grids:
                require_same(grid, where=where)
            transformer = _transformer(step, where, folders)
            columns[: step.n_columns] = move(transformer, columns[: step.n_columns])
    return np.column_stack(columns[: 2 if route.drops_third else points.shape[1]])


@lru_cache(maxsize=512)
def _transformer(step: PinnedOperation, where: str, folders: tuple[Path, ...]) -> pyproj.Transformer:
    del folders  # part of the key: other folders may hold other grids
    return pinned_transformer(step, where=where)
