"""Rivals (*concurrents*): how a pair stands among the others that want the same address, building or parcel."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import Features, rival
from jnt_pipeline.territory.identity.registers import Register
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["MOST_ODDS", "rivals"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

MOST_ODDS = 8.0  # a probability of 0.9997: what is surer is no surer


def rivals(
    features: Features, i: Index, j: Index, addresses: Register, n_right: int, first: Model
) -> dict[str, Floats]:
    """How a pair stands among others of the same address (here), and of the same building or parcel (there).

    By the scores that a first model gives, which knows of no rivals, as log odds; and whether the pair beats the best.
    Addresses of one number (12, 12 bis, 12 ter of a street) are no rivals there: they mostly share a plot.
    """
    score = first.score(features, len(i))
    own, here, there = (
        _log_odds(part) for part in (score, rival(score, i, len(addresses)), _there(score, i, j, addresses, n_right))
    )
    return {
        "first": own,
        "rival_here": here,
        "rival_there": there,
        "wins_here": 1 / (1 + np.exp(here - own)),
        "wins_there": 1 / (1 + np.exp(there - own)),
    }


def _there(score: Floats, i: Index, j: Index, addresses: Register, n_right: int) -> Floats:
    """The best score of an address of another number for the same right thing, 0 where there is none."""
    pairs = pd.DataFrame({"right": j, "number": _numbers(addresses)[i], "score": score})
    best = pairs.groupby(["right", "number"], as_index=False)["score"].max()
    best["other"] = rival(best["score"].to_numpy(), best["right"].to_numpy(dtype=np.intp), n_right)
    found: Floats = pairs.merge(best, on=["right", "number"], how="left")["other"].to_numpy(dtype=np.float64)
    return found


def _numbers(addresses: Register) -> Index:
    """For each address which house number of which street it is; one without a number is alone."""
    frame = addresses.frame
    if "house_number" not in frame.columns or not len(frame):
        return np.arange(len(addresses))
    keys = [frame[name].astype("object") for name in ("insee_code", "street_name") if name in frame.columns]
    alone = pd.Series(np.arange(len(frame))).where(frame["house_number"].isna(), -1)
    table = pd.concat([*keys, frame["house_number"], alone], axis=1, ignore_index=True)
    return np.asarray(table.groupby(list(table.columns), dropna=False, sort=False).ngroup(), dtype=np.intp)


def _log_odds(score: Floats) -> Floats:
    sure = np.clip(score, 1e-6, 1 - 1e-6)
    odds: Floats = np.clip(np.log(sure / (1 - sure)), -MOST_ODDS, MOST_ODDS)
    return odds
