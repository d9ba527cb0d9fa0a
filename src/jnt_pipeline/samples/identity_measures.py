"""Measures the identity graph against the truth of generated towns (*précision, rappel, calibration*)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.samples.identity_fit import is_true
from jnt_pipeline.samples.registers import LINK_TYPES, RegisterTown
from jnt_pipeline.territory.identity.linking import judge
from jnt_pipeline.territory.identity.parameters import IdentityParameters

__all__ = ["BINS", "Scored", "counted", "reliability", "scored", "united"]

BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
"""Edges of the classes of scores in the table of reliability; the last class holds 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The pairs of one link type that were looked at in some towns."""

    score: NDArray[np.float64]
    is_true: NDArray[np.bool_]
    n_missed: int
    """True links that are no pair that was looked at."""


def scored(town: RegisterTown) -> dict[str, Scored]:
    """Every pair of every link type, with its score and whether it is true."""
    found = {}
    for one in judge(town.layers, IdentityParameters()).pairs:
        truth = is_true(one, town)
        n_true = int((town.truth["link_type"] == one.link_type).sum())
        found[one.link_type] = Scored(score=one.score, is_true=truth, n_missed=n_true - int(truth.sum()))
    return found


def united(towns: Iterable[dict[str, Scored]]) -> dict[str, Scored]:
    """The pairs of several towns together."""
    parts = list(towns)
    return {
        kind: Scored(
            score=np.concatenate([part[kind].score for part in parts]),
            is_true=np.concatenate([part[kind].is_true for part in parts]),
            n_missed=sum(part[kind].n_missed for part in parts),
        )
        for kind in LINK_TYPES
    }


def counted(one: Scored, threshold: float) -> tuple[float, float, int]:
    """Precision, recall, and true links, at a threshold."""
    linked = one.score >= threshold
    n_true = int(one.is_true.sum()) + one.n_missed
    n_right = int((linked & one.is_true).sum())
    return n_right / max(int(linked.sum()), 1), n_right / max(n_true, 1), n_true


def reliability(parts: Sequence[Scored]) -> pd.DataFrame:
    """For classes of scores: how many pairs, their mean score, and the share of them that is true."""
    score = np.concatenate([part.score for part in parts])
    truth = np.concatenate([part.is_true for part in parts])
    number = np.clip(np.searchsorted(BINS, score, side="right") - 1, 0, len(BINS) - 2)
    table = pd.DataFrame({"bin": number, "score": score, "truth": truth})
    return table.groupby("bin").agg(n=("score", "size"), mean_score=("score", "mean"), share_true=("truth", "mean"))
