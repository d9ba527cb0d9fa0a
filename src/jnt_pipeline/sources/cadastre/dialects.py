"""How each producer writes each layer of the cadastre: the attributes that tell it, and the mapping of its columns.

Attributes are told by their names in lower case; those of a shapefile are cut after ten characters. The attributes
``section`` and ``numero`` of Etalab have lost their zeros: only the ids are whole (datagouv/cadastre#72), and nothing
is ever put together from what may have lost some.

Sources: etalab/cadastre and datagouv/edigeo-parser (names and widths); IGN, Parcellaire Express and API Carto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.sources.column_values import as_text
from jnt_pipeline.sources.mapping import Field, Head, Joined, Mapping

__all__ = ["BUILDING_TYPES", "Dialect", "dialect_of"]

BUILDING_TYPES = (("01", "durable"), ("02", "light"))  # bâti dur, bâti léger

_INSEE = r"(\d{2}|2[AB])\d{3}"
_SECTION = _INSEE + r"\d{3}[0-9A-Z]{2}"
_PARCEL = _SECTION + r"\d{4}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one producer writes one layer."""

    mapping: Mapping
    present: frozenset[str]
    """Attributes that the layer always has, in lower case."""
    absent: frozenset[str]
    """Attributes that other layers have, and this one never."""
    others: frozenset[str] | None = None
    """Attributes that it may have beside; None for any. Said where those of ``present`` are words that anybody uses."""
    is_points: bool = False
    """Whether its geometries are points."""
    letter: str = ""
    """Letter of the ids, where they are made from the place (``footprint_ids``)."""
    prepared: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch
    """Adds the columns that the mapping takes and that the producer writes in parts."""

    @property
    def layer(self) -> str:
        """The layer of the twin."""
        return self.mapping.schema.name

    @property
    def taken(self) -> frozenset[str]:
        """All attributes that are looked at, in lower case."""
        origins = [origin for field in self.mapping.fields for origin in field.origins]
        parts = {name for origin in origins if isinstance(origin, Joined) for name, _ in origin.parts}
        heads = {origin.name for origin in origins if isinstance(origin, Head)}
        names = {origin for origin in origins if isinstance(origin, str)}
        own = {"code_arr", "code_insee"} if self.prepared is _with_commune else set()
        return frozenset((*names, *heads, *parts, *self.present, *own)) - {_COMMUNE_OF_SHEET, _LOCALISANT}

    def is_written_with(self, names: set[str]) -> bool:
        """Whether a layer with these attributes, in lower case, is written in this dialect."""
        if not self.present <= names or self.absent & names:
            return False
        return self.others is None or names - self.present <= self.others


def dialect_of(names: Iterable[str], *, is_points: bool = False) -> Dialect | None:
    """The dialect in which a layer with these attributes is written; None where they are those of no layer."""
    lower = {name.lower() for name in names}
    return next((one for one in _DIALECTS if one.is_points == is_points and one.is_written_with(lower)), None)


_DATES = (
    Field(to="created_on", origins=("created",), is_date=True),
    Field(to="updated_on", origins=("updated",), is_date=True),
)


def _insee(*origins: str | Head) -> Field:
    return Field(to="insee_code", origins=origins, pattern=_INSEE, reason="bad_insee_code")


def _parcel(key: str, *communes: str | Head) -> tuple[Field, ...]:
    return (
        Field(to="parcel_id", origins=(key,), pattern=_PARCEL),
        _insee(*communes),
        Field(to="section_id", origins=(Head(key, 10),)),
        Field(to="registered_area_m2", origins=("contenance",), minimum=0.0, reason="bad_registered_area"),
        Field(to="is_surveyed", origins=("arpente",), pattern="(?i:true|false)", reason="bad_survey_flag"),
        *_DATES,
    )


def _footprint(commune: str) -> tuple[Field, ...]:
    return (
        _insee(commune),
        Field(to="building_type", origins=("type",), codes=BUILDING_TYPES),
        Field(to="building_name", origins=("nom",)),
        *_DATES,
    )


def _sheet(key: str | Joined, commune: str, section: Head | Joined) -> tuple[Field, ...]:
    return (
        Field(to="sheet_id", origins=(key,), pattern=_SECTION + r"\d{2}"),
        _insee(commune),
        Field(to="section_id", origins=(section,)),
        Field(to="plan_quality_code", origins=("qualite",)),
        Field(to="drawing_method_code", origins=("modeconfection", "modeconfec")),
        Field(to="scale_denominator", origins=("echelle",), minimum=0.0, reason="bad_scale"),
        *_DATES,
    )


def _tax(parcel: str) -> tuple[Field, ...]:
    return (
        Field(to="parcel_id", origins=(parcel,), pattern=_PARCEL),
        Field(to="tax_subdivision_id", origins=(Joined(((parcel, 0), ("lettre", 0)), "-"),)),
        Field(to="insee_code", origins=(Head(parcel, 5),)),
        Field(to="letter", origins=("lettre",)),
        *_DATES,
    )


