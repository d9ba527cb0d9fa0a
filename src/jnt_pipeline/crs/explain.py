"""Say which operation would be used between two references, and why it can or cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pyproj
import shapely
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS
from jnt_pipeline.crs.france.territories import french_name, territory_at
from jnt_pipeline.crs.grid_needs import grids_used_from
from jnt_pipeline.crs.grids import is_intact, use_grid_folders
from jnt_pipeline.crs.operations import Candidate, PinnedOperation, candidates
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import System, canonical, system
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.errors import CrsError, MissingGridError
from jnt_pipeline.provenance import Operation, accuracy_text

__all__ = ["Alternative", "Explanation", "GridState", "Place", "explain"]

_PER_SIDE = 17  # places looked at on each side of a box


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GridState(_Document):
    """One grid that an operation reads."""

    name: str = Field(description="File name.")
    state: Literal["present", "missing", "damaged"] = Field(
        description="Whether PROJ finds it on this machine, and whether its checksum is the one known."
    )
    edition: str = Field(default="", description="Edition, e.g. RAF20 (2020); empty when the table does not list it.")
    relation: str = Field(default="", description="What it relates.")
    territory: str = Field(default="", description="Where it holds; empty when the table does not list it.")
    n_bytes: int | None = Field(default=None, ge=0, description="Size of the file, bytes; null when not listed.")
    sha256: str = Field(default="", description="Checksum that it must have; empty when not listed.")
    licence: str = Field(default="", description="Its licence.")
    attribution: str = Field(default="", description="Wording to show wherever its results are published.")


class Alternative(_Document):
    """One operation that PROJ proposes, in its own order."""

    description: str = Field(description="PROJ's own words.")
    accuracy_m: float | None = Field(description="Stated accuracy, metres; null = not stated.")
    grids: tuple[GridState, ...] = Field(description="Grids that it reads.")
    area: str = Field(description="Area of use in words.")
    bounds: Bounds | None = Field(description="Area of use: west, south, east, north, degrees.")
    is_used: bool = Field(default=False, description="Whether it is what would be used, or a step of it.")
    why_not: str = Field(default="", description="Why it is not used; empty for the one that is.")


class Place(_Document):
    """Whether the operation is valid where it was asked for."""

    bounds: Bounds = Field(description="West, south, east, north, degrees; a point is a box without size.")
    territory: str = Field(description="French territory that holds its centre; empty outside all of them.")
    is_inside: bool | None = Field(
        description="Whether all of it lies where the operation is valid; null where the operation is refused."
    )
    outside: str = Field(default="", description="What it leaves, and by how much; empty when inside.")


class Explanation(_Document):
    """What `jnt crs explain` prints."""

    source: str = Field(description="Reference of the input, compound codes taken apart.")
    source_name: str = Field(description="Its name in EPSG's registry.")
    source_french_name: str = Field(description="Its French name; the code where the table has none.")
    target: str = Field(description="Reference of the output, compound codes taken apart.")
    target_name: str = Field(description="Its name in EPSG's registry.")
    target_french_name: str = Field(description="Its French name; the code where the table has none.")
    operation: Operation | None = Field(description="The operation that would be used; null when refused.")
    refusal: str = Field(default="", description="Why there is none, and the remedy; empty when there is one.")
    valid_in: tuple[str, ...] = Field(default=(), description="Areas that points must lie in, in words.")
    place: Place | None = Field(default=None, description="The place asked for; null when none was.")
    grids: tuple[GridState, ...] = Field(
        default=(), description="Grids that the operation reads, or would have to read."
    )
    without_grids: str = Field(default="", description="What would happen without them, here and in PROJ left alone.")
    alternatives: tuple[Alternative, ...] = Field(
        default=(), description="All that PROJ proposes for the pair, the best first; only the best is ever used."
    )
    looked_in: tuple[str, ...] = Field(description="Folders where grids are looked for.")
    proj_version: str = Field(description="Version of PROJ; its database decides the order.")


def explain(
    source: Reference | str,
    target: Reference | str,
    *,
    bbox: Bounds | None = None,
    outline: BaseGeometry | None = None,
) -> Explanation:
    """Explain the transformation between two references on this machine.

    Parameters
    ----------
    bbox
        West, south, east, north in degrees: the place, for pairs whose best operation depends on it. It may have no
        size (a point). The answer says whether the operation is valid all over it.
    outline
        A shape in degrees inside ``bbox``, when the place is less than its box: a territory.

    Raises
    ------
    MissingCrsError, CrsError
        A code is unknown, or a reference contradicts itself. A refused operation is no error here: it is explained.
    """
    folders = use_grid_folders()
    start, end = system(canonical(source)), system(canonical(target))
    chosen, refusal = _choice(start, end, bbox)
    alternatives = _judged(_proposed(start, end, bbox), chosen)
    if chosen is not None:
        names = tuple(grid.name for grid in chosen.operation.grids)
    elif alternatives:
        names = tuple(grid.name for grid in alternatives[0].grids)
    else:
        names = tuple(sorted({*grids_used_from(start.reference), *grids_used_from(end.reference)}))
    grids = tuple(_grid_state(name, _found(name, folders)) for name in names)
    return Explanation(
        source=start.reference.code,
        source_name=start.crs.name,
        source_french_name=french_name(start.reference.code),
        target=end.reference.code,
        target_name=end.crs.name,
        target_french_name=french_name(end.reference.code),
        operation=None if chosen is None else chosen.operation,
        refusal=refusal,
        valid_in=() if chosen is None else chosen.valid_in,
        place=None if bbox is None else _place(bbox, outline, chosen),
        grids=grids,
        without_grids=_without(grids, alternatives),
        alternatives=alternatives,
        looked_in=tuple(str(folder) for folder in folders),
        proj_version=pyproj.proj_version_str,
    )


def _choice(start: System, end: System, bbox: Bounds | None) -> tuple[Transformation | None, str]:
    """The transformation, or why there is none. Where none suits the place, the one of the pair is judged there."""
    refusal = ""
    for area in dict.fromkeys((bbox, None)):
        try:
            return transformation(start.reference, end.reference, area=area), ""
        except CrsError as error:
            refusal = refusal or str(error)
    return None, refusal


def _proposed(start: System, end: System, bbox: Bounds | None) -> list[Candidate]:
    """What PROJ is asked: the horizontal parts alone where heights do not move."""
    if start.reference == end.reference or (end.has_heights and not start.has_heights):
        return []
    same_vertical = start.reference.vertical is not None and start.reference.vertical == end.reference.vertical
    plane = same_vertical or not end.has_heights
    ends = (start.crs, end.crs)
    if plane and start.flat is not None and end.flat is not None:
        ends = (start.flat, end.flat)
    try:
        for area in dict.fromkeys((bbox, None)):
            if found := candidates(*ends, area):
                return found
    except MissingGridError:  # a grid that is none: the refusal says so
        return []
    return []


def _judged(proposed: list[Candidate], chosen: Transformation | None) -> tuple[Alternative, ...]:
    """The proposals, each with the reason why it is not used."""
    steps = () if chosen is None else chosen._route.steps
    pinned = {(step.description, step.pipeline) for step in steps if isinstance(step, PinnedOperation)}
    used = [(one.description, one.pipeline) in pinned for one in proposed]
    return tuple(
        Alternative(
            description=one.description,
            accuracy_m=one.accuracy_m,
            grids=tuple(_grid_state(name, Path(path) if path else None) for name, path in one.grids),
            area=one.area_name,
            bounds=one.bounds,
            is_used=is_used,
            why_not="" if is_used else _why_not(rank, one, chosen, any(used)),
        )
        for rank, (one, is_used) in enumerate(zip(proposed, used, strict=True))
    )


def _why_not(rank: int, one: Candidate, chosen: Transformation | None, best_is_proposed: bool) -> str:
    if one.missing:
        return f"needs {', '.join(one.missing)}, which this machine does not have"
    if chosen is None:
        return "not the best: a lesser operation is never taken for a better one that is refused"
    if not best_is_proposed:
        return "a rule for these datums asks for another way, see the operation above"
    best, own = accuracy_text(chosen.operation.accuracy_m), accuracy_text(one.accuracy_m)
    return f"ranked {rank + 1} by PROJ, for its area and accuracy ({own}; the one that is used: {best})"


def _place(bbox: Bounds, outline: BaseGeometry | None, chosen: Transformation | None) -> Place:
    west, south, east, north = bbox
    lon, lat = (axis.ravel() for axis in np.meshgrid(_steps(west, east), _steps(south, north)))
    middle = ((west + east) / 2, (south + north) / 2)
    if outline is not None:
        within = shapely.contains_xy(outline, lon, lat)
        lon, lat = lon[within], lat[within]
        inner = outline.representative_point()
        middle = (inner.x, inner.y)
    territory = territory_at(*middle)
    if chosen is None:
        return Place(bounds=bbox, territory=_name(territory), is_inside=None)
    left = []
    for domain in chosen._domains:
        n_outside = int((~domain.contains(lon, lat)).sum())
        if n_outside:
            left.append(f"{100 * n_outside / len(lon):.0f} % of it lies outside {domain.label}")
    if left and all(domain.contains(lat, lon).all() for domain in chosen._domains):
        left.append("with its two axes swapped it would lie inside: longitude comes first")
    return Place(bounds=bbox, territory=_name(territory), is_inside=not left, outside="; ".join(left))


def _steps(first: float, last: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.linspace(first, last, 1 if first == last else _PER_SIDE)


def _name(territory: object) -> str:
    return str(getattr(territory, "name", ""))


def _without(grids: tuple[GridState, ...], alternatives: tuple[Alternative, ...]) -> str:
    """What happens where the grids are missing: a refusal here, something worse elsewhere."""
    if not grids:
        return ""
    names = ", ".join(grid.name for grid in grids)
    gone = {grid.name for grid in grids}
    spare = next(
        (one for one in alternatives if all(g.name not in gone and g.state == "present" for g in one.grids)), None
    )
    if spare is None:
        fallback = "an approximate operation: heights copied, the change of datum coarse or left out"
    else:
        fallback = f"« {spare.description} », {accuracy_text(spare.accuracy_m)}"
    return (
        f"without {names} the transformation is refused here; PROJ left alone goes on, without a word, with {fallback}"
    )


def _found(name: str, folders: tuple[Path, ...]) -> Path | None:
    return next((folder / name for folder in reversed(folders) if (folder / name).is_file()), None)


def _grid_state(name: str, path: Path | None) -> GridState:
    known = KNOWN_GRIDS.get(name)
    if known is None:
        return GridState(name=name, state="present" if path else "missing")
    return GridState(
        name=name,
        state="missing" if path is None else "present" if is_intact(name, path) else "damaged",
        edition=known.edition,
        relation=known.relation,
        territory=known.territory,
        n_bytes=known.n_bytes,
        sha256=known.sha256,
        licence=known.licence,
        attribution=known.attribution,
    )
