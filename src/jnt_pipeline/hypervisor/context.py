"""What an event must say beyond its cause: unit, station, place in 3D, linked things of the twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Operation
from jnt_pipeline.territory.model import StoredLayer, Territory

__all__ = [
    "FeedContext",
    "LinkedThing",
    "MeasuredFlow",
    "Position",
    "Station",
    "context_of",
    "positions",
]

_GEOGRAPHIC = "EPSG:4326"
_DEGREE_DECIMALS = 8  # about a millimetre: finer digits would differ between builds of PROJ
_METRE_DECIMALS = 3


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Position(_Document):
    """Where a thing is, in the twin's own reference and as longitude and latitude."""

    longitude: float = Field(description="Longitude, degrees, WGS 84.", ge=-180, le=180)
    latitude: float = Field(description="Latitude, degrees, WGS 84.", ge=-90, le=90)
    elevation_m: float | None = Field(description="Elevation above vertical_datum, metres; null = unknown.")
    vertical_datum: str | None = Field(description="Vertical CRS of elevation_m, e.g. EPSG:5720.")
    horizontal_crs: str = Field(description="CRS of easting_m and northing_m, e.g. EPSG:2154.")
    easting_m: float = Field(description="Easting in horizontal_crs, metres.")
    northing_m: float = Field(description="Northing in horizontal_crs, metres.")
    accuracy_m: float | None = Field(
        description="Stated accuracy of longitude and latitude, metres: of all operations from the producer's own"
        " coordinates on; null = not stated."
    )
    elevation_accuracy_m: float | None = Field(
        default=None,
        description="Stated accuracy of the operations that brought elevation_m into the twin, metres; null = not"
        " stated, or no elevation.",
    )
    operations: tuple[Operation, ...] = Field(
        default=(), description="Coordinate operations in order: into the twin, then to longitude and latitude."
    )


class LinkedThing(_Document):
    """A building or a parcel linked in the twin to the station, or to what changed."""

    id: str = Field(description="building_id or parcel_id, the same in every publication.")
    method: str = Field(description="How the link was found.")
    score: float | None = Field(description="Confidence, 0 to 1; null = not scored.")
    linked_on: str | None = Field(description="Date of the link, YYYY-MM-DD; null = not dated.")


class Station(_Document):
    """The place that measures (*station*)."""

    id: str = Field(description="station_id of the producer.")
    name: str | None = Field(description="Name; null = the producer gives none.")
    type: str | None = Field(description="What it is, in the producer's words; null = not said.")
    position: Position | None = Field(description="Null = the twin holds no sound position of this station.")
    buildings: tuple[LinkedThing, ...] = Field(description="Buildings linked to the station.")
    parcels: tuple[LinkedThing, ...] = Field(description="Cadastral parcels linked to the station.")


