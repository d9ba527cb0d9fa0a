"""Cadastre (*plan cadastral informatisé*) in GeoJSON: the files of Etalab, and parcels or communes of API Carto.

Coordinates are longitude, latitude as RFC 7946 wants (CRS84). The layers say EPSG:4326, whose official axis order is
latitude first: the code is what other tools know, and every transformation of this package takes easting or longitude
first. Sheets are put side by side by the producer without topological correction: gaps and overlaps at their edges
are normal, and nothing is repaired here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer, empty_rejections, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, SourceError, UnsupportedError
from jnt_pipeline.provenance import Counts, SourceFile
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.footprint_ids import footprint_ids
from jnt_pipeline.sources.geojson import FeatureCollection, geometries_of, read_feature_collection
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit

__all__ = ["LAYER_NAMES", "CadastreSource", "read_cadastre", "recognised_layer"]

LAYER_NAMES = ("communes", "sections", "parcels", "footprints")
REFERENCE = Reference(horizontal="EPSG:4326")
SUFFIXES = (".json", ".geojson", ".json.gz", ".geojson.gz")

_ETALAB_FILE = re.compile(
    r"cadastre-(?P<place>\d{5}|2[ab]\d{3}|\d{2,3}|2[ab])-(?P<couche>communes|sections|parcelles|batiments)"
    r"\.(geo)?json(\.gz)?",
    flags=re.IGNORECASE,
)
_LAYER_OF_COUCHE = {"communes": "communes", "sections": "sections", "parcelles": "parcels", "batiments": "footprints"}
_INSEE = re.compile(r"(\d{2}|2[AB])\d{3}")
_SECTION = re.compile(r"(\d{2}|2[AB])\d{3}\d{3}[0-9A-Z]{2}")
_PARCEL = re.compile(r"(\d{2}|2[AB])\d{3}\d{3}[0-9A-Z]{2}\d{4}")
_BUILDING_TYPES = {"01": "durable", "02": "light"}  # bâti dur, bâti léger

Row = Mapping[str, Any]


class _RowFaultError(Exception):
    """A record whose attributes cannot be read; never leaves this module."""

    def __init__(self, reason: str, detail: str):
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    """How one producer writes one layer: the attributes that tell it, and how a row is read."""

    layer: str
    present: frozenset[str]
    absent: frozenset[str]
    row: Callable[[Row], dict[str, Any]]


class CadastreSource(SourceDeclaration):
    """A folder of Etalab files, or one GeoJSON file of cadastral records."""

    kind: Literal["cadastre"] = Field(default="cadastre", description="Discriminator.")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that every unit yields, empty where a file is absent."""
        return LAYER_NAMES

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per commune (or département), with all its layer files; opens no file.

        In a folder, only names of the form ``cadastre-{insee}-{couche}.json[.gz]`` are taken; a file given by its path
        may have any name. Raises ``EmptySourceError`` without any, ``SourceError`` when a layer comes twice.
        """
        del area  # the files state no extent in their names
        if self.path.is_file():
            match = _ETALAB_FILE.fullmatch(self.path.name)
            name = match["place"].upper() if match else safe_name(self.path.name.split(".")[0])
            return (SourceUnit(name=name, files=(self.path,)),)
        places: dict[str, dict[str, Path]] = {}
        for path in delivered_files(self.path, *SUFFIXES):
            match = _ETALAB_FILE.fullmatch(path.name)
            if match is None:
                continue
            files = places.setdefault(match["place"].upper(), {})
            other = files.setdefault(match["couche"].lower(), path)
            if other is not path:
                raise SourceError(
                    f"two files hold the {match['couche']} of {match['place']}",
                    where=path,
                    found=f"also {other}",
                    expected="one file per commune and layer",
                    remedy="keep the newest edition and take the other out of the folder",
                )
        if not places:
            raise EmptySourceError(
                "no cadastral file",
                where=self.path,
                expected="files named cadastre-{insee}-{communes|sections|parcelles|batiments}.json[.gz]",
                remedy="download the commune from cadastre.data.gouv.fr, or give another GeoJSON file by its own path",
            )
        return tuple(
            SourceUnit(name=place, files=tuple(files[couche] for couche in sorted(files)))
            for place, files in sorted(places.items())
        )

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The four layers of one commune."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return read_cadastre(unit.files, self)


def read_cadastre(files: tuple[Path, ...], source: CadastreSource) -> tuple[Layer, ...]:
    """Layers communes, sections, parcels and footprints of the given files, always all four.

    Records that cannot be read are set aside: ``unreadable_feature``, ``broken_ring``, ``bad_coordinates``,
    ``bad_insee_code``, ``bad_section_id``, ``bad_parcel_id``, ``bad_registered_area``, ``bad_survey_flag``, and
    ``missing_geometry`` for a building, whose id comes from its place. Rules of the schema (missing values, duplicates,
    invalid geometries) are left to the normaliser.

    Raises ``UnreadableError`` (damaged, not GeoJSON), ``UnsupportedError`` (another layer or CRS), ``SourceError``.
    """
    prints = {path: fingerprint(path) for path in files}
    found: dict[str, Layer] = {}
    for path in files:
        layer = _read_layer(path, prints[path], source)
        if layer.name in found:
            raise SourceError(
                f"two files of one unit hold the layer {layer.name}",
                where=path.name,
                expected="one file per layer",
                remedy="keep the newest edition and take the other out of the folder",
            )
        found[layer.name] = layer
    every = tuple(prints.values())
    return tuple(found.get(name) or _absent(name, every, source) for name in LAYER_NAMES)


def recognised_layer(collection: FeatureCollection) -> str | None:
    """The layer whose attributes the features have; None where they are those of no layer that is read."""
    dialect = _dialect(collection)
    return dialect.layer if dialect else None


def _dialect(collection: FeatureCollection) -> _Dialect | None:
    names = collection.attributes
    return next((d for d in _DIALECTS if d.present <= names and not d.absent & names), None)


def _named_layer(path: Path) -> str | None:
    match = _ETALAB_FILE.fullmatch(path.name)
    return _LAYER_OF_COUCHE[match["couche"].lower()] if match else None


def _read_layer(path: Path, file: SourceFile, source: CadastreSource) -> Layer:
    collection = read_feature_collection(path)
    dialect, named = _dialect(collection), _named_layer(path)
    if not collection.features:
        if named is None:
            raise EmptySourceError(
                "no parcel found: the collection is empty",
                where=path.name,
                expected="at least one feature",
                remedy="check the commune or the parcel that was asked for",
            )
        return _absent(named, (file,), source)
    if dialect is None:
        raise UnsupportedError(
            "features whose attributes are those of no cadastral layer that is read",
            where=path.name,
            found=", ".join(sorted(collection.attributes)[:12]) or "no attribute",
            expected="communes, sections, parcelles or batiments of Etalab; parcels or communes of API Carto",
            remedy="give one of these files; other layers are not read by this version",
        )
    if named is not None and named != dialect.layer:
        raise SourceError(
            "the file does not hold what its name says",
            where=path.name,
            found=f"attributes of {dialect.layer}",
            expected=named,
            remedy="download the file again, or correct its name",
        )
    return _layer(collection, dialect, file, source)


def _layer(collection: FeatureCollection, dialect: _Dialect, file: SourceFile, source: CadastreSource) -> Layer:
    geometries = geometries_of(collection.features)
    rows: list[dict[str, Any]] = []
    kept: list[int] = []
    rejected: list[tuple[str, str, str]] = []
    for i, feature in enumerate(collection.features):
        properties = feature.get("properties") or {} if isinstance(feature, dict) else {}
        fault = geometries.faults.get(i)
        try:
            row = dialect.row(properties) if isinstance(properties, dict) else {}
            if fault is None and dialect.layer == "footprints" and geometries.values[i] is None:
                fault = ("missing_geometry", "a building without geometry has no place to name it by")
        except _RowFaultError as error:
            row, fault = {}, fault or (error.reason, error.detail)
        if fault is not None:
            key = properties.get("id") or properties.get("idu") if isinstance(properties, dict) else None
            rejected.append((f"{key}" if key else f"feature {i}", *fault))
            continue
        rows.append(row)
        kept.append(i)
    schema = SCHEMAS[dialect.layer]
    frame = gpd.GeoDataFrame(
        _typed(pd.DataFrame(rows, columns=list(schema.column_names)), dialect.layer),
        geometry=geometries.values[np.array(kept, dtype=np.int64)],
        crs=REFERENCE.horizontal,
    )
    if dialect.layer == "footprints" and len(frame):
        frame["footprint_id"] = pd.Series(
            footprint_ids(frame["insee_code"].to_numpy(dtype=object), np.asarray(frame.geometry, dtype=object)),
            index=frame.index,
            dtype="str",
        )
    reasons = Counter(reason for _, reason, _ in rejected)
    return Layer(
        name=dialect.layer,
        frame=frame,
        reference=REFERENCE,
        provenance=source.provenance((file,), *_unknown_types(collection, dialect)),
        counts=Counts(read=len(collection.features), kept=len(frame), rejected=dict(sorted(reasons.items()))),
        rejected=rejections(rejected),
    )


def _absent(name: str, files: tuple[SourceFile, ...], source: CadastreSource) -> Layer:
    frame = _typed(pd.DataFrame(columns=list(SCHEMAS[name].column_names)), name)
    return Layer(
        name=name,
        frame=gpd.GeoDataFrame(frame, geometry=[], crs=REFERENCE.horizontal),
        reference=REFERENCE,
        provenance=source.provenance(files, f"no {name} in the files delivered"),
        counts=Counts(read=0, kept=0),
        rejected=empty_rejections(),
    )


_DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}


def _typed(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.astype({column.name: _DTYPES[column.kind] for column in SCHEMAS[name].columns})


def _unknown_types(collection: FeatureCollection, dialect: _Dialect) -> tuple[str, ...]:
    if dialect.layer != "footprints":
        return ()
    codes = Counter(
        str(feature["properties"].get("type"))
        for feature in collection.features
        if isinstance(feature, dict) and isinstance(feature.get("properties"), dict)
    )
    strange = {code: n for code, n in sorted(codes.items()) if code not in {*_BUILDING_TYPES, "None"}}
    return (f"building types unknown, left empty: {strange}",) if strange else ()


def _text(row: Row, name: str) -> str | None:
    """The attribute as text, blanks trimmed (names come padded); None where it is absent, null or blank."""
    value = row.get(name)
    return None if value is None else str(value).strip() or None


def _shaped(row: Row, name: str, pattern: re.Pattern[str], reason: str) -> str | None:
    value = _text(row, name)
    if value is not None and not pattern.fullmatch(value):
        raise _RowFaultError(reason, f"{name} {value!r} is not of the form {pattern.pattern}")
    return value


def _dates(row: Row) -> dict[str, Any]:
    return {"created_on": _text(row, "created"), "updated_on": _text(row, "updated")}


def _registered_area(row: Row) -> int | None:
    value = row.get("contenance")
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not re.fullmatch(r"\d+(\.0*)?", str(value)):
        raise _RowFaultError("bad_registered_area", f"contenance {value!r} is not a number of square metres")
    return int(float(value))


def _is_surveyed(row: Row) -> bool | None:
    value = row.get("arpente")
    if value is not None and not isinstance(value, bool):
        raise _RowFaultError("bad_survey_flag", f"arpente {value!r} is neither true nor false")
    return value


def _commune(row: Row) -> dict[str, Any]:
    code = _shaped(row, "id", _INSEE, "bad_insee_code")
    return {"insee_code": code, "commune_name": _text(row, "nom"), **_dates(row)}


def _section(row: Row) -> dict[str, Any]:
    key = _shaped(row, "id", _SECTION, "bad_section_id")
    commune = _shaped(row, "commune", _INSEE, "bad_insee_code")
    return {"section_id": key, "insee_code": commune or (key and key[:5]), **_dates(row)}


def _parcel(row: Row, key: str = "id", commune: str = "commune") -> dict[str, Any]:
    # the attributes section and numero have lost their zeros: only the id is whole (datagouv/cadastre#72)
    parcel_id = _shaped(row, key, _PARCEL, "bad_parcel_id")
    insee_code = _shaped(row, commune, _INSEE, "bad_insee_code")
    return {
        "parcel_id": parcel_id,
        "insee_code": insee_code or (parcel_id and parcel_id[:5]),
        "section_id": parcel_id and parcel_id[:10],
        "registered_area_m2": _registered_area(row),
        "is_surveyed": _is_surveyed(row),
        **_dates(row),
    }


def _footprint(row: Row) -> dict[str, Any]:
    return {
        "insee_code": _shaped(row, "commune", _INSEE, "bad_insee_code"),
        "building_type": _BUILDING_TYPES.get(_text(row, "type") or ""),
        "building_name": _text(row, "nom"),
        **_dates(row),
    }


def _api_carto_parcel(row: Row) -> dict[str, Any]:
    return _parcel(row, key="idu", commune="code_insee")


def _api_carto_commune(row: Row) -> dict[str, Any]:
    code = _shaped(row, "code_insee", _INSEE, "bad_insee_code")
    return {"insee_code": code, "commune_name": _text(row, "nom_com"), **_dates(row)}


def _dialects() -> tuple[_Dialect, ...]:
    def one(layer: str, row: Callable[[Row], dict[str, Any]], present: str, absent: str) -> _Dialect:
        return _Dialect(layer=layer, row=row, present=frozenset(present.split()), absent=frozenset(absent.split()))

    return (
        # Etalab; `absent` keeps out feuilles (qualite), prefixes_sections, lieux_dits, subdivisions_fiscales (lettre)
        one("parcels", _parcel, "id prefixe section numero", "qualite modeConfection echelle lettre"),
        one("sections", _section, "id commune prefixe code", "section numero"),
        one("footprints", _footprint, "type commune", "id"),
        one("communes", _commune, "id nom", "commune prefixe type"),
        # API Carto; localisants have no contenance, they are points for parcels that are not drawn
        one("parcels", _api_carto_parcel, "idu contenance code_insee", ""),
        one("communes", _api_carto_commune, "nom_com code_dep code_insee", "section feuille idu"),
    )


_DIALECTS = _dialects()
