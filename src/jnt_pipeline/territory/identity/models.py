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
            "one": -7.19,
            "inside": 1.55,
            "gap": 0.55,
            "near": 0.18,
            "lead": 2.9,
            "on_stated_parcel": 3.0,
            "off_stated_parcel": -2.6,
            "on_own_parcel": 2.7,
            "via": 3.84,
            "via_another": -2.86,
            "log_area": 2.52,
            "smaller": -1.64,
        }
    ),
    "address-building": Model(
        {
            "one": -5.69,
            "inside": 1.42,
            "gap": -0.35,
            "near": 0.25,
            "lead": 0.41,
            "on_stated_parcel": 1.9,
            "off_stated_parcel": -1.98,
            "on_own_parcel": 1.39,
            "via": 4.0,
            "via_another": -1.4,
            "log_area": 3.7,
            "smaller": 0.16,
            "first": 1.46,
            "rival_here": -3.66,
            "rival_there": -3.88,
        }
    ),
    "address-parcel first": Model(
        {
            "one": -5.79,
            "inside": 3.59,
            "gap": 0.55,
            "near": -0.38,
            "lead": 2.75,
            "via": 3.66,
            "via_enough": 4.37,
            "no_via": 3.55,
            "stated": 4.4,
            "elsewhere": -1.3,
        }
    ),
    "address-parcel": Model(
        {
            "one": -0.18,
            "inside": 2.13,
            "gap": 0.12,
            "near": -0.12,
            "lead": 2.63,
            "via": 0.53,
            "via_enough": 5.18,
            "no_via": 2.46,
            "stated": 3.64,
            "elsewhere": -0.65,
            "first": 0.36,
            "rival_here": -2.73,
            "rival_there": -5.06,
        }
    ),
}
"""Written by ``python -m jnt_pipeline.samples.identity_fit``, from 24 generated towns (seeds 1000 to 1023) with 2, 5 and
10 % of each kind of fault in turn, by logistic regression. Change the generator or a feature, and fit anew."""
