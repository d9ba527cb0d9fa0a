"""Mistakes in registers and other files: each puts its own files, and the source that reads them, in place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

__all__ = [
    "another_kilometre",
    "cut_sheet",
    "exchanged_axes",
    "heights_as_terrain",
    "lone_thf",
    "mapping_of_no_column",
    "nameless_streets",
    "page_for_geopackage",
    "plan_of_no_gml",
    "raster_of_no_surface",
    "wrong_rnb_id",
]

SHEET = "edigeo-71999000AB01.tar.bz2"
SAMPLE = Path(__file__).resolve().parent.parent / "sample_data" / "bourg"
OWNER = {"producer": "tests", "licence": "none"}

Spoil = Callable[[Path, dict[str, Any]], None]


def _only(config: dict[str, Any], path: Path, **source: Any) -> None:
    config["sources"] = [{**source, **OWNER, "path": str(path)}]
    config.pop("area", None)


def cut_sheet(folder: Path, config: dict[str, Any]) -> None:
    content = (SAMPLE / "cadastre" / "2026-03" / SHEET).read_bytes()
    (folder / SHEET).write_bytes(content[: len(content) // 2])
    _only(config, folder / SHEET, kind="cadastre")


def lone_thf(folder: Path, config: dict[str, Any]) -> None:
    shutil.unpack_archive(
        SAMPLE / "cadastre" / "2026-03" / SHEET, folder / "71999" / SHEET.split(".", maxsplit=1)[0], "bztar"
    )
    for path in (folder / "71999").rglob("*.VEC"):
        path.unlink()
    _only(config, folder / "71999", kind="cadastre")


def page_for_geopackage(folder: Path, config: dict[str, Any]) -> None:
    (folder / "trees.gpkg").write_text("<!DOCTYPE html><html>Not found</html>")
    _only(config, folder / "trees.gpkg", **_trees("species"))


def mapping_of_no_column(folder: Path, config: dict[str, Any]) -> None:
    trees = gpd.GeoDataFrame({"essence": ["tilleul"]}, geometry=[box(619_000, 6_754_400, 619_001, 6_754_401)])
    trees.set_crs("EPSG:2154").to_file(folder / "trees.gpkg")
    _only(config, folder / "trees.gpkg", **_trees("esence"))


def _trees(column: str) -> dict[str, Any]:
    columns = {"species": {"from": column, "kind": "text"}}
    return {"kind": "vector", "layer": "trees", "title": "Trees", "key": "species", "shape": "any", "columns": columns}


def _raster(path: Path, west: float) -> Path:
    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "float32", "crs": "EPSG:2154"}
    with rasterio.open(path, "w", transform=from_origin(west, 6_755_000.25, 0.5, 0.5), **profile) as file:
        file.write(np.ones((1, 4, 4), np.float32))
    return path


def raster_of_no_surface(folder: Path, config: dict[str, Any]) -> None:
    _only(config, _raster(folder / "heights.tif", 619_000), kind="elevation")


def heights_as_terrain(folder: Path, config: dict[str, Any]) -> None:
    path = _raster(folder / "LHD_FXX_0619_6755_MNH_O_0M50_LAMB93_IGN69.tif", 618_999.75)
    _only(config, path, kind="elevation", surface="dtm")


def another_kilometre(folder: Path, config: dict[str, Any]) -> None:
    path = _raster(folder / "LHD_FXX_0619_6755_MNT_O_0M50_LAMB93_IGN69.tif", 619_999.75)
    _only(config, path, kind="elevation")


def plan_of_no_gml(folder: Path, config: dict[str, Any]) -> None:
    (folder / "ZONE_URBA.gml").write_text("<features/>")
    _only(config, folder / "ZONE_URBA.gml", kind="urban_planning")


def exchanged_axes(folder: Path, config: dict[str, Any]) -> None:
    head = "cle_interop;commune_insee;commune_nom;voie_nom;numero;suffixe;position;y;x;long;lat;source;date_der_maj"
    rows = [
        f"31591_xxxx_{i:05};31591;Escoulis;Rue;{i};;entrée;539416.13;6225601.11;1.028392;43.111637;commune;2026-01-01"
        for i in range(1, 4)
    ]
    (folder / "bal.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    _only(config, folder / "bal.csv", kind="addresses")


def nameless_streets(folder: Path, config: dict[str, Any]) -> None:
    head = "cle_interop;commune_insee;commune_nom;numero;suffixe;position;x;y;long;lat;source;date_der_maj"
    row = "45999_0001_00001;45999;Rive;1;;entrée;619000.0;6754400.0;1.9;47.9;commune;2026-01-01"
    (folder / "bal.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")
    _only(config, folder / "bal.csv", kind="addresses")


def wrong_rnb_id(folder: Path, config: dict[str, Any]) -> None:
    rows = ['{"rnb_id": "PBB7-XGRE-3Y8B", "status": "constructed"}', '{"rnb_id": "OLD-ID", "status": "constructed"}']
    point = '{"type": "Point", "coordinates": [1.9176, 47.8819]}'
    features = [f'{{"type": "Feature", "properties": {row}, "geometry": {point}}}' for row in rows]
    (folder / "rnb.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{", ".join(features)}]}}')
    _only(config, folder / "rnb.geojson", kind="rnb")
