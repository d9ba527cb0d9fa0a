"""An IFC model opened once: its facts about unit, place and content, as plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.ifc_map_conversion import (
    IDENTITY,
    GeoreferencingFacts,
    LengthUnit,
    MapConversion,
    Matrix,
    SitePosition,
)
from jnt_pipeline.sources.ifc_step import Refusal, StepHeader, read_header, schema_refusal, step_file

__all__ = ["IfcModel", "engine_log", "georeferencing_facts", "opened"]

Entity = Any
"""An ifcopenshell entity instance: the parsing boundary."""

_HINT = re.compile(
    r"(RD-?[XY]|latitude|longitude|eastings?|northings?|orthogonal_?height|lambert.*|geo-?nulpunt|"
    r"survey_?point.*|x_?axis_?(abscissa|ordinate))",
    re.IGNORECASE,
)
_EPSET = re.compile(r"epset_(mapconversion|projectedcrs)", re.IGNORECASE)
_PARAMETERS = {
    "IfcMapConversion": (
        "Eastings", "Northings", "OrthogonalHeight", "XAxisAbscissa", "XAxisOrdinate", "Scale",
        "FactorX", "FactorY", "FactorZ",
    ),
    "IfcRigidOperation": ("FirstCoordinate", "SecondCoordinate", "Height"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IfcModel:
    """A parsed model and what the parser said."""

    file: Any
    """ifcopenshell.file."""
    header: StepHeader
    parser_messages: tuple[str, ...]
    """Errors that the parser reported while it opened the file all the same."""
    log: Any = None
    """The parser's log: the engine keeps a bare pointer to it, so it lives as long as ``file``."""

    @property
    def n_products(self) -> int:
        """Number of IfcProduct instances."""
        return len(self.file.by_type("IfcProduct"))

    @property
    def n_entities(self) -> int:
        """Number of instances of any class."""
        return sum(1 for _ in self.file)

    def of_class(self, name: str) -> list[Entity]:
        """Instances of a class and its subclasses by GlobalId (then STEP id); none where the schema lacks it."""
        import ifcopenshell

        schema = ifcopenshell.ifcopenshell_wrapper.schema_by_name(self.file.schema_identifier)
        if name not in {declaration.name() for declaration in schema.declarations()}:
            return []
        return sorted(self.file.by_type(name), key=lambda e: (str(getattr(e, "GlobalId", "")), e.id()))


@contextmanager
def opened(path: Path) -> Iterator[IfcModel | Refusal]:
    """The model in ``path`` (.ifc or .ifczip), or why it is refused before its content is looked at.

    The header is judged as text first; what ifcopenshell prints is kept, not shown.
    Raises ``UnreadableError`` for a damaged archive.
    """
    import ifcopenshell

    with step_file(path) as step:
        header = read_header(step)
        if isinstance(header, Refusal):
            header.error.where = path.name
            yield header
            return
        refusal = schema_refusal(header.schema, path)
        if refusal is not None:
            yield refusal
            return
        log = engine_log()
        try:
            file = ifcopenshell.open(step, format=".ifc", logger=log)
        except (ifcopenshell.Error, RuntimeError) as error:
            words = _words(log) or (str(error),)
            yield Refusal(
                code="step_syntax",
                error=UnreadableError(
                    "STEP syntax error", where=path.name, found=words[0],
                    expected="a file that follows ISO 10303-21", remedy="have the author export the model again",
                ),
            )  # fmt: skip
            return
        yield IfcModel(file=file, header=header, parser_messages=_words(log), log=log)


def engine_log() -> Any:
    """A log of ifcopenshell's that keeps its messages and prints nothing."""
    import ifcopenshell

    log: Any = ifcopenshell.ifcopenshell_wrapper.logger()
    log.output_format(log.FMT_INMEMORY)
    return log


def _words(log: Any) -> tuple[str, ...]:
    """What the engine reported as errors, each once, in order."""
    messages = (m for m in log.log_messages() if m.severity >= log.LOG_ERROR)
    return tuple(dict.fromkeys(" ".join(f"{m.message} {m.instance}".split())[:200] for m in messages))


