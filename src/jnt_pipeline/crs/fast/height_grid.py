"""A height grid (*grille de conversion altimétrique*) read as PROJ reads it: node by node, float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError
from jnt_pipeline.crs.grids import require_same
from jnt_pipeline.provenance import GridUse

__all__ = ["HeightGrid", "read_height_grid"]

_RAD = 0.017453292519943296  # PROJ's radians in a degree


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightGrid:
    """Heights at nodes, and where these lie."""

    values: NDArray[np.float32]
    """(rows + 1, columns + 1) float32, metres, the southernmost row first; NaN where the grid has no value.

    The last row and the last column stand twice, because PROJ takes them for the next ones on the edge.
    """
    west: float
    """Longitude of the first column, radians; so are the next ones."""
    south: float
    east: float
    north: float
    inv_x: float
    """Columns per radian."""
    inv_y: float
    """Rows per radian."""


def read_height_grid(use: GridUse) -> HeightGrid:
    """Read the grid that an operation uses, from the folders that PROJ searches.

    Nodes lie where the file says (pixel is point) or half a pixel inside (pixel is area). Coordinates are computed
    in PROJ's order, so that a point on the edge of a cell falls on the same side.

    Raises
    ------
    NotCompiledError
        The file is of another kind (scaled integers, several bands or images).
    MissingGridError
        It is not there, or not the one on record.
    """
    import rasterio  # takes a while, and only grids need it
    from rasterio.errors import RasterioError

    path = require_same(use, where=use.name)
    if path.suffix != ".tif":
        raise NotCompiledError(f"the grid {use.name}, which is not a GeoTIFF")
    try:
        # Coordinates as they stand in the file: GDAL would move those of points to the corner of a pixel.
        with rasterio.Env(GTIFF_POINT_GEO_IGNORE=True), rasterio.open(path) as file:
            plain = file.count == 1 and file.dtypes[0] == "float32" and file.scales[0] == 1 and file.offsets[0] == 0
            step_x, turn_x, west, turn_y, step_y, north = file.transform[:6]
            if not plain or file.subdatasets or turn_x or turn_y or step_x <= 0 or step_y >= 0:
                raise NotCompiledError(f"the grid {use.name}, which is not one image of float32 with the north above")
            if file.descriptions[0] not in ("geoid_undulation", "vertical_offset"):
                raise NotCompiledError(f"the grid {use.name}, whose band is {file.descriptions[0]}")
            is_area = file.tags().get("AREA_OR_POINT") == "Area"
            nodata = file.nodata
            values = np.flipud(file.read(1))
    except RasterioError as error:
        raise NotCompiledError(f"the grid {use.name}: {error}") from error
    rows, columns = values.shape
    values = np.pad(values, ((0, 1), (0, 1)), mode="edge")
    if nodata is not None:
        values[values == np.float32(nodata)] = np.nan
    step_y = -step_y
    if is_area:
        west, north = west + 0.5 * step_x, north - 0.5 * step_y
    return HeightGrid(
        values=values,
        west=west * _RAD,
        south=(north - step_y * (rows - 1)) * _RAD,
        east=(west + step_x * (columns - 1)) * _RAD,
        north=north * _RAD,
        inv_x=1.0 / (step_x * _RAD),
        inv_y=1.0 / (step_y * _RAD),
    )
