"""The sensors of the sample: six stations, four days of measures, a flood, and the faults of real loggers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.story import Series, tell
from jnt_pipeline.samples.terrain import RIVER_AXIS_V
from jnt_pipeline.samples.town import SampleTown

__all__ = ["GAUGE_ZERO_M", "STARTS_AT", "SampleStation", "SensorCounts", "place_stations", "write_sensors"]

STARTS_AT = datetime(2026, 3, 1, tzinfo=UTC)
GAUGE_ZERO_M = 88.0
"""Elevation of the zero of the river gauge, metres NGF-IGN69: water elevation = this + water_level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStation:
    """One station (*station de mesure*) and where it truly is."""

    station_id: str
    name: str
    kind: str
    x: float
    """Easting, EPSG:2154, metres."""
    y: float
    elevation_m: float
    """Of the sensor, metres NGF-IGN69; for the river gauge, of the zero of its scale."""
    building_id: str = ""
    """Building on, in or at whose wall it stands, if any."""
    in_sensorthings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorCounts:
    """What the files hold, faults included."""

    stations: int
    datastreams: int
    csv_rows: int
    sensorthings_observations: int
    bad_timestamps: int
    not_numeric: int
    exact_duplicates: int
    out_of_order: int


def place_stations(town: SampleTown, scenery: Scenery) -> tuple[SampleStation, ...]:
    """The six stations, with true positions and elevations."""
    school, townhall = town.school, town.named("MAIRIE")
    front = min(
        (b for b in town.buildings if b.roof == "gabled" and not b.is_light and b.point_class == 6),
        key=lambda b: (abs(b.centre[0] - 20.0) + abs(b.centre[1] + 54.0), b.building_id),
    )
    bridge = scenery.bridge
    deck_u = bridge.u0 + 0.5
    to_world = town.layout.frame.to_world
    pier = to_world(np.array([(deck_u, RIVER_AXIS_V + 10)]))[0]
    street = to_world(np.array([(bridge.centre[0], 10.0)]))[0]
    yard = to_world(np.array([(school.centre[0] + 16.0, school.centre[1] - 20.0)]))[0]
    facade = front.to_world(np.array([(0.0, -front.half_width_m - 0.1)]))[0]
    roof = townhall.to_world(np.array([(3.0, 0.0)]))[0]
    hall = school.to_world(np.array([(0.0, 0.0)]))[0]

    def ground(point: NDArray[np.float64]) -> float:
        return float(town.terrain.elevation(point[:1], point[1:])[0])

    places = (
        ("RIVE-HYDRO-1", "Échelle du pont", "limnimètre", pier, GAUGE_ZERO_M, "", False),
        (
            "RIVE-PLUIE-1",
            "Toit de la mairie",
            "pluviomètre",
            roof,
            townhall.ridge_elevation_m + 1.5,
            townhall.building_id,
            False,
        ),
        ("RIVE-AIR-1", "Rue du Pont", "station de fond urbain", street, ground(street) + 3.0, "", False),
        ("RIVE-BRUIT-1", "Façade du quai", "sonomètre", facade, ground(facade) + 4.0, front.building_id, False),
        (
            "RIVE-ENERGIE-1",
            "Compteur de l'école",
            "compteur électrique",
            hall,
            ground(hall) + 1.5,
            school.building_id,
            True,
        ),
        ("RIVE-METEO-1", "Cour de l'école", "abri météo", yard, ground(yard) + 2.0, "", True),
    )
    return tuple(
        SampleStation(
            station_id=station_id,
            name=name,
            kind=kind,
            x=round(float(point[0]), 2),
            y=round(float(point[1]), 2),
            elevation_m=round(elevation, 2),
            building_id=building_id,
            in_sensorthings=in_sensorthings,
        )
        for station_id, name, kind, point, elevation, building_id, in_sensorthings in places
    )


