"""Recipe: how one sample territory is made, step by step, from its own parts and the common ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jnt_pipeline.samples.bim_model import BimModel
from jnt_pipeline.samples.cadastre import LAYERS, draw_plan, file_name, write_cadastre
from jnt_pipeline.samples.extent import SampleExtent, sample_extent
from jnt_pipeline.samples.las import write_tiles
from jnt_pipeline.samples.scan import scan_strips
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sensors import SampleStation, write_sensors
from jnt_pipeline.samples.sites import Site
from jnt_pipeline.samples.story import Story
from jnt_pipeline.samples.town import SampleTown
from jnt_pipeline.samples.truth import SurveyedSample, write_truth

__all__ = ["SENSOR_TABLES", "AnyRecipe", "Recipe"]

SENSOR_TABLES = ("stations.csv", "datastreams.csv", "observations.csv", "sensorthings.json")
"""What the loggers of a sample write."""
_TRUTH = (
    "alerts.json",
    "anomalies.json",
    "bim.json",
    "buildings.geojson",
    "expected_counts.json",
    "flood.json",
    "ground.json",
    "ground_checkpoints.csv",
    "links.csv",
    "parcels.geojson",
    "stations.csv",
    "trees.csv",
    "voids.geojson",
)


class AnyRecipe(Protocol):
    """How one sample territory is made."""

    @property
    def site(self) -> Site:
        """Where it lies."""

    @property
    def story(self) -> Story:
        """What its sensors measure."""

    @property
    def seed(self) -> int:
        """Of the committed sample."""

    @property
    def density(self) -> float:
        """Of the committed sample, pulses per m²."""

    @property
    def config(self) -> str:
        """The YAML of the territory, with the fields of ``Recipe.config``."""

    def extent(self, size_km: float | None) -> SampleExtent:
        """The ground that a sample of this size covers; None is the committed one. Raises ``ConfigError``."""

    def files(self, size_km: float | None) -> tuple[str, ...]:
        """Every file the sample consists of, relative to its folder."""

    def write(self, out: Path, *, seed: int, size_km: float | None, density: float) -> SurveyedSample:
        """Write the sample into ``out``: same arguments, same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A territory with the files of rive: Etalab's cadastre, LiDAR, one IFC model, sensors; the parts of its own."""

    site: Site
    story: Story
    seed: int
    """Of the committed sample."""
    density: float
    """Of the committed sample, pulses per m²; 10 is the specification of LiDAR HD."""
    model_file: str
    """Name of the IFC file."""
    build: Callable[[int, SampleExtent], SampleTown]
    dress: Callable[[SampleTown], Scenery]
    place_stations: Callable[[SampleTown, Scenery], tuple[SampleStation, ...]]
    write_model: Callable[[SampleTown, Path], BimModel]
    describe_ground: Callable[[SampleTown, Scenery], dict[str, Any]]
    """What ``truth/ground.json`` says of the landscape."""
    readme: Callable[[SurveyedSample], str]
    config: str
    """The YAML of the territory, with the fields ``west``, ``south``, ``east``, ``north``, ``folder`` and ``rules``."""

    def extent(self, size_km: float | None) -> SampleExtent:
        """The ground that a sample of this size covers; None is the committed one. Raises ``ConfigError``."""
        return sample_extent(self.site, size_km)

    def files(self, size_km: float | None) -> tuple[str, ...]:
        """Every file the sample consists of, relative to its folder."""
        site = self.site
        return tuple(
            sorted(
                (
                    *(f"cadastre/{file_name(site, layer)}" for layer in LAYERS),
                    *(f"lidar/{site.tile_name(tile)}" for tile in self.extent(size_km).tiles),
                    f"bim/{self.model_file}",
                    *(f"sensors/{name}" for name in SENSOR_TABLES),
                    *(f"truth/{name}" for name in _TRUTH),
                    "README.md",
                )
            )
        )

    def write(self, out: Path, *, seed: int, size_km: float | None, density: float) -> SurveyedSample:
        """Write the sample into ``out``: same arguments, same bytes."""
        town = self.build(seed, self.extent(size_km))
        scenery = self.dress(town)
        plan = draw_plan(town)
        stations = self.place_stations(town, scenery)
        features = write_cadastre(town, plan, out / "cadastre")
        model = self.write_model(town, out / "bim" / self.model_file)
        counts, series = write_sensors(self.site, self.story, stations, seed, out / "sensors")
        classes = write_tiles(self.site, scan_strips(town, scenery, density), out / "lidar")
        sample = SurveyedSample(
            town=town,
            scenery=scenery,
            density=density,
            plan=plan,
            model=model,
            story=self.story,
            stations=stations,
            series=series,
            features=features,
            classes=classes,
            sensors=counts,
            ground=self.describe_ground(town, scenery),
        )
        write_truth(sample, out / "truth")
        (out / "README.md").write_text(self.readme(sample), encoding="utf-8", newline="\n")
        return sample