def georeferencing_facts(model: IfcModel) -> GeoreferencingFacts:
    """What the model says of its place; nothing is judged here."""
    schema = model.header.schema
    contexts = sorted(
        model.file.by_type("IfcGeometricRepresentationContext", include_subtypes=False), key=lambda c: c.id()
    )
    project_unit = _project_unit(model)
    sites = model.of_class("IfcSite")
    buildings = model.of_class("IfcBuilding")
    facilities = sorted({e.is_a() for e in (*buildings, *model.of_class("IfcFacility"))})
    georeferenced = [(c, op) for c in contexts for op in getattr(c, "HasCoordinateOperation", None) or ()]
    operations = sorted((_operation(op) for _, op in georeferenced), key=repr)
    # A CRS that no operation leads to is only reported: an operation never borrows it.
    named = sorted(model.of_class("IfcProjectedCRS"), key=lambda c: str(c.Name))
    crs = georeferenced[0][1].TargetCRS if georeferenced else next(iter(named), None)
    map_unit = _length_unit(crs.MapUnit) if crs is not None and getattr(crs, "MapUnit", None) else None
    frame = georeferenced[0][0] if georeferenced else (contexts[0] if contexts else None)
    world_origin = (_axis_matrix(frame.WorldCoordinateSystem) if frame is not None else None) or IDENTITY
    conversion, unusable = (
        _conversion(georeferenced[0][1], project_unit, map_unit, world_origin) if georeferenced else (None, "")
    )
    positions = [_site_position(site) for site in sites]
    return GeoreferencingFacts(
        schema=schema,
        n_contexts=len(contexts),
        operations=tuple(operations),
        conversion=conversion,
        unusable=unusable,
        crs_name=None if crs is None else str(crs.Name or ""),
        vertical_datum=str(getattr(crs, "VerticalDatum", None) or "").strip(),
        map_unit=map_unit,
        project_unit=project_unit,
        world_origin=world_origin,
        true_north=_true_north(frame),
        site=next((p for p in positions if p.latitude and p.longitude), next(iter(positions), None)),
        root_origins=tuple(sorted(_root_origins((*sites, *buildings)))),
        has_address=any(
            getattr(e, name, None) is not None
            for e in (*sites, *buildings)
            for name in ("SiteAddress", "BuildingAddress")
        ),
        facilities=tuple(facilities),
        n_elements=len(model.file.by_type("IfcElement")),
        malformed_placements=_malformed_placements(model, frame),
        hints=_hints(model),
    )


def _operation(operation: Entity) -> tuple[Any, tuple[float | None, ...], str]:
    kind = operation.is_a()
    names = _PARAMETERS["IfcRigidOperation" if kind == "IfcRigidOperation" else "IfcMapConversion"]
    values = tuple(_number(getattr(operation, name, None)) for name in names)
    target = operation.TargetCRS
    return kind, values, str(getattr(target, "Name", None) or "")


def _conversion(
    operation: Entity, project_unit: LengthUnit | None, map_unit: LengthUnit | None, world_origin: Matrix
) -> tuple[MapConversion | None, str]:
    kind, values, _ = _operation(operation)
    if kind == "IfcRigidOperation":
        first, second, height = values
        if first is not None and operation.FirstCoordinate.is_a() != "IfcLengthMeasure":
            return None, "its IfcRigidOperation is in angles, not lengths"
        values = (first, second, height or 0.0, None, None, 1.0 if map_unit is None else None, None, None, None)
    eastings, northings, height, abscissa, ordinate, scale, fx, fy, fz = values
    if eastings is None or northings is None or height is None:
        return None, f"its {kind} lacks Eastings, Northings or OrthogonalHeight"
    if project_unit is None or not project_unit.metres:
        return None, "the project states no usable unit of length"
    unit = project_unit if map_unit is None else map_unit
    if not unit.metres:
        return None, f"the MapUnit {unit.name!r} is malformed"
    # Both components absent: the default (1, 0); one absent counts as 0 beside the stated one.
    axis = (1.0, 0.0) if abscissa is None and ordinate is None else (abscissa or 0.0, ordinate or 0.0)
    try:
        conversion = MapConversion(
            eastings=eastings, northings=northings, orthogonal_height=height,
            x_axis_abscissa=axis[0], x_axis_ordinate=axis[1], scale=scale,
            factors=(fx or 1.0, fy or 1.0, fz or 1.0),
            project_unit_m=project_unit.metres, map_unit_m=unit.metres, world_origin=world_origin,
        )  # fmt: skip
    except ValueError as error:
        return None, str(error)
    return conversion, ""


def _project_unit(model: IfcModel) -> LengthUnit | None:
    import ifcopenshell.util.unit

    projects = model.of_class("IfcProject")
    assignment = projects[0].UnitsInContext if projects else None
    units = [u for u in getattr(assignment, "Units", None) or () if getattr(u, "UnitType", "") == "LENGTHUNIT"]
    if not units:
        return None
    if len(units) > 1 or _length_unit(units[0]).metres is None:
        name = " and ".join(_unit_name(unit) for unit in units)
        return LengthUnit(name=name, metres=None)
    return LengthUnit(name=_unit_name(units[0]), metres=float(ifcopenshell.util.unit.calculate_unit_scale(model.file)))


def _length_unit(unit: Entity) -> LengthUnit:
    import ifcopenshell.util.unit

    name = _unit_name(unit)
    inner = unit
    while inner is not None and inner.is_a("IfcConversionBasedUnit"):
        factor = inner.ConversionFactor
        # A bare number instead of a typed measure is not a valid IfcValue (seen in Bentley exports).
        if not hasattr(getattr(factor, "ValueComponent", None), "wrappedValue"):
            return LengthUnit(name=name, metres=None)
        inner = getattr(factor, "UnitComponent", None)
    if inner is None or not inner.is_a("IfcSIUnit") or inner.Name != "METRE":
        return LengthUnit(name=name, metres=None)
    metres = float(ifcopenshell.util.unit.get_named_unit_scale(unit))
    return LengthUnit(name=name, metres=metres if math.isfinite(metres) and metres > 0 else None)