class MeasuredFlow(_Document):
    """A datastream (*flux de mesure*) with its station."""

    datastream_id: str = Field(description="Id of the datastream.")
    name: str | None = Field(description="Name; null = none.")
    observed_property: str = Field(description="Quantity, e.g. water_level.")
    unit: str = Field(description="Unit of the results (UCUM where known).")
    station: Station = Field(description="Where it measures.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedContext:
    """Everything that events say beyond the observation itself."""

    territory: str
    """Name of the territory."""
    flows: Mapping[str, MeasuredFlow]
    """The known datastreams, by id; an observation of another one is set aside."""


def context_of(territory: Territory) -> FeedContext:
    """The datastreams of a twin, with the place and the links of their stations.

    A station set aside by the base layers has no position here: its alerts still go out, saying so with null.
    Raises ``CrsError`` where longitude and latitude cannot be had truthfully.
    """
    stations = _stations(territory)
    flows = {}
    if "datastreams" in territory.layers:
        for row in territory.layer("datastreams").to_pandas().sort_values("datastream_id").to_dict("records"):
            station_id = str(row["station_id"])
            unplaced = Station(id=station_id, name=None, type=None, position=None, buildings=(), parcels=())
            flow = MeasuredFlow(
                datastream_id=str(row["datastream_id"]),
                name=_text(row.get("datastream_name")),
                observed_property=str(row["observed_property"]),
                unit=str(row["unit"]),
                station=stations.get(station_id, unplaced),
            )
            flows[flow.datastream_id] = flow
    return FeedContext(territory=territory.name, flows=flows)


def _stations(territory: Territory) -> dict[str, Station]:
    if "stations" not in territory.layers:
        return {}
    frame = territory.layer("stations").to_geopandas().sort_values("station_id")
    layer = territory.layer("stations")
    elevations = (
        frame["elevation_m"].to_numpy(dtype=float, na_value=np.nan)
        if "elevation_m" in frame
        else np.full(len(frame), np.nan)
    )
    places = positions(layer, frame, territory.reference, elevations)
    buildings = _linked(territory, "sensor-building")
    parcels = _linked(territory, "sensor-parcel")
    return {
        str(row["station_id"]): Station(
            id=str(row["station_id"]),
            name=_text(row.get("station_name")),
            type=_text(row.get("station_type")),
            position=position,
            buildings=buildings.get(str(row["station_id"]), ()),
            parcels=parcels.get(str(row["station_id"]), ()),
        )
        for row, position in zip(frame.drop(columns="geometry").to_dict("records"), places, strict=True)
    }


def positions(
    layer: StoredLayer,
    frame: pd.DataFrame,
    of_twin: Reference,
    elevations: NDArray[np.float64],
    *,
    vertical: str | None = None,
    elevation_accuracy_m: float | None = None,
) -> list[Position | None]:
    """Where the points of a layer are; None where a record has no geometry.

    ``elevations``, shape (n,), metres above ``vertical`` (None: that of the layer, else of the twin), NaN = unknown.
    ``elevation_accuracy_m`` None: what the operations of the layer state. Raises ``CrsError`` where longitude and
    latitude cannot be had truthfully.
    """
    from jnt_pipeline.crs import transform

    reference = layer.reference or of_twin
    placed = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy(dtype=bool)
    found: list[Position | None] = [None] * len(frame)
    if not placed.any():
        return found
    points = frame.geometry[placed]
    native = np.column_stack([points.x.to_numpy(), points.y.to_numpy()])
    degrees, operation = transform(native, reference.horizontal, _GEOGRAPHIC)
    whole = layer.provenance.with_operation(operation)
    datum = vertical or reference.vertical or of_twin.vertical
    accuracy_m = layer.provenance.accuracy_m if elevation_accuracy_m is None else elevation_accuracy_m
    for index, metres, lonlat, elevation in zip(
        np.flatnonzero(placed), native, degrees, elevations[placed], strict=True
    ):
        known = bool(np.isfinite(elevation))
        found[int(index)] = Position(
            longitude=round(float(lonlat[0]), _DEGREE_DECIMALS),
            latitude=round(float(lonlat[1]), _DEGREE_DECIMALS),
            elevation_m=round(float(elevation), _METRE_DECIMALS) if known else None,
            vertical_datum=datum if known else None,
            horizontal_crs=reference.horizontal,
            easting_m=round(float(metres[0]), _METRE_DECIMALS),
            northing_m=round(float(metres[1]), _METRE_DECIMALS),
            accuracy_m=whole.accuracy_m,
            elevation_accuracy_m=accuracy_m if known else None,
            operations=whole.operations,
        )
    return found


def _linked(territory: Territory, link_type: str) -> dict[str, tuple[LinkedThing, ...]]:
    if "links" not in territory.layers:
        return {}
    links = territory.links
    rows = links[links["link_type"] == link_type].sort_values(["source_id", "target_id", "method"])
    things: dict[str, list[LinkedThing]] = {}
    for row in rows.to_dict("records"):
        score = row.get("score")
        thing = LinkedThing(
            id=str(row["target_id"]),
            method=str(row["method"]),
            score=None if pd.isna(score) else float(score),
            linked_on=_text(row.get("linked_on")),
        )
        things.setdefault(str(row["source_id"]), []).append(thing)
    return {station_id: tuple(linked) for station_id, linked in things.items()}


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
