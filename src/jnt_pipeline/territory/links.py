"""Links (*liens*) between the things of the twin: n-to-n rows with method, score and date."""

from __future__ import annotations

import json
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.base_layers.schema import Column
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.outlines import Geometries, surfaces

__all__ = [
    "LINKS",
    "LINK_COLUMNS",
    "LinkParameters",
    "join_links",
    "link_bim_to_buildings",
    "link_buildings_to_parcels",
    "link_stations",
    "link_table",
    "unlinked",
]

LINKS: tuple[Column, ...] = (
    Column(
        "link_type",
        "text",
        "Two kinds of things: building-parcel, bim-building, sensor-building, sensor-parcel, building-topo, "
        "building-rnb, topo-rnb, rnb-parcel, address-building or address-parcel.",
        required=True,
    ),
    Column("source_id", "text", "Id of the first thing named in the type.", required=True),
    Column("target_id", "text", "Id of the second thing named in the type.", required=True),
    Column(
        "method",
        "text",
        "footprint_overlap, outline_overlap, geometry (two outlines), inside, nearest, declared (a register states "
        "it), or declared+ one of these.",
        required=True,
    ),
    Column("score", "number", "How sure the link is, 0 to 1; its meaning depends on the method.", required=True),
    Column("linked_on", "text", "Day on which the link was made, YYYY-MM-DD.", required=True),
    Column(
        "evidence", "text", "What the score rests on, a JSON object of numbers and ids; empty: the method says all."
    ),
)
"""What the table ``links`` holds; (link_type, source_id, target_id) is unique and the order of the rows."""

LINK_COLUMNS = tuple(column.name for column in LINKS)
"""Names of the columns of the table ``links``."""

Index = NDArray[np.intp]
Floats = NDArray[np.float64]


