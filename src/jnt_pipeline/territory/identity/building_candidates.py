"""Buildings of two registers: candidates from outlines, from points, and from what the registers state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import Candidates, candidates, joined, lead
from jnt_pipeline.territory.identity.offsets import Offsets, moved
from jnt_pipeline.territory.identity.outline_pairs import OutlinePairs, candidate_pairs, compared
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.registers import Register, Stated, Statements, objects, statements
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["building_candidates", "through"]

Floats = NDArray[np.float64]


def building_candidates(
    link_type: str,
    registers: tuple[Register, Register],
    stated: tuple[Statements, Statements],
    names: tuple[str, str],
    parameters: IdentityParameters,
    models: Mapping[str, Model],
    *,
    offsets: Offsets | None = None,
    via: Mapping[tuple[int, int], tuple[float, str]] | None = None,
) -> Candidates:
    """Candidates of ``building-topo``, ``building-rnb`` or ``topo-rnb``.

    ``stated``: what each register states of the other; ``names``: how evidence calls the two registers; ``offsets``
    of the right things against the left, taken off before anything is measured; ``via``: for pairs (left, right)
    that a third register joins, how sure that is and its id.
    """
    left, right = registers
    shapes = right.shapes if offsets is None else moved(right.shapes, -offsets.xy)
    i, j = candidate_pairs(left.shapes, shapes, parameters.max_gap_m)
    said_i = np.concatenate([stated[0].owner, stated[1].target])
    said_j = np.concatenate([stated[0].target, stated[1].owner])
    near = shapely.distance(left.shapes[said_i], shapes[said_j]) <= parameters.max_declared_gap_m
    i, j = joined(i, j, said_i[near], said_j[near], len(right))
    pairs = compared(left.shapes, shapes, i, j)
    said = statements(*stated, i, j)
    joins = [(via or {}).get((int(a), int(b)), (0.0, "")) for a, b in zip(i, j, strict=True)]
    sure_via = np.array([score for score, _ in joins], dtype=np.float64)
    is_point = right.is_point[j] if len(j) else np.zeros(0, bool)
    features = {
        link_type: (~is_point, _outline_features(pairs, said, sure_via)),
        f"{link_type} point": (is_point, _point_features(pairs, said, sure_via, len(right), len(left))),
    }
    if not right.is_point.any() and f"{link_type} point" not in models:
        del features[f"{link_type} point"]
    overlaps = np.where(is_point, np.where(pairs.gap_m == 0, "inside", "nearest"), "geometry")
    far = (pairs.gap_m > parameters.max_gap_m) | (~is_point & (pairs.common_m2 == 0))
    method = np.where(said.by_any, np.where(far, "declared", np.char.add("declared+", overlaps.astype(str))), overlaps)
    evidence = _evidence(pairs, is_point, said, registers, stated, names)
    if offsets is not None:
        evidence["offset_m"] = objects([xy if n else "" for xy, n in zip(offsets.xy[j], offsets.votes[j], strict=True)])
        evidence["offset_votes"] = offsets.votes[j]
    if via is not None:
        evidence["via"] = objects([text for _, text in joins])
    return candidates(
        link_type, (left.ids, right.ids), (i, j), features, said.by_any, method.astype(object), evidence, models
    )


def through(first: Candidates, second: Candidates) -> dict[tuple[int, int], tuple[float, str]]:
    """Pairs (left of first, right of second) that meet in a thing of the register between, where ``second`` is stated.

    Each with the score of the surest ``first`` and the id of the thing between.
    """
    stated: dict[int, list[int]] = {}
    for middle, right in zip(second.left[second.is_stated], second.right[second.is_stated], strict=True):
        stated.setdefault(int(middle), []).append(int(right))
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for left, middle, score, name in zip(first.left, first.right, first.score, first.right_id, strict=True):
        for right in stated.get(int(middle), ()):
            pair = (int(left), right)
            if score > 0.5 and (pair not in best or (score, name) > best[pair]):
                best[pair] = (float(score), str(name))
    return best


def _statement_features(said: Stated) -> dict[str, Floats]:
    return {
        "stated": said.by_any.astype(float),
        "stated_twice": (said.by_left & said.by_right).astype(float),
        "elsewhere": ((said.elsewhere_left | said.elsewhere_right) & ~said.by_any).astype(float),
        "elsewhere_twice": (said.elsewhere_left & said.elsewhere_right).astype(float),
    }


def _outline_features(pairs: OutlinePairs, said: Stated, via: Floats) -> dict[str, Floats]:
    inside = np.maximum(pairs.share_left, pairs.share_right)
    free = np.maximum(1 - pairs.taken_left, 1 - pairs.taken_right)
    return {
        "inside": inside,
        "free": free,
        "inside_and_free": inside * free,
        "iou": pairs.iou,
        "form": pairs.form,
        "form_and_free": pairs.form * np.minimum(1 - pairs.taken_left, 1 - pairs.taken_right),
        "gap": np.minimum(pairs.gap_m, 10),
        "via": via,
        **_statement_features(said),
    }


def _point_features(pairs: OutlinePairs, said: Stated, via: Floats, n_right: int, n_left: int) -> dict[str, Floats]:
    covered = np.bincount(pairs.left, weights=pairs.share_left, minlength=n_left)[pairs.left]
    return {
        "inside": (pairs.gap_m == 0).astype(float),
        "gap": np.minimum(pairs.gap_m, 10),
        "lead": lead(pairs.gap_m, pairs.right, n_right) / 10,
        "free": 1 - np.clip(covered, 0, 1),
        "via": via,
        **_statement_features(said),
    }


def _evidence(
    pairs: OutlinePairs, is_point: NDArray[np.bool_], said: Stated, registers: tuple[Register, Register],
    stated: tuple[Statements, Statements], names: tuple[str, str],
) -> dict[str, NDArray[Any]]:  # fmt: skip
    def of_outlines(values: Floats) -> Floats:
        return np.where(is_point, np.nan, values)

    by = [
        [name for name, says in zip(names, pair, strict=True) if says]
        for pair in zip(said.by_left, said.by_right, strict=True)
    ]
    instead = np.full(len(is_point), "", dtype=object)
    for elsewhere, texts in ((said.elsewhere_left, stated[0].texts[pairs.left]),
                             (said.elsewhere_right, stated[1].texts[pairs.right])):  # fmt: skip
        other = elsewhere & ~said.by_any & (instead == "")
        instead[other] = texts[other]
    return {
        "iou": of_outlines(pairs.iou),
        f"share_{names[0]}": of_outlines(pairs.share_left),
        f"share_{names[1]}": of_outlines(pairs.share_right),
        "common_m2": of_outlines(pairs.common_m2),
        "form": of_outlines(np.where(pairs.form > 0, pairs.form, np.nan)),
        "centroid_m": of_outlines(pairs.centroid_m),
        "gap_m": np.where(is_point | (pairs.gap_m > 0), pairs.gap_m, np.nan),
        "stated_by": objects(by),
        "stated_instead": instead,
    }
