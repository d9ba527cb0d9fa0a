"""Write returns as LiDAR HD tiles: LAZ 1.4, point format 6, and the header as IGN writes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from jnt_pipeline.samples.scan import Returns
from jnt_pipeline.samples.sites import Site

if TYPE_CHECKING:
    from laspy import LasHeader, LasWriter

__all__ = ["ClassCounts", "write_tiles"]

ClassCounts = dict[str, dict[int, int]]
"""Number of points by file name and class code."""

CREATED_ON = date(2026, 3, 1)
SCALE_M = 0.01


class _Tiles:
    """The tiles being written; each opens at its first point."""

    def __init__(self, site: Site, folder: Path):
        self.site, self.folder = site, folder
        self.writers: dict[tuple[int, int], LasWriter] = {}
        self.counts: ClassCounts = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tile in sorted(self.writers):
            self.writers[tile].close()

    def add(self, tile: tuple[int, int], returns: Returns) -> None:
        """Append returns that all lie in one tile."""
        import laspy

        if tile not in self.writers:
            self.writers[tile] = laspy.open(
                self.folder / self.site.tile_name(tile),
                mode="w",
                header=_header(self.site),
                laz_backend=laspy.LazBackend.Lazrs,
            )
        writer = self.writers[tile]
        points = laspy.ScaleAwarePointRecord.zeros(len(returns.x_cm), header=writer.header)
        points["X"], points["Y"], points["Z"] = returns.x_cm, returns.y_cm, returns.z_cm
        points["classification"] = returns.classification
        points["return_number"], points["number_of_returns"] = returns.return_number, returns.number_of_returns
        points["intensity"], points["gps_time"] = returns.intensity, returns.gps_time
        points["point_source_id"] = np.full(len(returns.x_cm), returns.line, dtype=np.uint16)
        writer.write_points(points)
        histogram = np.bincount(returns.classification, minlength=256)
        counts = self.counts.setdefault(self.site.tile_name(tile), {})
        for code in np.flatnonzero(histogram).tolist():
            counts[code] = counts.get(code, 0) + int(histogram[code])


def _header(site: Site) -> LasHeader:
    import laspy
    from laspy.vlrs.known import WktCoordinateSystemVlr

    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.offsets = np.full(3, SCALE_M), np.zeros(3)
    header.global_encoding.wkt = True
    header.global_encoding.gps_time_type = laspy.header.GpsTimeType.STANDARD
    header.creation_date = CREATED_ON
    header.system_identifier, header.generating_software = "jnt_pipeline", "jnt_pipeline samples"
    header.vlrs.append(WktCoordinateSystemVlr(site.wkt))
    return header


def write_tiles(site: Site, strips: Iterable[Returns], folder: Path) -> ClassCounts:
    """Write the returns into ``folder``, one LAZ per kilometre tile; memory is that of one strip.

    A return belongs to the tile of its rounded coordinates: west and south edges inside, as the name says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _Tiles(site, folder) as tiles:
        for returns in strips:
            code = (returns.x_cm // 100_000) * 100_000 + (returns.y_cm // 100_000 + 1)
            for value in np.unique(code).tolist():
                tiles.add(divmod(value, 100_000), returns.of(code == value))
    return {name: dict(sorted(counts.items())) for name, counts in sorted(tiles.counts.items())}
