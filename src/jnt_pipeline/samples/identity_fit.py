"""Fits the models of the identity graph on generated towns: ``python -m jnt_pipeline.samples.identity_fit``."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from jnt_pipeline.samples.registers import RegisterTown, register_town
from jnt_pipeline.territory.identity.candidates import Candidates
from jnt_pipeline.territory.identity.linking import judge
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["FITTED_SEEDS", "fitted_models", "is_true"]

FITTED_SEEDS = range(1000, 1024)
"""Towns that the weights come from; no figure is ever reported on them."""

_FITTED_NOISE = (0.02, 0.05, 0.1)  # in turn: what the scores mean must not hang on one rate of faults
_RIDGE = 0.5  # weights that few pairs speak for stay small

_OUTLINES = ("inside", "free", "inside_and_free", "iou", "form", "form_and_free", "gap")
_POINTS = ("inside", "gap", "lead", "free")
_STATED = ("stated", "stated_twice", "elsewhere", "elsewhere_twice")
_NEAR_BUILDING = (
    "inside", "gap", "near", "lead", "is_nearest", "on_stated_parcel", "off_stated_parcel", "on_own_parcel",
    "on_facing_parcel", "facing_lead", "main_of_nearest", "main_of_stated", "stated_and_own", "via", "via_shared",
    "via_rest", "via_and_stated", "log_area", "smaller", "behind", "off_built_plot",
)  # fmt: skip
_NEAR_PARCEL = ("inside", "gap", "near", "lead", "stated", "elsewhere")
_REGISTERS = (
    "via_absent", "absent_near", "absent_on_plot", "absent_and_off", "with_best", "beside_best", "with_best_on_plot",
    "with_best_smaller", "disputed", "several", "rival_of_several", "spread", "loses_of_spread",
)  # fmt: skip
_RIVALS = ("first", "rival_here", "rival_there", "wins_here", "wins_there")
FEATURES: dict[str, tuple[str, ...]] = {
    "topo-rnb": (*_OUTLINES, *_STATED),
    "topo-rnb point": (*_POINTS, *_STATED),
    "building-topo": _OUTLINES,
    "building-topo point": _POINTS,
    "building-rnb": (*_OUTLINES, "via"),
    "building-rnb point": (*_POINTS, "via"),
    "rnb-parcel": ("share", "enough", "via", "via_enough", "no_via", "stated", "elsewhere"),
    "rnb-parcel point": ("inside", "gap", "via", "via_enough", "no_via", "stated", "elsewhere"),
    # What a rival rests on must lie near the building or parcel that both want.
    "address-building first": _NEAR_BUILDING,
    "address-building": (*_NEAR_BUILDING, "via_another", "via_and_own", "is_small", *_RIVALS, *_REGISTERS),
    "address-parcel first": _NEAR_PARCEL,
    "address-parcel": (*_NEAR_PARCEL, "via", "via_enough", "no_via", *_RIVALS),
}
"""What each model weighs, in the order in which they are fitted: later ones read the scores of earlier ones."""

_ORDER = (
    ("topo-rnb", "topo-rnb point", "building-topo"),
    ("building-rnb", "building-rnb point"),
    ("rnb-parcel", "rnb-parcel point", "address-building first"),
    ("address-building",),
    ("address-parcel first",),
    ("address-parcel",),
)

Floats = NDArray[np.float64]


def is_true(one: Candidates, town: RegisterTown) -> NDArray[np.bool_]:
    """Whether each pair is a link of the town."""
    rows = town.truth[town.truth["link_type"] == one.link_type]
    true = set(zip(rows["source_id"], rows["target_id"], strict=True))
    return np.array([pair in true for pair in zip(one.left_id, one.right_id, strict=True)], dtype=np.bool_)


def fitted_models(towns: list[RegisterTown]) -> dict[str, Model]:
    """Weights that make the truth of these towns most likely (logistic regression with a ridge)."""
    models = {name: Model({"one": 0.0}) for name in FEATURES}
    for group in _ORDER:
        judged = [judge(town.layers, IdentityParameters(), models) for town in towns]
        for name in group:
            kind = name.split(" ")[0]
            found = [
                _sample(one, name, town)
                for judgement, town in zip(judged, towns, strict=True)
                for one in judgement.pairs
                if one.link_type == kind
            ]
            rows, truth = (np.concatenate(part) for part in zip(*found, strict=True))
            models[name] = _fitted(FEATURES[name], rows, truth)
        if "building-rnb" in group:
            # BD TOPO is outlines throughout; a point that comes along is judged like one of the RNB.
            weights = dict(models["building-rnb point"].weights)
            weights.pop("via")
            models["building-topo point"] = Model(weights)
    return models


def _sample(one: Candidates, name: str, town: RegisterTown) -> tuple[Floats, NDArray[np.bool_]]:
    judge_name = name.removesuffix(" first")
    columns = one.features[judge_name]
    rows = np.stack([columns[feature] for feature in FEATURES[name]], axis=1)
    return rows, is_true(one, town)[one.of_model == judge_name]


def _fitted(names: tuple[str, ...], rows: Floats, truth: NDArray[np.bool_]) -> Model:
    design = np.column_stack([np.ones(len(rows)), rows])
    sign = np.where(truth, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (design @ weights)
        slope = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        penalty = _RIDGE * weights
        penalty[0] = 0
        return float(np.logaddexp(0, -margin).sum() + 0.5 * (penalty * weights).sum()), design.T @ slope + penalty

    best = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    # Two decimals: no pair's score changes by more than a few hundredths, and another machine fits the same but
    # for a hundredth here and there.
    return Model({name: round(float(w), 2) for name, w in zip(("one", *names), best.x, strict=True)})


def module_text(models: Mapping[str, Model]) -> str:
    """The text of ``territory/identity/models.py``."""
    lines = [_HEAD]
    for name, model in models.items():
        lines.append(f'    "{name}": Model(\n        {{')
        lines += [f'            "{feature}": {weight},' for feature, weight in model.weights.items()]
        lines.append("        }\n    ),")
    return "\n".join([*lines, "}", _FOOT])


_HEAD = '''"""Weights of the models: what the scores of the identity graph rest on (*poids des modèles*)."""

from __future__ import annotations

from jnt_pipeline.territory.identity.scores import Model

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {'''
_FOOT = '''"""Written by ``python -m jnt_pipeline.samples.identity_fit`` from 24 generated towns (seeds 1000 to 1023).

A third of them has 2 %, 5 % and 10 % of each kind of fault. Change the generator or a feature, and fit anew."""
'''


if __name__ == "__main__":
    sampled = [register_town(seed, noise=_FITTED_NOISE[seed % 3]) for seed in FITTED_SEEDS]
    sys.stdout.write(module_text(fitted_models(sampled)))
