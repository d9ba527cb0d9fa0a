"""Small source files with a known answer: LiDAR tiles, cadastral GeoJSON, sensor tables."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pyproj
from laspy.vlrs.known import GeoKeyDirectoryVlr, WktCoordinateSystemVlr
from numpy.typing import NDArray

OWNER = {"producer": "the tests", "licence": "none, synthetic"}
LAMBERT = "EPSG:2154"
TILE_NAME = "LHD_FXX_0650_6862_PTS_LAMB93_IGN69.laz"
WEST, NORTH = 650_000.0, 6_862_000.0


def points_on_grid(n: int = 10, *, step: float = 100.0) -> NDArray[np.float64]:
    """n x n points in the km square 0650_6862, at 50, 150, … metres from its north-west corner; elevations 10, 11, …"""
    rows, columns = np.divmod(np.arange(n * n), n)
    return np.column_stack((WEST + step / 2 + step * columns, NORTH - step / 2 - step * rows, 10.0 + np.arange(n * n)))


def write_tile(
    path: Path,
    xyz: NDArray[np.float64],
    classification: NDArray[np.int_] | int = 2,
    *,
    wkt: str | None = LAMBERT,
    keys: dict[int, int] | None = None,
    point_format: int = 6,
    version: str = "1.4",
    withheld: NDArray[np.bool_] | None = None,
    gps_time: NDArray[np.float64] | None = None,
    scale: float = 0.01,
    extra: dict[str, NDArray[Any]] | None = None,
) -> Path:
    """Write a LAS or LAZ file; ``wkt`` is a CRS code (None: no record), ``keys`` GeoTIFF keys with inline values."""
    header = laspy.LasHeader(version=version, point_format=point_format)
    header.scales, header.offsets = np.full(3, scale), np.zeros(3)
    header.creation_date = dt.date(2024, 5, 17)
    header.global_encoding.gps_time_type = laspy.header.GpsTimeType.STANDARD
    if wkt is not None:
        header.global_encoding.wkt = True
        header.vlrs.append(WktCoordinateSystemVlr(pyproj.CRS(wkt).to_wkt("WKT1_GDAL")))
    if keys is not None:
        directory = GeoKeyDirectoryVlr()
        entries = [(1, 1, 0, len(keys)), *((key, 0, 1, value) for key, value in sorted(keys.items()))]
        directory.parse_record_data(np.array(entries, dtype="<u2").tobytes())
        header.vlrs.append(directory)
    for name, values in (extra or {}).items():
        header.add_extra_dim(laspy.ExtraBytesParams(name=name, type=values.dtype))
    las = laspy.LasData(header)
    las.x, las.y, las.z = xyz.T
    las.classification = np.broadcast_to(np.asarray(classification, dtype=np.uint8), len(xyz))
    las.return_number = np.ones(len(xyz), dtype=np.uint8)
    if withheld is not None:
        las.withheld = withheld
    if gps_time is not None:
        las.gps_time = gps_time
    for name, values in (extra or {}).items():
        las[name] = values
    las.write(path)
    return path


def square(west: float, south: float, size: float = 0.0001) -> dict[str, Any]:
    """A closed GeoJSON square, counter-clockwise."""
    east, north = west + size, south + size
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def parcel(parcel_id: Any = "38001000AB0012", geometry: Any = "square", **changes: Any) -> dict[str, Any]:
    """A parcel as Etalab writes it: the attributes section and numero have lost their zeros."""
    properties = {
        "id": parcel_id,
        "commune": "38001",
        "prefixe": "000",
        "section": "AB",
        "numero": "12",
        "contenance": 120,
        "arpente": False,
        "created": "2019-02-25",
        "updated": "2022-12-13",
    }
    return feature(square(5.6, 45.54) if geometry == "square" else geometry, **{**properties, **changes})


def building(geometry: Any, **changes: Any) -> dict[str, Any]:
    properties = {"type": "01", "nom": None, "commune": "38001", "created": "2019-02-25", "updated": "2022-12-13"}
    return feature(geometry, **{**properties, **changes})


def write_collection(path: Path, *features: Any, **members: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features), **members}), encoding="utf-8")
    return path


STATIONS = "station_id,station_name,station_type,longitude,latitude,elevation_m\n"
DATASTREAMS = "datastream_id,station_id,observed_property,unit,datastream_name\n"
OBSERVATIONS = "datastream_id,phenomenon_at,result\n"


def write_network(
    folder: Path,
    stations: str = "S1,Pont Vieux,river gauge,2.35,48.85,27.5\n",
    datastreams: str = "D1,S1,water_level,m,Level at Pont Vieux\n",
    observations: str = "D1,2024-01-01T00:00:00Z,1.25\nD1,2024-01-01T01:10:00+01:00,1.5\n",
) -> Path:
    """The three CSV files of a network."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stations.csv").write_text(STATIONS + stations, encoding="utf-8")
    (folder / "datastreams.csv").write_text(DATASTREAMS + datastreams, encoding="utf-8")
    (folder / "observations.csv").write_text(OBSERVATIONS + observations, encoding="utf-8")
    return folder