class LinkParameters(BaseModel):
    """What counts as a link."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_parcel_share: float = Field(
        # Cadastre and footprints are drawn on one plan; what is thinner is digitising noise.
        default=0.05, ge=0, le=1,
        description="A building meets a parcel where they share this part of the footprint or of the parcel, 0 to 1.",
    )  # fmt: skip
    min_overlap_m2: float = Field(
        # 0.2 m, the accuracy of urban plans (classe de précision), along 2.5 m.
        default=0.5, ge=0, le=1000,
        description="Smaller overlaps of building and parcel are slivers, m²; the best parcel is kept all the same.",
    )  # fmt: skip
    min_outline_share: float = Field(
        # A model misplaced by a metre must not claim the neighbour's garage.
        default=0.2, gt=0, le=1,
        description="A BIM building meets a building where they share this part of the smaller outline, 0 to 1.",
    )  # fmt: skip
    max_station_distance_m: float = Field(
        # Sensors hang on façades and poles before them; their positions are read off a map.
        default=10.0, ge=0, le=1000,
        description="A station outside every building belongs to the nearest one within this distance, metres.",
    )  # fmt: skip


def link_buildings_to_parcels(
    buildings: gpd.GeoDataFrame, parcels: gpd.GeoDataFrame, parameters: LinkParameters, *, linked_on: str
) -> pd.DataFrame:
    """Links ``building-parcel``: method ``footprint_overlap``, score = share of the footprint on that parcel.

    Slivers are left out, except a building's best parcel (largest overlap, then smallest id). A building that
    only touches parcels, or stands outside all, has no link.
    """
    _check_crs("buildings and parcels", buildings, parcels)
    footprints, plots = _surfaces(buildings), _surfaces(parcels)
    b, p, area = _overlaps(footprints, plots)
    of_building = area / shapely.area(footprints[b])
    of_parcel = area / shapely.area(plots[p])
    building_id, parcel_id = _ids(buildings, "building_id")[b], _ids(parcels, "parcel_id")[p]
    best = np.zeros(len(b), dtype=np.bool_)
    order = np.lexsort((parcel_id, -area, b))
    best[order[np.unique(b[order], return_index=True)[1]]] = True
    wide = np.maximum(of_building, of_parcel) >= parameters.min_parcel_share
    keep = best | (wide & (area >= parameters.min_overlap_m2))
    evidence = _evidence(common_m2=area[keep], share_parcel=of_parcel[keep])
    return link_table(
        "building-parcel", building_id[keep], parcel_id[keep], "footprint_overlap", of_building[keep], linked_on,
        evidence,
    )  # fmt: skip


def link_bim_to_buildings(
    bim_buildings: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, parameters: LinkParameters, *, linked_on: str
) -> pd.DataFrame:
    """Links ``bim-building``: method ``outline_overlap``, score = plan agreement times height agreement.

    Plan agreement is the intersection of the two outlines over their union (Jaccard 1901). Height agreement is
    the same of the two intervals base to top (``base_elevation_m``, ``top_elevation_m``; ground to roof), and 1
    where either is unknown. A link with a good plan and a score near 0 tells of heights that disagree: the model
    may be on another vertical datum. BIM buildings without overlap have no link (see ``unlinked``).
    """
    _check_crs("BIM buildings and buildings", bim_buildings, buildings)
    outlines, footprints = _surfaces(bim_buildings), _surfaces(buildings)
    m, b, area = _overlaps(outlines, footprints)
    area_m, area_b = shapely.area(outlines[m]), shapely.area(footprints[b])
    keep = area >= parameters.min_outline_share * np.minimum(area_m, area_b)
    m, b, area = m[keep], b[keep], area[keep]
    plan = area / (area_m[keep] + area_b[keep] - area)
    height = _interval_agreement(
        *(_numbers(bim_buildings, name)[m] for name in ("base_elevation_m", "top_elevation_m")),
        *(_numbers(buildings, name)[b] for name in ("ground_elevation_m", "roof_elevation_m")),
    )
    ids = _ids(bim_buildings, "bim_building_id")[m], _ids(buildings, "building_id")[b]
    evidence = _evidence(common_m2=area, iou=plan, height_agreement=height)
    return link_table("bim-building", *ids, "outline_overlap", plan * height, linked_on, evidence)


def link_stations(
    stations: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    parcels: gpd.GeoDataFrame,
    parameters: LinkParameters,
    *,
    linked_on: str,
) -> pd.DataFrame:
    """Links ``sensor-building`` and ``sensor-parcel``.

    Method ``inside`` (score 1) where the station is in or on the boundary of the building or parcel; on a common
    boundary it has both. A station outside every building: method ``nearest``, the nearest building within
    ``max_station_distance_m`` (then smallest id), score falling from 1 at the wall to 0 at that distance.
    """
    _check_crs("stations, buildings and parcels", stations, buildings, parcels)
    points = np.asarray(shapely.force_2d(stations.geometry.to_numpy()), dtype=object)
    placed = ~(shapely.is_missing(points) | shapely.is_empty(points))
    station_ids, building_ids = _ids(stations, "station_id"), _ids(buildings, "building_id")
    footprints, plots = _surfaces(buildings), _surfaces(parcels)
    inside_b, inside_p = _covering(points, footprints), _covering(points, plots)
    outside = placed.copy()
    outside[inside_b[0]] = False
    near = _nearest(points, outside, footprints, building_ids, parameters.max_station_distance_m)
    closeness = 1 - near[2] / max(parameters.max_station_distance_m, np.finfo(float).tiny)
    return join_links(
        [
            link_table(
                "sensor-building", station_ids[inside_b[0]], building_ids[inside_b[1]], "inside", 1.0, linked_on
            ),
            link_table(
                "sensor-building", station_ids[near[0]], building_ids[near[1]], "nearest", closeness, linked_on,
                _evidence(distance_m=near[2]),
            ),
            link_table(
                "sensor-parcel", station_ids[inside_p[0]], _ids(parcels, "parcel_id")[inside_p[1]], "inside", 1.0,
                linked_on,
            ),
        ]
    )  # fmt: skip


def join_links(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of links, sorted; of links said twice the one with the best score stays."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return link_table("", *(np.empty(0, dtype=object),) * 2, "", np.empty(0), "")
    key = ["link_type", "source_id", "target_id"]
    table = pd.concat(filled, ignore_index=True)
    table = table.sort_values([*key, "score", "method"], ascending=[True, True, True, False, True])
    return table.drop_duplicates(key).reset_index(drop=True)


def unlinked(links: pd.DataFrame, link_type: str, source_ids: Iterable[str]) -> tuple[str, ...]:
    """The ids among ``source_ids`` that have no link of that type, sorted: to be counted and named in reports."""
    linked = links.loc[links["link_type"] == link_type, "source_id"]
    return tuple(sorted(set(source_ids) - set(linked)))


def link_table(
    link_type: str,
    source: NDArray[np.object_],
    target: NDArray[np.object_],
    method: NDArray[np.object_] | str,
    score: Floats | float,
    on: str,
    evidence: NDArray[np.object_] | str = "",
) -> pd.DataFrame:
    """Rows of the table ``links``, sorted: ids and evidence (n,) text, score (n,) or one for all, rounded to 1e-4."""
    # Four decimals: a difference in the last bits of an area must not make another file.
    scores = np.round(np.clip(np.broadcast_to(np.asarray(score, dtype=np.float64), len(source)), 0, 1), 4)
    columns = (link_type, source, target, method, scores, on, evidence)
    table = pd.DataFrame(dict(zip(LINK_COLUMNS, columns, strict=True)), index=range(len(source)))
    table = table.astype({c.name: "str" if c.kind == "text" else "float64" for c in LINKS})
    return table.sort_values(["link_type", "source_id", "target_id"], ignore_index=True)


def _evidence(**columns: Floats) -> NDArray[np.object_]:
    """A JSON object for each row, numbers to three decimals."""
    rounded = [np.round(values, 3).tolist() for values in columns.values()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*rounded, strict=True)]
    return np.fromiter((json.dumps(row, separators=(",", ":")) for row in rows), np.dtype(object), len(rows))


def _overlaps(left: Geometries, right: Geometries) -> tuple[Index, Index, Floats]:
    """Pairs of surfaces (indices) that share area, and the area, m²; sorted."""
    i, j = shapely.STRtree(right).query(left, predicate="intersects")
    area = shapely.area(shapely.intersection(left[i], right[j]))
    i, j, area = i[area > 0], j[area > 0], area[area > 0]
    order = np.lexsort((j, i))
    return i[order], j[order], area[order]


def _covering(points: Geometries, areas: Geometries) -> tuple[Index, Index]:
    """Pairs (point, surface) where the point is inside or on the boundary."""
    i, j = shapely.STRtree(areas).query(points, predicate="intersects")
    return i, j


def _nearest(
    points: Geometries, asked: NDArray[np.bool_], areas: Geometries, area_ids: NDArray[np.object_], within: float
) -> tuple[Index, Index, Floats]:
    """Nearest surface of each point asked for, within a distance, m."""
    which = np.flatnonzero(asked)
    (i, j), distance = (
        shapely.STRtree(areas).query_nearest(points[which], max_distance=within, return_distance=True, all_matches=True)
        if within > 0
        else ((np.empty(0, np.intp),) * 2, np.empty(0))
    )
    order = np.lexsort((area_ids[j], distance, i))
    first = order[np.unique(i[order], return_index=True)[1]]
    return which[i[first]], j[first], distance[first]


def _interval_agreement(base_1: Floats, top_1: Floats, base_2: Floats, top_2: Floats) -> Floats:
    """Intersection over union of two intervals; 1 where an end is unknown or both are empty."""
    common = np.clip(np.minimum(top_1, top_2) - np.maximum(base_1, base_2), 0, None)
    union = (top_1 - base_1) + (top_2 - base_2) - common
    agreement = np.divide(common, union, out=np.ones_like(common), where=union > 0)
    return np.where(np.isnan(union), 1.0, agreement)


def _surfaces(layer: gpd.GeoDataFrame) -> Geometries:
    return surfaces(layer.geometry.to_numpy())


def _ids(layer: gpd.GeoDataFrame, name: str) -> NDArray[np.object_]:
    ids: NDArray[np.object_] = layer[name].astype("str").to_numpy(dtype=object)
    return ids


def _numbers(layer: gpd.GeoDataFrame, name: str) -> Floats:
    if name not in layer.columns:
        return np.full(len(layer), np.nan)
    numbers: Floats = layer[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _check_crs(what: str, *layers: gpd.GeoDataFrame) -> None:
    if any(layer.crs is None or layer.crs != layers[0].crs for layer in layers):
        raise AssemblyError(
            f"{what} are not in one horizontal CRS",
            where="links",
            found=", ".join("none" if layer.crs is None else layer.crs.to_string() for layer in layers),
            expected="the twin's CRS for all",
            remedy="normalise the layers into the twin's reference",
        )
