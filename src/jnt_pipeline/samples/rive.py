"""The sample territory ``rive``: a fictional riverside town in Lambert-93 and NGF-IGN69, in the producers' formats."""

from __future__ import annotations

from pathlib import Path

from jnt_pipeline.samples.cadastre import draw_plan, write_cadastre
from jnt_pipeline.samples.extent import sample_extent, tile_name
from jnt_pipeline.samples.las import write_tiles
from jnt_pipeline.samples.rive_readme import readme
from jnt_pipeline.samples.scan import scan_strips
from jnt_pipeline.samples.scenery import dress
from jnt_pipeline.samples.school import write_school
from jnt_pipeline.samples.sensors import place_stations, write_sensors
from jnt_pipeline.samples.story import RULES, Rule
from jnt_pipeline.samples.town import build_town
from jnt_pipeline.samples.truth import SurveyedSample, write_truth

__all__ = ["DENSITY", "SEED", "rive_config", "rive_files", "write_rive"]

SEED, DENSITY = 2050, 10.0
"""Of the committed sample; density in pulses per m², the specification of LiDAR HD."""
UNDULATION_M, UNDULATION_ACCURACY_M = 44.86, 0.05
"""RAF20 (EPSG:9785 to EPSG:9781) is 44.859 m at (619000, 6754500), from 44.852 to 44.867 m over the two tiles."""

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


def rive_files(size_km: float | None) -> tuple[str, ...]:
    """Every file the sample consists of, relative to its folder."""
    return tuple(
        sorted(
            (
                *(
                    f"cadastre/cadastre-45999-{layer}.json.gz"
                    for layer in ("batiments", "communes", "parcelles", "sections")
                ),
                *(f"lidar/{tile_name(tile)}" for tile in sample_extent(size_km).tiles),
                "bim/ecole.ifc",
                *(f"sensors/{name}" for name in _TABLES),
                *(f"truth/{name}" for name in _TRUTH),
                "README.md",
            )
        )
    )


def write_rive(out: Path, *, seed: int, size_km: float | None, density: float) -> SurveyedSample:
    """Write the sample into ``out``: same arguments, same bytes."""
    town = build_town(seed, sample_extent(size_km))
    scenery = dress(town)
    plan = draw_plan(town)
    stations = place_stations(town, scenery)
    features = write_cadastre(town, plan, out / "cadastre")
    model = write_school(town, out / "bim" / "ecole.ifc")
    counts, series = write_sensors(stations, seed, out / "sensors")
    classes = write_tiles(scan_strips(town, scenery, density), out / "lidar")
    sample = SurveyedSample(
        town=town,
        scenery=scenery,
        density=density,
        plan=plan,
        model=model,
        stations=stations,
        series=series,
        features=features,
        classes=classes,
        sensors=counts,
    )
    write_truth(sample, out / "truth")
    (out / "README.md").write_text(readme(sample), encoding="utf-8", newline="\n")
    return sample


def rive_config(data_folder: str, size_km: float | None = None) -> str:
    """The YAML that describes the territory; its paths are ``data_folder`` followed by the folder of each source.

    ``area`` covers the sample of ``size_km``, as given to ``make_sample``.
    """
    west, south, east, north = sample_extent(size_km).bounds
    rules = "\n".join(_rule_yaml(rule) for rule in RULES)
    return _YAML.format(
        west=west,
        south=south,
        east=east,
        north=north,
        folder=data_folder.rstrip("/"),
        rules=rules,
        undulation=UNDULATION_M,
        accuracy=UNDULATION_ACCURACY_M,
    )


def _rule_yaml(rule: Rule) -> str:
    side, limit = ("above", rule.above) if rule.above is not None else ("below", rule.below)
    return (
        f"  - rule_id: {rule.rule_id}\n    observed_property: {rule.observed_property}\n    {side}: {limit}\n"
        f'    clear: {rule.clear}\n    severity: {rule.severity}\n    title: "{rule.title}"'
    )


_YAML = """\
# A whole territory in one file. Run it with:  jnt run config/rive.yaml
# Rive-sur-Loire does not exist: a generator wrote its data in the formats of the real producers.

# Short name (used in file names and identifiers) and the title that people read.
name: rive
title: Rive-sur-Loire (synthetic)

# Where and from where heights are counted: Lambert-93 (EPSG:2154) with NGF-IGN69 heights (EPSG:5720).
# Everything is brought to this reference; a file that does not say its own is refused.
reference: EPSG:2154+5720

# Height of the geoid above the ellipsoid. Needed for 3D Tiles, which count heights from the ellipsoid.
# A constant will do for a small town; leave this block out to use the official grid (jnt grids sync).
undulation:
  value_m: {undulation}
  accuracy_m: {accuracy}
  source: "Grid RAF20 (EPSG:9785 to EPSG:9781) at E 619000, N 6754500; varying by 1.5 cm over the tiles."

# The part of the world that the twin covers: west, south, east, north, in metres.
area:
  bbox: [{west}, {south}, {east}, {north}]

# The base layers (données socles). Paths are relative to this file.
sources:
  # Parcels and building footprints, as cadastre.data.gouv.fr delivers them.
  - kind: cadastre
    path: {folder}/cadastre
    producer: "jnt_pipeline (synthetic, after DGFiP/Etalab)"
    licence: CC0-1.0
    vintage: "2026-03-01"
  # Classified points in kilometre tiles, as IGN delivers LiDAR HD.
  - kind: lidar
    path: {folder}/lidar
    producer: "jnt_pipeline (synthetic, after IGN LiDAR HD)"
    licence: CC0-1.0
    vintage: "2025-03"
  # A school as a BIM model (IFC), georeferenced by its map conversion.
  - kind: bim
    path: {folder}/bim
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-03-01"
  # Stations, datastreams and four days of observations; elevations of the stations are NGF-IGN69.
  - kind: sensors
    path: {folder}/sensors
    vertical: EPSG:5720
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-03-01"

# When to raise an alert: beyond `above` (or under `below`); it ends when the measure is back to `clear`.
# The gap between the two keeps a jittering measure from raising ten alerts.
rules:
{rules}

# What to publish.
publication:
  - kind: geoparquet
  - kind: cog
  - kind: cityjson
  - kind: 3dtiles
  - kind: stac
"""
