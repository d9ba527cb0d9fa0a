"""BD TOPO version 3 (IGN, *base de données topographiques*): shapefiles, GeoPackages, GeoJSON; all layers.

Z of the geometries is left out: it is -1000 where IGN knows none, and the elevations of buildings are attributes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field
from shapely.geometry import box

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.streams import GEOMETRY, LayerStream, NativeBatch
from jnt_pipeline.crs.france.territories import TERRITORIES
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import lonlat, system
from jnt_pipeline.errors import EmptySourceError, MissingHeightReferenceError, UnsupportedError
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.bdtopo_mappings import MAPPINGS, ambiguous_names, layer_of
from jnt_pipeline.sources.delivered import parts_of, reference_for, unit_names
from jnt_pipeline.sources.files import delivered_files, fingerprint
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.vector_files import Features, layer_names, open_features, stream

__all__ = ["BdTopoSource", "bdtopo_layer", "read_bdtopo", "vertical_there"]

_SUFFIXES = (".shp", ".gpkg", ".geojson")  # GeoJSON: answers of the WFS, named as the classes
_BEFORE_2023 = {"EPSG:4471": "EPSG:5793"}  # Mayotte: heights of SHOM 1953 go with RGM04, of IGN 2023 with RGM23


class BdTopoSource(SourceDeclaration):
    """A folder of BD TOPO files, or one of them."""

    kind: Literal["bdtopo"] = Field(default="bdtopo", description="Discriminator.")
    layers: tuple[str, ...] = Field(
        default=(), description="Layers to read, e.g. topo_buildings, topo_troncon_de_route; all where none is named."
    )
    reference: Reference | None = Field(
        default=None,
        description="Reference that overrides what the files state, e.g. EPSG:2154+5720; null = believe the files.",
    )
    vertical: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS of the elevations; null = the legal one of the territory, where there is one alone.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that a unit may yield."""
        return tuple(name for name in MAPPINGS if not self.layers or name in self.layers)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per file, a shapefile with all its parts; opens no file. Raises ``EmptySourceError`` without any."""
        del area  # the files state no extent in their names
        found = [
            path
            for path in delivered_files(self.path, *_SUFFIXES)
            if path.suffix.lower() == ".gpkg" or path == self.path or layer_of(path.stem) in self.layer_names
        ]
        if not found:
            raise EmptySourceError(
                "no file of BD TOPO",
                where=self.path,
                expected="shapefiles named as the classes (BATIMENT.shp, TRONCON_DE_ROUTE.shp, …), or a GeoPackage",
                remedy="unpack the delivery, or correct `path` or `layers`",
            )
        names = unit_names(found, self.path)
        return tuple(
            SourceUnit(name=names[path], files=parts_of(path)) for path in sorted(found, key=names.__getitem__)
        )

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[LayerStream, ...]:
        """The layers of one file, as streams."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return read_bdtopo(unit.files, self)


def read_bdtopo(files: tuple[Path, ...], source: BdTopoSource) -> tuple[LayerStream, ...]:
    """The layers of one shapefile (given with its parts) or GeoPackage, in the order of ``MAPPINGS``.

    Raises ``UnreadableError``, ``MissingCrsError``, ``UnsupportedError`` (no layer of BD TOPO in it), and
    ``MissingHeightReferenceError`` where buildings lie in no territory with one vertical system of its own.
    """
    path = next((file for file in files if file.suffix.lower() in _SUFFIXES), files[0])
    prints = tuple(fingerprint(file) for file in files)
    every = layer_names(path)
    found: dict[str, Features] = {}
    unread = []
    for name in every:
        if layer_of(name) is None and len(every) > 1:
            unread.append(name)
            continue
        features = open_features(path, layer=name)
        layer = bdtopo_layer(features)
        if layer is None:
            unread.append(name)
        elif layer in source.layer_names:
            found[layer] = features
    if not found:
        raise UnsupportedError(
            "no layer of BD TOPO in the file",
            where=path.name,
            found=", ".join(every) or "no layer",
            expected="layers named as the classes: batiment, troncon_de_route, …",
            remedy="read it as `kind: vector`, with a mapping of its columns",
        )
    notes = (f"layers of the file that are not read: {', '.join(unread)}",) if unread else ()
    provenance = source.provenance(prints, *notes)
    return tuple(_stream(found[layer], layer, source, provenance) for layer in MAPPINGS if layer in found)


