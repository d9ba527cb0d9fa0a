"""Four days in the life of the riverside town: rain, a flood, dirty air, a noisy night, a frost."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from jnt_pipeline.samples.chance import bell
from jnt_pipeline.samples.story import Flow, Hours, Rule, Story

__all__ = ["RIVE_STORY"]

_RULES = (
    Rule(
        rule_id="crue-vigilance",
        observed_property="water_level",
        above=3.2,
        clear=3.0,
        severity="warning",
        title="Crue : le quai va être inondé",
    ),
    Rule(
        rule_id="crue-alerte",
        observed_property="water_level",
        above=4.0,
        clear=3.8,
        severity="alarm",
        title="Crue : les maisons du quai sont inondées",
    ),
    Rule(
        rule_id="air-pm10",
        observed_property="pm10",
        above=50.0,
        clear=40.0,
        severity="warning",
        title="Particules PM10 au-dessus du seuil d'information",
    ),
    Rule(
        rule_id="bruit-nuit",
        observed_property="sound_level",
        above=75.0,
        clear=65.0,
        severity="info",
        title="Bruit élevé sur le quai",
    ),
    Rule(
        rule_id="gel",
        observed_property="air_temperature",
        below=0.0,
        clear=1.0,
        severity="info",
        title="Gel : chaussées glissantes",
    ),
)


def _water(hours: Hours, rng: np.random.Generator) -> Hours:
    """Rises over three days, peaks above 4.3 m, then falls and hesitates around the vigilance threshold."""
    curve = np.interp(
        hours, (0, 12, 40, 56, 66, 72, 78, 81, 86, 92, 96), (2.0, 2.05, 3.1, 4.1, 4.4, 4.3, 3.5, 3.22, 3.18, 3.06, 2.7)
    )
    jitter = np.where((hours > 80) & (hours < 93), 0.05, 0.012)
    return curve + jitter * bell(rng, len(hours), 1.0)


def _rain(hours: Hours, rng: np.random.Generator) -> Hours:
    """Two showers on the first day and a long rain in the night, before the river answers."""
    intensity = np.interp(hours, (0, 4, 6, 8, 20, 24, 34, 40, 96), (0, 0, 1.2, 0, 0, 1.6, 1.1, 0, 0))
    tips = np.rint(intensity * (0.4 + 1.2 * rng.random(len(hours))) / 0.2)
    return np.asarray(tips * 0.2)


def _pm10(hours: Hours, rng: np.random.Generator) -> Hours:
    """A quiet background and one episode of wood smoke in the third evening."""
    daily = 6 * np.sin((hours - 14) * (np.pi / 12))
    episode = np.interp(hours, (0, 64, 69, 73, 80, 96), (0, 0, 46, 34, 0, 0))
    return 22 + daily + episode + bell(rng, len(hours), 2.0)


def _no2(hours: Hours, rng: np.random.Generator) -> Hours:
    return 24 + 9 * np.sin((hours - 5) * (np.pi / 6)) + bell(rng, len(hours), 2.5)


def _noise(hours: Hours, rng: np.random.Generator) -> Hours:
    """Day and night, and one party on the quay on the first night."""
    daily = 55 + 8 * np.sin((hours - 8) * (np.pi / 12))
    party = np.interp(hours, (0, 21, 22, 24, 25, 96), (0, 0, 27, 25, 0, 0))
    return daily + party + bell(rng, len(hours), 1.2)


def _energy(hours: Hours, rng: np.random.Generator) -> Hours:
    """Hourly use of a school; the first day is a Sunday."""
    clock, day = hours % 24, hours // 24
    used = np.where((clock >= 7) & (clock < 18) & (day >= 1), 17.0, 3.5)
    return used * (0.9 + 0.2 * rng.random(len(hours)))


def _temperature(hours: Hours, rng: np.random.Generator) -> Hours:
    """A mild start, and a frost on the last morning."""
    trend = np.interp(hours, (0, 60, 75, 96), (8.0, 8.0, 2.5, 5.0))
    return np.asarray(trend + 4 * np.sin((hours - 9) * (np.pi / 12)) + bell(rng, len(hours), 0.2))


_FLOWS = (
    Flow(
        station_id="RIVE-HYDRO-1",
        observed_property="water_level",
        unit="m",
        name="Hauteur d'eau au pont",
        every_min=10,
        decimals=2,
        shape=_water,
    ),
    Flow(
        station_id="RIVE-PLUIE-1",
        observed_property="rainfall",
        unit="mm",
        name="Pluie sur dix minutes",
        every_min=10,
        decimals=1,
        shape=_rain,
    ),
    Flow(
        station_id="RIVE-AIR-1",
        observed_property="pm10",
        unit="ug/m3",
        name="Particules PM10",
        every_min=60,
        decimals=1,
        shape=_pm10,
    ),
    Flow(
        station_id="RIVE-AIR-1",
        observed_property="no2",
        unit="ug/m3",
        name="Dioxyde d'azote",
        every_min=60,
        decimals=1,
        shape=_no2,
    ),
    Flow(
        station_id="RIVE-BRUIT-1",
        observed_property="sound_level",
        unit="dB",
        name="Niveau sonore LAeq",
        every_min=15,
        decimals=1,
        shape=_noise,
    ),
    Flow(
        station_id="RIVE-ENERGIE-1",
        observed_property="energy",
        unit="kW.h",
        name="Électricité de l'école",
        every_min=60,
        decimals=2,
        shape=_energy,
    ),
    Flow(
        station_id="RIVE-METEO-1",
        observed_property="air_temperature",
        unit="Cel",
        name="Température de l'air",
        every_min=30,
        decimals=1,
        shape=_temperature,
    ),
)

RIVE_STORY = Story(
    starts_at=datetime(2026, 3, 1, tzinfo=UTC),
    n_days=4,
    flows=_FLOWS,
    rules=_RULES,
    gauge_zero_m=88.0,
    local_time="sound_level",
    faulty_rows=("2026-03-02T25:10:00Z,2.31", "2026-03-02T12:05:00Z"),
)
"""The river rises for three days and falls on the fourth."""
