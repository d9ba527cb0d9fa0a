"""A small twin written by hand: six buildings around a seam, with all that hangs on them.

Everything lies in Lambert-93 + NGF-IGN69 near Lyon, in metres from ``(X0, Y0)``.
``X0 + 60`` is at once a seam between
the two raster tiles and a border of the 250 m cells of the tileset. The ground is the plane
``170 + 0.01 * east + 0.02 * north``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import Affine
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.base_layers.layers import empty_rejections, rejections
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.provenance import Counts, Provenance, SourceFile
from jnt_pipeline.territory.model import StoredLayer, StoredRaster, Territory

__all__ = ["BUILDINGS", "FULL", "INSEE", "UNDULATION", "X0", "Y0", "ground_elevation_m", "tiny_territory"]

X0, Y0 = 843_190.0, 6_519_000.0
"""Origin of the twin, Lambert-93, metres."""
INSEE = "69299"
FULL = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
UNDULATION = DeclaredUndulation(
    value_m=49.9, accuracy_m=0.2, source="RAF20 read at the centre of the tiny territory, rounded to 0.1 m"
)
RESOLUTION_M = 0.5


def ground_elevation_m(east_m: float, north_m: float) -> float:
    """The ground, metres above NGF-IGN69, at metres from ``(X0, Y0)``."""
    return 170.0 + 0.01 * east_m + 0.02 * north_m


_COURTYARD = Polygon(box(20, 5, 36, 21).exterior.coords, [box(25, 10, 31, 16).exterior.coords])
_PAIR = MultiPolygon([box(40, 5, 46, 11), box(48, 5, 54, 11)])

BUILDINGS: tuple[tuple[str, BaseGeometry, float | None], ...] = (
    ("BATIMENT0000000000000001", box(5, 5, 15, 13), 6.0),
    ("BATIMENT0000000000000002", _COURTYARD, 12.5),
    ("BATIMENT0000000000000003", _PAIR, 4.0),
    ("BATIMENT0000000000000004", box(57, 25, 67, 33), 9.25),
    ("BATIMENT0000000000000005", box(80, 10, 84, 14), None),
    ("BATIMENT0000000000000006", Polygon([(90, 30), (104, 34), (101, 44), (87, 40)]), 7.75),
)
"""Building id, footprint in metres from ``(X0, Y0)``, height in metres (None: no solid)."""


def _placed(shape: BaseGeometry) -> BaseGeometry:
    return translate(shape, X0, Y0)


def _texts(values: list[str | None]) -> pd.Series:
    return pd.Series(values, dtype="str")


def _features(columns: Mapping[str, object], shapes: list[BaseGeometry]) -> gpd.GeoDataFrame:
    placed = [_placed(shape) for shape in shapes]
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=placed, crs="EPSG:2154")


def _buildings() -> gpd.GeoDataFrame:
    n = len(BUILDINGS)
    heights = np.array([np.nan if height is None else height for _, _, height in BUILDINGS])
    grounds = np.array([round(ground_elevation_m(shape.bounds[0], shape.bounds[1]), 2) for _, shape, _ in BUILDINGS])
    return _features(
        {
            "building_id": _texts([building_id for building_id, _, _ in BUILDINGS]),
            "footprint_id": _texts([f"{INSEE}-footprint-{i + 1}" for i in range(n)]),
            "insee_code": _texts([INSEE] * n),
            "building_type": _texts(["durable", "durable", "durable", "durable", "light", None]),
            "building_name": _texts([None, "École Édouard-Herriot", None, None, None, "Salle des fêtes"]),
            "area_m2": [shape.area for _, shape, _ in BUILDINGS],
            "ground_elevation_m": grounds,
            "roof_elevation_m": grounds + heights,
            "height_m": heights,
            "roof_min_elevation_m": grounds + heights - 0.5,
            "roof_median_elevation_m": grounds + heights - 0.1,
            "roof_max_elevation_m": grounds + heights + 0.25,
            "volume_m3": [shape.area * (height or np.nan) for _, shape, height in BUILDINGS],
            "n_roof_points": pd.Series([480, 1_320, 430, 790, 4, 900], dtype="Int64"),
            "lod": _texts(["0" if height is None else "1" for _, _, height in BUILDINGS]),
            "reason": _texts(["" if height else "few_roof_points" for _, _, height in BUILDINGS]),
        },
        [shape for _, shape, _ in BUILDINGS],
    )


def _parcels() -> gpd.GeoDataFrame:
    return _features(
        {
            "parcel_id": _texts([f"{INSEE}000AB000{i}" for i in (1, 2, 3)]),
            "insee_code": _texts([INSEE] * 3),
            "section_id": _texts([f"{INSEE}000AB"] * 3),
            "registered_area_m2": pd.Series([1740, 1850, None], dtype="Int64"),
            "area_m2": [30.0 * 60, 30.0 * 60, 60.0 * 60],
            "is_surveyed": pd.Series([True, None, False], dtype="boolean"),
            "created_on": _texts(["2012-03-01", None, "2019-11-20"]),
            "updated_on": _texts(["2024-01-15", None, "2019-11-20"]),
        },
        [box(0, 0, 30, 60), box(30, 0, 60, 60), box(60, 0, 120, 60)],
    )


def _frames() -> dict[str, tuple[pd.DataFrame, Reference | None]]:
    flat = FULL.flat()
    buildings = _buildings()
    footprints = buildings[["footprint_id", "insee_code", "building_type", "building_name", "area_m2", "geometry"]]
    hours = pd.date_range("2024-06-01T00:00Z", periods=24, freq="h").astype("datetime64[us, UTC]")
    return {
        "communes": (
            _features(
                {"insee_code": _texts([INSEE]), "commune_name": _texts(["Saint-Jean-de-la-Rive"])}, [box(0, 0, 120, 60)]
            ),
            flat,
        ),
        "parcels": (_parcels(), flat),
        "footprints": (footprints, flat),
        "buildings": (buildings, FULL),
        "point_clouds": (
            _features(
                {
                    "tile_id": _texts(["0843_6520"]),
                    "file_name": _texts(["tiny.laz"]),
                    "sha256": _texts(["0" * 64]),
                    "n_points": pd.Series([120_000], dtype="Int64"),
                    "density_m2": [16.6],
                    "class_codes": [[1, 2, 6]],
                    "class_counts": [[1_000, 80_000, 39_000]],
                    "min_elevation_m": [169.8],
                    "max_elevation_m": [186.0],
                    "acquired_on": _texts(["2022-03-04/2022-03-05"]),
                },
                [box(0, 0, 120, 60)],
            ),
            FULL,
        ),
        "bim_buildings": (
            _features(
                {
                    "bim_building_id": _texts(["ecole/0YvctVUKr0kugbFTf53O9L"]),
                    "global_id": _texts(["0YvctVUKr0kugbFTf53O9L"]),
                    "model_id": _texts(["ecole"]),
                    "bim_building_name": _texts(["École"]),
                    "ifc_schema": _texts(["IFC4"]),
                    "n_elements": pd.Series([2], dtype="Int64"),
                    "base_elevation_m": [170.3],
                    "top_elevation_m": [182.6],
                },
                [box(20, 5, 36, 21)],
            ),
            FULL,
        ),
        "bim_elements": (
            _features(
                {
                    "element_id": _texts(["ecole/1hOSvn6df7F8_7GcBWlR72", "ecole/2O2Fr$t4X7Zf8NOew3FLKI"]),
                    "global_id": _texts(["1hOSvn6df7F8_7GcBWlR72", "2O2Fr$t4X7Zf8NOew3FLKI"]),
                    "model_id": _texts(["ecole", "ecole"]),
                    "ifc_class": _texts(["IfcWall", "IfcSlab"]),
                    "element_name": _texts(["Mur sud", "Dalle"]),
                    "storey_name": _texts(["RdC", "RdC"]),
                    "building_global_id": _texts(["0YvctVUKr0kugbFTf53O9L"] * 2),
                    "base_elevation_m": [170.3, 170.1],
                    "top_elevation_m": [173.3, 170.3],
                },
                [box(20, 5, 36, 5.3), box(20, 5, 36, 21)],
            ),
            FULL,
        ),
        "stations": (
            _features(
                {
                    "station_id": _texts(["V3000001", "air-2"]),
                    "station_name": _texts(["La Rive au pont", "Place <du> marché"]),
                    "station_type": _texts(["hydrometric station", "air quality"]),
                    "elevation_m": [171.25, np.nan],
                },
                [Point(110, 5), Point(50, 40)],
            ),
            FULL,
        ),
        "datastreams": (
            pd.DataFrame(
                {
                    "datastream_id": _texts(["V3000001-H", "air-2-pm10"]),
                    "station_id": _texts(["V3000001", "air-2"]),
                    "observed_property": _texts(["water_level", "pm10"]),
                    "unit": _texts(["m", "ug/m3"]),
                    "datastream_name": _texts(["Water level", None]),
                }
            ),
            None,
        ),
        "observations": (
            pd.DataFrame(
                {
                    "datastream_id": _texts(["V3000001-H"] * 12 + ["air-2-pm10"] * 12),
                    "phenomenon_at": hours,
                    "result": [round(0.8 + 0.1 * i, 2) for i in range(12)] + [18.0 + i for i in range(12)],
                }
            ),
            None,
        ),
        "links": (_links(), None),
    }


def _links() -> pd.DataFrame:
    parcel = f"{INSEE}000AB000"
    rows = [
        ("building-bim", BUILDINGS[1][0], "ecole/0YvctVUKr0kugbFTf53O9L", "overlap", 1.0),
        ("building-parcel", BUILDINGS[0][0], f"{parcel}1", "overlap", 1.0),
        ("building-parcel", BUILDINGS[1][0], f"{parcel}1", "overlap", 0.65),
        ("building-parcel", BUILDINGS[1][0], f"{parcel}2", "overlap", 0.35),
        ("building-parcel", BUILDINGS[2][0], f"{parcel}2", "overlap", 1.0),
        ("building-parcel", BUILDINGS[3][0], f"{parcel}2", "overlap", 0.3),
        ("building-parcel", BUILDINGS[3][0], f"{parcel}3", "overlap", 0.7),
        ("building-parcel", BUILDINGS[4][0], f"{parcel}3", "overlap", 1.0),
        ("building-parcel", BUILDINGS[5][0], f"{parcel}3", "overlap", 1.0),
        ("sensor-building", "air-2", BUILDINGS[3][0], "nearest", 0.5),
    ]
    frame = pd.DataFrame(rows, columns=["link_type", "source_id", "target_id", "method", "score"])
    for name in ("link_type", "source_id", "target_id", "method"):
        frame[name] = frame[name].astype("str")
    frame["linked_on"] = _texts(["2024-06-30"] * len(rows))
    return frame


_PROVENANCE = Provenance(
    producer="The jnt_pipeline tests",
    licence="Licence Ouverte 2.0",
    attribution="Fictional data, jnt_pipeline",
    vintage="2024-06",
    files=(SourceFile(name="tiny.json", sha256="ab" * 32, n_bytes=1234),),
    notes=("Fictional territory written by hand.",),
)


def _stored_layer(folder: Path, name: str, frame: pd.DataFrame, reference: Reference | None) -> StoredLayer:
    reject_one = name == "parcels" and len(frame) > 0
    rejected = rejections([("7", "missing_parcel_id", "no id")]) if reject_one else empty_rejections()
    halves = [frame.iloc[: len(frame) // 2], frame.iloc[len(frame) // 2 :]] if len(frame) > 1 else [frame]
    parts = []
    for i, half in enumerate(halves):
        parts.append(folder / "layers" / name / f"part{i}.parquet")
        parts[-1].parent.mkdir(parents=True, exist_ok=True)
        write_layer_parquet(half.reset_index(drop=True), parts[-1])
    rejected_part = folder / "layers" / name / "rejected.parquet"
    write_layer_parquet(rejected, rejected_part)
    reasons = {"missing_parcel_id": 1} if reject_one else {}
    return StoredLayer(
        name=name,
        parts=tuple(parts),
        rejected_parts=(rejected_part,),
        reference=reference,
        provenance=_PROVENANCE,
        counts=Counts(read=len(frame) + len(rejected), kept=len(frame), rejected=reasons),
    )


def _raster_values(west: int, size_m: int) -> dict[str, np.ndarray]:
    """Values at pixel centres of one tile whose first column is ``west`` metres from ``X0``."""
    n = int(size_m / RESOLUTION_M)
    east = west + RESOLUTION_M * np.arange(n)
    north = size_m - RESOLUTION_M * np.arange(n)
    dtm = (170.0 + 0.01 * east[None, :] + 0.02 * north[:, None]).astype(np.float32)
    dhm = np.zeros_like(dtm)
    for _, shape, height in BUILDINGS:
        west_m, south_m, east_m, north_m = shape.bounds
        inside = (east[None, :] > west_m) & (east[None, :] < east_m)
        inside = inside & (north[:, None] > south_m) & (north[:, None] < north_m)
        dhm[inside] = height or 2.5
    if west == 0:
        dtm[:6, :6] = np.nan
        dhm[:6, :6] = np.nan
    return {"dtm": dtm, "dsm": dtm + dhm, "dhm": dhm}


def _stored_rasters(folder: Path, size_m: int) -> dict[str, StoredRaster]:
    tiles: dict[str, list[Path]] = {"dtm": [], "dsm": [], "dhm": []}
    for west in (0, size_m):
        for name, values in _raster_values(west, size_m).items():
            path = folder / "rasters" / name / f"tile_{west:05d}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            corner = Affine(
                RESOLUTION_M, 0, X0 + west - RESOLUTION_M / 2, 0, -RESOLUTION_M, Y0 + size_m + RESOLUTION_M / 2
            )
            with rasterio.open(
                path,
                "w",
                driver="GTiff",
                width=values.shape[1],
                height=values.shape[0],
                count=1,
                dtype="float32",
                crs="EPSG:2154",
                transform=corner,
                nodata=np.nan,
                compress="deflate",
            ) as dataset:
                dataset.write(values, 1)
            tiles[name].append(path)
    return {
        name: StoredRaster(
            name=name,
            tiles=tuple(paths),
            reference=FULL.flat() if name == "dhm" else FULL,  # heights above the ground count from no datum
            resolution_m=RESOLUTION_M,
            provenance=_PROVENANCE,
        )
        for name, paths in tiles.items()
    }


def tiny_territory(
    folder: Path, *, empty: bool = False, raster_tile_m: int = 60, leave_out: tuple[str, ...] = ()
) -> Territory:
    """Write the twin's layers and rasters below ``folder``, and give the territory that reads them.

    ``empty`` keeps the layers without rows and has no raster; ``raster_tile_m`` is the side of the two raster
    tiles; ``leave_out`` names layers and rasters the twin does not have.
    """
    layers = {
        name: _stored_layer(folder, name, frame.iloc[:0] if empty else frame, reference)
        for name, (frame, reference) in _frames().items()
        if name not in leave_out
    }
    rasters = {} if empty else _stored_rasters(folder, raster_tile_m)
    return Territory(
        name="tiny",
        title="Saint-Jean-de-la-Rive (fictional)",
        reference=FULL,
        undulation=UNDULATION,
        bbox=(X0, Y0, X0 + 120, Y0 + 60),
        layers=layers,
        rasters={name: raster for name, raster in rasters.items() if name not in leave_out},
    )
