"""The sample territory ``bourg``: a fictional village of the Mâconnais with the past in its files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jnt_pipeline.errors import ConfigError
from jnt_pipeline.samples import bourg_hill
from jnt_pipeline.samples.bourg_config import YAML
from jnt_pipeline.samples.bourg_hall import MODEL_FILE, write_hall
from jnt_pipeline.samples.bourg_hill import Hill
from jnt_pipeline.samples.bourg_inventory import INVENTORY_FILE, write_inventory
from jnt_pipeline.samples.bourg_layout import BRIDGE_U, BROOK_V
from jnt_pipeline.samples.bourg_plan import AFTER, BEFORE, SECTIONS, both_editions
from jnt_pipeline.samples.bourg_planning import PLANNING_CLASSES, write_planning
from jnt_pipeline.samples.bourg_readme import readme
from jnt_pipeline.samples.bourg_registers import register_village
from jnt_pipeline.samples.bourg_scenery import dress_village
from jnt_pipeline.samples.bourg_sheets import sheet_file, write_sheets
from jnt_pipeline.samples.bourg_story import BOURG_STORY, place_village_stations
from jnt_pipeline.samples.bourg_tables import (
    ADDRESSES_FILE,
    RNB_FILE,
    TOPO_CLASSES,
    write_addresses,
    write_rnb,
    write_topo,
)
from jnt_pipeline.samples.bourg_terrain import RASTER_FILE, RASTER_SIGMA_M, write_raster
from jnt_pipeline.samples.bourg_town import Village, build_village
from jnt_pipeline.samples.bourg_truth import TRUTH_FILES, BourgTruth, write_village_truth
from jnt_pipeline.samples.cadastre import Plan
from jnt_pipeline.samples.extent import SampleExtent, sample_extent
from jnt_pipeline.samples.las import write_tiles
from jnt_pipeline.samples.recipe import SENSOR_TABLES
from jnt_pipeline.samples.scan import scan_strips
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sensors import write_sensors
from jnt_pipeline.samples.sites import BOURG, Site
from jnt_pipeline.samples.story import Story
from jnt_pipeline.samples.town import SampleTown
from jnt_pipeline.samples.truth import SurveyedSample

__all__ = ["FLOWN", "RECIPE", "VillageRecipe"]

FLOWN = SampleExtent(west=836_910, south=6_592_430, east=837_090, north=6_592_570)
"""Where LiDAR was flown: the square, a part of the high street and the farms below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageRecipe:
    """How the village is made; it has one size, since its registers are drawn for it."""

    site: Site = BOURG
    story: Story = BOURG_STORY
    seed: int = 71
    density: float = 5.0
    config: str = YAML

    def extent(self, size_km: float | None) -> SampleExtent:
        """The ground of the village; raises ``ConfigError`` for another size."""
        if size_km is not None:
            raise ConfigError(
                "this sample has one size",
                where="size_km",
                found=f"{size_km}",
                expected=f"none: {self.site.clip_m[0]} m by {self.site.clip_m[1]} m",
                remedy="leave the size out, or make rive or lagon",
            )
        return sample_extent(self.site, None)

    def files(self, size_km: float | None) -> tuple[str, ...]:
        """Every file the sample consists of, relative to its folder."""
        self.extent(size_km)
        shapefiles = (
            *((f"bdtopo/{name}", ("dbf", "prj", "shp", "shx")) for name in TOPO_CLASSES),
            *((f"planning/{name}", ("cpg", "dbf", "prj", "shp", "shx")) for name in PLANNING_CLASSES),
        )
        return tuple(
            sorted(
                (
                    *(
                        f"cadastre/{vintage}/{sheet_file(self.site.insee, section)}"
                        for vintage in (BEFORE, AFTER)
                        for section in SECTIONS
                    ),
                    *(f"{stem}.{end}" for stem, ends in shapefiles for end in ends),
                    f"rnb/{RNB_FILE}",
                    f"addresses/{ADDRESSES_FILE}",
                    f"inventory/{INVENTORY_FILE}",
                    f"elevation/{RASTER_FILE}",
                    *(f"lidar/{self.site.tile_name(tile)}" for tile in FLOWN.tiles),
                    f"bim/{MODEL_FILE}",
                    *(f"sensors/{name}" for name in SENSOR_TABLES),
                    *(f"truth/{name}" for name in TRUTH_FILES),
                    "README.md",
                )
            )
        )

    def write(self, out: Path, *, seed: int, size_km: float | None, density: float) -> SurveyedSample:
        """Write the sample into ``out``: same arguments, same bytes."""
        village = build_village(seed, self.extent(size_km))
        town = village.town
        scenery = dress_village(town)
        before, now, changes = both_editions(village)
        for edition in (before, now):
            write_sheets(village, edition, out / "cadastre" / edition.vintage)
        registers = register_village(village, before, now)
        write_topo(village, registers, out / "bdtopo")
        write_rnb(registers, out / "rnb" / RNB_FILE)
        write_addresses(village, registers.addresses, out / "addresses" / ADDRESSES_FILE)
        planning = write_planning(village, out / "planning")
        inventory = write_inventory(town, scenery, out / "inventory" / INVENTORY_FILE)
        write_raster(town, out / "elevation")
        stations = place_village_stations(town)
        counts, series = write_sensors(self.site, self.story, stations, seed, out / "sensors")
        sample = SurveyedSample(
            town=town,
            scenery=scenery,
            density=density,
            plan=Plan(sections=now.sections, parcels=now.parcels, broken="", doubled=""),
            model=write_hall(town, out / "bim" / MODEL_FILE),
            story=self.story,
            stations=stations,
            series=series,
            features={"parcelles": len(now.parcels), "batiments": len(now.buildings), "sections": len(now.sections)},
            classes=write_tiles(self.site, scan_strips(_flown(town), scenery, density), out / "lidar"),
            sensors=counts,
            ground=_describe_ground(village, scenery),
        )
        truth = BourgTruth(
            sample=sample, before=before, now=now, changes=changes, registers=registers, rejecting=planning | inventory
        )
        write_village_truth(truth, out / "truth")
        (out / "README.md").write_text(readme(truth), encoding="utf-8", newline="\n")
        return sample


