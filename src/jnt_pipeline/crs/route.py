"""The way from one system to another as a few pinned steps, heights thought of first."""

from __future__ import annotations

from dataclasses import dataclass

import pyproj

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.areas import require_area, require_meeting
from jnt_pipeline.crs.france.territories import french_name, territories_of
from jnt_pipeline.crs.operations import PinnedOperation, best_operation, pin_between, pin_of
from jnt_pipeline.crs.own_operations import datum_link, datum_name, height_link
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.systems import System, system
from jnt_pipeline.errors import BallparkError, CrsError, MissingHeightReferenceError
from jnt_pipeline.provenance import GridUse, Operation, UndulationUse

__all__ = ["HeightShift", "Route", "route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightShift:
    """Add a declared undulation (or its opposite) to heights."""

    value_m: float
    """Metres added to the height."""
    undulation: DeclaredUndulation
    """Who declared it, and how well it is known."""
    vertical: str
    """Vertical system whose heights it relates to the ellipsoid."""

    @property
    def description(self) -> str:
        """Words for the provenance."""
        u = self.undulation
        return (
            f"declared undulation {u.value_m:+.3f} m, within {u.accuracy_m:g} m, between {self.vertical} and the "
            f"ellipsoid (source: {u.source})"
        )

    @property
    def use(self) -> UndulationUse:
        """The declaration as publications carry it."""
        return UndulationUse(**self.undulation.model_dump(), vertical=self.vertical)


Step = PinnedOperation | HeightShift


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Steps in order, and what happens to a third coordinate."""

    steps: tuple[Step, ...]
    """In order; empty when nothing moves."""
    note: str = ""
    """What is worth saying besides the steps, for example that heights are unchanged."""
    drops_third: bool = False
    """Whether the third coordinate was needed and is not part of the target (geocentric to plane)."""
    loses_heights: bool = False
    """Whether heights given would have no reference in the target: then they are refused."""

    @property
    def needs_third(self) -> bool:
        """Whether a third coordinate takes part."""
        return any(isinstance(step, HeightShift) or step.n_columns == 3 for step in self.steps)

    def operation(self, source: Reference, target: Reference) -> Operation:
        """The record for the provenance; accuracies add up as PROJ adds them, and one unstated leaves all unstated."""
        texts = [step.description for step in self.steps] or ["no change"]
        accuracies = [
            step.undulation.accuracy_m if isinstance(step, HeightShift) else step.accuracy_m for step in self.steps
        ]
        stated = [accuracy for accuracy in accuracies if accuracy is not None]
        grids: dict[str, GridUse] = {}
        for step in self.steps:
            if isinstance(step, PinnedOperation):
                grids |= {grid.name: grid for grid in step.grids}
        return Operation(
            source=source.code,
            target=target.code,
            description=" + ".join(texts) + (f"; {self.note}" if self.note else ""),
            pipeline=_joined(self.steps),
            accuracy_m=round(sum(stated), 6) if len(stated) == len(accuracies) else None,
            grids=tuple(grids[name] for name in sorted(grids)),
            undulation=next((step.use for step in self.steps if isinstance(step, HeightShift)), None),
        )


def _joined(steps: tuple[Step, ...]) -> str:
    """One PROJ pipeline that does all steps: PROJ does not nest pipelines, so their steps are put in a row."""
    if len(steps) == 1 and isinstance(steps[0], PinnedOperation) and steps[0].n_columns == 3:
        return steps[0].pipeline
    parts = []
    for step in steps:
        if isinstance(step, HeightShift):
            parts.append(f"step proj=affine zoff={step.value_m!r}")
            continue
        text = step.pipeline
        part = text.removeprefix("proj=pipeline ") if text.startswith("proj=pipeline ") else f"step {text}"
        parts.append(_flattened(part) if step.n_columns == 2 else part)
    return " ".join(["proj=pipeline", *parts]) if parts else "proj=noop"


def _flattened(part: str) -> str:
    """A datum shift of x and y alone is made at height zero: the same place with and without its height.

    PROJ's two-dimensional pipelines read the height that they are given (350 m of shift turn 1 km of height into
    some millimetres); ours never give one, and the pipeline on record has to say so.
    """
    if "proj=cart" not in part:
        return part
    return f"step proj=push v_3 step proj=set v_3=0 {part} step proj=pop v_3"


def route(source: System, target: System, undulation: DeclaredUndulation | None, area: Bounds | None) -> Route:
    """Choose the steps.

    Raises
    ------
    DisjointAreasError
        The two references hold nowhere together, or not in ``area``; PROJ is not asked for an operation.
    MissingHeightReferenceError
        The target states heights and the source does not.
    MissingGridError, BallparkError, CrsError
        As :func:`~jnt_pipeline.crs.operations.best_operation`.
    """
    require_meeting(source, target)
    if area is not None:
        require_area(source, target, area)
    if source.reference == target.reference:
        return Route(steps=(), note="source and target are the same reference")
    if target.has_heights and not source.has_heights:
        raise MissingHeightReferenceError(
            "the target has heights, and the source says nothing about its own",
            where=f"{source.reference} to {target.reference}",
            found=f"{source.reference}, without a vertical reference",
            expected=f"a vertical reference, such as {_example(source)}",
            remedy="state the vertical reference of the source (for LiDAR HD it is in the product's name)",
        )
    if not target.has_heights:
        return _flat(source, target, area)
    vertical, other = source.reference.vertical, target.reference.vertical
    if vertical is not None and vertical == other:
        steps = _moves(_Plane.of(source), _Plane.of(target), 2, area)
        return Route(steps=steps, note=f"heights unchanged, {vertical} on both sides")
    if undulation is not None and vertical is not None and other is None:
        return _declared(source, target, undulation, area)
    if undulation is not None and vertical is None and other is not None:
        return _declared(source, target, undulation, area)
    return Route(steps=_between(source, target, area))


def _example(source: System) -> str:
    """The source with the legal vertical system of its territory: ``EPSG:2975+5758 for REUN89``."""
    rows = territories_of(source.reference.horizontal)
    vertical = rows[0].legal[1] if rows else "EPSG:5720"
    return f"{source.reference.horizontal}+{vertical[5:]} for {french_name(vertical)}"


def _between(source: System, target: System, area: Bounds | None) -> tuple[Step, ...]:
    """Heights move: by PROJ's own operations, or by IGN's where PROJ's database lacks them."""
    where = f"{source.reference} to {target.reference}"
    link = height_link(source)
    if link is not None:
        flat, solid = (system(Reference(horizontal=code)) for code in (link.flat, link.solid))
        before = _moves(_Plane.of(source), _Plane.of(flat), 2, area)
        return (*before, link.step(up=True, where=where), *_between(solid, target, area))
    link = height_link(target)
    if link is not None:
        flat, solid = (system(Reference(horizontal=code)) for code in (link.flat, link.solid))
        after = _moves(_Plane.of(flat), _Plane.of(target), 2, area)
        return (*_between(source, solid, area), link.step(up=False, where=where), *after)
    pin = pin_of(source.datum_code)
    if pin is not None and pin is pin_of(target.datum_code):
        # Two vertical systems over one local datum: heights meet on the pivot, and the plane comes back where it was.
        here, there = (
            system(Reference(horizontal=pin.pivot, vertical=end.reference.vertical)) for end in (source, target)
        )
        before = _moves(_Plane.of(source), _Plane.of(here), 2, area)
        after = _moves(_Plane.of(there), _Plane.of(target), 2, area)
        return (*before, *_between(here, there, area), *after)
    return _moves(_Plane(source.crs, source), _Plane(target.crs, target), 3, area)


