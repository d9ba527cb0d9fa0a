"""Transformation: the only thing that moves coordinates and heights, and knows the operation that it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.areas import Domain, domains_of
from jnt_pipeline.crs.domains import check_inside, outside_error
from jnt_pipeline.crs.engines import Engine, by_proj, engine_for
from jnt_pipeline.crs.grids import use_grid_folders
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.route import HeightShift, Route, route
from jnt_pipeline.crs.systems import canonical, lonlat, system
from jnt_pipeline.errors import CrsError, MissingHeightReferenceError, OutsideAreaError
from jnt_pipeline.provenance import Operation

__all__ = ["Transformation", "transform", "transform_geometries", "transformation"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Transformation:
    """One pinned way from a reference to another (*transformation de coordonnées*); see :func:`transformation`.

    It may be shared by threads, and pickled: another process builds it again from its own grids and refuses to
    go on if these are not the same.
    """

    source: Reference
    """Reference of the input, compound codes taken apart."""
    target: Reference
    """Reference of the output, compound codes taken apart."""
    operation: Operation
    """The operation as it is really used: description, pipeline, accuracy, grids with their checksums."""
    undulation: DeclaredUndulation | None = None
    """The undulation that was declared, used or not."""
    area: Bounds | None = None
    """West, south, east, north in degrees, when the choice of the operation was asked for one place."""
    _route: Route = field(repr=False, compare=False)
    _domains: tuple[Domain, ...] = field(repr=False, compare=False)
    _engines: dict[tuple[Path, ...], Engine] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_identity(self) -> bool:
        """Whether coordinates come out as they went in."""
        return not self._route.steps and not self._route.drops_third

    @property
    def moves_heights(self) -> bool:
        """Whether a third coordinate is needed: it takes part in the operation."""
        return self._route.needs_third

    @property
    def valid_in(self) -> tuple[str, ...]:
        """The areas that points must lie in, in words."""
        return tuple(domain.label for domain in self._domains)

    def apply(self, coordinates: Array) -> Array:
        """Transform points.

        Parameters
        ----------
        coordinates : (n, 2) or (n, 3) float64
            x or longitude first, in the units of the source; any memory layout, other number types are taken as
            float64. The third column is the height, or Z when geocentric;
            where the operation does not move heights it may be absent, and comes out bit for bit as it went in.

        Returns
        -------
        (n, 2) or (n, 3) float64, x or longitude first, in the units of the target. Never a view of the input.

        Raises
        ------
        OutsideAreaError
            A point lies outside the area of use of one of the systems, of the operation or of its grids.
        MissingHeightReferenceError
            Heights are needed and absent, or present while the target has no vertical reference for them.
        CrsError
            A coordinate is NaN, infinite or masked, or the array has another shape.
        """
        where = f"{self.source} to {self.target}"
        points = self._table(coordinates, where)
        n_out = 2 if self._route.drops_third else points.shape[1]
        if not len(points):
            return np.empty((0, n_out))
        folders = use_grid_folders()
        chain = self._engine(folders).chain
        if chain is None:
            return self._by_proj(points.astype(np.float64, copy=False), where, folders)
        result, state, any_marked = chain.run(points, n_out)
        if any_marked:
            self._look(points, result, state, where, folders)
        return result

    @property
    def engine(self) -> Literal["compiled", "PROJ"]:
        """What computes: this package's compiled kernels, or PROJ.

        Kernels are used where they agree with PROJ within 0.01 mm on a sample of the whole area; the first use builds
        and verifies them.
        """
        return self._engine(use_grid_folders()).name

    @property
    def engine_reason(self) -> str:
        """How near the kernels are to PROJ, or why PROJ computes."""
        return self._engine(use_grid_folders()).reason

    def _engine(self, folders: tuple[Path, ...]) -> Engine:
        if folders not in self._engines:
            ends = system(self.source), system(self.target)
            self._engines[folders] = engine_for(self._route, self._domains, *ends, folders)
        return self._engines[folders]

    def _by_proj(self, points: Array, where: str, folders: tuple[Path, ...]) -> Array:
        _check_finite(points, where)
        check_inside(system(self.source), points, self._domains, where=where)
        result = by_proj(self._route, points, where, folders)
        self._check_found(points, result, where)
        return result

    def _look(
        self,
        points: NDArray[np.generic],
        result: Array,
        state: NDArray[np.uint8],
        where: str,
        folders: tuple[Path, ...],
    ) -> None:
        """Judge the points that the kernels marked, exactly as PROJ's way judges all points; mend what they left out.

        Marked are points near the edge of the domain or outside it, beyond the polynomials, not finite, or without
        a value in a grid.
        """
        from jnt_pipeline.crs.fast.kernels import LOOK, LOST, REDO

        source = system(self.source)
        marked = np.flatnonzero(state)
        flags = state[marked]
        look, again = marked[flags & LOOK != 0], marked[flags & REDO != 0]
        if look.size:
            some = points[look].astype(np.float64)
            if not np.isfinite(some).all():
                _check_finite(points.astype(np.float64, copy=False), where)
            try:
                check_inside(source, some, self._domains, where=where)
            except OutsideAreaError:
                # Once more with all points, for a message that counts them.
                check_inside(source, points.astype(np.float64, copy=False), self._domains, where=where)
                raise
        if again.size:
            result[again] = by_proj(self._route, points[again].astype(np.float64), where, folders)
        if again.size or (flags & LOST).any():
            self._check_found(points, result, where)

    def _check_found(self, points: NDArray[np.generic], result: Array, where: str) -> None:
        lost = np.flatnonzero(~np.isfinite(result).all(axis=1))
        if lost.size:
            numbers = points.astype(np.float64, copy=False)
            places = lonlat(system(self.source), numbers)
            expected = f"points where « {self.operation.description} » gives a result (a grid has no value there)"
            raise outside_error(system(self.source), numbers, places, lost, expected=expected, where=where)

    def _table(self, coordinates: Array, where: str) -> NDArray[np.generic]:
        if isinstance(coordinates, np.ma.MaskedArray):  # what is masked is not there, whatever lies below the mask
            coordinates = np.ma.filled(coordinates.astype(np.float64), np.nan)
        points: NDArray[np.generic] = np.asarray(coordinates)
        if points.dtype.kind not in "fiu":
            points = np.asarray(coordinates, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise CrsError(
                "the coordinates are not a table of points",
                where=where,
                found=f"shape {points.shape}",
                expected="shape (n, 2) or (n, 3), x or longitude first",
                remedy="stack the columns: np.column_stack((x, y, height))",
            )
        if self._route.needs_third and points.shape[1] == 2:
            raise MissingHeightReferenceError(
                "the transformation moves heights, and the points have none",
                where=where,
                found="two columns",
                expected="three columns, heights in metres",
                remedy="give the heights, or transform between references without heights (Reference.flat())",
            )
        if points.shape[1] == 3 and self._route.loses_heights:
            raise MissingHeightReferenceError(
                "the points have heights, and the target says nothing about them",
                where=where,
                found=f"three columns, heights of {self.source}",
                expected=f"a target with a vertical reference, such as {self.target.horizontal}+5720 or EPSG:4979",
                remedy="name the vertical reference of the target, or give two columns to drop the heights",
            )
        return points

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as the question, with the answer to compare."""
        return _again, (self.source, self.target, self.undulation, self.area, self.operation)


