"""All kernels compiled by making the twin of a hut, so that the first run need not (``jnt doctor --compile``)."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import geopandas as gpd
import laspy
import numpy as np
import rasterio
import shapely

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.disk import file_sha256
from jnt_pipeline.sources.vector_compile import compile_vector_kernels
from jnt_pipeline.stages.terrain import TerrainWork
from jnt_pipeline.stages.tiles import PointFile, gather_points
from jnt_pipeline.territory.buildings import BuildingParameters, derive_buildings
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import RasterWindow
from jnt_pipeline.territory.roofs.layer import derive_roofs
from jnt_pipeline.territory.terrain import TerrainParameters
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters
from jnt_pipeline.territory.vegetation.surface import filled_canopy, without_lone_returns
from jnt_pipeline.territory.vegetation.trees import crowns_of

__all__ = ["compile_kernels"]


def compile_kernels() -> None:
    """Compile the kernels of coordinates, vectors, terrain, roofs and trees, by running them on a hut; kept on disk.

    A minute, once for each installation: else the first run spends it.
    """
    transformation("EPSG:2154", "EPSG:4326").apply(np.array([[700_000.0, 6_600_000.0]]))
    compile_vector_kernels()
    reference, grid = (
        Reference(horizontal="EPSG:2154", vertical="EPSG:5720"),
        Grid.covering((0.0, 0.0, 24.0, 24.0), 0.5),
    )
    with tempfile.TemporaryDirectory(prefix="jnt-") as name:
        folder = Path(name)
        tile = _hut_tile(folder / "hut.laz")
        file = PointFile(name=tile.name, path=tile, sha256=file_sha256(tile), bounds=grid.bounds)
        work = TerrainWork(
            grid=grid, around=grid.bounds, files=(file,), parameters=TerrainParameters(), roof_classes=(6,),
            reference=reference,
        )  # fmt: skip
        work(folder)
        windows = {}
        for raster in ("dtm", "chm"):
            with rasterio.open(folder / f"{raster}.tif") as dataset:
                windows[raster] = RasterWindow(values=dataset.read(1), transform=dataset.transform, reference=reference)
        points = gather_points((file,), grid.bounds, reference)
    hut = gpd.GeoDataFrame(
        {"footprint_id": ["hut"], "insee_code": ["45999"], "building_type": ["light"], "building_name": [""]},
        geometry=[shapely.box(3, 3, 9, 9)],
        crs=reference.horizontal,
    ).assign(area_m2=36.0)
    buildings = derive_buildings(hut, points, windows["dtm"], BuildingParameters())
    derive_roofs(buildings, points, (6,), BuildingParameters().roofs)
    parameters = VegetationParameters()
    lowest = parameters.tree_min_height_m
    canopy, _ = without_lone_returns(filled_canopy(windows["chm"].values, lowest), lowest)
    crowns_of(canopy, grid.resolution_m, parameters)


def _hut_tile(path: Path) -> Path:
    """A gabled hut, a tree, a puddle and a bridge on level ground, as LAZ."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(0.1, 24, 0.3), np.arange(0.1, 24, 0.3)))
    in_hut, from_tree = (x > 3) & (x < 9) & (y > 3) & (y < 9), np.hypot(x - 15, y - 15)
    classes = np.select([in_hut, from_tree < 3, (x > 18) & (y < 6), (x > 18) & (y > 18)], [6, 5, 9, 17], 2)
    z = np.select([in_hut, from_tree < 3], [5 - 0.5 * np.abs(y - 6), 8 - from_tree], 0.0)
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.creation_date = np.full(3, 0.01), dt.date(2000, 1, 1)
    las = laspy.LasData(header)
    las.x, las.y, las.z, las.classification = x, y, z, classes.astype(np.uint8)
    las.write(path)
    return path
