"""Rules about editions (*millésimes*): layers of different dates, and surveys older than what they should show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from jnt_pipeline.base_layers.quality.records import iso_dates
from jnt_pipeline.base_layers.quality.rules import Context, Found, Rule, count, found_in

__all__ = ["VINTAGE_RULES"]

_CADASTRE = (
    "communes",
    "sections",
    "parcels",
    "footprints",
    "sheets",
    "localities",
    "tax_subdivisions",
    "former_communes",
)


def _of_layer(context: Context, layer: str) -> Found | None:
    """Parts of one layer that are of several editions."""
    origin = context.origins.get(layer)
    if origin is None:
        return None
    editions = sorted({part.strip() for part in origin.provenance.vintage.split(";") if part.strip()})
    if not editions:
        return Found(n_judged=1, n_found=1, message="no edition is stated", values={"editions": []})
    n = len(editions) if len(editions) > 1 else 0
    return Found(
        n_judged=len(editions), n_found=n, message=f"edition {', '.join(editions)}", values={"editions": editions}
    )


def _of_cadastre(context: Context, layer: str) -> Found | None:
    """Layers of the cadastre that are of another edition than the parcels."""
    own = _editions(context, layer)
    others = {name: _editions(context, name) for name in _CADASTRE if name != layer and name in context.layers}
    others = {name: editions for name, editions in others.items() if editions}
    if not own or not others:
        return None
    apart = {name: editions for name, editions in others.items() if editions != own}
    told = ", ".join(f"{name} of {' and '.join(editions)}" for name, editions in sorted(apart.items()))
    message = f"parcels of {' and '.join(own)}" + (f", {told}" if apart else " like the other layers")
    return Found(
        n_judged=len(others),
        n_found=len(apart),
        message=message,
        record_ids=tuple(sorted(apart)),
        values={"parcels": own, **apart},
    )


def _editions(context: Context, layer: str) -> list[str]:
    origin = context.origins.get(layer)
    return [] if origin is None else iso_dates(origin.provenance.vintage)


def _flown_before(context: Context, layer: str) -> Found | None:
    """Buildings that were created in the cadastre after the newest flight over them."""
    clouds, footprints = context.layers.get("point_clouds"), context.layers[layer]
    if clouds is None or not len(clouds) or "created_on" not in footprints:
        return None
    flown = pd.to_datetime(
        clouds["acquired_on"].astype("object").fillna("").astype(str).str[-10:], format="%Y-%m-%d", errors="coerce"
    )
    dated = clouds[flown.notna().to_numpy()]
    if dated.empty:
        return None
    days = flown.dropna().to_numpy()
    points = shapely.point_on_surface(np.asarray(footprints.geometry))
    which, tile = shapely.STRtree(np.asarray(dated.geometry)).query(points, predicate="intersects")
    newest = pd.Series(days[tile]).groupby(which).max().reindex(range(len(footprints)))
    created = pd.to_datetime(
        footprints["created_on"].astype("object").fillna("").astype(str), format="%Y-%m-%d", errors="coerce"
    )
    late = (created.to_numpy() > newest.to_numpy()) & newest.notna().to_numpy()
    n_covered = int(newest.notna().sum())
    message = f"{count(int(late.sum()), 'building')} of {n_covered:,} under LiDAR created after the flight"
    values: dict[str, object] = {"n_covered": n_covered}
    if late.any():
        years = (created[late].dt.year.max(), newest[late].dt.year.min())
        edition = (_editions(context, layer) or [f"{years[0]:.0f}"])[-1][:4]
        message += f": in the {edition} cadastre, flown in {years[1]:.0f}"
        values |= {"edition": edition, "flown_in": int(years[1])}
    age = np.where(late, (created.to_numpy() - newest.to_numpy()).astype("timedelta64[D]").astype(float), 0.0)
    return found_in(footprints, "footprint_id", late, message, values, order=np.nan_to_num(age))


VINTAGE_RULES: tuple[Rule, ...] = (
    Rule(
        code="editions_of_layer",
        layers=(),
        severity="info",
        title="Editions within a layer",
        meaning="Parts of the layer show the territory at different dates, or nobody stated when: what changed in "
        "between is there twice or not at all.",
        source="vintage of each source",
        judge=_of_layer,
    ),
    Rule(
        code="editions_of_cadastre",
        layers=("parcels",),
        severity="warning",
        title="Layers of the cadastre of different editions",
        meaning="Numbers of parcels change between editions (remaniement): buildings, sheets and subdivisions of "
        "another date name parcels that are no more.",
        source="vintage of each source; dvf issue 12",
        judge=_of_cadastre,
    ),
    Rule(
        code="flown_before_built",
        layers=("footprints",),
        severity="info",
        title="Buildings younger than the LiDAR",
        meaning="The point cloud shows the ground before the building: its height is unknown or wrong, and no alarm "
        "should hang on it.",
        source="creation date in the cadastre against the days of flight; the cadastre may lag behind the work",
        judge=_flown_before,
    ),
)
