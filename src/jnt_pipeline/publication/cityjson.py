"""CityJSON 2.0: the buildings as one city model, closed solids at LoD1, and at 2.2 or 1.3, with semantic surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jnt_pipeline.publication.building_records import BUILDING_LAYERS, BuildingRecord, building_records
from jnt_pipeline.publication.origin import crs_url, interval_of_vintages, layer_origin, require_count, write_json
from jnt_pipeline.publication.protocol import ExporterDeclaration, Publication, PublishedFile
from jnt_pipeline.territory.model import Territory
from jnt_pipeline.territory.solids import GROUND, ROOF, WALL, Solid

__all__ = ["CityJsonExporter", "write_cityjson"]

CITYJSON = "application/city+json"

_SCALE_M = 0.001
# Solids stand on a grid of 1 mm (territory.outlines.OUTLINE_GRID_M): quantised, they stay closed and planar.

_SURFACES = (GROUND, WALL, ROOF)


class CityJsonExporter(ExporterDeclaration):
    """The buildings as CityJSON 2.0."""

    kind: Literal["cityjson"] = Field(default="cityjson", description="Name of the exporter.")

    @property
    def version(self) -> int:
        """Version of the output."""
        return 3

    @property
    def describes_publications(self) -> bool:
        """It reads the twin alone."""
        return False

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """The buildings and their roofs."""
        return tuple(name for name in layer_names if name in BUILDING_LAYERS)

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write ``<territory>.city.json``; see ``write_cityjson``."""
        return write_cityjson(territory, folder)


def write_cityjson(territory: Territory, folder: Path) -> Publication:
    """Write one CityJSON 2.0 file: a ``Building`` per building, in the twin's own reference.

    A building whose footprint has several parts is a ``Building`` with one ``BuildingPart`` per part (CityJSON
    allows no ``MultiSolid`` on buildings, and its ``CompositeSolid`` wants parts that touch). A building without
    solid is an object without geometry whose attribute ``reason`` says why: none is left out. Coordinates are
    easting, northing and elevation above the vertical datum, quantised to 1 mm. Raises ``ExportError``.

    Source: OGC 20-072r5 (CityJSON 2.0), https://www.cityjson.org/specs/2.0.1/.
    """
    model = _CityModel(territory)
    n_buildings = 0
    for record in building_records(territory):
        model.add(record)
        n_buildings += 1
    require_count(territory.layer("buildings"), "records", n_buildings)
    path = f"{territory.name}.city.json"
    write_json(folder / path, model.document(), indent=None)
    file = PublishedFile(
        path=path, media_type=CITYJSON, title="Buildings, solids at LoD1 and LoD2.2 (CityJSON 2.0)", layer="buildings"
    )
    return Publication(
        files=(file,), records_in={"buildings": n_buildings}, records_out={"buildings": n_buildings}, left_out={}
    )


class _CityModel:
    """Gathers objects and their vertices; vertices that fall on one grid point are written once."""

    def __init__(self, territory: Territory) -> None:
        self._territory = territory
        west, south, _, _ = territory.bbox
        # Whole metres near the territory: small integers, and a translation that people can read.
        self._translate = np.array([np.floor(west), np.floor(south), 0.0])
        self._objects: dict[str, dict[str, Any]] = {}
        self._index: dict[tuple[int, int, int], int] = {}
        self._lowest = np.full(3, np.iinfo(np.int64).max)
        self._highest = np.full(3, np.iinfo(np.int64).min)

    def add(self, record: BuildingRecord) -> None:
        """One building, with its parts where it has several."""
        building: dict[str, Any] = {"type": "Building", "attributes": record.attributes}
        self._objects[record.building_id] = building
        roofs = record.roofs or (None,) * len(record.solids)
        lod = str(record.attributes.get("roof_lod"))
        if len(record.solids) == 1:
            building["geometry"] = self._solids(record.solids[0], roofs[0], lod)
        elif record.solids:
            building["children"] = [f"{record.building_id}-part-{i + 1}" for i in range(len(record.solids))]
            for part_id, solid, roof in zip(building["children"], record.solids, roofs, strict=True):
                self._objects[part_id] = {
                    "type": "BuildingPart",
                    "parents": [record.building_id],
                    "geometry": self._solids(solid, roof, lod),
                }

    def _solids(self, prism: Solid, roof: Solid | None, lod: str) -> list[dict[str, Any]]:
        return [self._solid(prism, "1"), *([] if roof is None else [self._solid(roof, lod)])]

    def _solid(self, solid: Solid, lod: str) -> dict[str, Any]:
        grid = np.rint((solid.vertices - self._translate) / _SCALE_M).astype(np.int64)
        self._lowest = np.minimum(self._lowest, grid.min(axis=0))
        self._highest = np.maximum(self._highest, grid.max(axis=0))
        numbers = [self._index.setdefault((x, y, z), len(self._index)) for x, y, z in grid.tolist()]
        return {
            "type": "Solid",
            "lod": lod,
            "boundaries": [[[[numbers[i] for i in ring] for ring in face] for face in solid.faces]],
            "semantics": {
                "surfaces": [{"type": surface} for surface in _SURFACES],
                "values": [[_SURFACES.index(semantic) for semantic in solid.semantics]],
            },
        }

    def document(self) -> dict[str, Any]:
        """The whole file."""
        return {
            "type": "CityJSON",
            "version": "2.0",
            "transform": {"scale": [_SCALE_M] * 3, "translate": self._translate.tolist()},
            "metadata": self._metadata(),
            "CityObjects": self._objects,
            "vertices": [list(vertex) for vertex in self._index],
        }

    def _metadata(self) -> dict[str, Any]:
        layer = self._territory.layer("buildings")
        reference = layer.reference or self._territory.reference
        metadata: dict[str, Any] = {"identifier": self._territory.name, "title": self._territory.title}
        interval = interval_of_vintages([layer.provenance.vintage])
        if interval is not None:
            metadata["referenceDate"] = interval[1].date().isoformat()
        metadata["referenceSystem"] = crs_url(reference) or crs_url(reference.flat())
        if self._index:
            metadata["geographicalExtent"] = [*self._metres(self._lowest), *self._metres(self._highest)]
        metadata["jnt"] = layer_origin(self._territory, layer)
        if crs_url(reference) is None:
            metadata["jnt"]["reference_note"] = (
                f"EPSG has no single code for {reference.code}: referenceSystem names the horizontal CRS alone, "
                f"elevations are in {reference.vertical}"
            )
        return metadata

    def _metres(self, grid: NDArray[np.int64]) -> list[float]:
        return [round(float(value), 3) for value in grid * _SCALE_M + self._translate]
