"""TerrainPoints: what the rasters of a grid need of a point cloud, gathered in one pass over its chunks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import QUANTA_PER_M, PointChunk
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.grid import Grid, pixel_quanta, quanta
from jnt_pipeline.territory.terrain_cells import Box, PointStrips, Spool
from jnt_pipeline.territory.terrain_parameters import REACH_MARGIN_M, TerrainParameters

__all__ = ["TerrainPoints"]

Integers = NDArray[np.int32]

_GROUND, _SURFACE, _KIND = 1, 2, 4  # _KIND << k: of the kind k
_NOTHING = np.iinfo(np.int32).min  # elevation of a pixel without return
_HIGHEST = 100_000 * QUANTA_PER_M  # elevations beyond 100 km are damaged records


class TerrainPoints:
    """Ground points in and around a grid, and the highest returns of each of its pixels.

    The same for any order of the points and any cut into chunks. Coordinates are those of the horizontal CRS of the
    grid. 12 bytes a ground point, in memory or in a spool, and 12 a pixel, whatever is added; 4 more for each kind.
    """

    def __init__(
        self,
        grid: Grid,
        parameters: TerrainParameters,
        *,
        with_surface: bool = True,
        kinds: tuple[tuple[int, ...], ...] = (),
        spool: Spool | None = None,
    ) -> None:
        """Start empty.

        Parameters: without the surface, only what the terrain needs is kept; ``kinds``: up to six sets of classes of
        which the highest return in each pixel of the grid is kept; ``spool`` where ground points wait, so that memory
        does not grow with them; None: in memory.
        """
        if grid.resolution_m != parameters.resolution_m:
            raise AssemblyError(
                "grid and parameters have different resolutions",
                where="terrain",
                found=f"grid {grid.resolution_m} m, parameters {parameters.resolution_m} m",
                expected="the same",
                remedy="make the grid with Grid.covering(bounds, parameters.resolution_m)",
            )
        self.grid, self.parameters = grid, parameters
        self.n_points = 0
        """Points added that lie in the box within which points can matter."""
        self.spikes = np.empty((0, 2), np.int64)
        """Row and column of each ground point of the grid that the terrain, once derived, does not follow."""
        size = pixel_quanta(grid.resolution_m)
        reach = quanta(parameters.void_max_m + parameters.spike_reach_m)
        width = max(reach, quanta(parameters.surface_void_max_m) + 2 * size)
        self.ground = PointStrips(box_around(grid, width), spool)
        reach = quanta(parameters.surface_void_max_m) + quanta(REACH_MARGIN_M)
        self.rim = -(-reach // size)
        """Pixels around the grid whose highest return may matter."""
        shape = (grid.n_rows + 2 * self.rim, grid.n_columns + 2 * self.rim) if with_surface else (0, 0)
        self.top_z = np.full(shape, _NOTHING, np.int32)
        """Elevation of the highest return of each pixel, the rim included; ``is_return`` tells where there is one."""
        self.top_x, self.top_y = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        """Its position, relative to the south-west corner of the box of ``ground``."""
        self.kind_z = np.full((len(kinds), *grid.shape), _NOTHING, np.int32)
        """Elevation of the highest return of a kind in each pixel; ``is_of_kind`` tells where there is one."""
        self._roles = np.zeros(256, np.uint8)
        self._roles[list(parameters.ground_classes)] |= _GROUND
        if with_surface:
            self._roles[[code for code in range(256) if code not in parameters.surface_excluded_classes]] |= _SURFACE
        for k, classes in enumerate(kinds):
            self._roles[list(classes)] |= _KIND << k
        x, y = grid.first_centre
        # Doubled, since the edge of a pixel may lie on half a unit.
        self._pixels = (2 * (x - self.rim * size) - size, 2 * (y + self.rim * size) + size, 2 * size)

    @property
    def is_return(self) -> NDArray[np.bool_]:
        """Shape of ``top_z``: where a pixel holds a return of the surface."""
        return np.not_equal(self.top_z, _NOTHING)

    @property
    def is_of_kind(self) -> NDArray[np.bool_]:
        """Shape of ``kind_z``: where a pixel holds a return of a kind."""
        return np.not_equal(self.kind_z, _NOTHING)

    def add(self, chunk: PointChunk) -> None:
        """Take what matters of some points, in the CRS of the grid.

        Raises ``AssemblyError`` for elevations beyond 100 km.
        """
        if not len(chunk):
            return
        ends = (int(chunk.z.min()) * chunk.step[2], int(chunk.z.max()) * chunk.step[2])
        if max(abs(end + chunk.origin[2]) for end in ends) > _HIGHEST:
            raise AssemblyError(
                "elevations that no place on Earth has",
                where="terrain",
                found=f"{(ends[0] + chunk.origin[2]) / QUANTA_PER_M} to {(ends[1] + chunk.origin[2]) / QUANTA_PER_M} m",
                expected="metres above the vertical datum",
                remedy="check the file for damaged records, and the unit of its elevations",
            )
        x, y, z = (np.empty(len(chunk), np.int32) for _ in range(3))
        tops = (self.top_x, self.top_y, self.top_z)
        n_ground, n_inside = _sift(
            (chunk.x, chunk.y, chunk.z),
            chunk.classification,
            (*chunk.step, *chunk.origin),
            self._roles,
            self.ground.box,
            self._pixels,
            tops,
            (self.kind_z, self.rim),
            (x, y, z),
        )
        self.n_points += n_inside
        if n_ground:
            self.ground.add(x[:n_ground], y[:n_ground], z[:n_ground])

    def tops(self) -> PointStrips:
        """The highest returns as points of the box around the grid in which one may matter."""
        reach = quanta(self.parameters.surface_void_max_m)
        strips = PointStrips(box_around(self.grid, reach))
        shift = np.array(self.ground.box[:2]) - strips.box[:2]
        limits = strips.box[2] - strips.box[0], strips.box[3] - strips.box[1]
        for row in range(0, len(self.top_z), 128):
            part = slice(row, row + 128)
            found = self.is_return[part]
            x, y = self.top_x[part][found] + np.int32(shift[0]), self.top_y[part][found] + np.int32(shift[1])
            inside = (x >= 0) & (x <= limits[0]) & (y >= 0) & (y <= limits[1])
            strips.add(x[inside], y[inside], self.top_z[part][found][inside])
        return strips


def box_around(grid: Grid, width: int) -> Box:
    """Pixel centres widened by the longest edge, and by the margin of roundings; tenths of a millimetre."""
    x, y = grid.first_centre
    size, reach = pixel_quanta(grid.resolution_m), width + quanta(REACH_MARGIN_M)
    east, south = x + (grid.n_columns - 1) * size, y - (grid.n_rows - 1) * size
    return x - reach, south - reach, east + reach, y + reach


@compiled
def _sift(
    steps: tuple[Integers, Integers, Integers],
    classes: NDArray[np.uint8],
    scaling: tuple[int, int, int, int, int, int],
    roles: NDArray[np.uint8],
    box: Box,
    pixels: tuple[int, int, int],
    tops: tuple[Integers, Integers, Integers],
    kinds: tuple[Integers, int],
    ground: tuple[Integers, Integers, Integers],
) -> tuple[int, int]:
    """Write the ground points of the box, relative to its corner; raise the tops of the pixels, and of the kinds.

    Of the returns of a pixel the highest counts; of several, that of the greatest easting, then northing. A pixel
    holds its west and its north edge. Returns the number of ground points written, and of points in the box.
    """
    x, y, z = steps
    top_x, top_y, top_z = tops
    ground_x, ground_y, ground_z = ground
    kind_z, rim = kinds
    n_kinds = len(kind_z)
    n_rows, n_columns = kind_z.shape[1] + 2 * rim, kind_z.shape[2] + 2 * rim
    if len(top_z):
        n_rows, n_columns = top_z.shape
    west, north, size = pixels
    per_pixel = 1.0 / size
    n_ground = n_inside = 0
    for i in range(len(classes)):
        px, py = x[i] * scaling[0] + scaling[3], y[i] * scaling[1] + scaling[4]
        if px < box[0] or px > box[2] or py < box[1] or py > box[3]:
            continue
        n_inside += 1
        role = roles[classes[i]]
        if role == 0:
            continue
        level = np.int32(z[i] * scaling[2] + scaling[5])
        ox, oy = np.int32(px - box[0]), np.int32(py - box[1])
        if role & _GROUND:
            ground_x[n_ground], ground_y[n_ground], ground_z[n_ground] = ox, oy, level
            n_ground += 1
        if role > _GROUND:
            across, down = 2 * px - west, north - 2 * py
            if across < 0 or down < 0:
                continue
            # The quotient rounded down: a product is off by one at most, which the remainder shows.
            column, row = int(across * per_pixel), int(down * per_pixel)
            column += (across - column * size >= size) - (across - column * size < 0)
            row += (down - row * size >= size) - (down - row * size < 0)
            if row >= n_rows or column >= n_columns:
                continue
            if rim <= row < n_rows - rim and rim <= column < n_columns - rim:
                for k in range(n_kinds):
                    if role & (_KIND << k):
                        kind_z[k, row - rim, column - rim] = max(kind_z[k, row - rim, column - rim], level)
            if role & _SURFACE:
                top = top_z[row, column]
                if level > top or (
                    level == top and (ox > top_x[row, column] or (ox == top_x[row, column] and oy > top_y[row, column]))
                ):
                    top_x[row, column], top_y[row, column], top_z[row, column] = ox, oy, level
    return n_ground, n_inside
