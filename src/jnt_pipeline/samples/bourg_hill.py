"""The hill of the village: a brook at its foot, meadows, the village on a shelf, vines above, as one exact function.

Elevations are metres NGF-IGN69.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.bourg_layout import BRIDGE_U, BROOK_V, is_along_street
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Layout

__all__ = ["BRIDGE_HALF_M", "BROOK_HALF_M", "Hill"]

BROOK_M, BROOK_SLOPE, BROOK_HALF_M = 231.0, 0.004, 1.6
"""Water of the brook at u = 0, its rise per metre along u, and half its width."""
BANK_RUN_M = 2.5
"""The banks rise to the land within this distance of the water."""
PROFILE_V = (-400.0, -230.0, -166.0, -104.0, -60.0, 20.0, 70.0, 400.0)
PROFILE_M = (20.0, 3.0, 1.2, 2.6, 8.0, 12.0, 17.0, 78.0)
"""Height above the water at v, linear between: far side, meadow, rise, the shelf of the village, the vines."""
KNOLL_M, KNOLL_U_M, KNOLL_V_M = 0.9, 190.0, 150.0
"""Undulation of the hill, its lengths along u and v; it fades towards the brook."""
BRIDGE_HALF_M, BRIDGE_RISE_M = 4.0, 1.1
"""Half length of the little bridge along v, and its deck above the water."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """The true ground. On the brook it is the water surface, as in a hydro-flattened DTM (*MNT*)."""

    layout: Layout
    phases: tuple[float, float]
    """Of the undulation along u and v."""

    @staticmethod
    def of(layout: Layout) -> Hill:
        """The hill of a layout, with the undulation of its seed."""
        draw = np.round(6.28 * stream(layout.seed, "hill").random(2), 3).tolist()
        return Hill(layout=layout, phases=(draw[0], draw[1]))

    @staticmethod
    def water(u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elevation of the brook."""
        return np.asarray(BROOK_M + BROOK_SLOPE * u)

    def elevation(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ground elevation, metres NGF-IGN69, at positions in Lambert-93 of any one shape."""
        u, v = self.layout.frame.to_town(x, y)
        off = np.abs(v - BROOK_V)
        knoll = KNOLL_M * np.sin(u * (2 * np.pi / KNOLL_U_M) + self.phases[0])
        knoll = knoll * np.sin(v * (2 * np.pi / KNOLL_V_M) + self.phases[1])
        land = np.interp(v, PROFILE_V, PROFILE_M) + knoll * np.clip((off - 20.0) / 60.0, 0.0, 1.0)
        return np.asarray(self.water(u) + land * np.clip((off - BROOK_HALF_M) / BANK_RUN_M, 0.0, 1.0))

    def is_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The brook."""
        del u
        return np.asarray(np.abs(v - BROOK_V) <= BROOK_HALF_M)

    def is_inside_water(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The same, half a metre off the banks."""
        del u
        return np.asarray(np.abs(v - BROOK_V) <= BROOK_HALF_M - 0.5)

    def is_paved(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The streets of the village."""
        return is_along_street(self.layout, u, v)

    def deck(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elevation of the bridge of the mill lane: flat."""
        del v
        return np.asarray(self.water(np.full_like(u, BRIDGE_U)) + BRIDGE_RISE_M)
