"""Addresses (*adresses*) from CSV: the national file (BAN) and local ones (BAL), plain or packed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.errors import EmptySourceError, SourceError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.sources.address_ids import BanIds, ban_ids
from jnt_pipeline.sources.address_layouts import AddressLayout, address_layout
from jnt_pipeline.sources.address_places import AddressPlaces, places_of
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.findings import counted, notes_of, records_warning
from jnt_pipeline.sources.intake import Finding
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.text_tables import TextTable, read_text_table

__all__ = ["AddressFile", "AddressesSource", "read_addresses"]

SUFFIXES = (".csv", ".csv.gz")

_INSEE = r"(?:\d{2}|2[AB])\d{3}"
_PARCEL = rf"{_INSEE}\d{{3}}[0-9A-Z]{{2}}\d{{4}}"
_KEY = rf"{_INSEE}_(?:\d{{4}}|[0-9a-z]{{4,6}})_\d{{5}}(?:_[0-9a-z]+)*"  # commune_street_number[_suffix]
_NUMBER = r"\d{1,9}(?:[.,]0+)?"  # some write 163,0000000000
_POSITIONS = {
    "entree": "entrance",
    "entrance": "entrance",
    "batiment": "building",
    "building": "building",
    "cage d'escalier": "staircase",
    "staircase identifier": "staircase",
    "logement": "unit",
    "unit identifier": "unit",
    "parcelle": "parcel",
    "parcel": "parcel",
    "segment": "segment",
    "service technique": "utility",
    "utility service": "utility",
    "delivrance postale": "postal_delivery",
    "postal delivery": "postal_delivery",
}

_BEST_FIRST = ("entrance", "building", "staircase", "unit", "parcel", "segment", "utility", "postal_delivery")
"""Of several positions of one address (BAL has a row for each), the order in which the BAN prefers them."""


class AddressesSource(SourceDeclaration):
    """A CSV file of addresses (BAN or BAL, packed with gzip or not), or a folder of them."""

    kind: Literal["addresses"] = Field(default="addresses", description="Discriminator.")
    projection: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Projection of x, y where it is not the legal one of the territory, e.g. EPSG:2154.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The one layer that every unit yields."""
        return ("addresses",)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per file; opens none. Raises ``EmptySourceError`` without any, ``SourceError`` for a name twice."""
        del area  # the files state no extent in their names
        files: dict[str, Path] = {}
        for path in delivered_files(self.path, *SUFFIXES):
            name = safe_name(path.name.lower().removesuffix(".gz").removesuffix(".csv"))
            other = files.setdefault(name, path)
            if other is not path:
                raise SourceError(
                    f"two files are called {name}",
                    where=path,
                    found=f"also {other}",
                    expected="one file per name",
                    remedy="keep the newest edition and take the other out of the folder",
                )
        if not files:
            raise EmptySourceError(
                "no file of addresses",
                where=self.path,
                expected="files named *.csv or *.csv.gz",
                remedy="download the département from adresse.data.gouv.fr, or give the BAL of the commune",
            )
        return tuple(SourceUnit(name=name, files=(files[name],)) for name in sorted(files))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The addresses of one file."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return tuple(read_addresses(path, self).layer for path in unit.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFile:
    """What one file gives."""

    layer: Layer
    layout: str
    """``BAN``, ``BAL 1.4``, …"""
    findings: tuple[Finding, ...]
    """What a user must know of it, beside the records set aside; the layer's notes say the same."""