_DATED = frozenset({"created", "updated", "fid", "ogc_fid", "gid"})
_COMMUNE_OF_SHEET = "commune_of_sheet"
_LOCALISANT = "localisant"


def _with_commune(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The commune in the ids of a sheet: in Paris, Lyon and Marseille it is the *arrondissement municipal*."""
    of = {name.lower(): as_text(batch.column(i)) for i, name in enumerate(batch.schema.names) if name != "geometry"}
    commune = of.get("code_insee")
    if commune is None:
        commune = pc.binary_join_element_wise(of["code_dep"], of["code_com"], "")
    if "code_arr" in of:
        is_one = pc.fill_null(pc.not_equal(of["code_arr"], "000"), fill_value=False)
        commune = pc.if_else(is_one, pc.binary_join_element_wise(of["code_dep"], of["code_arr"], ""), commune)
    return batch.append_column(_COMMUNE_OF_SHEET, commune)


def _with_class(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.append_column(_LOCALISANT, pa.array(["LOCALISANT"] * len(batch), pa.string()))


def _one(
    layer: str,
    fields: tuple[Field, ...],
    present: str,
    absent: str = "",
    *,
    others: frozenset[str] | None = None,
    is_points: bool = False,
    letter: str = "",
    prepared: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch,
) -> Dialect:
    return Dialect(
        mapping=Mapping(schema=SCHEMAS[layer], fields=fields, is_named_by_place=bool(letter)),
        present=frozenset(present.split()),
        absent=frozenset(absent.split()),
        others=others,
        is_points=is_points,
        letter=letter,
        prepared=prepared,
    )


_DIALECTS: tuple[Dialect, ...] = (
    # Etalab
    _one(
        "parcels",
        _parcel("id", "commune", Head("id", 5)),
        "id prefixe section numero",
        "qualite modeconfection modeconfec echelle lettre",
    ),
    _one("sheets", _sheet("id", "commune", Head("id", 10)), "id prefixe section numero qualite echelle"),
    _one(
        "sections",
        (
            Field(to="section_id", origins=("id",), pattern=_SECTION),
            _insee("commune", Head("id", 5)),
            *_DATES,
        ),
        "id commune prefixe code",
        "section numero",
    ),
    _one(
        "former_communes",
        (
            # id has 8 characters in GeoJSON and is cut to 6 in shapefiles; its two parts are whole in both
            Field(to="prefix_id", origins=(Joined((("commune", 0), ("prefixe", 0))),), pattern=_INSEE + r"\d{3}"),
            _insee("commune"),
            Field(to="former_insee_code", origins=("ancienne",)),
            Field(to="former_commune_name", origins=("nom",)),
        ),
        "id commune prefixe",
        "code section numero",
    ),
    _one("footprints", _footprint("commune"), "type commune", "id", letter="B"),
    _one(
        "communes",
        (
            Field(to="insee_code", origins=("id",), pattern=_INSEE, reason="bad_insee_code"),
            Field(to="commune_name", origins=("nom",)),
            *_DATES,
        ),
        "id nom",
        others=_DATED,
    ),
    _one(
        "localities",
        (_insee("commune"), Field(to="locality_name", origins=("nom",)), *_DATES),
        "nom commune",
        others=_DATED,
        letter="L",
    ),
    _one("tax_subdivisions", _tax("parcelle"), "parcelle lettre"),
    # Parcellaire Express and API Carto; a localisant is the point of a parcel that is not drawn
    _one("parcels", _parcel("idu", Head("idu", 5)), "idu numero section"),
    _one("parcels", _parcel("idu", Head("idu", 5)), "idu contenance"),
    _one(
        "cadastral_points",
        (
            Field(to="detail_id", origins=(Joined((("idu", 0), (_LOCALISANT, 0)), "-"),)),
            _insee(Head("idu", 5)),
            Field(to="detail_class", constant="LOCALISANT"),
            Field(to="label", origins=("numero",)),
            Field(to="parcel_id", origins=("idu",), pattern=_PARCEL),
        ),
        "idu numero section",
        is_points=True,
        prepared=_with_class,
    ),
    _one("footprints", _footprint("code_insee"), "type code_insee", "idu section", letter="B"),
    _one(
        "sheets",
        _sheet(
            Joined(((_COMMUNE_OF_SHEET, 0), ("com_abs", 0), ("section", 0), ("feuille", 2))),
            _COMMUNE_OF_SHEET,
            Joined(((_COMMUNE_OF_SHEET, 0), ("com_abs", 0), ("section", 0))),
        ),
        "feuille section com_abs code_dep code_com",
        "idu",
        prepared=_with_commune,
    ),
    _one(
        "communes",
        (
            Field(to="insee_code", origins=("code_insee",), pattern=_INSEE, reason="bad_insee_code"),
            Field(to="commune_name", origins=("nom_com",)),
        ),
        "nom_com code_dep code_insee",
        "section feuille idu type",
    ),
    _one("tax_subdivisions", _tax("idu_parcel"), "idu_parcel lettre"),
)
