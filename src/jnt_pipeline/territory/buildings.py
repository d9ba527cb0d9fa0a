"""Buildings (*bâtiments*): elevation of ground and roof for every footprint, and a solid or the reason why not."""

from __future__ import annotations

import math
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.base_layers.schema import Column
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.identifiers import building_ids
from jnt_pipeline.territory.model import RasterWindow
from jnt_pipeline.territory.outlines import OutlineEdges, makes_solids, surfaces
from jnt_pipeline.territory.roofs.parameters import RoofParameters

__all__ = ["COLUMNS", "REASONS", "BuildingParameters", "derive_buildings"]

_NOT_A_RETURN = (7, 18, 65, 66)
# ASPRS low and high noise; IGN's artefacts (65) and virtual points (66): none of them says that LiDAR saw the place.

COLUMNS: tuple[Column, ...] = (
    Column("building_id", "text", "RNB id, else BD TOPO cleabs, else the footprint's id.", required=True),
    Column("footprint_id", "text", "Footprint it stands on.", required=True),
    Column("insee_code", "text", "INSEE code of the commune."),
    Column("building_type", "text", "durable (bâti dur) or light (bâti léger), as the cadastre says."),
    Column("building_name", "text", "Name in the source, if any."),
    Column("area_m2", "number", "Area of the footprint (emprise au sol), courtyards taken off, m²."),
    Column("ground_elevation_m", "number", "Lowest ground along the outline (altitude du sol), m above datum."),
    Column("roof_elevation_m", "number", "Reference elevation of the roof (altitude du toit), m above datum."),
    Column("height_m", "number", "Height (hauteur): roof_elevation_m - ground_elevation_m, m."),
    Column("roof_min_elevation_m", "number", "Lowest roof point used, m above datum."),
    Column("roof_median_elevation_m", "number", "Median of the roof points used, m above datum."),
    Column("roof_max_elevation_m", "number", "Highest roof point used, m above datum."),
    Column("volume_m3", "number", "Volume of the LoD1 solid: area_m2 x height_m, m³; absent without a solid."),
    Column("n_roof_points", "integer", "Roof points used."),
    Column("lod", "text", "Level of detail (niveau de détail): 1 with a solid, else 0.", required=True),
    Column("reason", "text", "Why there is no solid (a key of REASONS); empty with a solid."),
)  # fmt: skip
"""Columns of the layer ``buildings``; the geometry, the footprint, comes after them."""

REASONS: dict[str, str] = {
    "footprint_not_solid": "the outline encloses no surface that could carry a closed solid",
    "no_lidar": "no LiDAR point at all inside the footprint: outside the survey, or a hole in it",
    "no_roof_points": "LiDAR points, none classified as building: newer than the flight, demolished, or under trees",
    "few_roof_points": "fewer roof points than min_roof_points",
    "no_ground": "no terrain known around the footprint",
    "roof_below_ground": "the roof is not above the ground around the footprint",
    "height_below_minimum": "lower than min_height_m",
}
"""Reason codes in the order in which they are tried, each with a sentence for reports."""


