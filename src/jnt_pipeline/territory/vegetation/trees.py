"""Trees (*arbres*): position, height and crown of each, from the heights of vegetation and the terrain."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.vegetation.crowns import Crowns, find_crowns
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters
from jnt_pipeline.territory.vegetation.surface import smoothed_canopy

__all__ = ["crowns_of", "derive_trees"]


def crowns_of(canopy: NDArray[np.float32], resolution_m: float, parameters: VegetationParameters) -> Crowns:
    """The crowns of a canopy whose pits are filled and whose lone returns are gone, metres above ground."""
    return find_crowns(canopy, smoothed_canopy(canopy), resolution_m, parameters)


def derive_trees(crowns: Crowns, dtm: NDArray[np.float32], grid: Grid, owned: Bounds, crs: str) -> gpd.GeoDataFrame:
    """One record (point) for each crown whose highest return lies in the box ``owned``, by its id.

    Parameters: terrain ``dtm`` on ``grid``, metres above the vertical datum; ``owned`` in the CRS of the grid, edges
    of pixels. Position is the centre of the pixel with the highest return: half a pixel is how well it is known.
    Columns: those of the layer ``lidar_trees``.
    """
    x, y = grid.x_centres[crowns.column], grid.y_centres[crowns.row]
    west, south, east, north = owned
    keep = np.flatnonzero((x > west) & (x < east) & (y > south) & (y < north))
    x, y = x[keep], y[keep]
    ground = np.round(dtm[crowns.row[keep], crowns.column[keep]].astype(np.float64), 2)
    height = np.round(crowns.height_m[keep].astype(np.float64), 2)
    area = crowns.n_pixels[keep] * grid.resolution_m**2
    frame = pd.DataFrame(
        {
            "tree_id": pd.Series(
                [f"T{round(a * 100)}_{round(b * 100)}" for a, b in zip(x.tolist(), y.tolist(), strict=True)],
                dtype="str",
            ),
            "height_m": height,
            "ground_elevation_m": ground,
            "top_elevation_m": np.round(ground + height, 2),
            "crown_area_m2": area,
            "crown_diameter_m": np.round(2 * np.sqrt(area / math.pi), 2),
            "is_crown_whole": crowns.is_whole[keep],
        }
    )
    trees = gpd.GeoDataFrame(frame, geometry=shapely.points(x, y), crs=crs)
    return trees.sort_values("tree_id", ignore_index=True)