def _check_finite(points: Array, where: str) -> None:
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise CrsError(
            f"{bad.size} of {len(points)} points have a coordinate that is not a finite number",
            where=where,
            found=f"first: point {int(bad[0])} {tuple(float(v) for v in points[bad[0]])}",
            expected="finite numbers",
            remedy="set these records aside before transforming",
        )


def _again(
    source: Reference,
    target: Reference,
    undulation: DeclaredUndulation | None,
    area: Bounds | None,
    operation: Operation,
) -> Transformation:
    here = transformation(source, target, undulation=undulation, area=area)
    if here.operation != operation:
        raise CrsError(
            "this process would use another operation than the one that sent the work",
            where=f"{source} to {target}",
            found=here.operation.model_dump_json(exclude_defaults=True),
            expected=operation.model_dump_json(exclude_defaults=True),
            remedy="give both processes the same grids and the same version of PROJ",
        )
    return here


def transformation(
    source: Reference | str,
    target: Reference | str,
    *,
    undulation: DeclaredUndulation | None = None,
    area: Bounds | None = None,
) -> Transformation:
    """The transformation between two references, built once per pair.

    Heights between the same vertical system on both sides are left alone; otherwise PROJ's best operation is taken, or
    nothing. With ``undulation``, heights above the vertical datum and heights above the ellipsoid differ by that
    constant and no height grid is looked at, even when one is installed.

    Parameters
    ----------
    source, target
        References, or their text: ``EPSG:2154+5720``, ``EPSG:5698``, ``EPSG:4979``, ``EPSG:4978``.
    area
        West, south, east, north in degrees: the place, for pairs whose best operation depends on it.

    Raises
    ------
    MissingGridError
        The best operation needs a grid that is not here; the message names it and the folders.
    BallparkError
        PROJ knows only an approximate operation, or none.
    MissingHeightReferenceError
        The target states heights, the source does not.
    MissingCrsError, CrsError
        A code is unknown, or a reference contradicts itself.
    """
    start, end = canonical(source), canonical(target)
    return _built(start, end, undulation, area, use_grid_folders())


