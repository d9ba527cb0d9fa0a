"""Four days in the life of the coastal village: a cyclone passes, its swell and its surge flood the back-shore."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from jnt_pipeline.samples.chance import bell
from jnt_pipeline.samples.story import Flow, Hours, Rule, Story

__all__ = ["LAGON_STORY"]

_RULES = (
    Rule(
        rule_id="submersion-vigilance",
        observed_property="water_level",
        above=2.6,
        clear=2.4,
        severity="warning",
        title="Surcote : la mer franchit la plage",
    ),
    Rule(
        rule_id="submersion-alerte",
        observed_property="water_level",
        above=3.2,
        clear=3.0,
        severity="alarm",
        title="Submersion marine : les maisons de l'arrière-plage sont inondées",
    ),
    Rule(
        rule_id="houle-cyclonique",
        observed_property="wave_height",
        above=4.0,
        clear=3.0,
        severity="warning",
        title="Houle cyclonique : plages et lagon interdits",
    ),
    Rule(
        rule_id="ravine-alerte",
        observed_property="ravine_level",
        above=1.5,
        clear=1.2,
        severity="alarm",
        title="Ravine en crue : fermer le pont de la route littorale",
    ),
    Rule(
        rule_id="pluie-intense",
        observed_property="rainfall",
        above=8.0,
        clear=1.0,
        severity="warning",
        title="Pluie intense sur dix minutes",
    ),
    Rule(
        rule_id="vent-cyclonique",
        observed_property="wind_speed",
        above=28.0,
        clear=22.0,
        severity="alarm",
        title="Vent cyclonique : confinement",
    ),
    Rule(
        rule_id="pression-basse",
        observed_property="air_pressure",
        below=985.0,
        clear=990.0,
        severity="info",
        title="Pression très basse : le cyclone est proche",
    ),
)


def _level(hours: Hours, rng: np.random.Generator) -> Hours:
    """Tide of the lagoon (marnage 0.6 m) under the surge of the cyclone, which peaks on the third morning."""
    tide = 0.24 * np.sin((hours - 2.0) * (2 * np.pi / 12.42)) + 0.06 * np.sin(hours * (2 * np.pi / 24.84))
    surge = np.interp(hours, (0, 30, 44, 51, 55, 59, 68, 84, 96), (0, 0, 0.5, 1.4, 1.8, 1.5, 0.6, 0.1, 0))
    return 1.6 + tide + surge + bell(rng, len(hours), 0.02)


def _swell(hours: Hours, rng: np.random.Generator) -> Hours:
    """Significant height: a trade-wind swell, then that of the cyclone."""
    height = np.interp(hours, (0, 24, 40, 54, 62, 76, 96), (1.5, 1.9, 3.4, 7.8, 6.0, 2.6, 1.8))
    return np.asarray(height * (1.0 + 0.04 * bell(rng, len(hours), 1.0)))


def _ravine(hours: Hours, rng: np.random.Generator) -> Hours:
    """A dry ravine that runs within the hour of the rain."""
    depth = np.interp(hours, (0, 44, 49, 53, 57, 64, 80, 96), (0.05, 0.08, 0.6, 2.2, 2.5, 1.0, 0.3, 0.1))
    return np.maximum(depth + bell(rng, len(hours), 0.03), 0.0)


def _rain(hours: Hours, rng: np.random.Generator) -> Hours:
    """The bands of the cyclone, in tips of 0.2 mm."""
    intensity = np.interp(hours, (0, 28, 34, 46, 52, 57, 63, 72, 80), (0, 0, 0.8, 2.5, 9.0, 6.5, 1.0, 0.2, 0))
    tips = np.rint(intensity * (0.4 + 1.2 * rng.random(len(hours))) / 0.2)
    return np.asarray(tips * 0.2)


def _wind(hours: Hours, rng: np.random.Generator) -> Hours:
    """Gusts over half an hour."""
    gust = np.interp(hours, (0, 30, 46, 54, 59, 68, 84, 96), (7, 10, 21, 39, 30, 15, 9, 7))
    return np.maximum(gust + bell(rng, len(hours), 1.2), 0.0)


def _pressure(hours: Hours, rng: np.random.Generator) -> Hours:
    """At sea level, with its half-daily tide."""
    fall = np.interp(hours, (0, 36, 50, 54, 58, 70, 96), (1012, 1006, 986, 972, 982, 1002, 1010))
    return np.asarray(fall + 1.0 * np.sin((hours - 6) * (np.pi / 6)) + bell(rng, len(hours), 0.3))


def _energy(hours: Hours, rng: np.random.Generator) -> Hours:
    """Hourly use of the shelter: a sleepy hall, then two nights with everybody inside."""
    used = np.where((hours >= 40) & (hours < 76), 9.0, 1.2)
    return used * (0.9 + 0.2 * rng.random(len(hours)))


_FLOWS = (
    Flow(
        station_id="LAGON-MAREE-1",
        observed_property="water_level",
        unit="m",
        name="Niveau du lagon",
        every_min=10,
        decimals=2,
        shape=_level,
    ),
    Flow(
        station_id="LAGON-HOULE-1",
        observed_property="wave_height",
        unit="m",
        name="Hauteur significative de la houle",
        every_min=30,
        decimals=1,
        shape=_swell,
    ),
    Flow(
        station_id="LAGON-PLUIE-1",
        observed_property="rainfall",
        unit="mm",
        name="Pluie sur dix minutes",
        every_min=10,
        decimals=1,
        shape=_rain,
    ),
    Flow(
        station_id="LAGON-RAVINE-1",
        observed_property="ravine_level",
        unit="m",
        name="Hauteur d'eau dans la ravine",
        every_min=10,
        decimals=2,
        shape=_ravine,
    ),
    Flow(
        station_id="LAGON-METEO-1",
        observed_property="wind_speed",
        unit="m/s",
        name="Rafale maximale sur trente minutes",
        every_min=30,
        decimals=1,
        shape=_wind,
    ),
    Flow(
        station_id="LAGON-METEO-1",
        observed_property="air_pressure",
        unit="hPa",
        name="Pression au niveau de la mer",
        every_min=30,
        decimals=1,
        shape=_pressure,
    ),
    Flow(
        station_id="LAGON-ENERGIE-1",
        observed_property="energy",
        unit="kW.h",
        name="Électricité de l'abri",
        every_min=60,
        decimals=2,
        shape=_energy,
    ),
)

LAGON_STORY = Story(
    starts_at=datetime(2026, 2, 10, tzinfo=UTC),
    n_days=4,
    flows=_FLOWS,
    rules=_RULES,
    gauge_zero_m=-1.5,
    local_time="wave_height",
    faulty_rows=("2026-02-11T25:10:00Z,1.74", "2026-02-11T12:05:00Z"),
)
"""The cyclone is nearest on the third morning (legal time), near hour 54."""
