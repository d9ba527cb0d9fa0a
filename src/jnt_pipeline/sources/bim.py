"""BIM (*maquette numérique*): IFC4 models become outlines of elements and buildings, with their GlobalIds and heights.

Read: every IfcElement with a shape. Left out by rule, and counted: spaces, openings and other features, annotations,
grids, ports. Sites, buildings and storeys are containers. IFC2X3, IFC4X3_ADD2 and others are refused by name.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

import geopandas as gpd
import shapely
from pydantic import Field, model_validator
from shapely.geometry import MultiPolygon, Polygon

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    CrsError,
    EmptySourceError,
    MissingHeightReferenceError,
    SourceError,
    UnsupportedError,
)
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.sources.bim_check import check_ifc, content_findings
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.ifc_crs_names import vertical_of
from jnt_pipeline.sources.ifc_footprints import GRID_M, PlacedElement, body_rank, placed_elements
from jnt_pipeline.sources.ifc_georeferencing import GeoreferencingVerdict, judge
from jnt_pipeline.sources.ifc_map_conversion import GeoreferencingFacts, MapConversion
from jnt_pipeline.sources.ifc_map_position import unit_of_crs_m
from jnt_pipeline.sources.ifc_model import IfcModel, georeferencing_facts, opened
from jnt_pipeline.sources.ifc_step import INGESTED_SCHEMAS, Refusal
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit

__all__ = ["BimSource", "check_ifc", "read_ifc"]

logger = logging.getLogger(__name__)

_SUFFIXES = (".ifc", ".ifczip", ".ifcxml")  # ifcXML is listed so that it is refused by name, not overlooked
_LEFT_OUT = (("IfcFeatureElement", "left_out_opening"), ("IfcVirtualElement", "left_out_virtual"))
_CONTAINERS = ("IfcSite", "IfcBuilding", "IfcBuildingStorey", "IfcExternalSpatialElement")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where an element belongs in the spatial structure."""

    storey_name: str | None
    building: Any


class BimSource(SourceDeclaration):
    """IFC models of one folder, or one model; each file is a unit."""

    kind: Literal["bim"] = Field(default="bim", description="BIM models in IFC4.")
    vertical: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS of the heights where the models name none, e.g. EPSG:5720 NGF-IGN69.",
    )
    crs: Reference | None = Field(
        default=None,
        description="Overrides the CRS named in the models, e.g. EPSG:3946+5720; the map conversion stays theirs.",
    )

    @model_validator(mode="after")
    def _one_vertical(self) -> Self:
        if self.crs is not None and self.crs.vertical not in {None, self.vertical} and self.vertical is not None:
            raise ValueError(f"vertical {self.vertical} contradicts crs {self.crs}")
        return self

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``bim_elements`` and ``bim_buildings``."""
        return ("bim_elements", "bim_buildings")

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per model file, by name; raises ``SourceError`` when there is none or two share a stem."""
        models = delivered_files(self.path, *_SUFFIXES)
        if not models:
            raise EmptySourceError(
                "no IFC model here", where=self.path.name, expected=f"files ending in {', '.join(_SUFFIXES[:2])}",
                remedy="correct `path` in the description of the territory",
            )  # fmt: skip
        names = [safe_name(model.stem) for model in models]
        for name, model in zip(names, models, strict=True):
            if names.count(name) > 1:
                raise SourceError(
                    "two models have the same name", where=model.name, found=f"unit {name} twice",
                    expected="one stem per model: it makes the ids of the twin", remedy="rename one of the files",
                )  # fmt: skip
        return tuple(SourceUnit(name=n, files=(m,)) for n, m in sorted(zip(names, models, strict=True)))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """Elements and buildings of one model; see ``read_ifc``."""
        path = unit.files[0]
        file = fingerprint(path)
        return read_ifc(path, self.provenance((file,)), declared=self.crs, vertical=self.vertical)


def read_ifc(
    path: Path, provenance: Provenance, *, declared: Reference | None = None, vertical: str | None = None
) -> tuple[Layer, Layer]:
    """Layers ``bim_elements`` and ``bim_buildings`` of one IFC4 model, in the CRS of its IfcProjectedCRS.

    Footprints are the union of the projected triangles, snapped to 1 mm; elevations come from the mesh, metres above
    the vertical datum. ``declared`` overrides the CRS's name, ``vertical`` serves where the model names no datum.

    Raises: ``UnsupportedError`` (schema), ``UnreadableError`` (damaged), ``MissingCrsError`` (not georeferenced),
    ``SourceError`` (contradictory), ``MissingHeightReferenceError``, ``CrsError`` (two different vertical datums),
    ``EmptySourceError`` (no element).
    """
    with opened(path) as model:
        if isinstance(model, Refusal):
            raise model.error
        _require_content(model, path)
        facts = georeferencing_facts(model)
        verdict = judge(facts, declared)
        refusal = verdict.refusal(path.name)
        if refusal is not None:
            raise refusal
        conversion, horizontal = facts.conversion, verdict.horizontal
        if conversion is None or horizontal is None:
            raise AssertionError("a georeferenced model has a conversion and a horizontal reference")
        reference = Reference(horizontal=horizontal, vertical=_vertical(facts, verdict, declared, vertical, path))
        notes = _notes(facts, verdict, conversion, declared, reference)
        provenance = provenance.model_copy(update={"notes": (*provenance.notes, *notes)})
        elements = _elements_layer(model, path, conversion, reference, provenance)
        buildings = _buildings_layer(model, path, elements, reference)
    logger.info("%s: %d elements, %d buildings, %s", path.name, len(elements.frame), len(buildings.frame), reference)
    return elements, buildings


