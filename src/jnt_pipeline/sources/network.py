"""A sensor network as text tables, whatever file it came from, judged into its three layers.

Both readers (CSV, SensorThings) give text; what is a number or an instant is decided here, once, and vectorised:
millions of observations stay in Arrow arrays until they are known to be good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.layers import REJECTED_COLUMNS, Layer
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import MissingHeightReferenceError
from jnt_pipeline.provenance import Counts, Provenance

__all__ = ["COLUMNS", "LAYER_NAMES", "RawNetwork", "RawTable", "judged_layers", "judged_observations"]

LAYER_NAMES = ("stations", "datastreams", "observations")
COLUMNS: dict[str, tuple[str, ...]] = {
    "stations": ("station_id", "station_name", "station_type", "longitude", "latitude", "elevation_m"),
    "datastreams": ("datastream_id", "station_id", "observed_property", "unit", "datastream_name"),
    "observations": ("datastream_id", "phenomenon_at", "result"),
}
"""Columns of the text tables, and of the CSV files."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_RFC3339 = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Text as delivered: every column of ``COLUMNS``, empty text where nothing is stated."""

    table: pa.Table
    label: Callable[[int], str]
    """What to call the record at a position, e.g. ``row 12``."""
    broken: tuple[tuple[str, str, str], ...] = ()
    """Records that never became a row: record, reason, detail."""
    notes: tuple[str, ...] = ()
    """What a reader of the layer must know of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawNetwork:
    """One network before judgement."""

    tables: dict[str, RawTable]
    notes: tuple[str, ...] = ()


def judged_layers(
    network: RawNetwork, *, vertical: str | None, provenance: Provenance, where: str
) -> tuple[Layer, ...]:
    """Layers stations, datastreams and observations of a network.

    Set aside: stations with ``bad_coordinates`` (not numbers, not finite, not on the globe) or ``bad_elevation``;
    datastreams of an ``unknown_station``; observations of an ``unknown_datastream``, with a ``bad_timestamp`` (not
    RFC 3339 with an offset) or a ``bad_result`` (not a finite number). Positions are WGS 84 longitude, latitude.

    Raises ``MissingHeightReferenceError`` when a station has an elevation and ``vertical`` is None.
    """
    stations, datastreams = network.tables["stations"], network.tables["datastreams"]
    return (
        _stations(stations, vertical, provenance, where),
        _datastreams(datastreams, stations.table["station_id"], provenance),
        judged_observations(network.tables["observations"], datastreams.table["datastream_id"], provenance),
    )


def judged_observations(raw: RawTable, known: pa.ChunkedArray | None, provenance: Provenance) -> Layer:
    """The layer observations; ``known`` holds the ids of the datastreams (None: any non-empty id is accepted)."""
    ids, times, results = (_trimmed(raw.table[name]) for name in COLUMNS["observations"])
    stranger = pc.equal(ids, "") if known is None else pc.invert(pc.is_in(ids, _set_of(known)))
    instants = _instants(times)
    numbers = _numbers(results)
    keep, rejected = _sifted(
        raw,
        (
            ("unknown_datastream", _mask(stranger), ids, "no datastream of that id"),
            ("bad_timestamp", np.asarray(instants.isna()), times, "not an RFC 3339 instant with its offset"),
            ("bad_result", ~np.isfinite(numbers), results, "not a finite number"),
        ),
    )
    frame = pd.DataFrame(
        {
            "datastream_id": pd.Series(ids.filter(pa.array(keep)).to_pandas().to_numpy(), dtype="str"),
            "phenomenon_at": instants[keep],
            "result": numbers[keep],
        }
    )
    return _layer("observations", frame, None, provenance, raw, rejected)


def _stations(raw: RawTable, vertical: str | None, provenance: Provenance, where: str) -> Layer:
    column = {name: _trimmed(raw.table[name]) for name in COLUMNS["stations"]}
    east, north, elevation = (_numbers(column[name]) for name in ("longitude", "latitude", "elevation_m"))
    unplaced = _mask(pc.and_(pc.equal(column["longitude"], ""), pc.equal(column["latitude"], "")))
    off = ~unplaced & ~((np.abs(east) <= 180) & (np.abs(north) <= 90))
    unknown = _mask(pc.equal(column["elevation_m"], ""))
    places = pc.binary_join_element_wise(column["longitude"], column["latitude"], ", ")
    keep, rejected = _sifted(
        raw,
        (
            ("bad_coordinates", off, places, "not a longitude and a latitude in degrees"),
            ("bad_elevation", ~unknown & ~np.isfinite(elevation), column["elevation_m"], "not a number of metres"),
        ),
    )
    if vertical is None and bool((~unknown & keep).any()):
        raise MissingHeightReferenceError(
            "elevations of stations without a vertical reference",
            where=where,
            found=f"{int((~unknown & keep).sum())} stations with an elevation",
            expected="the vertical CRS of these elevations",
            remedy='declare it for this source, e.g. vertical: "EPSG:5720" (NGF-IGN69) if you know that it is true',
        )
    table = {name: _texts(column[name], keep) for name in ("station_id", "station_name", "station_type")}
    # a position that is not stated has no geometry: the normaliser sets the station aside
    points = np.full(len(keep), None, dtype=object)
    points[~unplaced] = shapely.points(east[~unplaced], north[~unplaced])
    frame = gpd.GeoDataFrame(
        {**table, "elevation_m": np.where(unknown, np.nan, elevation)[keep]},
        geometry=points[keep],
        crs="EPSG:4326",
    )
    return _layer("stations", frame, Reference(horizontal="EPSG:4326", vertical=vertical), provenance, raw, rejected)


def _datastreams(raw: RawTable, stations: pa.ChunkedArray, provenance: Provenance) -> Layer:
    column = {name: _trimmed(raw.table[name]) for name in COLUMNS["datastreams"]}
    owner = column["station_id"]
    stranger = pc.and_(pc.invert(pc.is_in(owner, _set_of(stations))), pc.not_equal(owner, ""))
    keep, rejected = _sifted(raw, (("unknown_station", _mask(stranger), owner, "no station of that id"),))
    frame = pd.DataFrame({name: _texts(values, keep) for name, values in column.items()})
    return _layer("datastreams", frame, None, provenance, raw, rejected)


def _layer(
    name: str,
    frame: pd.DataFrame,
    reference: Reference | None,
    provenance: Provenance,
    raw: RawTable,
    rejected: pd.DataFrame,
) -> Layer:
    reasons = Counter(rejected["reason"])
    columns = [*SCHEMAS[name].column_names, *(["geometry"] if reference is not None else [])]
    return Layer(
        name=name,
        frame=frame[columns],
        reference=reference,
        provenance=provenance,
        counts=Counts(
            read=raw.table.num_rows + len(raw.broken), kept=len(frame), rejected=dict(sorted(reasons.items()))
        ),
        rejected=rejected,
    )


Fault = tuple[str, NDArray[np.bool_], Any, str]
"""Reason code, records it strikes (n,), what they hold (n,), and a sentence."""


def _sifted(raw: RawTable, faults: tuple[Fault, ...]) -> tuple[NDArray[np.bool_], pd.DataFrame]:
    """Records without any fault (n,), and the table of the others: the first fault of each counts."""
    keep = np.full(raw.table.num_rows, True)
    rows: list[tuple[int, str, str, str]] = []
    for reason, strikes, values, sentence in faults:
        struck = np.flatnonzero(keep & strikes)
        keep[struck] = False
        held = values.take(pa.array(struck)).to_pylist()
        rows += [
            (int(i), raw.label(int(i)), reason, f"{value!r}: {sentence}") for i, value in zip(struck, held, strict=True)
        ]
    ordered = [row[1:] for row in sorted(rows)]
    table = pd.DataFrame([*raw.broken, *ordered], columns=list(REJECTED_COLUMNS)).astype("str")
    return keep, table


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(pc.fill_null(column, ""))


def _set_of(ids: pa.ChunkedArray) -> pa.Array:
    unique = pc.unique(_trimmed(ids))
    return unique.filter(pc.not_equal(unique, ""))


def _mask(flags: Any) -> NDArray[np.bool_]:
    return np.asarray(flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags.to_numpy(), bool)


def _texts(column: pa.ChunkedArray, keep: NDArray[np.bool_]) -> pd.Series:
    values = column.filter(pa.array(keep))
    return pd.Series(pc.if_else(pc.equal(values, ""), None, values).to_pandas().to_numpy(), dtype="str")


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers of a text column (n,); NaN where the text is not one."""
    good = pc.match_substring_regex(column, _NUMBER)
    text = pc.replace_substring_regex(pc.if_else(good, column, None), pattern=r"^\+", replacement="")
    return np.asarray(pc.cast(text, pa.float64()).to_pandas().to_numpy(), dtype=np.float64)


def _instants(column: pa.ChunkedArray) -> pd.DatetimeIndex:
    """UTC instants of a text column (n,); NaT where the text is not RFC 3339 or names no instant."""
    good = pc.match_substring_regex(column, _RFC3339)
    text = pc.if_else(good, pc.utf8_upper(column), None).to_pandas()
    return pd.DatetimeIndex(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")).as_unit("us")
