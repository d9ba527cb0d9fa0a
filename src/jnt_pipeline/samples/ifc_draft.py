"""IfcDraft: a small drawing board for deterministic IFC4 models made of straight prisms, in millimetres."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jnt_pipeline.samples.sites import Site

__all__ = ["IfcDraft", "Names", "Placing"]

Entity = Any
"""An ``ifcopenshell.entity_instance``; the binding has no types."""
Corner = tuple[float, float, float]
WRITTEN_AT = "2026-03-01T00:00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where the local origin lies and how the local axes are turned: IfcMapConversion and the site's position."""

    eastings_m: float
    northings_m: float
    height_m: float
    """OrthogonalHeight, metres in the heights of the site."""
    angle_deg: float
    """From grid east to the local x axis, counter-clockwise."""
    scale: float
    """Map metres per local millimetre: the unit ratio times the grid scale."""
    longitude: float
    latitude: float
    true_north: tuple[float, float]
    """Geographic north in local axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of the upper parts of the model."""

    project: str
    site: str
    building: str


class IfcDraft:
    """Adds products to one building; every GlobalId is derived from ``key`` and the product's name."""

    def __init__(self, *, key: str, site: Site, names: Names, placing: Placing, storeys: Sequence[tuple[str, int]]):
        import ifcopenshell

        self._key = key
        self._file: Any = ifcopenshell.file(schema="IFC4")
        self._levels = [level for _, level in storeys]
        make = self._file.create_entity
        self._origin = make("IfcAxis2Placement3D", Location=self._point((0.0, 0.0, 0.0)))
        context = make(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-2,
            WorldCoordinateSystem=self._origin,
            TrueNorth=self._direction(placing.true_north),
        )
        self._body = make(
            "IfcGeometricRepresentationSubContext",
            ContextIdentifier="Body",
            ContextType="Model",
            ParentContext=context,
            TargetView="MODEL_VIEW",
        )
        self._georeference(context, site, placing)
        project = self._rooted(
            "IfcProject",
            names.project,
            RepresentationContexts=[context],
            UnitsInContext=make("IfcUnitAssignment", Units=self._units()),
        )
        plot = self._rooted(
            "IfcSite",
            names.site,
            ObjectPlacement=self._placement(None, 0.0),
            CompositionType="ELEMENT",
            RefLatitude=_sexagesimal(placing.latitude),
            RefLongitude=_sexagesimal(placing.longitude),
            RefElevation=placing.height_m * 1000,
        )
        self._building = self._rooted(
            "IfcBuilding",
            names.building,
            CompositionType="ELEMENT",
            ObjectPlacement=self._placement(plot.ObjectPlacement, 0.0),
        )
        self._storeys = [
            self._rooted(
                "IfcBuildingStorey",
                name,
                CompositionType="ELEMENT",
                Elevation=float(level),
                ObjectPlacement=self._placement(self._building.ObjectPlacement, float(level)),
            )
            for name, level in storeys
        ]
        self._contained: list[list[Entity]] = [[] for _ in storeys]
        self._spaces: list[list[Entity]] = [[] for _ in storeys]
        for whole, parts in ((project, [plot]), (plot, [self._building]), (self._building, self._storeys)):
            self._aggregates(whole, parts)
        self._properties(self._building, "Pset_BuildingCommon", NumberOfStoreys=make("IfcInteger", len(storeys) - 1))

    @property
    def building_global_id(self) -> str:
        """GlobalId of the IfcBuilding."""
        return str(self._building.GlobalId)

    def products(self) -> dict[str, int]:
        """Number of IfcProduct instances by class."""
        classes = sorted(str(entity.is_a()) for entity in self._file.by_type("IfcProduct"))
        return {name: classes.count(name) for name in dict.fromkeys(classes)}

    def box(
        self,
        kind: str,
        name: str,
        storey: int,
        corner: Corner,
        size: Corner,
        *,
        external: bool | None = None,
        **more: Any,
    ) -> Entity:
        """A box by its lowest corner and its size (building axes, mm), contained in a storey."""
        element = self._element(kind, name, storey, self._box(storey, corner, size), **more)
        self._contained[storey].append(element)
        if external is not None:
            common = f"Pset_{kind.removeprefix('Ifc')}Common"
            self._properties(element, common, IsExternal=self._file.create_entity("IfcBoolean", external))
        return element

    def across(
        self,
        kind: str,
        name: str,
        storey: int,
        profile: Sequence[tuple[float, float]],
        x: float,
        length: float,
        *,
        external: bool | None = None,
        loose: bool = False,
        **more: Any,
    ) -> Entity:
        """A prism along x with a profile in (y, z) (building axes, mm); ``loose``: to be aggregated later."""
        outline = [(y, z - self._levels[storey]) for y, z in profile]
        solid = self._prism(outline, (x, 0.0, 0.0), length, axis=(1.0, 0.0, 0.0), reference=(0.0, 1.0, 0.0))
        element = self._element(kind, name, storey, solid, **more)
        if not loose:
            self._contained[storey].append(element)
        if external is not None:
            self._properties(element, "Pset_WallCommon", IsExternal=self._file.create_entity("IfcBoolean", external))
        return element

    def opening(self, wall: Entity, label: str, storey: int, corner: Corner, size: Corner) -> None:
        """An opening through a wall, filled by a door or a window 100 mm thick."""
        kind = "IfcDoor" if label.startswith("Porte") else "IfcWindow"
        hole = self._element(
            "IfcOpeningElement", f"Baie {label}", storey, self._box(storey, corner, size), PredefinedType="OPENING"
        )
        x, y, z = corner
        filling = self.box(
            kind,
            label,
            storey,
            (x, y + 100, z),
            (size[0], 100, size[2]),
            OverallWidth=float(size[0]),
            OverallHeight=float(size[2]),
            PredefinedType=kind.removeprefix("Ifc").upper(),
        )
        self._rooted("IfcRelVoidsElement", f"void {label}", RelatingBuildingElement=wall, RelatedOpeningElement=hole)
        self._rooted("IfcRelFillsElement", f"fill {label}", RelatingOpeningElement=hole, RelatedBuildingElement=filling)

    def aggregate(self, kind: str, name: str, storey: int, parts: Sequence[Entity], **more: Any) -> None:
        """A product without a shape of its own, made of parts."""
        whole = self._rooted(
            kind, name, ObjectPlacement=self._placement(self._storeys[storey].ObjectPlacement, 0.0), **more
        )
        self._contained[storey].append(whole)
        self._aggregates(whole, parts)

    def space(self, name: str, storey: int, corner: Corner, size: Corner) -> None:
        """A room of a storey."""
        room = self._element(
            "IfcSpace",
            name,
            storey,
            self._box(storey, corner, size),
            CompositionType="ELEMENT",
            PredefinedType="INTERNAL",
        )
        self._spaces[storey].append(room)

    def write(self, path: Path) -> None:
        """Close the structure and write the file, with a fixed date in its header."""
        for storey, contained, spaces in zip(self._storeys, self._contained, self._spaces, strict=True):
            self._rooted(
                "IfcRelContainedInSpatialStructure",
                f"contains {storey.Name}",
                RelatingStructure=storey,
                RelatedElements=contained,
            )
            if spaces:
                self._aggregates(storey, spaces)
        header = self._file.header
        header.file_description.description = ("ViewDefinition [ReferenceView_V1.2]",)
        header.file_name.name = path.name
        header.file_name.time_stamp = WRITTEN_AT
        header.file_name.author, header.file_name.organization = ("jnt_pipeline",), ("synthetic",)
        header.file_name.preprocessor_version = header.file_name.originating_system = "jnt_pipeline samples"
        text: str = self._file.to_string()
        path.write_text(text, encoding="ascii", newline="\n")

    def _global_id(self, name: str) -> str:
        import ifcopenshell.guid

        return str(ifcopenshell.guid.compress(hashlib.sha256(f"{self._key}/{name}".encode()).hexdigest()[:32]))

    def _rooted(self, kind: str, name: str, **attributes: Any) -> Entity:
        return self._file.create_entity(kind, GlobalId=self._global_id(f"{kind}/{name}"), Name=name, **attributes)

    def _aggregates(self, whole: Entity, parts: Sequence[Entity]) -> None:
        self._rooted("IfcRelAggregates", f"parts of {whole.Name}", RelatingObject=whole, RelatedObjects=list(parts))

    def _properties(self, element: Entity, name: str, **values: Entity) -> None:
        make = self._file.create_entity
        properties = [make("IfcPropertySingleValue", Name=key, NominalValue=value) for key, value in values.items()]
        chosen = make(
            "IfcPropertySet",
            GlobalId=self._global_id(f"{name}/{element.Name}"),
            Name=name,
            HasProperties=properties,
        )
        self._rooted(
            "IfcRelDefinesByProperties",
            f"{name} of {element.Name}",
            RelatedObjects=[element],
            RelatingPropertyDefinition=chosen,
        )

    def _element(self, kind: str, name: str, storey: int, solid: Entity, **more: Any) -> Entity:
        make = self._file.create_entity
        shape = make(
            "IfcShapeRepresentation",
            ContextOfItems=self._body,
            RepresentationIdentifier="Body",
            RepresentationType="SweptSolid",
            Items=[solid],
        )
        return self._rooted(
            kind,
            name,
            ObjectPlacement=self._placement(self._storeys[storey].ObjectPlacement, 0.0),
            Representation=make("IfcProductDefinitionShape", Representations=[shape]),
            **more,
        )

    def _box(self, storey: int, corner: Corner, size: Corner) -> Entity:
        width, depth = float(size[0]), float(size[1])
        outline = [(0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth)]
        return self._prism(outline, (corner[0], corner[1], corner[2] - self._levels[storey]), size[2])

    def _prism(
        self,
        outline: Sequence[tuple[float, float]],
        at: Corner,
        depth: float,
        *,
        axis: Corner | None = None,
        reference: Corner | None = None,
    ) -> Entity:
        make = self._file.create_entity
        points = [self._point(point) for point in outline]
        position = make(
            "IfcAxis2Placement3D",
            Location=self._point(at),
            Axis=self._direction(axis) if axis else None,
            RefDirection=self._direction(reference) if reference else None,
        )
        profile = make(
            "IfcArbitraryClosedProfileDef",
            ProfileType="AREA",
            OuterCurve=make("IfcPolyline", Points=[*points, points[0]]),
        )
        return make(
            "IfcExtrudedAreaSolid",
            SweptArea=profile,
            Position=position,
            ExtrudedDirection=self._direction((0.0, 0.0, 1.0)),
            Depth=float(depth),
        )

    def _placement(self, relative_to: Entity, level: float) -> Entity:
        return self._file.create_entity(
            "IfcLocalPlacement",
            PlacementRelTo=relative_to,
            RelativePlacement=self._file.create_entity("IfcAxis2Placement3D", Location=self._point((0.0, 0.0, level))),
        )

    def _point(self, coordinates: Sequence[float]) -> Entity:
        return self._file.create_entity("IfcCartesianPoint", [float(value) for value in coordinates])

    def _direction(self, ratios: Sequence[float]) -> Entity:
        return self._file.create_entity("IfcDirection", [float(value) for value in ratios])

    def _units(self) -> list[Entity]:
        make = self._file.create_entity
        return [
            make("IfcSIUnit", UnitType="LENGTHUNIT", Prefix="MILLI", Name="METRE"),
            make("IfcSIUnit", UnitType="AREAUNIT", Name="SQUARE_METRE"),
            make("IfcSIUnit", UnitType="VOLUMEUNIT", Name="CUBIC_METRE"),
            make("IfcSIUnit", UnitType="PLANEANGLEUNIT", Name="RADIAN"),
        ]

    def _georeference(self, context: Entity, site: Site, placing: Placing) -> None:
        make = self._file.create_entity
        angle = math.radians(placing.angle_deg)
        description, geodetic_datum, vertical_datum, projection = site.ifc_crs
        target = make(
            "IfcProjectedCRS",
            Name=site.horizontal,
            Description=description,
            GeodeticDatum=geodetic_datum,
            VerticalDatum=vertical_datum,
            MapProjection=projection,
            MapUnit=make("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE"),
        )
        make(
            "IfcMapConversion",
            SourceCRS=context,
            TargetCRS=target,
            Eastings=placing.eastings_m,
            Northings=placing.northings_m,
            OrthogonalHeight=placing.height_m,
            XAxisAbscissa=round(math.cos(angle), 12),
            XAxisOrdinate=round(math.sin(angle), 12),
            Scale=placing.scale,
        )


def _sexagesimal(angle: float) -> list[int]:
    """Degrees, minutes, seconds, millionths of a second: integers of one sign (IfcCompoundPlaneAngleMeasure)."""
    sign, total = (-1 if angle < 0 else 1), round(abs(angle) * 3_600_000_000)
    seconds, millionths = divmod(total, 1_000_000)
    return [sign * (seconds // 3600), sign * (seconds // 60 % 60), sign * (seconds % 60), sign * millionths]
