"""The declaration of a cadastral source: which units a delivery has, and which reader takes each of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.streams import LayerStream
from jnt_pipeline.base_layers.tables.cadastre import CADASTRE
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, SourceError
from jnt_pipeline.provenance import SourceFile
from jnt_pipeline.sources.cadastre.deliveries import GEOJSON_SUFFIXES, place_of_name, units_of_folder
from jnt_pipeline.sources.cadastre.feature_files import read_features
from jnt_pipeline.sources.cadastre.geojson_files import absent_layer, read_geojson
from jnt_pipeline.sources.delivered import parts_of
from jnt_pipeline.sources.edigeo import Sheet, is_edigeo, read_sheet, sheets_of
from jnt_pipeline.sources.edigeo.layers import LAYER_NAMES as SHEET_LAYERS
from jnt_pipeline.sources.files import fingerprint, safe_name
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit

__all__ = ["LAYER_NAMES", "CadastreSource", "read_cadastre"]

LAYER_NAMES = tuple(dict.fromkeys((*(schema.name for schema in CADASTRE), *SHEET_LAYERS)))
_OF_A_COMMUNE = ("communes", "sections", "parcels", "footprints")
"""Layers that a set of GeoJSON files always yields, empty where a file is absent."""
_FEATURES = (".shp", ".gpkg", ".parquet", ".zip", ".fgb")
_PARTS = (".cpg", ".dbf", ".prj", ".shx")


class CadastreSource(SourceDeclaration):
    """A folder of cadastral files (Etalab, Parcellaire Express, EDIGÉO), or one file of cadastral records."""

    kind: Literal["cadastre"] = Field(default="cadastre", description="Discriminator.")
    reference: Reference | None = Field(
        default=None,
        description="Reference that overrides what the files state, e.g. EPSG:2154; null = believe the files.",
    )
    insee_code: str | None = Field(
        default=None,
        pattern=r"^(\d{2}|2[AB])\d{3}$",
        description="INSEE code of the commune, for EDIGÉO sheets whose names tell none.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that a unit may yield."""
        return LAYER_NAMES

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per commune, département or EDIGÉO sheet, with all its files; opens no file but zips and THF.

        In a folder, files are taken by their names: ``cadastre-{insee}-{couche}`` of Etalab, the classes of
        Parcellaire Express, GeoPackages, EDIGÉO sheets; a file given by its path may have any name.
        Raises ``EmptySourceError`` without any, ``SourceError`` when a layer comes twice.
        """
        del area  # the files state no extent in their names
        if self.path.is_file():
            if is_edigeo(self.path):
                return self._sheets()
            name = place_of_name(self.path) or safe_name(self.path.name.split(".")[0])
            return (SourceUnit(name=name, files=parts_of(self.path)),)
        found = units_of_folder(self.path)
        if is_edigeo(self.path):
            found = tuple(sorted((*found, *self._sheets()), key=lambda unit: unit.name))
        if not found:
            raise EmptySourceError(
                "no cadastral file",
                where=self.path,
                expected="files named cadastre-{insee}-{couche}.json[.gz], PARCELLE.SHP, edigeo-{feuille}.tar.bz2, …",
                remedy="download the commune from cadastre.data.gouv.fr, or give another file by its own path",
            )
        return found

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer | LayerStream, ...]:
        """The layers of one unit; large ones are streams."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        sheet_id, member = unit.options.get("sheet_id"), str(unit.options.get("member", ""))
        if sheet_id is not None:
            sheet = Sheet(sheet_id=str(sheet_id), files=unit.files, member=member)
            # the zip of a département is not hashed again for each of its thousands of sheets
            prints = () if member else tuple(fingerprint(file) for file in unit.files)
            layers = read_sheet(sheet, self, prints)
            return tuple(sorted(layers, key=lambda layer: LAYER_NAMES.index(layer.name)))
        return read_cadastre(unit.files, self, not_read=tuple(unit.options.get("not_read", ())))

    def _sheets(self) -> tuple[SourceUnit, ...]:
        return tuple(
            SourceUnit(
                name=safe_name(sheet.sheet_id),
                files=sheet.files,
                options={"sheet_id": sheet.sheet_id, **({"member": sheet.member} if sheet.member else {})},
            )
            for sheet in sheets_of(self.path, insee_code=self.insee_code)
        )


def read_cadastre(
    files: tuple[Path, ...], source: CadastreSource, *, not_read: tuple[str, ...] = ()
) -> tuple[Layer | LayerStream, ...]:
    """The cadastral layers of the given files, in the order of ``LAYER_NAMES``.

    GeoJSON files give communes, sections, parcels and footprints always, empty where a file is absent; other layers
    only where they are delivered. Records that cannot be read are set aside (see the readers); rules of the schema
    (missing values, duplicates, invalid geometries) are left to the normaliser.

    Parameters: ``not_read`` names of files that belong to the delivery and are not read, for a note.
    Raises ``UnreadableError`` (damaged), ``UnsupportedError`` (another layer or CRS), ``MissingCrsError``,
    ``SourceError`` (a layer comes twice, or is not what the name says).
    """
    prints = {path: fingerprint(path) for path in files}
    note = (f"files of the delivery that are not read: {', '.join(not_read)}",) if not_read else ()
    found: dict[str, Layer | LayerStream] = {}
    for path in (file for file in files if file.suffix.lower() not in _PARTS):
        for layer in _layers(path, prints, source):
            if layer.name in found:
                raise SourceError(
                    f"two files of one unit hold the layer {layer.name}",
                    where=path.name,
                    expected="one file per layer",
                    remedy="keep the newest edition and take the other out of the folder",
                )
            found[layer.name] = layer
    every = tuple(prints.values())
    if all(path.name.lower().endswith(GEOJSON_SUFFIXES) for path in files):
        found |= {name: absent_layer(name, every, source) for name in _OF_A_COMMUNE if name not in found}
    return tuple(_noted(found[name], note) for name in LAYER_NAMES if name in found)


def _layers(path: Path, prints: dict[Path, SourceFile], source: CadastreSource) -> tuple[Layer | LayerStream, ...]:
    if path.suffix.lower() not in _FEATURES:
        return (read_geojson(path, prints[path], source, source.reference),)
    return read_features(
        path, tuple(prints[part] for part in prints if part.stem == path.stem), source, source.reference
    )


def _noted(layer: Layer | LayerStream, notes: tuple[str, ...]) -> Layer | LayerStream:
    if not notes:
        return layer
    provenance = layer.provenance.model_copy(update={"notes": (*layer.provenance.notes, *notes)})
    return replace(layer, provenance=provenance)