@dataclass(frozen=True, slots=True)
class _Plane:
    """One end of a move: what PROJ is asked, and the system it stands for."""

    crs: pyproj.CRS
    of_system: System

    @staticmethod
    def of(end: System) -> _Plane:
        """The horizontal part alone."""
        return _Plane(end.crs if end.flat is None else end.flat, end)


def _flat(source: System, target: System, area: Bounds | None) -> Route:
    if source.is_geocentric:
        upright = _Plane(_plane_crs(target).to_3d(), target)
        return Route(steps=_moves(_Plane(source.crs, source), upright, 3, area), drops_third=True)
    steps = _moves(_Plane.of(source), _Plane.of(target), 2, area)
    return Route(steps=steps, loses_heights=source.has_heights)


def _plane_crs(end: System) -> pyproj.CRS:
    return end.crs if end.flat is None else end.flat


def _moves(source: _Plane, target: _Plane, n_columns: int, area: Bounds | None) -> tuple[PinnedOperation, ...]:
    """One operation, or two through the pivot of a datum that is pinned to a grid."""
    if source.crs == target.crs:
        return ()
    start, end = source.of_system, target.of_system
    own = datum_link(start, end)
    if own is not None:
        link, forward = own
        codes = link.flat if n_columns == 2 else link.solid
        here, there = (system(Reference(horizontal=code)) for code in (codes if forward else codes[::-1]))
        one, other = (_Plane.of(e) if n_columns == 2 else _Plane(e.crs, e) for e in (here, there))
        step = link.step(forward=forward, n_columns=n_columns, where=f"{start.reference} to {end.reference}")
        return (*_moves(source, one, n_columns, area), step, *_moves(other, target, n_columns, area))
    pin = pin_between(start.datum_code, end.datum_code)
    if pin is None:
        return (_only(best_operation(source.crs, target.crs, n_columns=n_columns, area=area)),)
    if n_columns == 2 and pin.grid is not None:
        direct = best_operation(source.crs, target.crs, n_columns=2, area=area, grid=pin.grid)
        if direct is not None:
            return (direct,)
    # With heights PROJ's own chain lets the height move the plane, by some millimetres per kilometre; through the
    # pivot the plane moves at height zero, so that a record with heights lies where it lies without them.
    leaves = start.datum_code in pin.datums
    vertical = (start if leaves else end).reference.vertical if n_columns == 3 else None
    realisation = datum_name(end if leaves else start)
    pivot = system(Reference(horizontal=pin.realisations.get(realisation, pin.pivot), vertical=vertical))
    pinned_end = _Plane.of(start if leaves else end)
    legs = (pinned_end, _Plane.of(pivot)) if leaves else (_Plane.of(pivot), pinned_end)
    through = best_operation(legs[0].crs, legs[1].crs, n_columns=2, area=area, grid=pin.grid)
    middle = _Plane(pivot.crs, pivot)
    if leaves:
        return (_only(through), *_moves(middle, target, n_columns, area))
    return (*_moves(source, middle, n_columns, area), _only(through))


