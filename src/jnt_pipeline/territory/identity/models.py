"""Weights of the models: what the scores of the identity graph rest on (*poids des modèles*)."""

from __future__ import annotations

from jnt_pipeline.territory.identity.scores import Model

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {
    "topo-rnb": Model(
        {
            "one": -8.76,
            "inside": 4.45,
            "free": 4.02,
            "inside_and_free": 5.07,
            "iou": 2.41,
            "form": -1.71,
            "form_and_free": 4.68,
            "gap": -0.84,
            "stated": 4.3,
            "stated_twice": 2.61,
            "elsewhere": -0.68,
            "elsewhere_twice": -0.05,
        }
    ),
    "topo-rnb point": Model(
        {
            "one": -2.84,
            "inside": 3.64,
            "gap": -0.53,
            "lead": 0.19,
            "free": 3.65,
            "stated": 3.4,
            "stated_twice": 1.67,
            "elsewhere": -1.6,
            "elsewhere_twice": -0.94,
        }
    ),
    "building-topo": Model(
        {
            "one": -7.32,
            "inside": 5.99,
            "free": 4.05,
            "inside_and_free": 4.31,
            "iou": 3.31,
            "form": -2.19,
            "form_and_free": 7.45,
            "gap": -0.53,
        }
    ),
    "building-topo point": Model(
        {
            "one": -2.9,
            "inside": 2.86,
            "gap": -0.94,
            "lead": 1.63,
            "free": 4.13,
        }
    ),
    "building-rnb": Model(
        {
            "one": -8.24,
            "inside": 4.0,
            "free": 4.51,
            "inside_and_free": 4.01,
            "iou": 3.48,
            "form": -2.7,
            "form_and_free": 5.76,
            "gap": -0.53,
            "via": 2.87,
        }
    ),
    "building-rnb point": Model(
        {
            "one": -2.9,
            "inside": 2.86,
            "gap": -0.94,
            "lead": 1.63,
            "free": 4.13,
            "via": 3.14,
        }
    ),
    "rnb-parcel": Model(
        {
            "one": -9.75,
            "share": 7.03,
            "enough": 5.43,
            "via": -0.74,
            "via_enough": 4.62,
            "no_via": 1.7,
            "stated": 4.28,
            "elsewhere": -0.21,
        }
    ),
    "rnb-parcel point": Model(
        {
            "one": -2.45,
            "inside": 4.06,
            "gap": -0.4,
            "via": 1.49,
            "via_enough": 1.73,
            "no_via": 1.59,
            "stated": 3.71,
            "elsewhere": -0.84,
        }
    ),
    "address-building first": Model(
        {
            "one": -8.87,
            "inside": 0.33,
            "gap": 0.19,
            "near": -0.49,
            "lead": 0.98,
            "is_nearest": 2.57,
            "on_stated_parcel": 4.62,
            "off_stated_parcel": -2.73,
            "on_own_parcel": 4.77,
            "via": 5.63,
            "via_shared": -1.91,
            "via_and_stated": 0.37,
            "stated_and_own": -4.14,
            "log_area": 2.25,
            "smaller": -2.42,
        }
    ),
    "address-building": Model(
        {
            "one": -3.66,
            "inside": 0.85,
            "gap": -0.64,
            "near": 0.39,
            "lead": -1.39,
            "is_nearest": -0.64,
            "on_stated_parcel": 0.52,
            "off_stated_parcel": -0.48,
            "on_own_parcel": 0.43,
            "via": 0.65,
            "via_shared": 0.76,
            "via_and_stated": 1.25,
            "stated_and_own": -1.47,
            "log_area": 1.63,
            "smaller": 1.76,
            "via_another": -1.29,
            "via_and_own": 0.83,
            "is_small": -2.28,
            "first": 0.62,
            "rival_here": -0.3,
            "rival_there": -0.23,
            "wins_here": 0.98,
            "wins_there": 1.15,
        }
    ),
    "address-parcel first": Model(
        {
            "one": -1.49,
            "inside": 2.86,
            "gap": 0.57,
            "near": 0.27,
            "lead": 4.91,
            "stated": 5.56,
            "elsewhere": -2.21,
        }
    ),
    "address-parcel": Model(
        {
            "one": -4.89,
            "inside": 0.45,
            "gap": -0.0,
            "near": -0.19,
            "lead": -0.15,
            "stated": 0.38,
            "elsewhere": 0.68,
            "via": 2.49,
            "via_enough": 4.94,
            "no_via": 3.53,
            "first": 0.47,
            "rival_here": -0.15,
            "rival_there": -0.37,
            "wins_here": 1.12,
            "wins_there": 0.93,
        }
    ),
}
"""Written by ``python -m jnt_pipeline.samples.identity_fit`` from 24 generated towns (seeds 1000 to 1023).

A third of them has 2 %, 5 % and 10 % of each kind of fault. Change the generator or a feature, and fit anew."""
