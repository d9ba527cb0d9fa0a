"""Coast of the lagoon: reef, lagoon, beach, hollow back-shore, slope and ravine, as one exact function of position.

Distances from the coastline (*trait de côte*) are positive inland. Elevations are metres REUN89.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.coast_layout import COAST_ROWS, RAVINE_U, is_along_street
from jnt_pipeline.samples.layout import Layout

__all__ = ["Coast"]

SEA_M = 0.12
"""Elevation of the sea on the day of the flight."""
SHORE_V, BAY_LENGTH_M = -96.0, 460.0
"""Middle line of the coastline, own axes, and the length of its bays."""
REEF_V, REEF_HALF_M, REEF_M = -196.0, 7.0, 0.45
REEF_SWING_M, REEF_SWING_LENGTH_M = 5.0, 310.0
"""Bank of coral rubble on the reef: its line, half width, height above the sea, how far it winds and how often."""
PASS_LENGTH_M, PASS_SHARE = 170.0, -0.35
"""The bank is broken by passes: it emerges where a sine of this length exceeds this share."""
SHELF_S = (0.0, 16.0, 24.0, 40.0, 66.0, 80.0, 110.0, 330.0, 12_000.0)
SHELF_M = (0.0, 1.90, 2.00, 1.45, 1.50, 1.80, 3.20, 31.00, 1500.00)
"""Height above the sea at distances from the coastline, linear between: the beach, its berm, the hollow behind the
berm, the rise of the village, the slope of the island."""
HUMMOCK_M, HUMMOCK_LENGTH_M, HUMMOCK_S = 0.20, 190.0, (24.0, 40.0, 80.0, 110.0)
"""Undulation of the hollow along the coast, and where it fades in and out."""
BED_S = (0.0, 24.0, 66.0, 110.0, 330.0, 12_000.0)
BED_M = (0.05, 0.25, 0.50, 1.00, 24.00, 1490.00)
"""Height of the bed of the ravine above the sea, at distances from the coastline; the bed is dry."""
BED_HALF_M, BANK_SLOPE, RAVINE_LENGTH_M = 3.0, 1.1, 160.0
BRIDGE_HALF_M = 14.0
"""Half length of the bridge of the coastal road over the ravine, along u."""
BRIDGE_RISE_M, BRIDGE_CAMBER_M = 0.2, 0.7
"""Deck above the road at its ends, and how much higher it is in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coast:
    """The true ground. On the sea and the lagoon it is the water surface, as in a hydro-flattened DTM (*MNT*)."""

    layout: Layout
    bay_m: float
    """How far the coastline swings to either side."""
    bay_phase: float
    reef_phases: tuple[float, float]
    """Of the winding of the bank, and of its passes."""
    hummock_phase: float
    ravine_swing_m: float
    ravine_phase: float

    @staticmethod
    def of(layout: Layout) -> Coast:
        """The coast of a layout, with the bays, the reef and the ravine of its seed."""
        swings = stream(layout.seed, "coast").random(2)
        phases = np.round(6.28 * stream(layout.seed, "coast phases").random(5), 3).tolist()
        return Coast(
            layout=layout,
            bay_m=round(3.0 + 3.0 * float(swings[0]), 3),
            bay_phase=phases[0],
            reef_phases=(phases[1], phases[2]),
            hummock_phase=phases[3],
            ravine_swing_m=round(2.0 + 2.0 * float(swings[1]), 3),
            ravine_phase=phases[4],
        )

    def shore(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coastline as v of u, own axes."""
        return np.asarray(SHORE_V + self.bay_m * np.sin(u * (2 * np.pi / BAY_LENGTH_M) + self.bay_phase))

    def reef(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of the bank of rubble above the sea, metres; 0 where it does not emerge."""
        winding, passes = self.reef_phases
        line = REEF_V + REEF_SWING_M * np.sin(u * (2 * np.pi / REEF_SWING_LENGTH_M) + winding)
        across = 1.0 - ((v - line) / REEF_HALF_M) ** 2
        along = np.clip(2.0 * (np.sin(u * (2 * np.pi / PASS_LENGTH_M) + passes) - PASS_SHARE), 0.0, 1.0)
        return np.asarray(REEF_M * along * np.maximum(across, 0.0))

    def from_ravine(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance along u from the axis of the ravine, metres, never negative."""
        axis = RAVINE_U + self.ravine_swing_m * np.sin(v * (2 * np.pi / RAVINE_LENGTH_M) + self.ravine_phase)
        return np.asarray(np.abs(u - axis))

    def shelf(self, u: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height above the sea without the ravine, at distances ``s`` from the coastline."""
        fade_in, whole, fading, gone = HUMMOCK_S
        weight = np.clip((s - fade_in) / (whole - fade_in), 0.0, 1.0) * np.clip((gone - s) / (gone - fading), 0.0, 1.0)
        hummock = HUMMOCK_M * np.sin(u * (2 * np.pi / HUMMOCK_LENGTH_M) + self.hummock_phase)
        return np.asarray(np.interp(s, SHELF_S, SHELF_M) + weight * hummock)

    def elevation(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ground elevation, metres REUN89, at positions in RGR92 / UTM 40S of any one shape."""
        u, v = self.layout.frame.to_town(x, y)
        s = v - self.shore(u)
        bank = BANK_SLOPE * np.maximum(self.from_ravine(u, v) - BED_HALF_M, 0.0)
        land = np.minimum(self.shelf(u, s), np.interp(s, BED_S, BED_M) + bank)
        return np.asarray(np.where(s > 0.0, land, self.reef(u, v)) + SEA_M)

    def is_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The sea and the lagoon, not the emerged bank between them."""
        return np.asarray((v <= self.shore(u)) & (self.reef(u, v) <= 0.0))

    def is_inside_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The same, half a metre off the coastline and off the bank."""
        near = (self.reef(u, v - 0.5) > 0.0) | (self.reef(u, v + 0.5) > 0.0)
        return self.is_water(u, v + 0.5) & self.is_water(u, v) & ~near

    def is_paved(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Streets; also bare: the bank of rubble, the sand of the beach, the boulders of the ravine."""
        bare = (v - self.shore(u) < 20.0) | (self.from_ravine(u, v) < BED_HALF_M)
        return np.asarray(is_along_street(self.layout, u, v) | bare)

    def deck(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elevation of the bridge of the coastal road over the ravine: the road's, and a slight hump."""
        share = (u - RAVINE_U) / BRIDGE_HALF_M
        road = self.shelf(u, v - self.shore(u)) + SEA_M
        return np.asarray(road + BRIDGE_RISE_M + BRIDGE_CAMBER_M * (1.0 - share * share))

    def land(self, reach: float) -> Polygon:
        """All that lies inland of the coastline, within ``reach`` metres of the origin along u, in the projection."""
        u = np.arange(-reach, reach + 10.0, 10.0)
        shore = np.column_stack([u, self.shore(u)])
        inland = np.array([(u[-1], COAST_ROWS[0][0] + 2 * reach), (u[0], COAST_ROWS[0][0] + 2 * reach)])
        return Polygon(self.layout.frame.to_world(np.concatenate([shore, inland])))
