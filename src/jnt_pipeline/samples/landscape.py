"""Landscape: what surveyors must know of the ground of a place, as exact functions of position."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Landscape"]

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Landscape(Protocol):
    """Ground, water, pavement and the bridge. Arrays of any one shape; (x, y) in the projection of the site, metres;
    (u, v) in the place's own axes; elevations in metres of the site's heights."""

    def elevation(self, x: Values, y: Values) -> Values:
        """The true ground; on water its surface, as in a hydro-flattened DTM (*MNT*)."""

    def is_water(self, u: Values, v: Values) -> Mask:
        """Whether a pulse meets water."""

    def is_inside_water(self, u: Values, v: Values) -> Mask:
        """The same, half a metre off the bank: where virtual points carry the surface."""

    def is_paved(self, u: Values, v: Values) -> Mask:
        """Streets, quays, beaches: no grass grows there."""

    def deck(self, u: Values, v: Values) -> Values:
        """Elevation of the deck of the bridge, inside its rectangle."""
