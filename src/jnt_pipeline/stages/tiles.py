"""Tiles (*dalles*): the LiDAR files of the twin as partitions, and which of them owns a building."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import AssemblyError, SchemaError
from jnt_pipeline.stages.ingest import POINT_FILES
from jnt_pipeline.store import Workspace, file_sha256
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters
from jnt_pipeline.twin import TwinIndex

__all__ = ["PointTile", "owners", "point_tiles"]

_KM_TILE = re.compile(r"^(\d{4})_(\d{4})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTile:
    """One LiDAR file as a partition."""

    tile_id: str
    path: Path
    sha256: str
    bounds: Bounds
    """Of its points, in the twin's horizontal CRS."""
    grid: Grid
    """Its pixels: no two tiles of the kilometre grid share one."""

    def meets(self, bounds: Bounds) -> bool:
        """Whether its points may reach into ``bounds``."""
        west, south, east, north = bounds
        return self.bounds[0] <= east and self.bounds[2] >= west and self.bounds[1] <= north and self.bounds[3] >= south

    def verify(self) -> None:
        """Raise ``AssemblyError`` when the file is no longer the one that was ingested."""
        if not self.path.is_file() or file_sha256(self.path) != self.sha256:
            raise AssemblyError(
                "the point cloud changed since it was ingested",
                where=self.path,
                expected=f"SHA-256 {self.sha256[:12]}…",
                remedy="run again: it will be ingested anew",
            )


def point_tiles(workspace: Workspace, index: TwinIndex, parameters: TerrainParameters) -> tuple[PointTile, ...]:
    """The LiDAR tiles of the twin, by name; raises ``SchemaError`` when two files claim one tile."""
    if "point_clouds" not in index.layers or not index.layers["point_clouds"].counts.kept:
        return ()
    paths = json.loads((workspace.root / POINT_FILES).read_bytes())
    frame = index.territory(workspace).layer("point_clouds").to_geopandas().sort_values("tile_id")
    twice = frame["tile_id"][frame["tile_id"].duplicated()]
    if len(twice):
        raise SchemaError(
            "two LiDAR files claim one tile",
            where="point_clouds",
            found=", ".join(frame["file_name"][frame["tile_id"] == twice.iloc[0]]),
            expected="one file a tile",
            remedy="keep the edition you want",
        )
    tiles = []
    for row, bounds in zip(frame.itertuples(), frame.bounds.to_numpy(), strict=True):
        box: Bounds = (float(bounds[0]), float(bounds[1]), float(bounds[2]), float(bounds[3]))
        grid = Grid.covering(_domain(str(row.tile_id), box, parameters.resolution_m), parameters.resolution_m)
        tiles.append(
            PointTile(
                tile_id=str(row.tile_id), path=Path(paths[row.sha256]), sha256=str(row.sha256), bounds=box, grid=grid
            )
        )
    return tuple(tiles)


def _domain(tile_id: str, box: Bounds, resolution_m: float) -> Bounds:
    """The area a tile answers for: its points' box and a pixel more, inside the kilometre its name states."""
    west, south, east, north = box
    wide = (west - resolution_m, south - resolution_m, east + resolution_m, north + resolution_m)
    named = _KM_TILE.match(tile_id)
    if named is None:
        return wide
    left, top = int(named[1]) * 1000.0, int(named[2]) * 1000.0
    inside = left <= west and east <= left + 1000 and top - 1000 <= south and north <= top
    if not inside:  # reprojected, or a name that says something else
        return wide
    return (max(wide[0], left), max(wide[1], top - 1000), min(wide[2], left + 1000), min(wide[3], top))


def owners(footprints: gpd.GeoDataFrame, tiles: tuple[PointTile, ...]) -> NDArray[np.int64]:
    """Number of the tile that holds each footprint's representative point; -1 where there is none. Shape (n,)."""
    points = shapely.get_coordinates(shapely.point_on_surface(np.asarray(footprints.geometry)))
    owner = np.full(len(points), -1, dtype=np.int64)
    for number, tile in reversed(list(enumerate(tiles))):
        west, south, east, north = tile.grid.bounds
        x, y = points[:, 0], points[:, 1]
        owner[(x >= west) & (x < east) & (y >= south) & (y < north)] = number
    return owner
