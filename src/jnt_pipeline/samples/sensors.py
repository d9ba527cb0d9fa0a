"""The sensors of a sample: tables and a SensorThings document of its story, with the faults of real loggers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.sites import Site
from jnt_pipeline.samples.story import Series, Story, tell

__all__ = ["SampleStation", "SensorCounts", "write_sensors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStation:
    """One station (*station de mesure*) and where it truly is."""

    station_id: str
    name: str
    kind: str
    x: float
    """Easting in the projection of the site, metres."""
    y: float
    elevation_m: float
    """Of the sensor, in the heights of the site; for a gauge of water_level, of the zero of its scale."""
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


def write_sensors(
    site: Site, story: Story, stations: tuple[SampleStation, ...], seed: int, folder: Path
) -> tuple[SensorCounts, tuple[Series, ...]]:
    """Write the CSV tables and the SensorThings document; returns their counts and the measures without faults."""
    folder.mkdir(parents=True, exist_ok=True)
    series = tell(story, seed)
    lonlat, _ = transform(np.array([(s.x, s.y) for s in stations]), site.horizontal, "EPSG:4326")
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
    rows = [row for one in flows for row in _rows(site, story, one)]
    rows, faults = _with_faults(story, rows)
    _write_rows(folder / "observations.csv", "datastream_id,phenomenon_at,result", rows)
    things = [
        _thing(site, story, s, positions[s.station_id], [one for one in series if one.station_id == s.station_id])
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


def _rows(site: Site, story: Story, series: Series) -> list[str]:
    """CSV rows; one logger writes legal winter time with its offset, the others write UTC with Z."""
    zone = timezone(timedelta(hours=site.utc_offset_h)) if series.observed_property == story.local_time else UTC
    rows = []
    for minutes, text in zip(series.minutes, series.texts, strict=True):
        at = (story.starts_at + timedelta(minutes=minutes)).astimezone(zone)
        rows.append(f"{series.datastream_id},{at.isoformat().replace('+00:00', 'Z')},{text}")
    return rows


def _with_faults(story: Story, rows: list[str]) -> tuple[list[str], dict[str, int]]:
    """Faults of real loggers: late rows, repeated rows, an impossible hour, a dash for a number."""
    rows = list(rows)
    late = [100, 210, 333]
    moved = [rows[i] for i in late]
    kept = [row for i, row in enumerate(rows) if i not in late]
    rows = [*kept[:400], *moved, *kept[400:]]
    rows[500:500] = [rows[498]]
    rows[900:900] = [rows[890]]
    flow = rows[250].split(",")[0]
    rows[251:251] = [f"{flow},{story.faulty_rows[0]}"]
    rows[700:700] = [f"{rows[700].split(',')[0]},{story.faulty_rows[1]},--"]
    return rows, {"bad_timestamps": 1, "not_numeric": 1, "exact_duplicates": 2, "out_of_order": len(late)}


_UNIT_NAMES = {
    "kW.h": ("kilowatt hour", "kWh"),
    "Cel": ("degree Celsius", "°C"),
    "hPa": ("hectopascal", "hPa"),
    "m/s": ("metre per second", "m/s"),
}
_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


def _thing(
    site: Site, story: Story, station: SampleStation, position: tuple[float, float], flows: list[Series]
) -> dict[str, Any]:
    """A SensorThings 1.1 Thing with everything expanded; the unit's definition is its UCUM code."""
    return {
        "@iot.id": station.station_id,
        "name": station.name,
        "description": station.kind,
        "properties": {
            "station_type": station.kind,
            "elevation_m": station.elevation_m,
            "vertical_datum": site.vertical,
        },
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
                        "phenomenonTime": story.instant(minutes),
                        "resultTime": None,
                    }
                    for k, (minutes, value) in enumerate(zip(one.minutes, one.values, strict=True))
                ],
            }
            for one in flows
        ],
    }
