"""Recipe: how one sample territory is made, step by step, from its own parts and the common ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

__all__ = ["Recipe", "sample_files", "write_sample"]

_TABLES = ("stations.csv", "datastreams.csv", "observations.csv", "sensorthings.json")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The parts of a sample territory that are its own."""

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


def sample_files(recipe: Recipe, size_km: float | None) -> tuple[str, ...]:
    """Every file the sample consists of, relative to its folder."""
    site = recipe.site
    return tuple(
        sorted(
            (
                *(f"cadastre/{file_name(site, layer)}" for layer in LAYERS),
                *(f"lidar/{site.tile_name(tile)}" for tile in sample_extent(site, size_km).tiles),
                f"bim/{recipe.model_file}",
                *(f"sensors/{name}" for name in _TABLES),
                *(f"truth/{name}" for name in _TRUTH),
                "README.md",
            )
        )
    )


def write_sample(recipe: Recipe, out: Path, *, seed: int, size_km: float | None, density: float) -> SurveyedSample:
    """Write the sample into ``out``: same arguments, same bytes."""
    town = recipe.build(seed, sample_extent(recipe.site, size_km))
    scenery = recipe.dress(town)
    plan = draw_plan(town)
    stations = recipe.place_stations(town, scenery)
    features = write_cadastre(town, plan, out / "cadastre")
    model = recipe.write_model(town, out / "bim" / recipe.model_file)
    counts, series = write_sensors(recipe.site, recipe.story, stations, seed, out / "sensors")
    classes = write_tiles(recipe.site, scan_strips(town, scenery, density), out / "lidar")
    sample = SurveyedSample(
        town=town,
        scenery=scenery,
        density=density,
        plan=plan,
        model=model,
        story=recipe.story,
        stations=stations,
        series=series,
        features=features,
        classes=classes,
        sensors=counts,
        ground=recipe.describe_ground(town, scenery),
    )
    write_truth(sample, out / "truth")
    (out / "README.md").write_text(recipe.readme(sample), encoding="utf-8", newline="\n")
    return sample
