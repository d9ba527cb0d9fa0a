"""The sample territory ``lagon``: a fictional coast of La Réunion in RGR92 / UTM 40S and REUN89."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jnt_pipeline.samples import coast
from jnt_pipeline.samples.coast_layout import RAVINE_U
from jnt_pipeline.samples.lagon_readme import readme
from jnt_pipeline.samples.lagon_scenery import dress_lagon
from jnt_pipeline.samples.lagon_shelter import write_shelter
from jnt_pipeline.samples.lagon_stations import place_lagon_stations
from jnt_pipeline.samples.lagon_story import LAGON_STORY
from jnt_pipeline.samples.lagon_town import build_lagon, coast_of
from jnt_pipeline.samples.recipe import Recipe
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sites import LAGON
from jnt_pipeline.samples.town import SampleTown

__all__ = ["RECIPE"]

_YAML = """\
# A whole territory in one file. Run it with:  jnt run config/lagon.yaml
# Anse-des-Filaos does not exist: a generator wrote its data in the formats of the real producers.

# Short name (used in file names and identifiers) and the title that people read.
name: lagon
title: Anse-des-Filaos, La Réunion (synthetic)

# Where and from where heights are counted: RGR92 / UTM 40S (EPSG:2975) with REUN89 heights (EPSG:5758).
# Everything is brought to this reference; a file that does not say its own is refused.
# No undulation is declared here: 3D Tiles count heights from the ellipsoid, and the official grid fr_ign_RAR07_bl.tif
# says how far it lies from REUN89. Get it once with:  jnt grids sync fr_ign_RAR07_bl.tif
reference: EPSG:2975+5758

# The part of the world that the twin covers: west, south, east, north, in metres.
area:
  bbox: [{west}, {south}, {east}, {north}]

# The base layers (données socles). Paths are relative to this file.
sources:
  # Parcels and building footprints, as cadastre.data.gouv.fr delivers them. They end at the coastline.
  - kind: cadastre
    path: {folder}/cadastre
    producer: "jnt_pipeline (synthetic, after DGFiP/Etalab)"
    licence: CC0-1.0
    vintage: "2026-02-01"
  # Classified points in kilometre tiles, as IGN delivers LiDAR HD; the sea is class 9.
  - kind: lidar
    path: {folder}/lidar
    producer: "jnt_pipeline (synthetic, after IGN LiDAR HD)"
    licence: CC0-1.0
    vintage: "2025-03"
  # A cyclone shelter as a BIM model (IFC), georeferenced by its map conversion.
  - kind: bim
    path: {folder}/bim
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-02-01"
  # Stations, datastreams and four days of observations; elevations of the stations are REUN89.
  - kind: sensors
    path: {folder}/sensors
    vertical: EPSG:5758
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-02-10"

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


def _describe_ground(town: SampleTown, scenery: Scenery) -> dict[str, Any]:
    """The constants of the coast, of the ravine and of its bridge."""
    ground = coast_of(town)
    return {
        "function": "jnt_pipeline.samples.coast.Coast.elevation; on the sea it is the water surface",
        "sea": {"elevation_m": coast.SEA_M},
        "shore": {
            "v_m": coast.SHORE_V,
            "swing_m": ground.bay_m,
            "length_m": coast.BAY_LENGTH_M,
            "phase": ground.bay_phase,
        },
        "reef": {
            "v_m": coast.REEF_V,
            "half_width_m": coast.REEF_HALF_M,
            "height_m": coast.REEF_M,
            "swing_m": coast.REEF_SWING_M,
            "swing_length_m": coast.REEF_SWING_LENGTH_M,
            "pass_length_m": coast.PASS_LENGTH_M,
            "pass_share": coast.PASS_SHARE,
            "phases": list(ground.reef_phases),
        },
        "shelf_profile": {"from_shore_m": list(coast.SHELF_S), "above_sea_m": list(coast.SHELF_M)},
        "hummock": {
            "height_m": coast.HUMMOCK_M,
            "length_m": coast.HUMMOCK_LENGTH_M,
            "phase": ground.hummock_phase,
            "from_shore_m": list(coast.HUMMOCK_S),
        },
        "ravine": {
            "u_m": RAVINE_U,
            "swing_m": ground.ravine_swing_m,
            "length_m": coast.RAVINE_LENGTH_M,
            "phase": ground.ravine_phase,
            "bed_half_width_m": coast.BED_HALF_M,
            "bank_slope": coast.BANK_SLOPE,
            "bed_profile": {"from_shore_m": list(coast.BED_S), "above_sea_m": list(coast.BED_M)},
        },
        "bridge": {
            "uv_m": list(asdict(scenery.bridge).values()),
            "deck_above_road_m": coast.BRIDGE_RISE_M,
            "camber_m": coast.BRIDGE_CAMBER_M,
        },
    }


RECIPE = Recipe(
    site=LAGON,
    story=LAGON_STORY,
    seed=974,
    density=10.0,
    model_file="abri.ifc",
    build=build_lagon,
    dress=dress_lagon,
    place_stations=place_lagon_stations,
    write_model=write_shelter,
    describe_ground=_describe_ground,
    readme=readme,
    config=_YAML,
)
"""The coastal village."""
