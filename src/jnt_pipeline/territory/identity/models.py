"""Weights of the models: what the scores of the identity graph rest on (*poids des modèles*)."""

from __future__ import annotations

from jnt_pipeline.territory.identity.scores import Model

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {
    "topo-rnb": Model(
        {
            "one": -7.74,
            "inside": 4.68,
            "free": 3.58,
            "inside_and_free": 4.73,
            "iou": 1.74,
            "form": -1.56,
            "form_and_free": 4.53,
            "gap": -0.6,
            "stated": 3.76,
            "stated_twice": 2.63,
            "elsewhere": -1.54,
            "elsewhere_twice": -0.96,
        }
    ),
    "topo-rnb point": Model(
        {
            "one": -2.26,
            "inside": 3.07,
            "gap": -0.74,
            "lead": 0.78,
            "free": 3.69,
            "stated": 3.29,
            "stated_twice": 1.9,
            "elsewhere": -1.47,
            "elsewhere_twice": -0.47,
        }
    ),
    "building-topo": Model(
        {
            "one": -7.45,
            "inside": 5.15,
            "free": 4.65,
            "inside_and_free": 3.75,
            "iou": 5.26,
            "form": -2.35,
            "form_and_free": 7.01,
            "gap": -0.5,
        }
    ),
    "building-topo point": Model(
        {
            "one": -1.69,
            "inside": 2.57,
            "gap": -1.46,
            "lead": 0.67,
            "free": 3.76,
        }
    ),
    "building-rnb": Model(
        {
            "one": -8.56,
            "inside": 4.84,
            "free": 3.95,
            "inside_and_free": 4.36,
            "iou": 2.92,
            "form": -1.4,
            "form_and_free": 5.97,
            "gap": -0.45,
            "via": 2.7,
        }
    ),
    "building-rnb point": Model(
        {
            "one": -1.69,
            "inside": 2.57,
            "gap": -1.46,
            "lead": 0.67,
            "free": 3.76,
            "via": 3.18,
        }
    ),
    "rnb-parcel": Model(
        {
            "one": -9.75,
            "share": 7.87,
            "enough": 5.45,
            "via": -1.34,
            "via_enough": 4.43,
            "no_via": 1.69,
            "stated": 4.36,
            "elsewhere": -0.17,
        }
    ),
    "rnb-parcel point": Model(
        {
            "one": -1.02,
            "inside": 3.08,
            "gap": -1.06,
            "via": 0.17,
            "via_enough": 2.98,
            "no_via": 0.9,
            "stated": 2.7,
            "elsewhere": -0.82,
        }
    ),
    "address-building first": Model(
        {
            "one": -12.44,
            "inside": 0.01,
            "gap": 0.4,
            "near": 1.43,
            "lead": 0.11,
            "is_nearest": 0.97,
            "on_stated_parcel": 1.72,
            "off_stated_parcel": -2.71,
            "on_own_parcel": 5.67,
            "on_facing_parcel": 4.13,
            "facing_lead": -1.25,
            "main_of_nearest": 1.84,
            "main_of_stated": 2.39,
            "stated_and_own": -2.73,
            "via": 5.82,
            "via_shared": -1.18,
            "via_rest": -0.75,
            "via_and_stated": 0.96,
            "log_area": 3.03,
            "smaller": -0.31,
        }
    ),
    "address-building": Model(
        {
            "one": -4.33,
            "inside": 0.43,
            "gap": -0.28,
            "near": -0.17,
            "lead": -0.77,
            "is_nearest": 0.35,
            "on_stated_parcel": 0.4,
            "off_stated_parcel": -0.46,
            "on_own_parcel": -0.02,
            "on_facing_parcel": -0.57,
            "facing_lead": -1.57,
            "main_of_nearest": -0.04,
            "main_of_stated": -0.07,
            "stated_and_own": -1.09,
            "via": 1.67,
            "via_shared": 0.74,
            "via_rest": -1.72,
            "via_and_stated": -0.45,
            "log_area": 1.91,
            "smaller": -0.6,
            "via_another": -0.57,
            "via_and_own": -0.46,
            "is_small": -1.39,
            "first": 0.51,
            "rival_here": -0.27,
            "rival_there": -0.47,
            "wins_here": 0.71,
            "wins_there": 1.84,
            "via_absent": -2.06,
            "absent_near": -0.21,
            "absent_on_plot": -2.9,
            "with_best": 0.56,
            "beside_best": -1.38,
            "with_best_on_plot": 1.42,
            "with_best_smaller": 1.92,
            "disputed": -0.79,
            "several": -1.19,
            "rival_of_several": 0.36,
            "spread": 0.97,
            "loses_of_spread": 1.25,
        }
    ),
    "address-parcel first": Model(
        {
            "one": -1.52,
            "inside": 2.85,
            "gap": 0.58,
            "near": 0.31,
            "lead": 4.85,
            "stated": 5.52,
            "elsewhere": -2.21,
        }
    ),
    "address-parcel": Model(
        {
            "one": -5.96,
            "inside": 1.07,
            "gap": -0.04,
            "near": -0.7,
            "lead": -0.79,
            "stated": 0.36,
            "elsewhere": 0.54,
            "via": 2.59,
            "via_enough": 6.07,
            "no_via": 4.12,
            "first": 0.6,
            "rival_here": -0.14,
            "rival_there": -0.64,
            "wins_here": 0.89,
            "wins_there": -0.06,
        }
    ),
}
"""Written by ``python -m jnt_pipeline.samples.identity_fit`` from 24 generated towns (seeds 1000 to 1023).

A third of them has 2 %, 5 % and 10 % of each kind of fault. Change the generator or a feature, and fit anew."""
