"""Two editions of a drawn town, and what was done to it: the truth that change sets are held against."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.affinity import rotate, translate
from shapely.geometry import Polygon, box

SPACING_M = 100.0
"""Blocks are so far apart that an edit of one cannot touch another."""

EDITS = (
    "keep",
    "keep",
    "rewrite",
    "extend",
    "redraw",
    "split",
    "merge",
    "remove",
    "create",
    "rename",
    "retype",
    "swap_land",
)


@dataclass
class Town:
    """Records before and after, by id, with their type; and the changes, as (type, ids before, ids after)."""

    old: dict[str, tuple[Polygon, str]] = field(default_factory=dict)
    new: dict[str, tuple[Polygon, str]] = field(default_factory=dict)
    truth: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=set)


def frame_of(
    records: dict[str, tuple[Polygon, str]], key: str, rng: np.random.Generator | None = None
) -> gpd.GeoDataFrame:
    """The records as a layer, in a random order where there is a generator."""
    ids = list(records)
    if rng is not None:
        rng.shuffle(ids)
    return gpd.GeoDataFrame(
        {
            key: pd.Series(ids, dtype="str"),
            "insee_code": pd.Series(["38001"] * len(ids), dtype="str"),
            "section_id": pd.Series(["38001000AB"] * len(ids), dtype="str"),
            "building_type": pd.Series([records[one][1] for one in ids], dtype="str"),
        },
        geometry=[records[one][0] for one in ids],
        crs="EPSG:2154",
    )


def rewritten(shape: Polygon, rng: np.random.Generator) -> Polygon:
    """The same outline as another writer has it: other start, other winding, more vertices, cut to 1 cm."""
    xy = np.asarray(shape.exterior.coords)[:-1]
    middles = (xy + np.roll(xy, -1, axis=0)) / 2
    dense = np.empty((2 * len(xy), 2))
    dense[0::2], dense[1::2] = xy, middles
    dense = np.roll(dense, int(rng.integers(len(dense))), axis=0)
    if rng.random() < 0.5:
        dense = dense[::-1]
    return Polygon((dense + rng.uniform(-0.005, 0.005, dense.shape)).round(2))


def edited_town(n_blocks: int, seed: int) -> Town:
    """A town of ``n_blocks`` blocks of two adjoining buildings of 10 x 16 m and a shed, each edited once."""
    rng = np.random.default_rng(seed)
    town = Town()
    side = math.ceil(math.sqrt(n_blocks))
    for block in range(n_blocks):
        angle = float(rng.uniform(0, 360))
        corner = 900_000 + SPACING_M * (block % side), 6_500_000 + SPACING_M * (block // side)

        def put(shape: Polygon, angle: float = angle, corner: tuple[float, float] = corner) -> Polygon:
            return translate(rotate(shape, angle, origin=(0, 0)), *corner)

        west, east, shed = f"{block:04d}W", f"{block:04d}X", f"{block:04d}S"
        before = {west: box(-10, 0, 0, 16), east: box(0, 0, 10, 16), shed: box(4, 25, 7, 28)}
        for one, shape in before.items():
            town.old[one] = put(shape), "durable"
        after, types = dict(before), dict.fromkeys(before, "durable")
        truth: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
        edit = str(rng.choice(EDITS))
        fresh = f"{block:04d}N"
        if edit == "extend":
            after[east] = box(0, 0, float(rng.uniform(11, 20)), 16)
            truth = [("modified", (east,), (east,))]
        elif edit == "redraw":
            after[east] = translate(box(0, 0, 9, 15), *rng.uniform(-0.7, 0.7, 2))
            truth = [("modified", (east,), (east,))]
        elif edit == "split":
            n_parts = int(rng.integers(2, 4))
            cuts = [0.0, *(16 / n_parts * (k + float(rng.uniform(-0.2, 0.2))) for k in range(1, n_parts)), 16.0]
            del after[east]
            parts = tuple(f"{fresh}{k}" for k in range(n_parts))
            after |= {part: box(0, cuts[k], 10, cuts[k + 1]) for k, part in enumerate(parts)}
            truth = [("split", (east,), parts)]
        elif edit == "merge":
            after = {shed: before[shed], fresh: box(-10, 0, 10, 16)}
            truth = [("merged", (west, east), (fresh,))]
        elif edit == "remove":
            del after[shed]
            truth = [("removed", (shed,), ())]
        elif edit == "create":
            after[fresh] = box(-8, 22, -2, 30)
            truth = [("created", (), (fresh,))]
        elif edit == "rename":
            after[fresh] = after.pop(east)
            truth = [("renamed", (east,), (fresh,))]
        elif edit == "retype":
            types[shed] = "light"
            truth = [("modified", (shed,), (shed,))]
        elif edit == "swap_land":
            after[west], after[east] = box(-10, 0, -5, 16), box(-5, 0, 10, 16)
            truth = [("reshaped", (west, east), (west, east))]
        for one, shape in after.items():
            placed = put(shape)
            town.new[one] = rewritten(placed, rng) if edit == "rewrite" else placed, types.get(one, "durable")
        town.truth |= set(truth)
    return town


def perturbed_ids(records: dict[str, tuple[Polygon, str]]) -> dict[str, tuple[Polygon, str]]:
    """The same records under ids of the place alone, as layers without an id of their producer have them."""
    by_place = {}
    for shape, kind in records.values():
        middle = shapely.centroid(shape)
        by_place[f"38001-B-{middle.x:.1f}-{middle.y:.1f}"] = shape, kind
    return by_place
