"""Weights of the models: what the scores of the identity graph rest on (*poids des modèles*)."""

from __future__ import annotations

from jnt_pipeline.territory.identity.scores import Model

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {
    "topo-rnb": Model(
        {
            "one": -8.21,
            "inside": 4.69,
            "free": 3.15,
            "inside_and_free": 4.1,
            "iou": 3.17,
            "form": -1.13,
            "form_and_free": 4.67,
            "gap": -0.74,
            "stated": 4.25,
            "stated_twice": 2.6,
            "elsewhere": -0.1,
            "elsewhere_twice": -1.16,
        }
    ),
    "topo-rnb point": Model(
        {
            "one": -2.96,
            "inside": 3.33,
            "gap": -0.71,
            "lead": 0.57,
            "free": 3.45,
            "stated": 3.52,
            "stated_twice": 1.75,
            "elsewhere": -0.55,
            "elsewhere_twice": -0.99,
        }
    ),
    "building-topo": Model(
        {
            "one": -7.74,
            "inside": 4.85,
            "free": 5.0,
            "inside_and_free": 4.69,
            "iou": 3.61,
            "form": -2.76,
            "form_and_free": 7.22,
            "gap": -0.61,
        }
    ),
    "building-topo point": Model(
        {
            "one": -2.38,
            "inside": 2.58,
            "gap": -1.31,
            "lead": 0.86,
            "free": 3.9,
        }
    ),
    "building-rnb": Model(
        {
            "one": -8.61,
            "inside": 4.48,
            "free": 4.03,
            "inside_and_free": 4.93,
            "iou": 3.33,
            "form": -1.59,
            "form_and_free": 5.84,
            "gap": -0.37,
            "via": 2.86,
        }
    ),
    "building-rnb point": Model(
        {
            "one": -2.38,
            "inside": 2.58,
            "gap": -1.31,
            "lead": 0.86,
            "free": 3.9,
            "via": 3.39,
        }
    ),
    "rnb-parcel": Model(
        {
            "one": -9.78,
            "share": 8.21,
            "enough": 5.03,
            "via": -1.6,
            "via_enough": 4.95,
            "no_via": 1.78,
            "stated": 4.06,
            "elsewhere": -0.1,
        }
    ),
    "rnb-parcel point": Model(
        {
            "one": -0.85,
            "inside": 2.82,
            "gap": -1.08,
            "via": 0.82,
            "via_enough": 2.52,
            "no_via": 1.13,
            "stated": 3.53,
            "elsewhere": -0.29,
        }
    ),
    "address-building first": Model(
        {
            "one": -10.45,
            "inside": 0.18,
            "gap": 0.53,
            "near": 1.92,
            "lead": 0.21,
            "is_nearest": 1.08,
            "on_stated_parcel": 1.92,
            "off_stated_parcel": -2.47,
            "on_own_parcel": 6.1,
            "on_facing_parcel": 4.25,
            "facing_lead": -2.54,
            "main_of_nearest": 1.58,
            "main_of_stated": 2.14,
            "stated_and_own": -2.94,
            "via": 5.58,
            "via_shared": -1.17,
            "via_rest": -0.74,
            "via_and_stated": 0.29,
            "log_area": 1.9,
            "smaller": 0.5,
            "behind": -1.71,
            "off_built_plot": 0.07,
        }
    ),
    "address-building": Model(
        {
            "one": -3.03,
            "inside": 0.26,
            "gap": -0.56,
            "near": -0.21,
            "lead": -0.89,
            "is_nearest": -0.23,
            "on_stated_parcel": -0.23,
            "off_stated_parcel": 0.0,
            "on_own_parcel": 0.09,
            "on_facing_parcel": 0.54,
            "facing_lead": -1.78,
            "main_of_nearest": -1.37,
            "main_of_stated": -0.51,
            "stated_and_own": 0.28,
            "via": 1.11,
            "via_shared": 1.31,
            "via_rest": -3.4,
            "via_and_stated": -0.65,
            "log_area": 1.4,
            "smaller": -0.38,
            "behind": 0.37,
            "off_built_plot": 0.92,
            "via_another": -0.69,
            "via_and_own": -0.54,
            "is_small": -1.93,
            "first": 0.72,
            "rival_here": -0.35,
            "rival_there": -0.49,
            "wins_here": 1.49,
            "wins_there": 1.67,
            "via_absent": -3.09,
            "absent_near": 0.25,
            "absent_on_plot": -3.04,
            "absent_and_off": 0.27,
            "with_best": 1.6,
            "beside_best": -1.52,
            "with_best_on_plot": 1.28,
            "with_best_smaller": 1.73,
            "disputed": -0.75,
            "several": -0.55,
            "rival_of_several": 0.28,
            "spread": 0.12,
            "loses_of_spread": 2.42,
        }
    ),
    "address-parcel first": Model(
        {
            "one": -1.62,
            "inside": 2.72,
            "gap": 0.57,
            "near": 0.58,
            "lead": 4.77,
            "stated": 5.62,
            "elsewhere": -2.19,
        }
    ),
    "address-parcel": Model(
        {
            "one": -6.41,
            "inside": 0.67,
            "gap": -0.22,
            "near": -0.27,
            "lead": -1.05,
            "stated": 1.23,
            "elsewhere": 0.89,
            "via": 2.82,
            "via_enough": 5.94,
            "no_via": 4.13,
            "first": 0.51,
            "rival_here": -0.23,
            "rival_there": -0.63,
            "wins_here": 0.54,
            "wins_there": 0.33,
        }
    ),
}
"""Written by ``python -m jnt_pipeline.samples.identity_fit`` from 24 generated towns (seeds 1000 to 1023).

A third of them has 2 %, 5 % and 10 % of each kind of fault. Change the generator or a feature, and fit anew."""