@lru_cache(maxsize=256)
def _built(
    source: Reference,
    target: Reference,
    undulation: DeclaredUndulation | None,
    area: Bounds | None,
    folders: tuple[Path, ...],
) -> Transformation:
    del folders  # part of the key: other folders may hold other grids
    start, end = system(source), system(target)
    way = route(start, end, undulation, area)
    pinned = [step for step in way.steps if isinstance(step, PinnedOperation)]
    shifted = next((step.vertical for step in way.steps if isinstance(step, HeightShift)), None)
    return Transformation(
        source=source,
        target=target,
        operation=way.operation(source, target),
        undulation=undulation,
        area=area,
        _route=way,
        _domains=domains_of(start, end, pinned, shifted),
    )


def transform(
    coordinates: Array,
    source: Reference | str,
    target: Reference | str,
    *,
    undulation: DeclaredUndulation | None = None,
) -> tuple[Array, Operation]:
    """Transform points, and say with which operation; see :func:`transformation` and :meth:`Transformation.apply`.

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        x or longitude first.
    """
    chosen = transformation(source, target, undulation=undulation)
    return chosen.apply(coordinates), chosen.operation


def transform_geometries(geometries: NDArray[np.object_], transformation: Transformation) -> NDArray[np.object_]:
    """Transform the vertices of shapely geometries; edges stay straight between them.

    Z takes part when the transformation moves heights, and is left as it is otherwise. None and empty geometries
    come out as they are. M values are not kept.

    Raises
    ------
    MissingHeightReferenceError
        The transformation moves heights and a geometry has no Z, or the target has no reference for Z.
    OutsideAreaError, CrsError
        As :meth:`Transformation.apply`.
    """
    array = np.asarray(geometries, dtype=object)
    result = array.copy()
    for with_z in (False, True):
        chosen = (shapely.has_z(array) == with_z) & ~(shapely.is_missing(array) | shapely.is_empty(array))
        if chosen.any():
            some = _without_m(array[chosen])
            result[chosen] = shapely.transform(some, transformation.apply, include_z=with_z)
    return result


def _without_m(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The same geometries without M; shapely would give those with M a Z that is no number."""
    with_m = shapely.has_m(geometries)
    if not with_m.any():
        return geometries
    plain = geometries.copy()
    plain[with_m] = shapely.from_wkb(shapely.to_wkb(geometries[with_m], output_dimension=3))
    return plain
