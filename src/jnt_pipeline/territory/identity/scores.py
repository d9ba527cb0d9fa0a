"""Scores as probabilities: logistic models of a few features (*régression logistique*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """The probability that a pair is a link: 1 / (1 + exp(-z)), z = the weighted sum of its features."""

    weights: Mapping[str, float]
    """Weight of each feature by name; ``one`` is the constant."""

    def score(self, features: Mapping[str, Floats], n: int) -> Floats:
        """Scores of n pairs, shape (n,), from their features, each (n,)."""
        z = np.full(n, self.weights["one"])
        for name, weight in self.weights.items():
            if name != "one":
                z = z + weight * features[name]
        probability: Floats = 1 / (1 + np.exp(-np.clip(z, -30, 30)))
        return probability
