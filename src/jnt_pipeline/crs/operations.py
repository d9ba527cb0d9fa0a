"""The choice of one coordinate operation between two systems: the best one, or an error."""

from __future__ import annotations

import math
import re
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import pyproj
from pyproj.exceptions import ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.datum_rules import PINS, Pin
from jnt_pipeline.crs.grids import grid_use, look_again, missing_grids, unreadable_grids
from jnt_pipeline.errors import BallparkError, CrsError
from jnt_pipeline.provenance import GridUse

__all__ = [
    "PinnedOperation",
    "best_operation",
    "candidates",
    "pin_between",
    "pin_of",
    "pinned_transformer",
    "require_pinned",
]

_UNSTATED_M = 900.0  # EPSG writes 998 and 999 m for an accuracy that nobody knows; PROJ adds them up

_GRIDS = re.compile(r"\bgrids=(\S+)")

_building = threading.Lock()  # pyproj warns about absent grids; Python's warning filters belong to the process


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedOperation:
    """One operation of PROJ, fixed as a pipeline: PROJ cannot change it from one point to the next."""

    description: str
    """PROJ's own words."""
    pipeline: str
    """PROJ pipeline, x or longitude first."""
    accuracy_m: float | None
    """Accuracy that EPSG states, metres; None when it does not."""
    grids: tuple[GridUse, ...]
    """Grids that it reads."""
    bounds: Bounds | None
    """Area of use: west, south, east, north, degrees."""
    area_name: str
    """Area of use in words."""
    n_columns: int
    """2 when it moves x and y alone, 3 with heights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One operation that PROJ proposes, whether this machine can run it or not."""

    description: str
    pipeline: str
    """Empty when a grid is missing."""
    accuracy_m: float | None
    grids: tuple[tuple[str, str], ...]
    """Name and path of each grid; the path is empty when it is missing."""
    bounds: Bounds | None
    area_name: str

    @property
    def missing(self) -> list[str]:
        """Names of the grids that are not on this machine."""
        return sorted({name for name, path in self.grids if not path})


def candidates(source: pyproj.CRS, target: pyproj.CRS, area: Bounds | None) -> list[Candidate]:
    """All operations without ballpark steps, the best first as PROJ ranks them whatever grids are installed.

    The order inside the two halves (runnable, not runnable) is PROJ's; when the very best misses a grid, the
    second half comes first, so that the head of the list is always the best.
    """
    where = None if area is None else AreaOfInterest(*area)
    with _building, warnings.catch_warnings():
        # "Best transformation is not available": said again below as an error that names the remedy.
        warnings.simplefilter("ignore", UserWarning)
        try:
            group = TransformerGroup(source, target, always_xy=True, area_of_interest=where, allow_ballpark=False)
        except ProjError as error:  # PROJ opens the grids that it finds, and stops at one that is no grid
            raise unreadable_grids(str(error), where=f"{_label(source)} to {_label(target)}") from error
    runnable = [
        _candidate(t.description, t.definition, t.accuracy, t.operations or (), t.area_of_use)
        for t in group.transformers
    ]
    blocked = [_candidate(o.name, "", o.accuracy, (o,), o.area_of_use) for o in group.unavailable_operations]
    return [*runnable, *blocked] if group.best_available else [*blocked, *runnable]


def _candidate(description: str, pipeline: str, accuracy: float, steps: object, area: object) -> Candidate:
    bounds = getattr(area, "bounds", None)
    grids = {g.short_name: g.full_name if g.available else "" for s in steps for g in s.grids}  # type: ignore[attr-defined]
    return Candidate(
        description=description,
        pipeline=pipeline,
        accuracy_m=None if accuracy is None or not 0 <= accuracy < _UNSTATED_M else float(accuracy),
        grids=tuple(sorted(grids.items())),
        bounds=None if bounds is None else tuple(bounds),
        area_name=str(getattr(area, "name", "") or ""),
    )


def pin_of(datum: str) -> Pin | None:
    """The rule of one datum (EPSG code of its geographic system), if there is one."""
    return next((pin for pin in PINS if datum in pin.datums), None)


def pin_between(source_datum: str, target_datum: str) -> Pin | None:
    """The rule that fixes the grid between two datums, if there is one."""
    for pin in PINS:
        if (source_datum in pin.datums) != (target_datum in pin.datums):
            return pin
    return None


