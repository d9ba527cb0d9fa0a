"""Terrain of the riverside town: river, quay, terraces, hillside, as one exact function of position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Layout, inside_any
from jnt_pipeline.samples.rive_layout import in_street

__all__ = ["BRIDGE_REACH_M", "RIVER_AXIS_V", "RIVER_HALF_WIDTH_M", "Terrain"]

WATER_M = 90.0
"""Elevation of the water where the town's origin is, metres NGF-IGN69."""
WATER_SLOPE = 0.0004
"""The river falls 40 cm per kilometre, to the west."""
RIVER_AXIS_V, RIVER_HALF_WIDTH_M = -110.0, 32.0
QUAY_WALL_M, QUAY_M, QUAY_SLOPE = 0.4, 1.60, 0.01
"""The quay: width of its wall in plan, height above the water, cross slope."""
TOWN_V = (-62.0, -14.0, -6.0, 44.0, 101.0, 110.0, 330.0, 12000.0)
TOWN_M = (1.55, 2.20, 2.30, 3.15, 4.05, 4.20, 28.40, 98.00)
"""Height above the water at distances v north of the origin, without the terraces; linear between."""
TERRACES = ((51.8, 1.70), (108.6, 1.60))
"""Retaining walls: v, height in metres. 0.3 m wide between streets, an 8 m ramp where a street climbs them."""
WALL_WIDTH_M, RAMP_WIDTH_M = 0.3, 8.0
BANK_WIDTH_M, PLAIN_M, PLAIN_SLOPE = 6.0, 1.30, 0.0015
"""South bank: width of the slope, height of the plain above the water and its slope."""
BRIDGE_REACH_M = RIVER_HALF_WIDTH_M + 8.0
"""Half length of the bridge: from bank to bank and a little inland, whatever the meander."""
BRIDGE_DECK_M, BRIDGE_CAMBER_M = 2.0, 1.8
"""Deck above the water at its ends, and how much higher it is in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """The true ground. On the river it is the water surface, as in a hydro-flattened DTM (*MNT*)."""

    layout: Layout
    meander_m: float
    meander_phase: float
    wave_phases: tuple[float, float]

    @staticmethod
    def of(layout: Layout) -> Terrain:
        """The terrain under a layout, with the meander and the undulation of its seed."""
        rng = stream(layout.seed, "terrain")
        return Terrain(
            layout=layout,
            meander_m=round(3.0 + 2.0 * rng.random(), 3),
            meander_phase=round(6.28 * rng.random(), 3),
            wave_phases=(round(6.28 * rng.random(), 3), round(6.28 * rng.random(), 3)),
        )

    def from_axis(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance across from the axis of the river, metres, positive to the north; own axes."""
        return v - RIVER_AXIS_V - self.meander_m * np.sin(u * (2 * np.pi / 1400.0) + self.meander_phase)

    def water(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elevation of the water surface, metres NGF-IGN69."""
        return WATER_M + WATER_SLOPE * u

    def elevation(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ground elevation, metres NGF-IGN69, at Lambert-93 positions of any one shape."""
        u, v = self.layout.frame.to_town(x, y)
        across = self.from_axis(u, v)
        north = np.maximum(self._quay(across), self._town(u, v))
        bank = -across - RIVER_HALF_WIDTH_M
        south = PLAIN_M * np.clip(bank / BANK_WIDTH_M, 0.0, 1.0) + PLAIN_SLOPE * np.maximum(bank - BANK_WIDTH_M, 0.0)
        above = np.where(across > 0, north, south)
        return np.where(np.abs(across) <= RIVER_HALF_WIDTH_M, 0.0, above) + self.water(u)

    def is_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a pulse meets the river."""
        return np.asarray(np.abs(self.from_axis(u, v)) <= RIVER_HALF_WIDTH_M)

    def is_inside_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The river, half a metre off its banks."""
        return np.asarray(np.abs(self.from_axis(u, v)) < RIVER_HALF_WIDTH_M - 0.5)

    def is_paved(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Streets and the quay."""
        return in_street(self.layout, u, v)

    def deck(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elevation of the slightly humped deck of the bridge, metres NGF-IGN69."""
        share = (v - RIVER_AXIS_V) / BRIDGE_REACH_M
        return self.water(u) + BRIDGE_DECK_M + BRIDGE_CAMBER_M * (1.0 - share * share)

    @staticmethod
    def _quay(across: NDArray[np.float64]) -> NDArray[np.float64]:
        inland = across - RIVER_HALF_WIDTH_M
        return QUAY_M * np.clip(inland / QUAY_WALL_M, 0.0, 1.0) + QUAY_SLOPE * np.clip(inland, 0.0, 16.0)

    def _town(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        height = np.where(v > TOWN_V[0], np.interp(v, TOWN_V, TOWN_M), 0.0)
        in_block = inside_any(u, self.layout.columns)
        width = np.where(in_block, WALL_WIDTH_M, RAMP_WIDTH_M)
        for wall_v, wall_m in TERRACES:
            height = height + wall_m * np.clip((v - wall_v) / width + 0.5, 0.0, 1.0)
        p, q = self.wave_phases
        wave = 0.35 * np.sin(u * (2 * np.pi / 170.0) + p) * np.sin(v * (2 * np.pi / 130.0) + q)
        return height + wave * np.clip((v + 50.0) / 60.0, 0.0, 1.0)