def write_sensors(
    stations: tuple[SampleStation, ...], seed: int, folder: Path
) -> tuple[SensorCounts, tuple[Series, ...]]:
    """Write the CSV tables and the SensorThings document; returns their counts and the measures without faults."""
    folder.mkdir(parents=True, exist_ok=True)
    series = tell(seed)
    lonlat, _ = transform(np.array([(s.x, s.y) for s in stations]), "EPSG:2154", "EPSG:4326")
    positions = {
        s.station_id: (round(float(a), 7), round(float(b), 7)) for s, (a, b) in zip(stations, lonlat, strict=True)
    }
    in_csv = [s for s in stations if not s.in_sensorthings]
    _write_rows(
        folder / "stations.csv",
        "station_id,station_name,station_type,longitude,latitude,elevation_m",
        [
            f"{s.station_id},{s.name},{s.kind},{positions[s.station_id][0]:.7f},{positions[s.station_id][1]:.7f},{s.elevation_m:.2f}"
            for s in in_csv
        ],
    )
    ids = {s.station_id for s in in_csv}
    flows = [one for one in series if one.station_id in ids]
    _write_rows(
        folder / "datastreams.csv",
        "datastream_id,station_id,observed_property,unit,datastream_name",
        [f"{one.datastream_id},{one.station_id},{one.observed_property},{one.unit},{one.name}" for one in flows],
    )
    rows = [row for one in flows for row in _rows(one)]
    rows, faults = _with_faults(rows)
    _write_rows(folder / "observations.csv", "datastream_id,phenomenon_at,result", rows)
    things = [
        _thing(s, positions[s.station_id], [one for one in series if one.station_id == s.station_id])
        for s in stations
        if s.in_sensorthings
    ]
    text = json.dumps({"value": things}, ensure_ascii=False, indent=1)
    (folder / "sensorthings.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    counts = SensorCounts(
        stations=len(stations),
        datastreams=len(series),
        csv_rows=len(rows),
        sensorthings_observations=sum(len(one.values) for one in series if one.station_id not in ids),
        **faults,
    )
    return counts, series


def _write_rows(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8", newline="\n")


def _rows(series: Series) -> list[str]:
    """CSV rows; the noise meter writes French winter time with its offset, the others write UTC with Z."""
    zone = timezone(timedelta(hours=1)) if series.observed_property == "sound_level" else UTC
    rows = []
    for minutes, text in zip(series.minutes, series.texts, strict=True):
        at = (STARTS_AT + timedelta(minutes=minutes)).astimezone(zone)
        rows.append(f"{series.datastream_id},{at.isoformat().replace('+00:00', 'Z')},{text}")
    return rows


def _with_faults(rows: list[str]) -> tuple[list[str], dict[str, int]]:
    """Faults of real loggers: late rows, repeated rows, an impossible hour, a dash for a number."""
    rows = list(rows)
    late = [100, 210, 333]
    moved = [rows[i] for i in late]
    kept = [row for i, row in enumerate(rows) if i not in late]
    rows = [*kept[:400], *moved, *kept[400:]]
    rows[500:500] = [rows[498]]
    rows[900:900] = [rows[890]]
    flow = rows[250].split(",")[0]
    rows[251:251] = [f"{flow},2026-03-02T25:10:00Z,2.31"]
    rows[700:700] = [f"{rows[700].split(',')[0]},2026-03-02T12:05:00Z,--"]
    return rows, {"bad_timestamps": 1, "not_numeric": 1, "exact_duplicates": 2, "out_of_order": len(late)}


_UNIT_NAMES = {"kW.h": ("kilowatt hour", "kWh"), "Cel": ("degree Celsius", "°C")}
_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


def _thing(station: SampleStation, position: tuple[float, float], flows: list[Series]) -> dict[str, Any]:
    """A SensorThings 1.1 Thing with everything expanded; the unit's definition is its UCUM code."""
    return {
        "@iot.id": station.station_id,
        "name": station.name,
        "description": station.kind,
        "properties": {"station_type": station.kind, "elevation_m": station.elevation_m, "vertical_datum": "EPSG:5720"},
        "Locations": [
            {
                "@iot.id": f"{station.station_id}-L",
                "name": station.name,
                "description": "Position of the sensor",
                "encodingType": "application/geo+json",
                "location": {"type": "Point", "coordinates": [*position, station.elevation_m]},
            }
        ],
        "Datastreams": [
            {
                "@iot.id": one.datastream_id,
                "name": one.name,
                "description": one.name,
                "observationType": _MEASUREMENT,
                "unitOfMeasurement": {
                    "name": _UNIT_NAMES[one.unit][0],
                    "symbol": _UNIT_NAMES[one.unit][1],
                    "definition": f"http://unitsofmeasure.org/ucum#{one.unit}",
                },
                "ObservedProperty": {
                    "@iot.id": one.observed_property,
                    "name": one.observed_property,
                    "description": one.name,
                    "definition": f"https://example.org/observed-property/{one.observed_property}",
                },
                "Sensor": {
                    "@iot.id": f"{station.station_id}-S",
                    "name": station.kind,
                    "description": "Fictional sensor",
                    "encodingType": "text/html",
                    "metadata": "https://example.org/sensor",
                },
                "Observations": [
                    {
                        "@iot.id": f"{one.datastream_id}-{k:04d}",
                        "result": value,
                        "phenomenonTime": (STARTS_AT + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
                        "resultTime": None,
                    }
                    for k, (minutes, value) in enumerate(zip(one.minutes, one.values, strict=True))
                ],
            }
            for one in flows
        ],
    }