def _only(operation: PinnedOperation | None) -> PinnedOperation:
    if operation is None:
        raise BallparkError(
            "PROJ does not know the operation which is required for this datum",
            expected="PROJ's database with the French operations",
            remedy="install a current pyproj",
        )
    return operation


def _declared(source: System, target: System, undulation: DeclaredUndulation, area: Bounds | None) -> Route:
    """Horizontal part by PROJ, height by the declared constant; the sum is made on the ellipsoid of the normal side."""
    up = source.reference.vertical is not None  # from a height above the datum up to the ellipsoid
    normal, ellipsoidal = (source, target) if up else (target, source)
    vertical = normal.reference.vertical or ""
    axis = pyproj.CRS(vertical).axis_info[0]
    if axis.unit_conversion_factor != 1.0 or axis.direction != "up":
        raise CrsError(
            "a declared undulation is in metres upwards, and the vertical system is not",
            where=vertical,
            found=f"unit {axis.unit_name}, axis {axis.direction}",
            expected="unit metre, axis up",
            remedy="transform these heights with a grid",
        )
    pin = pin_between(normal.datum_code, ellipsoidal.datum_code)
    base = None
    if pin is not None:
        base = system(Reference(horizontal=pin.realisations.get(datum_name(ellipsoidal), pin.pivot)))
    ground = _Plane(normal.geodetic, normal) if base is None else _Plane.of(base)
    solid = _Plane(ground.crs.to_3d(), ground.of_system)
    shift = HeightShift(
        value_m=undulation.value_m if up else -undulation.value_m, undulation=undulation, vertical=vertical
    )
    if up:
        before = _moves(_Plane.of(source), ground, 2, area)
        after = _moves(solid, _Plane(target.crs, target), 3, area)
    else:
        before = _moves(_Plane(source.crs, source), solid, 3, area)
        after = _moves(ground, _Plane.of(target), 2, area)
    return Route(steps=(*before, shift, *after))
