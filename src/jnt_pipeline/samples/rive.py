"""The sample territory ``rive``: a fictional riverside town in Lambert-93 and NGF-IGN69, in the producers' formats."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jnt_pipeline.samples import terrain
from jnt_pipeline.samples.recipe import Recipe
from jnt_pipeline.samples.rive_readme import readme
from jnt_pipeline.samples.rive_scenery import dress_rive
from jnt_pipeline.samples.rive_school import write_school
from jnt_pipeline.samples.rive_stations import place_rive_stations
from jnt_pipeline.samples.rive_story import RIVE_STORY
from jnt_pipeline.samples.rive_town import build_rive, river_of
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sites import RIVE
from jnt_pipeline.samples.town import SampleTown

__all__ = ["RECIPE"]

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
  value_m: 44.86
  accuracy_m: 0.05
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
"""Undulation: RAF20 (EPSG:9785 to EPSG:9781) is 44.859 m at (619000, 6754500), 44.852 to 44.867 m over the tiles."""


def _describe_ground(town: SampleTown, scenery: Scenery) -> dict[str, Any]:
    """The constants of the terrain and of the bridge."""
    river = river_of(town)
    return {
        "function": "jnt_pipeline.samples.terrain.Terrain.elevation; on the river it is the water surface",
        "water": {
            "elevation_at_origin_m": terrain.WATER_M,
            "slope": terrain.WATER_SLOPE,
            "axis_v_m": terrain.RIVER_AXIS_V,
            "half_width_m": terrain.RIVER_HALF_WIDTH_M,
            "meander_m": river.meander_m,
            "meander_phase": river.meander_phase,
        },
        "town_profile": {"v_m": list(terrain.TOWN_V), "above_water_m": list(terrain.TOWN_M)},
        "terraces": [{"v_m": v, "height_m": h} for v, h in terrain.TERRACES],
        "wave_phases": list(river.wave_phases),
        "bridge": {
            "uv_m": list(asdict(scenery.bridge).values()),
            "deck_above_water_m": terrain.BRIDGE_DECK_M,
            "camber_m": terrain.BRIDGE_CAMBER_M,
        },
    }


RECIPE = Recipe(
    site=RIVE,
    story=RIVE_STORY,
    seed=2050,
    density=10.0,
    model_file="ecole.ifc",
    build=build_rive,
    dress=dress_rive,
    place_stations=place_rive_stations,
    write_model=write_school,
    describe_ground=_describe_ground,
    readme=readme,
    config=_YAML,
)
"""The riverside town."""
