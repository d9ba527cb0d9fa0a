"""Say which operation would be used between two references, and why it can or cannot be."""

from __future__ import annotations

from typing import Literal

import pyproj
from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.grid_table import KNOWN_GRIDS
from jnt_pipeline.crs.grids import use_grid_folders
from jnt_pipeline.crs.operations import Candidate, candidates
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import System, canonical, system
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.errors import CrsError
from jnt_pipeline.provenance import Operation

__all__ = ["Alternative", "Explanation", "GridState", "explain"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GridState(_Document):
    """One grid that an operation reads."""

    name: str = Field(description="File name.")
    state: Literal["present", "missing"] = Field(description="Whether PROJ finds it on this machine.")
    territory: str = Field(default="", description="Where it holds; empty when the table does not list it.")
    n_bytes: int | None = Field(default=None, ge=0, description="Size of the file, bytes; null when not listed.")


class Alternative(_Document):
    """One operation that PROJ proposes, in its own order."""

    description: str = Field(description="PROJ's own words.")
    accuracy_m: float | None = Field(description="Stated accuracy, metres; null = not stated.")
    grids: tuple[GridState, ...] = Field(description="Grids that it reads.")
    area: str = Field(description="Area of use in words.")
    bounds: Bounds | None = Field(description="Area of use: west, south, east, north, degrees.")


class Explanation(_Document):
    """What `jnt crs explain` prints."""

    source: str = Field(description="Reference of the input, compound codes taken apart.")
    source_name: str = Field(description="Its name in EPSG's registry.")
    target: str = Field(description="Reference of the output, compound codes taken apart.")
    target_name: str = Field(description="Its name in EPSG's registry.")
    operation: Operation | None = Field(description="The operation that would be used; null when refused.")
    refusal: str = Field(default="", description="Why there is none, and the remedy; empty when there is one.")
    valid_in: tuple[str, ...] = Field(default=(), description="Areas that points must lie in, in words.")
    alternatives: tuple[Alternative, ...] = Field(
        default=(), description="All that PROJ proposes for the pair, the best first; only the best is ever used."
    )
    looked_in: tuple[str, ...] = Field(description="Folders where grids are looked for.")
    proj_version: str = Field(description="Version of PROJ; its database decides the order.")


def explain(source: Reference | str, target: Reference | str, *, bbox: Bounds | None = None) -> Explanation:
    """Explain the transformation between two references on this machine.

    Parameters
    ----------
    bbox
        West, south, east, north in degrees: the place, for pairs whose best operation depends on it.

    Raises
    ------
    MissingCrsError, CrsError
        A code is unknown, or a reference contradicts itself. A refused operation is no error here: it is explained.
    """
    folders = use_grid_folders()
    start, end = system(canonical(source)), system(canonical(target))
    operation: Operation | None = None
    refusal = ""
    valid_in: tuple[str, ...] = ()
    try:
        chosen = transformation(start.reference, end.reference, area=bbox)
    except CrsError as error:
        refusal = str(error)
    else:
        operation, valid_in = chosen.operation, chosen.valid_in
    return Explanation(
        source=start.reference.code,
        source_name=start.crs.name,
        target=end.reference.code,
        target_name=end.crs.name,
        operation=operation,
        refusal=refusal,
        valid_in=valid_in,
        alternatives=tuple(_alternative(c) for c in _proposed(start, end, bbox)),
        looked_in=tuple(str(folder) for folder in folders),
        proj_version=pyproj.proj_version_str,
    )


def _proposed(start: System, end: System, bbox: Bounds | None) -> list[Candidate]:
    """What PROJ is asked: the horizontal parts alone where heights do not move."""
    if start.reference == end.reference or (end.has_heights and not start.has_heights):
        return []
    same_vertical = start.reference.vertical is not None and start.reference.vertical == end.reference.vertical
    plane = same_vertical or not end.has_heights
    if plane and start.flat is not None and end.flat is not None:
        return candidates(start.flat, end.flat, bbox)
    return candidates(start.crs, end.crs, bbox)


def _alternative(candidate: Candidate) -> Alternative:
    grids = []
    for name, path in candidate.grids:
        known = KNOWN_GRIDS.get(name)
        grids.append(
            GridState(
                name=name,
                state="present" if path else "missing",
                territory="" if known is None else known.territory,
                n_bytes=None if known is None else known.n_bytes,
            )
        )
    return Alternative(
        description=candidate.description,
        accuracy_m=candidate.accuracy_m,
        grids=tuple(grids),
        area=candidate.area_name,
        bounds=candidate.bounds,
    )