def _unit_name(unit: Entity) -> str:
    return f"{getattr(unit, 'Prefix', None) or ''}{getattr(unit, 'Name', None) or unit.is_a()}"


def _number(value: Any) -> float | None:
    plain = getattr(value, "wrappedValue", value)
    return float(plain) if isinstance(plain, int | float) else None


def _axis_matrix(placement: Entity) -> Matrix | None:
    """Matrix of an axis placement; None when it is malformed."""
    import ifcopenshell.util.placement

    if placement is None:
        return IDENTITY
    if getattr(placement, "Location", None) is None:
        return None
    return _plain_matrix(ifcopenshell.util.placement.get_axis2placement, placement)


def _local_matrix(placement: Entity) -> Matrix | None:
    """Absolute matrix of an object placement; None when it is malformed."""
    import ifcopenshell.util.placement

    return _plain_matrix(ifcopenshell.util.placement.get_local_placement, placement)


def _plain_matrix(function: Callable[[Entity], NDArray[np.float64]], placement: Entity) -> Matrix | None:
    try:
        matrix = np.round(function(placement), 12)
        invertible = bool(np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-12)
    # What ifcopenshell's helpers raise on missing attributes, wrong classes, short lists and circles.
    except (AttributeError, TypeError, ValueError, AssertionError, IndexError, RecursionError, np.linalg.LinAlgError):
        return None
    return tuple(tuple(float(v) for v in row) for row in matrix) if invertible else None


def _true_north(context: Entity) -> tuple[float, float] | None:
    ratios: Any = getattr(getattr(context, "TrueNorth", None), "DirectionRatios", None) or ()
    if len(ratios) < 2 or not all(math.isfinite(v) for v in ratios[:2]):
        return None
    x, y = float(ratios[0]), float(ratios[1])
    turned = abs(math.atan2(x, y)) > 1e-9  # radians: 0.06 mm over 60 km
    return (x, y) if turned else None


def _site_position(site: Entity) -> SitePosition:
    matrix = _local_matrix(site.ObjectPlacement) or IDENTITY
    return SitePosition(
        latitude=_angle(site.RefLatitude),
        longitude=_angle(site.RefLongitude),
        elevation=_number(site.RefElevation),
        origin=(matrix[0][3], matrix[1][3], matrix[2][3]),
    )


def _angle(parts: Any) -> tuple[int, ...] | None:
    return tuple(int(p) for p in parts) if parts else None


def _root_origins(elements: tuple[Entity, ...]) -> Iterator[tuple[float, float, float]]:
    for element in elements:
        placement, seen = element.ObjectPlacement, set[int]()
        while getattr(placement, "PlacementRelTo", None) is not None and placement.id() not in seen:
            seen.add(placement.id())
            placement = placement.PlacementRelTo
        matrix = _local_matrix(placement) if placement is not None and placement.is_a("IfcLocalPlacement") else None
        if matrix is not None:
            yield matrix[0][3], matrix[1][3], matrix[2][3]


def _malformed_placements(model: IfcModel, frame: Entity) -> tuple[str, ...]:
    """Instances whose position cannot be computed: they would crash the geometry engine or land anywhere."""
    found = []
    if frame is not None and _axis_matrix(frame.WorldCoordinateSystem) is None:
        found.append(f"#{frame.id()} {frame.is_a()}")
    sound: set[int] = set()
    for start in sorted(model.file.by_type("IfcLocalPlacement"), key=lambda p: p.id()):
        chain: list[int] = []
        node = start
        while node is not None and node.id() not in sound and node.id() not in chain:
            chain.append(node.id())
            node = getattr(node, "PlacementRelTo", None)
        circular = node is not None and node.id() in chain
        if circular or start.RelativePlacement is None or _axis_matrix(start.RelativePlacement) is None:
            found.append(f"#{start.id()} {start.is_a()}")
        else:
            sound.update(chain)
    return tuple(found)


def _hints(model: IfcModel) -> tuple[tuple[str, str], ...]:
    """Survey values that authors leave as plain properties; never used, only shown."""
    found: set[tuple[str, str]] = set()
    for pset in model.file.by_type("IfcPropertySet"):
        standard = _EPSET.fullmatch(str(pset.Name or ""))
        for item in pset.HasProperties or ():
            value = getattr(getattr(item, "NominalValue", None), "wrappedValue", None)
            if value is not None and (standard or _HINT.fullmatch(str(item.Name or ""))):
                found.add((f"{pset.Name}.{item.Name}", str(value)))
    return tuple(sorted(found))