def best_operation(
    source: pyproj.CRS,
    target: pyproj.CRS,
    *,
    n_columns: int,
    area: Bounds | None = None,
    grid: str | None = None,
) -> PinnedOperation | None:
    """Choose the operation: the best that PROJ knows, or the best that reads ``grid`` where one is asked for.

    Returns
    -------
    None when ``grid`` is asked for and no operation reads it: the caller then goes through a pivot.

    Raises
    ------
    MissingGridError
        The chosen operation needs a grid that is absent or damaged; a lesser operation is never taken instead.
    BallparkError
        PROJ knows no operation, or only an approximate one.
    """
    where = f"{_label(source)} to {_label(target)}"
    proposed = candidates(source, target, area)
    if any(c.missing for c in proposed) and look_again({name for c in proposed for name in c.missing}):
        proposed = candidates(source, target, area)  # a grid came in after PROJ had looked for it in vain
    if grid is not None:
        proposed = [c for c in proposed if any(name == grid for name, _ in c.grids)]
        # Whatever is installed: the most accurate first, and PROJ's order where they are equal.
        proposed.sort(key=lambda c: math.inf if c.accuracy_m is None else c.accuracy_m)
        if not proposed:
            return None
    if not proposed or "ballpark" in proposed[0].description.lower():
        raise BallparkError(
            "PROJ knows no operation between these references other than an approximate one",
            where=where,
            found="only a ballpark operation (datum ignored, or height copied), or none",
            expected="an operation registered by EPSG",
            remedy="check the two references; between two vertical datums go through an ellipsoidal height",
        )
    best = proposed[0]
    if best.missing or not best.pipeline:
        raise missing_grids(best.missing or [name for name, _ in best.grids], where=where)
    operation = PinnedOperation(
        description=best.description,
        pipeline=best.pipeline,
        accuracy_m=best.accuracy_m,
        grids=tuple(grid_use(name, Path(path)) for name, path in best.grids),
        bounds=best.bounds,
        area_name=best.area_name,
        n_columns=n_columns,
    )
    require_pinned(operation, where=where)
    return operation


def require_pinned(operation: PinnedOperation, *, where: str) -> None:
    """Raise unless the pipeline can do one thing only.

    Every grid that it reads is on record, none is optional (``@name``: without it PROJ goes on and copies the
    numbers), and no step is a guess.

    Raises
    ------
    BallparkError
        Names what could change the operation from one point to the next.
    """
    on_record = {grid.name for grid in operation.grids}
    read = [name for text in _GRIDS.findall(operation.pipeline) for name in text.split(",")]
    loose = [name for name in read if name.startswith("@") or Path(name).name not in on_record]
    guess = "ballpark" in operation.description.lower()
    if loose or guess:
        raise BallparkError(
            "the operation is not fixed: PROJ could leave a step out without saying so",
            where=where,
            found=f"optional or unrecorded grids {', '.join(loose)}" if loose else operation.description,
            expected="a pipeline whose grids are all required and on record, without ballpark steps",
            remedy="run `jnt crs explain` for this pair, and report it with the version of PROJ",
        )


def pinned_transformer(operation: PinnedOperation, *, where: str) -> pyproj.Transformer:
    """PROJ's transformer for one pinned operation.

    Raises
    ------
    BallparkError
        It is not fixed: see :func:`require_pinned`.
    CrsError
        PROJ cannot build it, for example because a grid went away.
    """
    require_pinned(operation, where=where)
    try:
        transformer = pyproj.Transformer.from_pipeline(operation.pipeline)
    except ProjError as error:
        raise CrsError(
            "PROJ cannot build the operation",
            where=where,
            found=str(error),
            expected=operation.description,
            remedy="run `jnt crs explain` for this pair; check that the grids are still in their folder",
        ) from error
    if transformer.definition.startswith("unavailable"):  # PROJ's word for several candidates, chosen point by point
        raise BallparkError(
            "PROJ would choose the operation anew for each point",
            where=where,
            found=transformer.description,
            expected="one pipeline",
            remedy="report this pair with the version of PROJ",
        )
    return transformer


def _label(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else crs.name