def read_addresses(path: Path, source: AddressesSource) -> AddressFile:
    """Read one table of addresses; holds the whole file.

    An address with several rows has its best position first (an entrance before a building), so that this one stays.
    Records are set aside as ``broken_row``, ``bad_insee_code``, ``bad_house_number``, ``bad_ban_id``,
    ``incomplete_ban_ids``, ``bad_coordinates``; rules of the schema are left to the normaliser.

    Raises ``UnreadableError``, ``UnsupportedError`` (not addresses), ``EmptySourceError`` (a header without rows),
    ``SourceError`` (no street column), ``MissingCrsError`` (only x, y, and no commune to place them by).
    """
    file = fingerprint(path)
    text = read_text_table(path)
    layout = address_layout(text.table.column_names, path.name)
    if not len(text.rows) and not text.broken:
        raise EmptySourceError(
            "no address: the table has a header and no row",
            where=path.name,
            expected="at least one row",
            remedy="ask the producer for the whole file",
        )
    frame = text.table.select(list(layout.columns.values())).to_pandas().astype("str")
    frame.columns = pd.Index(list(layout.columns))
    records = _records(frame, text)
    communes = _communes(frame)
    ids = ban_ids(frame, records, are_complete=layout.title != "BAN")
    places = places_of(frame, _departements(communes), records, projection=source.projection, where=path.name)
    values, more = _values(frame, text, layout, communes, ids, records)
    faults = _faults(frame, ids, places)
    findings = (*layout.findings, *_of_encoding(text), *ids.findings, *places.findings, *more)
    kept = _best_position_first(values, [i for i in range(len(frame)) if i not in faults])
    rejected = [*text.broken, *((str(records[i]), *faults[i]) for i in sorted(faults))]
    notes = (places.note, *notes_of(findings))
    points = np.full(len(kept), None, dtype=object)
    placed = np.isfinite(places.points[kept]).all(axis=1)
    points[placed] = shapely.points(places.points[kept][placed])
    layer = Layer(
        name="addresses",
        frame=gpd.GeoDataFrame(
            values.iloc[kept].reset_index(drop=True), geometry=points, crs=places.reference.horizontal
        ),
        reference=places.reference,
        provenance=source.provenance((file,), *notes),
        counts=Counts(
            read=len(frame) + len(text.broken),
            kept=len(kept),
            rejected=dict(sorted(Counter(reason for _, reason, _ in rejected).items())),
        ),
        rejected=rejections(rejected),
    )
    return AddressFile(layer=layer, layout=layout.title, findings=findings)


def _best_position_first(values: pd.DataFrame, kept: list[int]) -> NDArray[np.int64]:
    """Records in the order of the file, but for those of one address: its best position first, which then stays."""
    rows = values.iloc[kept]
    keys = rows["address_id"]
    turn = pd.Series(np.arange(len(rows)), index=rows.index)
    first = turn.groupby(keys).transform("min").fillna(turn)
    rank = rows["position_type"].map({word: i for i, word in enumerate(_BEST_FIRST)}).fillna(len(_BEST_FIRST))
    return np.asarray(kept, dtype=np.int64)[np.lexsort((turn, rank, first))]


def _records(frame: pd.DataFrame, text: TextTable) -> NDArray[np.object_]:
    """Names of the records: their key, else their row."""
    rows = np.array([f"row {row}" for row in text.rows], dtype=object)
    if "address_id" not in frame:
        return rows
    return np.where(frame["address_id"].isna(), rows, frame["address_id"].to_numpy(dtype=object))


def _communes(frame: pd.DataFrame) -> pd.Series[Any]:
    """INSEE code of each record: as stated, else as the key begins where that is a code of a known département."""
    empty = pd.Series(pd.NA, index=frame.index, dtype="str")
    stated = frame.get("insee_code", empty)
    keyed = frame.get("address_id", empty).str.extract(rf"^({_INSEE})_")[0].astype("str")
    unknown = {code for code in keyed.dropna().unique() if departement_of(code) is None}
    return stated.fillna(keyed.where(~keyed.isin(unknown)))


def _departements(communes: pd.Series[Any]) -> NDArray[np.object_]:
    table = {code: departement_of(str(code)) for code in communes.dropna().unique()}
    return np.array([table.get(code) for code in communes], dtype=object)


def _faults(frame: pd.DataFrame, ids: BanIds, places: AddressPlaces) -> dict[int, tuple[str, str]]:
    """Position of each record to set aside → reason and sentence; the first reason counts."""
    faults: dict[int, tuple[str, str]] = {}
    rules = (
        ("insee_code", _INSEE, "bad_insee_code", "is not an INSEE code of five characters"),
        ("house_number", _NUMBER, "bad_house_number", "is not a whole number"),
    )
    for name, pattern, reason, words in rules:
        if name in frame:
            values = frame[name]
            wrong = values.notna() & ~values.str.fullmatch(pattern).fillna(False)
            for i in map(int, np.flatnonzero(wrong.to_numpy(dtype=bool))):
                faults.setdefault(i, (reason, f"{name} {values.iloc[i]!r} {words}"))
    return places.faults | ids.faults | faults