def _require_content(model: IfcModel, path: Path) -> None:
    schema = model.header.schema
    if schema not in INGESTED_SCHEMAS:
        raise UnsupportedError(
            f"schema {schema} is not read into the twin", where=path.name, found=f"FILE_SCHEMA {schema}",
            expected=" or ".join(INGESTED_SCHEMAS), remedy="export it as IFC4; `jnt check` reports on it as it is",
        )  # fmt: skip
    for finding in content_findings(model):
        if finding.severity == "error":
            raise SourceError(
                finding.message, where=path.name, found=finding.code, expected="a model that follows the rule",
                remedy=finding.remedy,
            )  # fmt: skip


def _vertical(
    facts: GeoreferencingFacts,
    verdict: GeoreferencingVerdict,
    declared: Reference | None,
    fallback: str | None,
    path: Path,
) -> str:
    if declared is not None and declared.vertical is not None:
        return declared.vertical
    if verdict.vertical is None:
        if fallback is not None:
            return fallback
        text = repr(facts.vertical_datum) if facts.vertical_datum else "no VerticalDatum"
        raise MissingHeightReferenceError(
            "the model's heights have no known datum", where=path.name, found=f"{text} in its IfcProjectedCRS",
            expected="VerticalDatum as EPSG:n or a known name (NGF-IGN69, NGF-IGN78, REUN89, …)",
            remedy="state it in the model, or declare `vertical` for this source, e.g. vertical: EPSG:5720",
        )  # fmt: skip
    if fallback not in {None, verdict.vertical}:
        raise CrsError(
            "two vertical datums", where=path.name, found=f"{verdict.vertical} in the model, {fallback} declared",
            expected="the same", remedy="remove `vertical`, or override both references with `crs`",
        )  # fmt: skip
    return verdict.vertical


def _notes(
    facts: GeoreferencingFacts,
    verdict: GeoreferencingVerdict,
    conversion: MapConversion,
    declared: Reference | None,
    reference: Reference,
) -> tuple[str, ...]:
    unit = conversion.map_unit_m
    placed = (
        f"IfcMapConversion: E {conversion.eastings * unit:.3f} m, N {conversion.northings * unit:.3f} m, "
        f"H {conversion.orthogonal_height * unit:.3f} m, rotation {conversion.rotation_deg:.6f}°, "
        f"scale {conversion.effective_scale:.9g}, LoGeoRef {', '.join(map(str, verdict.levels))}"
    )
    notes = [f"schema {facts.schema}", placed]
    if declared is not None:
        notes.append(f"CRS declared {declared}; the model names {facts.crs_name!r}")
    elif vertical_of(facts.vertical_datum or "") is None and verdict.vertical is None:
        notes.append(
            f"vertical datum declared {reference.vertical}; the model names {facts.vertical_datum or 'none'!r}"
        )
    told = {"missing_vertical_datum", "unknown_vertical_datum"}
    notes += [f"{f.code}: {f.message}" for f in verdict.findings if f.severity != "info" and f.code not in told]
    return tuple(notes)


def _elements_layer(
    model: IfcModel, path: Path, conversion: MapConversion, reference: Reference, provenance: Provenance
) -> Layer:
    products = [p for p in model.of_class("IfcProduct") if not any(p.is_a(name) for name in _CONTAINERS)]
    if not products:
        raise EmptySourceError(
            "no element in the model", where=path.name, found=f"{model.n_products} products, all of them containers",
            expected="walls, slabs, roofs, …", remedy="export the model with its elements",
        )  # fmt: skip
    aside: list[tuple[str, str, str]] = []
    candidates: list[Any] = []
    for product in products:
        reason = _left_out(product)
        if reason:
            aside.append((product.GlobalId or f"#{product.id()}", reason, _said_of(product)))
        else:
            candidates.append(product)
    fates = placed_elements(model.file, candidates, conversion, unit_of_crs_m(reference.horizontal))
    rows: list[dict[str, Any]] = []
    shapes: list[Polygon | MultiPolygon] = []
    for element in candidates:
        fate = fates[element.id()]
        if fate.footprint is None:
            aside.append((element.GlobalId, fate.reason, f"{element.is_a()}: {fate.detail}"))
            continue
        rows.append(_element_row(element, fate, path.stem))
        shapes.append(fate.footprint)
    return _layer("bim_elements", rows, shapes, aside, reference, provenance)


