"""Four days in the life of the town, as series of measures: rain, a flood, dirty air, a noisy night, a frost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import bell, stream

__all__ = ["RULES", "Rule", "Series", "Turn", "expected_turns", "tell"]

DAYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold rule of the sample; ``above`` and ``below`` exclude each other."""

    rule_id: str
    observed_property: str
    severity: str
    title: str
    clear: float
    above: float | None = None
    below: float | None = None


RULES = (
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
"""Written into the configuration of the sample; no measure ever equals a threshold, so no comparison is moot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One datastream and its measures in order of time."""

    datastream_id: str
    station_id: str
    observed_property: str
    unit: str
    name: str
    minutes: tuple[int, ...]
    """Minutes since the start."""
    values: tuple[float, ...]
    decimals: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as the logger writes them."""
        return tuple(f"{value:.{self.decimals}f}" for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An alert that must be raised or cleared."""

    rule_id: str
    datastream_id: str
    kind: str
    """raised or cleared."""
    minutes: int
    value: float


Hours = NDArray[np.float64]
Shape = Callable[[Hours, np.random.Generator], Hours]


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


_FLOWS: tuple[tuple[str, str, str, str, int, int, Shape], ...] = (
    ("RIVE-HYDRO-1", "water_level", "m", "Hauteur d'eau au pont", 10, 2, _water),
    ("RIVE-PLUIE-1", "rainfall", "mm", "Pluie sur dix minutes", 10, 1, _rain),
    ("RIVE-AIR-1", "pm10", "ug/m3", "Particules PM10", 60, 1, _pm10),
    ("RIVE-AIR-1", "no2", "ug/m3", "Dioxyde d'azote", 60, 1, _no2),
    ("RIVE-BRUIT-1", "sound_level", "dB", "Niveau sonore LAeq", 15, 1, _noise),
    ("RIVE-ENERGIE-1", "energy", "kW.h", "Électricité de l'école", 60, 2, _energy),
    ("RIVE-METEO-1", "air_temperature", "Cel", "Température de l'air", 30, 1, _temperature),
)


def tell(seed: int) -> tuple[Series, ...]:
    """All series of the sample, in the order of the stations."""
    series = []
    for station_id, observed, unit, name, every, decimals, shape in _FLOWS:
        minutes = np.arange(0, DAYS * 24 * 60, every)
        values = np.round(shape(minutes / 60.0, stream(seed, "story", observed)), decimals)
        limits = [
            value
            for rule in RULES
            if rule.observed_property == observed
            for value in (rule.above, rule.below, rule.clear)
        ]
        for limit in limits:
            if limit is not None:
                values = np.where(np.isclose(values, limit, rtol=0, atol=1e-9), limit + 10.0**-decimals, values)
        values = np.round(values, decimals) + 0.0
        series.append(
            Series(
                datastream_id=f"{station_id}-{observed}",
                station_id=station_id,
                observed_property=observed,
                unit=unit,
                name=name,
                minutes=tuple(minutes.tolist()),
                values=tuple(values.tolist()),
                decimals=decimals,
            )
        )
    return tuple(series)


def expected_turns(series: tuple[Series, ...]) -> Iterator[Turn]:
    """What a rule engine with hysteresis must say when it reads the measures in order of time."""
    for rule in RULES:
        for one in series:
            if one.observed_property != rule.observed_property:
                continue
            active = False
            for minutes, value in zip(one.minutes, one.values, strict=True):
                over = value > rule.above if rule.above is not None else value < (rule.below or 0.0)
                back = value < rule.clear if rule.above is not None else value > rule.clear
                if back if active else over:
                    active = not active
                    yield Turn(
                        rule_id=rule.rule_id,
                        datastream_id=one.datastream_id,
                        kind="raised" if active else "cleared",
                        minutes=minutes,
                        value=value,
                    )