def bdtopo_layer(features: Features) -> str | None:
    """The layer of the twin that a file holds, by its name and its columns; None where it is not of BD TOPO."""
    names = {name.lower() for name in features.columns.names}
    if not names:
        return layer_of(features.layer)
    if not names & {"id", "cleabs"}:
        return None
    is_of_buildings = "hauteur" in names and names & {"leger", "construction_legere"}
    return layer_of(features.layer) or ("topo_buildings" if is_of_buildings else None)


def _stream(features: Features, layer: str, source: BdTopoSource, provenance: Provenance) -> LayerStream:
    mapping = MAPPINGS[layer]
    reference, notes = reference_for(features, source.reference)
    names = tuple(features.columns.names)
    cut = ambiguous_names(layer, names)
    if cut:
        notes += (f"cut names that fit several attributes, kept as they are: {', '.join(cut)}",)
    elevated = any(field.to.endswith("elevation_m") for field in mapping.fields)
    if elevated and reference.vertical is None and features.n_features:
        vertical = source.vertical or vertical_there(features, reference)
        reference = reference.model_copy(update={"vertical": vertical})
        if source.vertical is None:
            notes += (f"elevations taken as {vertical}, the legal vertical system of the territory",)
    noted = provenance.model_copy(update={"notes": (*provenance.notes, *notes)})
    found = stream(features, mapping.schema, mapping, reference, noted)
    return found if names else _named_by_shape(found, features)


def vertical_there(features: Features, reference: Reference) -> str:
    """The legal vertical system where the features lie, from the table of territories.

    Raises ``MissingHeightReferenceError`` unless their box meets the outline of one territory alone.
    """
    first, last = np.full(2, np.inf), np.full(2, -np.inf)
    for batch in features.batches():
        corners = _corners(batch)
        if corners is not None:
            first, last = np.minimum(first, corners[:2]), np.maximum(last, corners[2:])
    west, south, east, north = *first, *last
    lon, lat = lonlat(
        system(reference.flat()), np.array([(x, y) for x in (west, east) for y in (south, north)], dtype=np.float64)
    )
    there = box(lon.min(), lat.min(), lon.max(), lat.max()) if np.isfinite([lon, lat]).all() else None
    found = [one for one in TERRITORIES if there is not None and one.outline.intersects(there)]
    if len(found) == 1:
        return _BEFORE_2023.get(reference.horizontal, found[0].legal[1])
    raise MissingHeightReferenceError(
        "elevations whose vertical system cannot be told from their place",
        where=features.path.name,
        found=", ".join(one.name for one in found) or "no French territory",
        expected="features inside one territory with heights of its own",
        remedy="declare `vertical:` on the source, as the delivery's metadata state it, e.g. EPSG:5720",
    )


def _corners(batch: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    import shapely

    shapes = shapely.from_wkb(np.asarray(batch.column(GEOMETRY).to_pylist(), dtype=object))
    bounds = shapely.total_bounds(shapes)
    return bounds if np.isfinite(bounds).all() else None


def _named_by_shape(found: LayerStream, features: Features) -> LayerStream:
    """Without an attribute table no record has an id: each gets one from the bytes of its geometry."""
    prefix = features.layer.upper()

    def batches() -> Iterator[NativeBatch]:
        for batch in found.batches():
            ids = [_digest(prefix, shape.as_py()) for shape in batch.table.column(GEOMETRY)]
            place = batch.table.schema.get_field_index(found.schema.key)
            named = batch.table.set_column(place, found.schema.key, pa.array(ids, pa.string()))
            yield replace(batch, table=named)

    note = "no attribute table: ids are made from the geometries"
    noted = found.provenance.model_copy(update={"notes": (*found.provenance.notes, note)})
    return replace(found, provenance=noted, batches=batches)


def _digest(prefix: str, shape: bytes | None) -> str | None:
    return None if shape is None else f"{prefix}-{hashlib.sha256(shape).hexdigest()[:16]}"
