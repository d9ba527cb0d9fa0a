"""Readers of a sample's files for the tests, and its ground written a second time from the specification."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

EAST, NORTH, UP = 0, 1, 2


def truth_of(folder: Path, name: str) -> Any:
    return json.loads((folder / "truth" / name).read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def layer_of(folder: Path, name: str) -> list[dict[str, Any]]:
    raw = gzip.decompress((folder / "cadastre" / f"cadastre-45999-{name}.json.gz").read_bytes())
    return json.loads(raw)["features"]


def ground_again(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ground of the specification, written again from ``ground.json``; not valid on walls and ramps."""
    angle = math.radians(params["frame"]["angle_deg"])
    dx, dy = x - params["frame"]["origin"][0], y - params["frame"]["origin"][1]
    u, v = dx * math.cos(angle) + dy * math.sin(angle), -dx * math.sin(angle) + dy * math.cos(angle)
    water = params["water"]
    across = v - water["axis_v_m"] - water["meander_m"] * np.sin(2 * np.pi * u / 1400 + water["meander_phase"])
    surface = water["elevation_at_origin_m"] + water["slope"] * u
    inland = across - water["half_width_m"]
    quay = np.where(inland > 0.4, 1.6, 4 * inland) + 0.01 * np.minimum(inland, 16)
    profile = params["town_profile"]
    town = np.where(v > profile["v_m"][0], np.interp(v, profile["v_m"], profile["above_water_m"]), 0)
    for wall in params["terraces"]:
        town = town + np.where(v > wall["v_m"], wall["height_m"], 0)
    p, q = params["wave_phases"]
    wave = 0.35 * np.sin(2 * np.pi * u / 170 + p) * np.sin(2 * np.pi * v / 130 + q)
    north = np.maximum(quay, town + wave * np.clip((v + 50) / 60, 0, 1))
    bank = -across - water["half_width_m"]
    south = np.where(bank < 6, 1.3 * bank / 6, 1.3 + 0.0015 * (bank - 6))
    above = np.where(np.abs(across) <= water["half_width_m"], 0, np.where(across > 0, north, south))
    # Walls and ramps are left to the generator: 5 m on either side.
    near_wall = np.any([np.abs(v - wall["v_m"]) < 5 for wall in params["terraces"]], axis=0)
    return np.where(near_wall, np.nan, surface + above)
