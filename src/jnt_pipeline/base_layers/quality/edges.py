"""Rules about the edges of sheets and communes: overlaps, gaps, and the boundary that sheets have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.quality.neighbours import Pairs, parcel_pairs, sheet_of_parcels
from jnt_pipeline.base_layers.quality.rules import Context, Found, Rule, count

__all__ = ["EDGE_RULES"]

_TOLD_PAIRS = 20
_INSEE = 5  # characters of a sheet id that name the commune


def _overlaps(context: Context, mask: NDArray[np.bool_], pairs: Pairs, words: str) -> Found:
    """The overlaps of some pairs, by pair of sheets; slivers are counted, not found."""
    sheets = context.once(sheet_of_parcels)
    parcels = context.layers["parcels"]
    sliver = pairs.sliver(context.parameters.sliver_width_m)
    real = mask & (pairs.overlap_m2 > 0) & ~sliver
    rows = np.flatnonzero(real)
    rows = rows[np.lexsort((rows, -pairs.overlap_m2[rows]))]
    ids = parcels["parcel_id"].astype(str).to_numpy(dtype=object)
    total = round(float(pairs.overlap_m2[rows].sum()), 2)
    by_sheets = _by_sheets(
        sheets, pairs, rows, {"overlap_m2": pairs.overlap_m2, "length_m": pairs.overlap_length_m}, "overlap_m2"
    )
    n_slivers = int((mask & sliver).sum())
    message = (
        f"{count(len(rows), 'pair')} of parcels overlap {words}, {total:,.2f} m² in all"
        if len(rows)
        else (f"no parcels overlap {words}")
    )
    message += f"; {count(n_slivers, 'sliver')} below {context.parameters.sliver_width_m:g} m" if n_slivers else ""
    point = None
    if len(rows):
        worst = rows[0]
        shape = np.asarray(parcels.geometry)
        place = shapely.point_on_surface(shapely.intersection(shape[pairs.first[worst]], shape[pairs.second[worst]]))
        point = (round(place.x, 3), round(place.y, 3))
    both = np.column_stack((ids[pairs.first[rows]], ids[pairs.second[rows]])).ravel().tolist()
    return Found(
        n_judged=len(parcels),
        n_found=len(rows),
        message=message,
        record_ids=tuple(dict.fromkeys(both)),
        values={"overlap_m2": total, "n_slivers": n_slivers, "sheets": by_sheets},
        point=point,
    )


def _by_sheets(
    sheets: NDArray[np.object_],
    pairs: Pairs,
    rows: NDArray[np.intp],
    sums: dict[str, NDArray[np.float64]],
    order: str,
) -> list[dict[str, Any]]:
    """Sums by pair of sheets, the greatest first."""
    if not len(rows):
        return []
    names = np.sort(np.column_stack((sheets[pairs.first[rows]], sheets[pairs.second[rows]])).astype(str), axis=1)
    table = pd.DataFrame({"a": names[:, 0], "b": names[:, 1], **{key: value[rows] for key, value in sums.items()}})
    grouped = table.groupby(["a", "b"], sort=True).agg(n_pairs=("a", "size"), **{key: (key, "sum") for key in sums})
    grouped = grouped.sort_values(order, ascending=False, kind="stable").head(_TOLD_PAIRS)
    return [
        {"sheets": [row["a"], row["b"]], "n_pairs": row["n_pairs"], **{key: round(row[key], 2) for key in sums}}
        for row in grouped.reset_index().to_dict("records")
    ]


def _communes_differ(context: Context, pairs: Pairs) -> NDArray[np.bool_]:
    codes = np.array([name[:_INSEE] for name in context.once(sheet_of_parcels)], dtype=object)
    differ: NDArray[np.bool_] = codes[pairs.first] != codes[pairs.second]
    return differ


def _inside_sheets(context: Context, layer: str) -> Found | None:
    del layer
    pairs = context.once(parcel_pairs)
    return _overlaps(context, ~pairs.is_across, pairs, "inside a sheet")


def _across_sheets(context: Context, layer: str) -> Found | None:
    del layer
    pairs = context.once(parcel_pairs)
    return _overlaps(context, pairs.is_across & ~_communes_differ(context, pairs), pairs, "across sheets of a commune")


def _across_communes(context: Context, layer: str) -> Found | None:
    del layer
    pairs = context.once(parcel_pairs)
    return _overlaps(context, _communes_differ(context, pairs), pairs, "across communes")


def _edges_that_match(context: Context, layer: str) -> Found | None:
    """The boundary that neighbouring sheets have in common: information, for what does not match."""
    pairs, parcels = context.once(parcel_pairs), context.layers[layer]
    sheets = context.once(sheet_of_parcels)
    rows = np.flatnonzero(pairs.is_across & (pairs.shared_m > 0))
    told = _by_sheets(sheets, pairs, rows, {"shared_m": pairs.shared_m}, "shared_m")
    names = np.sort(np.column_stack((sheets[pairs.first[rows]], sheets[pairs.second[rows]])).astype(str), axis=1)
    n_pairs = len(np.unique(names, axis=0)) if len(rows) else 0
    total = round(float(pairs.shared_m[rows].sum()), 2)
    n_sheets = len(set(sheets.tolist()))
    message = (
        f"{count(n_sheets, 'sheet')}, {count(n_pairs, 'pair')} of which share {total:,.1f} m of identical boundary"
    )
    return Found(n_judged=len(parcels), n_found=0, message=message, values={"shared_m": total, "sheets": told})


def _gaps(context: Context, layer: str) -> Found | None:
    """Strips between two sheets that no parcel covers, narrower than ``gap_max_m``."""
    pairs, parcels, parameters = context.once(parcel_pairs), context.layers[layer], context.parameters
    sheets, shapes = context.once(sheet_of_parcels), np.asarray(parcels.geometry)
    across = np.flatnonzero(pairs.is_across)
    names = np.sort(np.column_stack((sheets[pairs.first[across]], sheets[pairs.second[across]])).astype(str), axis=1)
    told: list[dict[str, Any]] = []
    places = []
    order = np.lexsort((names[:, 1], names[:, 0]))
    starts = np.flatnonzero((names[order][1:] != names[order][:-1]).any(axis=1)) + 1
    for group in np.split(order, starts) if len(across) else []:
        one, other = names[group[0]].tolist()
        chosen = across[group]
        rows = np.unique(np.concatenate((pairs.first[chosen], pairs.second[chosen])))
        of_one = sheets[rows].astype(str) == one
        strips = _strips(shapes[rows], of_one, parameters.gap_max_m, parameters.gap_min_length_m)
        if not len(strips):
            continue
        area, length = float(shapely.area(strips).sum()), float(shapely.length(strips).sum()) / 2
        told.append(
            {"sheets": [one, other], "n_gaps": len(strips), "gap_m2": round(area, 2), "length_m": round(length, 2)}
        )
        widest = strips[int(np.argmax(shapely.area(strips)))]
        places.append((area, shapely.point_on_surface(widest)))
    told = sorted(told, key=lambda gap: (-gap["gap_m2"], gap["sheets"]))
    n = sum(gap["n_gaps"] for gap in told)
    total = round(sum(gap["gap_m2"] for gap in told), 2)
    message = f"{count(n, 'gap')} between sheets, narrower than {parameters.gap_max_m:g} m, {total:,.2f} m² in all"
    place = max(places, key=lambda found: found[0])[1] if places else None
    return Found(
        n_judged=len(parcels),
        n_found=n,
        message=message,
        record_ids=tuple(dict.fromkeys(name for gap in told for name in gap["sheets"])),
        values={"gap_m2": total, "sheets": told[:_TOLD_PAIRS]},
        point=None if place is None else (round(place.x, 3), round(place.y, 3)),
    )


def _strips(
    shapes: NDArray[np.object_], of_one: NDArray[np.bool_], width_m: float, min_length_m: float
) -> NDArray[np.object_]:
    """What closing the parcels of two sheets fills between them (*fermeture morphologique*)."""
    sides = [shapely.union_all(shapes[of_one]), shapely.union_all(shapes[~of_one])]
    covered = shapely.union_all(sides)
    half = width_m / 2
    grown = shapely.buffer(covered, half, join_style="mitre", mitre_limit=10)
    closed = shapely.buffer(grown, -half, join_style="mitre", mitre_limit=10)
    parts = shapely.get_parts(shapely.difference(closed, covered))
    parts = parts[(shapely.get_dimensions(parts) == 2) & (shapely.length(parts) / 2 >= min_length_m)]
    touching = [shapely.dwithin(parts, side, 1e-6) for side in sides]
    found: NDArray[np.object_] = parts[touching[0] & touching[1] & (shapely.area(parts) > 1e-6)]
    return found


EDGE_RULES: tuple[Rule, ...] = (
    Rule(
        code="overlaps_in_sheet",
        layers=("parcels",),
        severity="warning",
        title="Parcels that overlap inside a sheet",
        meaning="A sheet is one drawing: its parcels share their boundaries. An overlap is a fault of the delivery, "
        "and what lies in it belongs to two parcels.",
        source="EDIGÉO: each arc bounds exactly two faces",
        judge=_inside_sheets,
    ),
    Rule(
        code="overlaps_across_sheets",
        layers=("parcels",),
        severity="info",
        title="Parcels that overlap across sheets of a commune",
        meaning="Sheets are put side by side without correction: overlaps on their edges are normal. Assign what lies "
        "there by its representative point, not by intersection.",
        source="cadastre.data.gouv.fr: sheets are assembled without topological correction",
        judge=_across_sheets,
    ),
    Rule(
        code="overlaps_across_communes",
        layers=("parcels",),
        severity="info",
        title="Parcels that overlap across communes",
        meaning="Borders of communes were drawn twice, once on each side, and differ by up to 40 m in places.",
        source="datagouv/cadastre issue 116 (07295 and 07184)",
        judge=_across_communes,
    ),
    Rule(
        code="gaps_between_sheets",
        layers=("parcels",),
        severity="info",
        title="Gaps between sheets",
        meaning="Narrow strips along the edges of sheets that belong to no parcel: not roads, but the other face of "
        "overlaps. A building on one has no parcel.",
        source="cadastre.data.gouv.fr: sheets are assembled without topological correction",
        judge=_gaps,
    ),
    Rule(
        code="sheet_edges",
        layers=("parcels",),
        severity="info",
        title="Boundary in common between sheets",
        meaning="Where neighbouring sheets share their boundary vertex by vertex, they were matched.",
        source="measured on the sheets of commune 25354",
        judge=_edges_that_match,
    ),
)