def _flown(town: SampleTown) -> SampleTown:
    """The part of the village that the survey sees."""
    return replace(town, layout=replace(town.layout, extent=FLOWN))


def _describe_ground(village: Village, scenery: Scenery) -> dict[str, Any]:
    """The constants of the hill, of the brook and of its bridge."""
    terrain = village.town.terrain
    assert isinstance(terrain, Hill)
    return {
        "function": "jnt_pipeline.samples.bourg_hill.Hill.elevation; on the brook it is the water surface",
        "brook": {
            "v_m": BROOK_V,
            "half_width_m": bourg_hill.BROOK_HALF_M,
            "bank_run_m": bourg_hill.BANK_RUN_M,
            "elevation_at_origin_m": bourg_hill.BROOK_M,
            "slope": bourg_hill.BROOK_SLOPE,
        },
        "profile": {"v_m": list(bourg_hill.PROFILE_V), "above_water_m": list(bourg_hill.PROFILE_M)},
        "knoll": {
            "height_m": bourg_hill.KNOLL_M,
            "lengths_m": [bourg_hill.KNOLL_U_M, bourg_hill.KNOLL_V_M],
            "phases": list(terrain.phases),
        },
        "bridge": {"u_m": BRIDGE_U, "uv_m": list(asdict(scenery.bridge).values()), "rise_m": bourg_hill.BRIDGE_RISE_M},
        "flown": [FLOWN.west, FLOWN.south, FLOWN.east, FLOWN.north],
        "raster_sigma_m": RASTER_SIGMA_M,
    }


RECIPE = VillageRecipe()
"""The village with the past in its files."""
