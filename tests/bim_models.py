"""Small IFC models with a known answer, made with ifcopenshell, for the tests of the BIM source."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.guid


@dataclass
class ModelMaker:
    """An IFC4 model under construction; every number is in project units unless it is said otherwise."""

    prefix: str | None = "MILLI"
    schema: str = "IFC4"
    world_origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    site_origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    true_north: tuple[float, float] | None = None
    latitude: tuple[int, ...] | None = None
    longitude: tuple[int, ...] | None = None
    foot: bool = False
    file: Any = field(init=False)
    _n: int = 0

    def __post_init__(self) -> None:
        f = self.file = ifcopenshell.file(schema=self.schema)
        metre = f.createIfcSIUnit(None, "LENGTHUNIT", self.prefix, "METRE")
        self.unit = self.conversion_unit("FOOT", 0.3048, metre) if self.foot else metre
        radian = f.createIfcSIUnit(None, "PLANEANGLEUNIT", None, "RADIAN")
        units = f.createIfcUnitAssignment([self.unit, radian])
        north = f.createIfcDirection(list(self.true_north)) if self.true_north else None
        self.context = f.createIfcGeometricRepresentationContext(
            None, "Model", 3, 1e-5, self.axes(*self.world_origin), north
        )
        self.project = f.createIfcProject(self.gid(), None, "Project", None, None, None, None, [self.context], units)
        self.site = f.createIfcSite(self.gid(), None, "Site", None, None, self.placement(None, *self.site_origin))
        self.site.RefLatitude, self.site.RefLongitude = self.latitude, self.longitude
        self.building = f.createIfcBuilding(
            self.gid(), None, "School", None, None, self.placement(self.site.ObjectPlacement, 0, 0, 0)
        )
        self.storey = f.createIfcBuildingStorey(
            self.gid(), None, "Ground floor", None, None, self.placement(self.building.ObjectPlacement, 0, 0, 0)
        )
        for parent, child in ((self.project, self.site), (self.site, self.building), (self.building, self.storey)):
            f.createIfcRelAggregates(self.gid(), None, None, None, parent, [child])

    def gid(self) -> str:
        self._n += 1
        return ifcopenshell.guid.compress(f"{self._n:032x}")

    def point(self, *c: float) -> Any:
        return self.file.createIfcCartesianPoint([float(v) for v in c])

    def axes(self, x: float, y: float, z: float) -> Any:
        return self.file.createIfcAxis2Placement3D(self.point(x, y, z), None, None)

    def placement(self, parent: Any, x: float, y: float, z: float) -> Any:
        return self.file.createIfcLocalPlacement(parent, self.axes(x, y, z))

    def conversion_unit(self, name: str, metres: float, metre: Any = None) -> Any:
        f = self.file
        metre = metre or f.createIfcSIUnit(None, "LENGTHUNIT", None, "METRE")
        measure = f.createIfcMeasureWithUnit(f.createIfcLengthMeasure(metres), metre)
        return f.createIfcConversionBasedUnit(
            f.createIfcDimensionalExponents(1, 0, 0, 0, 0, 0, 0), "LENGTHUNIT", name, measure
        )

    def georeference(
        self,
        name: str | None = "EPSG:3946",
        eastings: float = 1_842_000.0,
        northings: float = 5_176_000.0,
        height: float = 170.0,
        axis: tuple[float | None, float | None] = (None, None),
        scale: float | None = 0.001,
        vertical: str | None = "NGF-IGN69",
        map_unit: Any = "metre",
        context: Any = None,
    ) -> Any:
        f = self.file
        unit = f.createIfcSIUnit(None, "LENGTHUNIT", None, "METRE") if map_unit == "metre" else map_unit
        crs = f.createIfcProjectedCRS(name, None, None, vertical, None, None, unit)
        return f.createIfcMapConversion(context or self.context, crs, eastings, northings, height, *axis, scale)

    def box(
        self,
        name: str,
        at: tuple[float, float, float],
        size: tuple[float, float, float],
        kind: str = "IfcWall",
        within: Any = "storey",
    ) -> Any:
        """A box whose lower south-west corner is ``at`` (relative to the storey)."""
        f = self.file
        dx, dy, dz = (float(v) for v in size)
        profile = f.createIfcRectangleProfileDef(
            "AREA", None, f.createIfcAxis2Placement2D(self.point(dx / 2, dy / 2)), dx, dy
        )
        solid = f.createIfcExtrudedAreaSolid(profile, self.axes(0, 0, 0), f.createIfcDirection((0.0, 0.0, 1.0)), dz)
        shape = f.createIfcShapeRepresentation(self.context, "Body", "SweptSolid", [solid])
        element = f.create_entity(
            kind, self.gid(), None, name, None, None, self.placement(self.storey.ObjectPlacement, *at),
            f.createIfcProductDefinitionShape(None, None, [shape]),
        )  # fmt: skip
        parent = self.storey if within == "storey" else within
        if parent is not None:
            f.createIfcRelContainedInSpatialStructure(self.gid(), None, None, None, [element], parent)
        return element

    def save(self, path: Path) -> Path:
        self.file.write(str(path))
        return path
