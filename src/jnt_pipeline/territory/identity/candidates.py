"""Candidates (*paires candidates*): pairs that may be links, with their features, score and evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.registers import objects
from jnt_pipeline.territory.identity.scores import Model
from jnt_pipeline.territory.links import link_table

__all__ = ["Candidates", "Features", "best_other", "candidates", "joined", "lead", "rival", "rows_of"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Features = Mapping[str, Floats]

LEAD_M = 10.0
"""A nearest thing that leads by more is not nearer in any sense that counts, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs of one link type, all arrays of one length."""

    link_type: str
    left: Index
    right: Index
    left_id: NDArray[np.object_]
    right_id: NDArray[np.object_]
    features: dict[str, Features]
    """Features by the name of the model that reads them."""
    of_model: NDArray[np.object_]
    """Name of the model that judges each pair; its features are in the order of these pairs."""
    score: Floats
    is_stated: NDArray[np.bool_]
    method: NDArray[np.object_]
    evidence: dict[str, NDArray[Any]]
    """Columns of the evidence; NaN, None and empty texts are left out of a row's JSON."""


def candidates(
    link_type: str, ids: tuple[NDArray[np.object_], NDArray[np.object_]], pairs: tuple[Index, Index],
    features: Mapping[str, tuple[NDArray[np.bool_], Features]], is_stated: NDArray[np.bool_],
    method: NDArray[np.object_], evidence: dict[str, NDArray[Any]], models: Mapping[str, Model],
) -> Candidates:  # fmt: skip
    """Judge pairs: ``features`` gives, for each model, which pairs it judges and their features (of all pairs)."""
    n = len(pairs[0])
    score, of_model = np.zeros(n), np.full(n, "", dtype=object)
    kept: dict[str, Features] = {}
    for name, (which, columns) in features.items():
        kept[name] = {feature: values[which] for feature, values in columns.items()}
        score[which] = models[name].score(kept[name], int(which.sum()))
        of_model[which] = name
    return Candidates(
        link_type=link_type, left=pairs[0], right=pairs[1], left_id=ids[0][pairs[0]], right_id=ids[1][pairs[1]],
        features=kept, of_model=of_model, score=score, is_stated=is_stated, method=method, evidence=evidence,
    )  # fmt: skip


def rows_of(one: Candidates, which: NDArray[np.bool_], linked_on: str) -> pd.DataFrame:
    """Rows of the table ``links`` for some of the candidates."""
    where = np.flatnonzero(which)
    texts = objects([_json(one, int(row)) for row in where])
    return link_table(
        one.link_type, one.left_id[where], one.right_id[where], one.method[where], one.score[where], linked_on, texts
    )


def joined(i: Index, j: Index, more_i: Index, more_j: Index, n_right: int) -> tuple[Index, Index]:
    """Pairs of both lists, each once, sorted."""
    # An empty table of pairs has no integers in it.
    codes = np.union1d(i * n_right + j, more_i * n_right + more_j).astype(np.intp)
    return codes // max(n_right, 1), codes % max(n_right, 1)


def lead(gap: Floats, of: Index, n: int) -> Floats:
    """By how much each pair is nearer than the nearest other pair of the same thing, metres, -10 to 10.

    ``of`` (n pairs) names the thing, 0 to n - 1; a pair without rival leads by 10 m.
    """
    order = np.lexsort((gap, of))
    first, second = np.full(n, np.inf), np.full(n, np.inf)
    starts = np.unique(of[order], return_index=True)[1]
    first[of[order][starts]] = gap[order][starts]
    rest = np.delete(order, starts)
    starts = np.unique(of[rest], return_index=True)[1]
    second[of[rest][starts]] = gap[rest][starts]
    rival = np.where(gap > first[of], first[of], second[of])
    return np.clip(rival - gap, -LEAD_M, LEAD_M)


def best_other(score: Floats, of: Index, n: int) -> Index:
    """Position, shape (n pairs,), of the best other pair of the same thing, -1 where there is none; ``of`` as above."""
    order = np.lexsort((-score, of))
    first, second = np.full(n, -1, dtype=np.intp), np.full(n, -1, dtype=np.intp)
    best = order[np.unique(of[order], return_index=True)[1]]
    first[of[best]] = best
    rest = order[~np.isin(order, best)]
    best_rest = rest[np.unique(of[rest], return_index=True)[1]]
    second[of[best_rest]] = best_rest
    others = first[of]
    others[best] = second[of[best]]
    return others


def rival(score: Floats, of: Index, n: int) -> Floats:
    """The best score of the other pairs of the same thing, 0 where there is none; ``of`` as for ``lead``."""
    others = best_other(score, of, n)
    padded = np.append(score, 0.0)
    return padded[others]


def _json(one: Candidates, row: int) -> str:
    said: dict[str, Any] = {}
    for name, column in one.evidence.items():
        value = column[row]
        if isinstance(value, np.ndarray):
            said[name] = [round(float(part), 3) for part in value]
        elif isinstance(value, (float, np.floating)):
            if not np.isnan(value):
                said[name] = round(float(value), 3)
        elif isinstance(value, (bool, np.bool_)):
            said[name] = bool(value)
        elif isinstance(value, (int, np.integer)):
            said[name] = int(value)
        elif value:
            said[name] = value
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
