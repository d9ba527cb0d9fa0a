"""SampleTown: everything that stands in a place before anyone measures it, and how the cadastre divides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shapely.geometry import Polygon

from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.landscape import Landscape
from jnt_pipeline.samples.layout import Layout, Lot
from jnt_pipeline.samples.roofs import SampleBuilding
from jnt_pipeline.samples.sites import Site

__all__ = ["SampleTown", "Zoning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoning:
    """How the cadastre cuts the commune into sections, each a band of rows of blocks."""

    commune: Polygon
    """What the cadastre covers, in the projection."""
    section_of: Callable[[int], str]
    """Two-character code of the section of a row of blocks."""
    row_zero: int
    """Index of row 0 among the rows of the layout."""
    waterside_v: float | None
    """Where row 0 and row -1 part, own axes; None: half way, as between all other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTown:
    """A built place on its landscape."""

    site: Site
    seed: int
    layout: Layout
    terrain: Landscape
    lots: tuple[Lot, ...]
    buildings: tuple[SampleBuilding, ...]
    ghosts: tuple[Polygon, ...]
    """Footprints that the cadastre still draws though nothing stands there any more, in the projection."""
    modelled_name: str
    """Name of the building that also has a BIM model."""
    zoning: Zoning

    @property
    def extent(self) -> SampleExtent:
        """Where it lies."""
        return self.layout.extent

    @property
    def modelled(self) -> SampleBuilding:
        """The building that also has a BIM model."""
        return self.named(self.modelled_name)

    @property
    def crossing_seam(self) -> tuple[SampleBuilding, ...]:
        """The buildings whose footprint lies on both sides of the tiles' seam."""

        def crosses(building: SampleBuilding) -> bool:
            west, _, east, _ = building.footprint.bounds
            return bool(west < self.site.seam_easting_m < east)

        return tuple(building for building in self.buildings if crosses(building))

    def named(self, name: str) -> SampleBuilding:
        """The building of that name."""
        return next(building for building in self.buildings if building.name == name)