class BuildingParameters(BaseModel):
    """How elevations of buildings are derived."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roof_percentile: float = Field(
        # 3dfier's setting for Delft; the median is 1.2 m off there. Between eaves and ridge of a gabled roof it
        # lies at nine tenths of the rise.
        default=90.0, ge=0, le=100,
        description="Percentile of the roof points' elevations that is the roof's reference elevation, percent.",
    )  # fmt: skip
    roof_classes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(
        # ASPRS 6 building; 67 of LiDAR HD, "divers bâtis", holds building-like points that 6 lacks.
        default=(6, 67), min_length=1,
        description="Class codes of roof points; vegetation over a roof is left out by its class.",
    )  # fmt: skip
    roof_inset_m: float = Field(
        # None: an inset favours the ridge (0.3 m lifts gabled roofs of Delft by 4 cm, and halves the share of
        # exact ones), while a strip of 0.3 m of a higher neighbour is less than the tenth that the percentile
        # leaves out. For a cadastre that lies beside its LiDAR, 0.3 to 0.5 m help.
        default=0.0, ge=0, le=5,
        description="Roof points nearer than this to the outline are left out (party walls, gutters), metres.",
    )  # fmt: skip
    min_inset_share: float = Field(
        default=0.5, ge=0, le=1,
        description="The inset is not applied where it would keep less than this share of the points, 0 to 1.",
    )  # fmt: skip
    min_roof_points: int = Field(
        # With n points a single stray one weighs 1 - (n - 1)/10 in the percentile 90: a tenth at 10 points.
        default=10, ge=1, le=10_000,
        description="Roof points that a solid needs, count.",
    )  # fmt: skip
    ground_ring_m: float = Field(
        # Two cells of a 0.5 m terrain raster: beyond walls and gutters, before the next street level.
        default=1.0, ge=0, le=20,
        description="Terrain cells outside the outline and within this distance count as its ground, metres.",
    )  # fmt: skip
    ground_percentile: float = Field(
        # Lowest: "lowestGroundPoint" (INSPIRE BU, CityGML 3.0), and altitude_minimale_sol of BD TOPO. The
        # solid then reaches the ground everywhere on a slope.
        default=0.0, ge=0, le=100,
        description="Percentile of the ground cells that is the ground elevation, percent; 0 is the lowest.",
    )  # fmt: skip
    min_height_m: float = Field(
        # Lower than the lowest building of IGN's BD TOPO extracts (1.9 m); slabs and terraces stay out.
        default=1.0, ge=0, le=50,
        description="Height that a solid needs, metres.",
    )  # fmt: skip
    roofs: RoofParameters = Field(default_factory=RoofParameters, description="How roof planes and faces are found.")

    def reach_m(self, resolution_m: float) -> float:
        """How far around a footprint the terrain is read, metres: a unit's raster window must reach so far."""
        # Any place on the boundary has a cell centre outside it within one diagonal.
        return max(self.ground_ring_m, math.sqrt(2) * resolution_m)


def derive_buildings(
    footprints: gpd.GeoDataFrame, points: PointBlock, dtm: RasterWindow, parameters: BuildingParameters
) -> gpd.GeoDataFrame:
    """The layer ``buildings``: one row per footprint, same order, same geometry, columns ``COLUMNS``.

    ``footprints``: base layer, polygons in the twin's horizontal CRS, metres; with a column ``building_id`` where the
    buildings are identified already (else see ``building_ids``). ``points``: points of all classes
    over the envelope of the footprints. ``dtm``: terrain over the same envelope and ``parameters.reach_m`` more,
    north up. Points and terrain have the twin's reference, vertical datum included.

    * ``roof_elevation_m``: percentile ``roof_percentile`` of the roof points inside the footprint, by even plan
      density: what 3dfier calls the height of a LoD1 roof (a truth to compare with must be the same percentile of
      the roof surface in plan, neither ridge nor eaves). Heights of reference differ by metres: Biljecki, Ledoux
      & Stoter, "Height references of CityGML LOD1 buildings and their influence on applications", 2014.
    * ``ground_elevation_m``: the lowest terrain cell just outside the outline. The terrain under a building is
      interpolated, and not read.

    Elevations are rounded to 1 mm. A footprint's row depends on its own points and cells alone. Raises
    ``AssemblyError`` for contradicting references, a raster that is not north up, missing or repeated ids.
    """
    from jnt_pipeline.territory.outline_sampling import elevations_around, elevations_inside

    _check_references(footprints, points, dtm)
    outlines = surfaces(footprints.geometry.to_numpy())
    edges = OutlineEdges.of(outlines)
    n_points, roof = elevations_inside(
        edges,
        points,
        parameters.roof_classes,
        percentile=parameters.roof_percentile,
        inset_m=parameters.roof_inset_m,
        min_points=parameters.min_roof_points,
        min_share=parameters.min_inset_share,
    )
    x, y = _centres(dtm)
    reach = parameters.reach_m(max(abs(dtm.transform.a), abs(dtm.transform.e)))
    n_cells, ground = elevations_around(edges, dtm.values, x, y, percentile=parameters.ground_percentile, reach_m=reach)
    roof, ground = np.round(roof, 3), np.round(ground, 3)
    height = np.round(roof[:, 0] - ground, 3)
    area = shapely.area(outlines)
    reason = np.select(
        [
            ~makes_solids(outlines),
            (n_points == 0) & ~_seen(edges, points, n_points == 0),
            n_points == 0,
            n_points < parameters.min_roof_points,
            n_cells == 0,
            height <= 0,
            height < parameters.min_height_m,
        ],
        list(REASONS),
        default="",
    )
    has_solid = reason == ""
    table = pd.DataFrame(
        {
            "building_id": footprints["building_id"] if "building_id" in footprints else building_ids(footprints),
            **{
                name: _text(footprints, name)
                for name in ("footprint_id", "insee_code", "building_type", "building_name")
            },
            "area_m2": area,
            "ground_elevation_m": ground,
            "roof_elevation_m": roof[:, 0],
            "height_m": height,
            "roof_min_elevation_m": roof[:, 1],
            "roof_median_elevation_m": roof[:, 2],
            "roof_max_elevation_m": roof[:, 3],
            "volume_m3": np.where(has_solid, area * height, np.nan),
            "n_roof_points": n_points,
            "lod": np.where(has_solid, "1", "0"),
            "reason": reason,
        },
        index=footprints.index,
    ).astype({column.name: "str" for column in COLUMNS if column.kind == "text"})
    return gpd.GeoDataFrame(table, geometry=footprints.geometry.array, crs=footprints.crs)


