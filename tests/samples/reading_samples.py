"""Readers of the samples' files for the tests, and their grounds written a second time from the specifications."""

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
    (path,) = (folder / "cadastre").glob(f"cadastre-*-{name}.json.gz")
    raw = gzip.decompress(path.read_bytes())
    return json.loads(raw)["features"]


def ground_again(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ground of the riverside town, written again from ``ground.json``; not valid on walls and ramps."""
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


def coast_again(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ground of the coast, written again from ``ground.json``, and whether it is sea."""
    angle = math.radians(params["frame"]["angle_deg"])
    dx, dy = x - params["frame"]["origin"][0], y - params["frame"]["origin"][1]
    u, v = dx * math.cos(angle) + dy * math.sin(angle), -dx * math.sin(angle) + dy * math.cos(angle)
    shore = params["shore"]
    inland = v - shore["v_m"] - shore["swing_m"] * np.sin(2 * np.pi * u / shore["length_m"] + shore["phase"])
    reef = params["reef"]
    winding, passes = reef["phases"]
    off = (v - reef["v_m"] - reef["swing_m"] * np.sin(2 * np.pi * u / reef["swing_length_m"] + winding)) / reef[
        "half_width_m"
    ]
    open_ = np.clip(2 * (np.sin(2 * np.pi * u / reef["pass_length_m"] + passes) - reef["pass_share"]), 0, 1)
    rubble = reef["height_m"] * open_ * np.where(np.abs(off) < 1, 1 - off**2, 0)
    profile, hummock = params["shelf_profile"], params["hummock"]
    a, b, c, d = hummock["from_shore_m"]
    weight = np.interp(inland, (a, b, c, d), (0, 1, 1, 0))
    shelf = np.interp(inland, profile["from_shore_m"], profile["above_sea_m"]) + weight * hummock["height_m"] * np.sin(
        2 * np.pi * u / hummock["length_m"] + hummock["phase"]
    )
    ravine = params["ravine"]
    axis = ravine["u_m"] + ravine["swing_m"] * np.sin(2 * np.pi * v / ravine["length_m"] + ravine["phase"])
    bank = ravine["bank_slope"] * np.clip(np.abs(u - axis) - ravine["bed_half_width_m"], 0, None)
    bed = np.interp(inland, ravine["bed_profile"]["from_shore_m"], ravine["bed_profile"]["above_sea_m"])
    dry = inland > 0
    above = np.where(dry, np.minimum(shelf, bed + bank), rubble)
    return params["sea"]["elevation_m"] + above, ~dry & (rubble <= 0)
