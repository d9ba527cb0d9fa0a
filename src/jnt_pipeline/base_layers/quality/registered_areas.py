"""Rules that compare areas: the tax register (*contenance*) with the drawing, and subdivisions with their parcel."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jnt_pipeline.base_layers.quality.neighbours import sheet_of_parcels
from jnt_pipeline.base_layers.quality.rules import Context, Found, Rule, count, found_in

__all__ = ["AREA_RULES"]


def _of_parcels(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    registered = pd.to_numeric(frame["registered_area_m2"], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    drawn = frame.geometry.area.to_numpy()
    known = np.isfinite(registered) & (registered > 0) & (drawn > 0)
    if not known.any():
        return None
    difference = np.full(len(frame), np.nan)
    difference[known] = 100 * np.abs(drawn[known] - registered[known]) / registered[known]
    limit = context.parameters.parcel_area_difference_pct
    beyond = known & (np.nan_to_num(difference) > limit)
    median, p95, highest = (round(float(np.quantile(difference[known], q)), 2) for q in (0.5, 0.95, 1))
    n_unknown = int((~known).sum())
    message = (
        f"registered and drawn areas differ by {median:g} % in the median, {p95:g} % at the 95th percentile; "
        f"{count(int(beyond.sum()), 'parcel')} beyond {limit:g} %"
        + (f"; {n_unknown:,} without a registered area" if n_unknown else "")
    )
    values = {"median_pct": median, "p95_pct": p95, "max_pct": highest, "n_unknown": n_unknown}
    return found_in(frame, "parcel_id", beyond, message, values, order=np.nan_to_num(difference))


def _of_sheets(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    table = pd.DataFrame(
        {
            "sheet": context.once(sheet_of_parcels),
            "registered": pd.to_numeric(frame["registered_area_m2"], errors="coerce").to_numpy(
                "float64", na_value=np.nan
            ),
            "drawn": frame.geometry.area.to_numpy(),
        }
    )
    table = table[table["registered"] > 0]
    if table.empty:
        return None
    sums = table.groupby("sheet", sort=True).sum()
    sums["pct"] = 100 * (sums["drawn"] - sums["registered"]) / sums["registered"]
    limit = context.parameters.sheet_area_tolerance_pct
    out = sums[sums["pct"].abs() > limit]
    out = out.loc[out["pct"].abs().sort_values(ascending=False, kind="stable").index]
    worst = round(float(sums["pct"].abs().max()), 2)
    message = (
        f"{count(len(out), 'sheet')} of {len(sums):,} with a registered total beyond {limit:g} % of the drawn one; "
        f"the farthest differs by {worst:g} %"
    )
    told = [
        {
            "sheet": name,
            "registered_m2": round(float(r), 0),
            "drawn_m2": round(float(d), 1),
            "difference_pct": round(float(p), 2),
        }
        for name, r, d, p in out.head(20).itertuples()
    ]
    return Found(
        n_judged=len(sums),
        n_found=len(out),
        message=message,
        record_ids=tuple(map(str, out.index)),
        values={"max_pct": worst, "sheets": told},
    )


def _subdivisions(context: Context, layer: str) -> Found | None:
    parcels, parts = context.layers.get("parcels"), context.layers[layer]
    if parcels is None:
        return None
    drawn = pd.Series(parcels.geometry.area.to_numpy(), index=parcels["parcel_id"].astype(str))
    drawn = drawn[~drawn.index.duplicated()]
    sums = pd.Series(parts.geometry.area.to_numpy()).groupby(parts["parcel_id"].astype(str).to_numpy()).sum()
    whole = drawn.reindex(sums.index)
    difference = 100 * (sums - whole).abs() / whole
    limit = context.parameters.subdivision_tolerance_pct
    # One square metre: what rounding of the vertices to centimetres does to small parcels.
    torn = difference.index[(difference > limit) & ((sums - whole).abs() > 1)]
    lost = sums.index[whole.isna()]
    bad = parts["parcel_id"].astype(str).isin([*torn, *lost]).to_numpy(dtype=bool)
    message = f"{count(len(torn), 'parcel')} of {len(sums):,} whose subdivisions do not cover them within {limit:g} %"
    message += f"; {count(len(lost), 'parcel')} that the layer of parcels does not hold" if len(lost) else ""
    return found_in(parts, "tax_subdivision_id", bad, message, {"n_parcels": len(torn), "n_without_parcel": len(lost)})


AREA_RULES: tuple[Rule, ...] = (
    Rule(
        code="registered_area_of_parcels",
        layers=("parcels",),
        severity="info",
        title="Registered against drawn area, parcel by parcel",
        meaning="The two differ by design: the register holds deeds, the plan holds drawings of every age. Never a "
        "fault of one parcel; whoever taxes by area uses the registered one.",
        source="ten real sheets: median 1.5 %, 95th percentile 7 %, maximum 85 %",
        judge=_of_parcels,
    ),
    Rule(
        code="registered_area_of_sheets",
        layers=("parcels",),
        severity="warning",
        title="Registered against drawn area, sheet by sheet",
        meaning="Differences cancel over a sheet. Where they do not, parcels are missing or doubled, holes were "
        "filled, or the coordinates have another scale.",
        source="seven real sheets: totals within 1.1 %; limit 1.5 %",
        judge=_of_sheets,
    ),
    Rule(
        code="subdivisions_cover_parcel",
        layers=("tax_subdivisions",),
        severity="warning",
        title="Tax subdivisions that do not cover their parcel",
        meaning="Subdivisions of one parcel make up the whole of it; without one, the use of a part is unknown.",
        source="EDIGÉO: SUBDFISC_PARCELLE",
        judge=_subdivisions,
    ),
)