def _seen(edges: OutlineEdges, points: PointBlock, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether LiDAR saw anything inside the outlines that are ``asked`` for."""
    from jnt_pipeline.territory.outline_sampling import elevations_inside

    if not asked.any():
        return ~asked
    returns = sorted({*range(256)} - {*_NOT_A_RETURN})
    n_points, _ = elevations_inside(edges, points, returns, percentile=50.0, inset_m=0.0, min_points=0, min_share=0.0)
    return n_points > 0


def _text(footprints: gpd.GeoDataFrame, name: str) -> pd.Series:
    if name in footprints.columns:
        text: pd.Series = footprints[name].astype("str")
        return text
    return pd.Series(None, index=footprints.index, dtype="str")


def _centres(dtm: RasterWindow) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of columns and rows, metres, rounded to 0.1 mm so that every window of a raster says the same."""
    t = dtm.transform
    if t.b != 0 or t.d != 0 or t.a <= 0 or t.e >= 0:
        raise AssemblyError(
            "the terrain raster is not north up",
            where="dtm",
            found=f"pixel vectors ({t.a}, {t.d}) and ({t.b}, {t.e})",
            expected="(+resolution, 0) and (0, -resolution)",
            remedy="read the window from the twin's own raster",
        )
    n_rows, n_columns = dtm.values.shape
    x = t.c + (np.arange(n_columns) + 0.5) * t.a
    y = t.f + (np.arange(n_rows) + 0.5) * t.e
    return np.round(x, 4), np.round(y, 4)


def _check_references(footprints: gpd.GeoDataFrame, points: PointBlock, dtm: RasterWindow) -> None:
    code = None if footprints.crs is None else footprints.crs.to_epsg()
    flat = Reference(horizontal=f"EPSG:{code}") if code else None
    if points.reference.vertical is None or points.reference != dtm.reference or points.reference.flat() != flat:
        raise AssemblyError(
            "footprints, points and terrain are not in one reference",
            where="buildings",
            found=f"footprints {flat}, points {points.reference}, terrain {dtm.reference}",
            expected="one horizontal and one vertical EPSG code",
            remedy="normalise the layers into the twin's reference",
        )