def _element_row(element: Any, fate: PlacedElement, model_id: str) -> dict[str, Any]:
    place = _place_of(element)
    return {
        "element_id": f"{model_id}/{element.GlobalId}",
        "global_id": element.GlobalId,
        "model_id": model_id,
        "ifc_class": element.is_a(),
        "element_name": element.Name,
        "storey_name": place.storey_name,
        "building_global_id": None if place.building is None else place.building.GlobalId,
        "base_elevation_m": fate.base_m,
        "top_elevation_m": fate.top_m,
    }


def _buildings_layer(model: IfcModel, path: Path, elements: Layer, reference: Reference) -> Layer:
    rows: list[dict[str, Any]] = []
    shapes: list[Polygon | MultiPolygon] = []
    aside: list[tuple[str, str, str]] = []
    grid = GRID_M / unit_of_crs_m(reference.horizontal)
    for building in model.of_class("IfcBuilding"):
        own = elements.frame[elements.frame["building_global_id"] == building.GlobalId]
        if own.empty:
            aside.append((building.GlobalId, "no_geometry", "no element with a footprint belongs to this IfcBuilding"))
            continue
        rows.append(
            {
                "bim_building_id": f"{path.stem}/{building.GlobalId}",
                "global_id": building.GlobalId,
                "model_id": path.stem,
                "bim_building_name": building.Name,
                "ifc_schema": model.header.schema,
                "n_elements": len(own),
                "base_elevation_m": own["base_elevation_m"].min(),
                "top_elevation_m": own["top_elevation_m"].max(),
            }
        )
        outline = shapely.normalize(shapely.union_all(own.geometry.to_numpy(), grid_size=grid))
        shapes.append(cast("Polygon | MultiPolygon", outline))
    return _layer("bim_buildings", rows, shapes, aside, reference, elements.provenance)


def _layer(
    name: str,
    rows: Sequence[dict[str, Any]],
    shapes: Sequence[Polygon | MultiPolygon],
    aside: list[tuple[str, str, str]],
    reference: Reference,
    provenance: Provenance,
) -> Layer:
    columns = list(SCHEMAS[name].column_names)
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry=list(shapes), crs=reference.horizontal)
    reasons = sorted({reason for _, reason, _ in aside})
    return Layer(
        name=name,
        frame=frame,
        reference=reference,
        provenance=provenance,
        counts=Counts(
            read=len(rows) + len(aside),
            kept=len(rows),
            rejected={reason: sum(1 for _, r, _ in aside if r == reason) for reason in reasons},
        ),
        rejected=rejections(sorted(aside)),
    )


def _left_out(product: Any) -> str:
    """Reason code for a product that never becomes an element; empty for one that may."""
    for name, reason in _LEFT_OUT:
        if product.is_a(name):
            return reason
    if product.is_a("IfcSpatialElement"):
        return "left_out_space"
    if not (product.is_a("IfcElement") or product.is_a("IfcProxy")):
        return "left_out_annotation"  # annotations, grids, ports, structural items
    if not product.GlobalId:
        return "missing_global_id"
    if all(body_rank(r.RepresentationIdentifier) is None for r in _representations(product)):
        return "no_geometry"
    return ""


def _representations(product: Any) -> tuple[Any, ...]:
    parts = getattr(product.Representation, "Representations", None) or ()
    return tuple(r for r in parts if getattr(r, "Items", None))


def _said_of(product: Any) -> str:
    names = sorted({str(r.RepresentationIdentifier) for r in _representations(product)})
    return f"{product.is_a()}, representations: {', '.join(names) or 'none'}"


def _place_of(element: Any) -> _Place:
    """Storey and building of an element, through assemblies, openings and spaces."""
    storey: str | None = None
    building = None
    seen: set[int] = set()
    node = element
    while node is not None and node.id() not in seen:
        seen.add(node.id())
        if node.is_a("IfcBuildingStorey") and storey is None:
            storey = node.Name
        if node.is_a("IfcBuilding") and building is None:
            building = node
        node = _parent(node)
    return _Place(storey_name=storey, building=building)


def _parent(node: Any) -> Any:
    for inverse, attribute in (
        ("ContainedInStructure", "RelatingStructure"),
        ("Decomposes", "RelatingObject"),
        ("Nests", "RelatingObject"),
        ("FillsVoids", "RelatingOpeningElement"),
        ("VoidsElements", "RelatingBuildingElement"),
    ):
        parents: list[Any] = [getattr(relation, attribute, None) for relation in getattr(node, inverse, None) or ()]
        rooted = [parent for parent in parents if getattr(parent, "GlobalId", None)]
        if rooted:
            # Several parents are an error of the model; the smallest GlobalId keeps the choice stable.
            return min(rooted, key=lambda p: str(p.GlobalId))
    return None
