"""What this machine has and lacks: versions, grids, room; and the kernels compiled for it (``jnt doctor``)."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.grids import KNOWN_GRIDS, installed_grids, use_grid_folders
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.sources.vector_compile import compile_vector_kernels
from jnt_pipeline.territory.buildings import BuildingParameters, derive_buildings
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import RasterWindow
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dsm, derive_dtm

__all__ = ["compile_kernels", "machine_findings"]

_PACKAGES = ("pyproj", "rasterio", "geopandas", "laspy", "lazrs", "ifcopenshell", "numba", "prefect", "fastapi")
_METROPOLE = ("fr_ign_RAF18.tif", "fr_ign_RAF20.tif", "fr_ign_RAC23.tif", "fr_ign_gr3df97a.tif")
"""Grids of mainland France and Corsica: heights (RGF93 v1 and v2b), Corsican heights, NTF."""


def machine_findings() -> list[dict[str, Any]]:
    """One finding for each thing that was looked at: ``what``, ``found``, ``is_fine``, ``remedy``."""
    findings = [
        _finding("Python", platform.python_version(), sys.version_info >= (3, 11), "install Python 3.11 or newer"),
        _finding("PROJ", pyproj.proj_version_str, True, ""),
    ]
    for name in _PACKAGES:
        try:
            findings.append(_finding(name, version(name), True, ""))
        except PackageNotFoundError:
            findings.append(_finding(name, "not installed", False, "reinstall jnt_pipeline"))
    folders = ", ".join(str(folder) for folder in use_grid_folders())
    installed = {grid.name: grid for grid in installed_grids()}
    findings.append(_finding("grid folders", folders, True, ""))
    for name in _METROPOLE:
        grid = installed.get(name)
        found = "missing" if grid is None else "intact" if grid.is_intact else "damaged"
        findings.append(_finding(name, found, found == "intact", f"jnt grids sync {name}"))
    damaged = [name for name, grid in installed.items() if grid.is_intact is False and name not in _METROPOLE]
    found = f"{sum(name in KNOWN_GRIDS for name in installed)} of {len(KNOWN_GRIDS)}"
    findings.append(_finding("French grids", found, not damaged, f"jnt grids sync {' '.join(damaged)}"))
    free = shutil.disk_usage(Path.cwd()).free
    findings.append(_finding("room on this disk", f"{free / 1e9:.1f} GB", free > 1e9, "make room"))
    return findings


def compile_kernels() -> None:
    """Compile the kernels of coordinates, vector layers, terrain and buildings, by running them on a hut; kept on disk.

    Half a minute, once for each installation: else the first run spends it.
    """
    transformation("EPSG:2154", "EPSG:4326").apply(np.array([[700_000.0, 6_600_000.0]]))
    reference = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(0.0, 12.0), np.arange(0.0, 12.0)))
    inside = (x > 3) & (x < 9) & (y > 3) & (y < 9)
    points = PointBlock(
        xyz=np.column_stack([x, y, np.where(inside, 3.0, 0.0)]),
        classification=np.where(inside, 6, 2).astype(np.uint8),
        reference=reference,
    )
    parameters = TerrainParameters()
    grid = Grid.covering((0.0, 0.0, 11.0, 11.0), parameters.resolution_m)
    dtm = derive_dtm(points, grid, parameters)
    derive_dsm(points, grid, parameters)
    hut = gpd.GeoDataFrame(
        {"footprint_id": ["hut"], "insee_code": ["45999"], "building_type": ["light"], "building_name": [""]},
        geometry=[shapely.box(3, 3, 9, 9)],
        crs=reference.horizontal,
    ).assign(area_m2=36.0)
    window = RasterWindow(values=dtm, transform=grid.transform, reference=reference)
    derive_buildings(hut, points, window, BuildingParameters())
    compile_vector_kernels()


def _finding(what: str, found: str, is_fine: bool, remedy: str) -> dict[str, Any]:
    return {"what": what, "found": found, "is_fine": is_fine, "remedy": "" if is_fine else remedy}
