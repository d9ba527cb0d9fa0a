"""Four days in the life of the village: it rains on the hill, the brook leaves its bed and falls back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from jnt_pipeline.samples.bourg_hill import BROOK_M
from jnt_pipeline.samples.bourg_layout import BRIDGE_U, BROOK_V
from jnt_pipeline.samples.chance import bell
from jnt_pipeline.samples.sensors import SampleStation
from jnt_pipeline.samples.story import Flow, Hours, Rule, Story
from jnt_pipeline.samples.town import SampleTown

__all__ = ["BOURG_STORY", "place_village_stations"]

_RULES = (
    Rule(
        rule_id="ruisseau-debordement", observed_property="water_level", above=1.6, clear=1.4, severity="alarm",
        title="Le ruisseau du Moulin déborde dans les prés",
    ),
    Rule(
        rule_id="pluie-forte", observed_property="rainfall", above=5.0, clear=0.5, severity="warning",
        title="Pluie forte sur dix minutes",
    ),
    Rule(
        rule_id="gel-vignes", observed_property="air_temperature", below=-1.0, clear=0.5, severity="warning",
        title="Gel sur les vignes",
    ),
)  # fmt: skip


def _level(hours: Hours, rng: np.random.Generator) -> Hours:
    """A spring flood of half a day."""
    flood = np.interp(hours, (0, 40, 46, 52, 60, 72, 96), (0, 0, 0.7, 1.9, 1.1, 0.3, 0.1))
    return 0.5 + flood + bell(rng, len(hours), 0.02)


def _rain(hours: Hours, rng: np.random.Generator) -> Hours:
    """A day of rain, in tips of 0.2 mm."""
    intensity = np.interp(hours, (0, 36, 42, 49, 53, 60), (0, 0, 2.0, 5.5, 1.0, 0))
    return np.asarray(np.rint(intensity * (0.4 + 1.2 * rng.random(len(hours))) / 0.2) * 0.2)


def _warmth(hours: Hours, rng: np.random.Generator) -> Hours:
    """April: a clear night after the rain, with frost."""
    mean = np.interp(hours, (0, 48, 76, 96), (9.0, 8.0, 3.5, 6.0))
    return mean + 5.0 * np.sin((hours - 9.0) * (np.pi / 12)) + bell(rng, len(hours), 0.2)


BOURG_STORY = Story(
    starts_at=datetime(2026, 4, 6, tzinfo=UTC),
    n_days=4,
    flows=(
        Flow(
            station_id="BOURG-RUISSEAU-1", observed_property="water_level", unit="m", name="Hauteur du ruisseau",
            every_min=10, decimals=2, shape=_level,
        ),
        Flow(
            station_id="BOURG-PLUIE-1", observed_property="rainfall", unit="mm", name="Pluie sur dix minutes",
            every_min=10, decimals=1, shape=_rain,
        ),
        Flow(
            station_id="BOURG-METEO-1", observed_property="air_temperature", unit="Cel", name="Température de l'air",
            every_min=60, decimals=1, shape=_warmth,
        ),
    ),
    rules=_RULES,
    gauge_zero_m=round(BROOK_M - 0.5, 2),
    local_time="rainfall",
    faulty_rows=("2026-04-07T25:10:00Z,0.54", "2026-04-07T12:05:00Z"),
)  # fmt: skip
"""The brook is highest on the third morning, near hour 52."""


def place_village_stations(town: SampleTown) -> tuple[SampleStation, ...]:
    """A gauge at the bridge of the mill lane, a rain gauge on the town hall, a thermometer in the vines."""
    hall = town.modelled
    roof = hall.to_world(np.array([(2.0, 0.0)]))[0]
    bridge, vines = town.layout.frame.to_world(np.array([(BRIDGE_U, BROOK_V), (60.0, 100.0)]))
    above_vines = float(town.terrain.elevation(vines[:1], vines[1:])[0]) + 2.0
    places = (
        ("BOURG-RUISSEAU-1", "Pont du Moulin", "limnimètre", bridge, BOURG_STORY.gauge_zero_m, "", False),
        (
            "BOURG-PLUIE-1",
            "Toit de la mairie",
            "pluviomètre",
            roof,
            hall.ridge_elevation_m + 1.0,
            hall.building_id,
            False,
        ),
        ("BOURG-METEO-1", "Vigne du haut", "thermomètre", vines, above_vines, "", True),
    )
    return tuple(
        SampleStation(
            station_id=station_id, name=name, kind=kind, x=round(float(point[0]), 2), y=round(float(point[1]), 2),
            elevation_m=round(elevation, 2), building_id=building_id, in_sensorthings=in_sensorthings,
        )
        for station_id, name, kind, point, elevation, building_id, in_sensorthings in places
    )  # fmt: skip