def _values(
    frame: pd.DataFrame,
    text: TextTable,
    layout: AddressLayout,
    communes: pd.Series[Any],
    ids: BanIds,
    records: NDArray[np.object_],
) -> tuple[pd.DataFrame, list[Finding]]:
    """The columns of the schema, and what had to be left empty in them."""
    empty = pd.Series(pd.NA, index=frame.index, dtype="str")
    column = {name: frame.get(name, empty) for name in (*layout.columns, *_EVERY)}
    findings = []
    positions, strange = _positions(column["position_type"])
    if strange:
        findings.append(Finding(severity="info", code="unknown_positions", message=f"left empty: {strange}"))
    dates = column["updated_on"]
    is_date = dates.str.fullmatch(r"\d{4}-\d{2}-\d{2}").fillna(False).astype(bool)
    if (wrong := (dates.notna() & ~is_date).to_numpy()).any():
        told = ", ".join(sorted(set(dates[wrong]))[:5])
        message = f"{counted(int(wrong.sum()), 'dates not of the form YYYY-MM-DD')}, left empty: {told}"
        findings.append(Finding(severity="info", code="unknown_dates", message=message))
    parcels = column["parcel_ids"].str.upper().str.replace(r"\s", "", regex=True)
    sound = parcels.isna() | parcels.str.fullmatch(rf"{_PARCEL}(?:\|{_PARCEL})*").fillna(False)
    if (wrong := ~sound.to_numpy(dtype=bool)).any():
        parcels = parcels.where(~wrong, parcels.map(_sound_parcels, na_action="ignore").astype("str"))
        findings.append(
            records_warning(
                "bad_parcel_ids",
                "records state parcels that are no ids of 14 characters, left out",
                records[wrong],
                "report them to the producer",
            )
        )
    keys = column["address_id"]
    if (odd := (keys.notna() & ~keys.str.fullmatch(_KEY).fillna(False)).to_numpy(dtype=bool)).any():
        message = f"{counted(int(odd.sum()), 'keys not of the form commune_street_number[_suffix]')}, kept"
        findings.append(Finding(severity="info", code="irregular_keys", message=message))
    certified = {"1": True, "true": True, "oui": True, "0": False, "false": False, "non": False}
    numbers = column["house_number"].where(column["house_number"].str.fullmatch(_NUMBER).fillna(False).astype(bool))
    values = pd.DataFrame(
        {
            "address_id": keys,
            "ban_id": ids.address,
            "insee_code": communes,
            "commune_name": column["commune_name"],
            "postcode": column["postcode"],
            "street_name": column["street_name"].fillna(column["hamlet_name"]),
            "local_street_names": _local_names(text, layout, frame),
            "house_number": pd.to_numeric(numbers.str.extract(r"^(\d+)")[0]).astype("Int64"),
            "house_suffix": column["house_suffix"],
            "position_type": positions,
            "is_certified": column["is_certified"].str.lower().map(certified).astype("boolean"),
            "parcel_ids": parcels,
            "updated_on": dates.where(is_date),
        }
    )
    return values[list(SCHEMAS["addresses"].column_names)], findings


_EVERY = (
    "address_id", "commune_name", "postcode", "street_name", "hamlet_name", "house_number", "house_suffix",
    "position_type", "is_certified", "parcel_ids", "updated_on",
)  # fmt: skip


def _positions(values: pd.Series[Any]) -> tuple[pd.Series[Any], dict[str, int]]:
    """What each point marks, in our words, and the words that are not known."""
    table, strange = {}, {}
    for word, n in values.value_counts(sort=False).items():
        bare = unicodedata.normalize("NFKD", str(word).replace("’", "'")).encode("ascii", "ignore").decode()
        plain = bare.lower().replace("_", " ")
        if plain in _POSITIONS:
            table[word] = _POSITIONS[plain]
        else:
            strange[str(word)] = int(n)
    return values.map(table).astype("str"), dict(sorted(strange.items()))


def _sound_parcels(value: str) -> str | None:
    return "|".join(pd.Series(value.split("|")).loc[lambda ids: ids.str.fullmatch(_PARCEL)]) or None


def _local_names(text: TextTable, layout: AddressLayout, frame: pd.DataFrame) -> pd.Series[Any]:
    """Street names in regional languages as ``bre=…|eus=…``; a dash stands for none."""
    joined = pd.Series("", index=frame.index, dtype="str")
    for language, name in sorted(layout.languages.items()):
        values = text.table[name].to_pandas().astype("str")
        known = values.notna() & (values != "-")
        between = joined.where(joined == "", joined + "|")
        joined = joined.where(~known, between + f"{language}=" + values.fillna(""))
    return joined.mask(joined == "")


def _of_encoding(text: TextTable) -> tuple[Finding, ...]:
    if text.encoding == "utf-8":
        return ()
    return (Finding(severity="info", code="not_utf8", message="the text is not UTF-8, read as Windows-1252"),)
