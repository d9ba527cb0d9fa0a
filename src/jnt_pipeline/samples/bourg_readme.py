"""The specification of the sample ``bourg``, written beside its files."""

from __future__ import annotations

from typing import Any

from jnt_pipeline.samples.bourg_plan import SHIFT_M
from jnt_pipeline.samples.bourg_registers import DRAWN_M, FAULTS, OFFSET_M, STATED
from jnt_pipeline.samples.bourg_terrain import RASTER_FILE, RASTER_SIGMA_M
from jnt_pipeline.samples.bourg_truth import BourgTruth
from jnt_pipeline.samples.readme_figures import readme_figures

__all__ = ["readme"]


def readme(truth: BourgTruth) -> str:
    """Return the README of a generated sample (Markdown)."""
    site, registers = truth.sample.town.site, truth.registers
    figures = readme_figures(truth.sample)
    return _TEMPLATE.format(
        **figures,
        place=site.place,
        centre=site.centre_northing_m,
        before=truth.before.vintage,
        now=truth.now.vintage,
        flown=" x ".join(f"{size} m" for size in _size(truth.sample.ground["flown"])),
        n_points=f"{sum(sum(counts.values()) for counts in truth.sample.classes.values()):,}",
        n_drawn=len(truth.now.buildings),
        moved=f"({-SHIFT_M[0]}, {-SHIFT_M[1]})",
        offset=f"({OFFSET_M[0]}, {OFFSET_M[1]})",
        drawn_cm=DRAWN_M * 100,
        faults=FAULTS * 100,
        stated=", ".join(f"{name} {share * 100:.0f} %" for name, share in STATED.items()),
        n_topo=len(registers.topo),
        n_rnb=len(registers.rnb),
        n_rnb_points=sum(1 for one in registers.rnb if one.is_point),
        n_joined=sum(1 for one in registers.topo if len(one.parts) > 1),
        n_addresses=len(registers.addresses),
        n_links=len(registers.links),
        raster=RASTER_FILE,
        raster_sigma=RASTER_SIGMA_M * 100,
        n_inventory=truth.rejecting["trees"]["read"],
        changes=_changes(truth.changes),
    )


def _size(bounds: list[int]) -> tuple[int, int]:
    west, south, east, north = bounds
    return east - west, north - south


def _changes(changes: list[dict[str, Any]]) -> str:
    by_kind = {change["kind"]: change for change in changes}
    divided, merged = by_kind["divided"], by_kind["merged"]
    extended, again = by_kind["extended"], by_kind["section surveyed again"]
    return "\n".join(
        (
            f"- parcel `{divided['before'][0]}` was divided into `{'` and `'.join(divided['after'])}`;",
            f"- parcels `{'` and `'.join(merged['before'])}` became `{merged['after'][0]}`;",
            f"- house {extended['building_id']} has a new room ({extended['part_added']}); "
            f"house {by_kind['built']['building_id']} is new; barn {by_kind['torn down']['building_id']} is gone;",
            f"- section {again['section']} was surveyed again (*remaniement*): its {again['n_parcels']} parcels and "
            f"{again['n_footprints']} buildings moved",
        )
    )


_TEMPLATE = """\
# {place}: a synthetic village with the past in its files

**Nothing here is real.** The village does not exist, and no commune has the INSEE code {insee}. A generator
(`jnt_pipeline.samples`, seed {seed}, {density:g} pulses per m²) wrote these files in the formats of the real
producers, because no open extract has them all on one spot. They are dedicated to the public domain (CC0-1.0).
Make another village with `jnt sample make bourg --seed 7`.

The twin lies in Lambert-93 (EPSG:2154) with NGF-IGN69 heights (EPSG:5720), between E {west:.0f} and {east:.0f},
N {south:.0f} and {north:.0f}, in the Mâconnais. The place has axes of its own about ({seam}, {centre}): u runs along
the high street ({angle}° from east), v up the hill. Its files are in four references:

| files | horizontal | stated by |
|---|---|---|
| `cadastre/`, `inventory/` | CC46 (EPSG:3946) | the sheets (RELSA), the GeoPackage |
| `planning/` | NTF / Lambert II étendu (EPSG:27572) | `.prj` |
| `bdtopo/`, `lidar/`, `elevation/`, `addresses/` (x, y) | Lambert-93 | `.prj`, header, name, INSEE code |
| `rnb/`, `sensors/` | WGS 84 | the formats |
| `bim/` | CC46, declared as Lambert-93 | wrongly, by the model |

NTF is reached by the official grid `fr_ign_gr3df97a.tif`, heights above the ellipsoid by `fr_ign_RAF20.tif`
(`jnt grids sync fr_ign_gr3df97a.tif fr_ign_RAF20.tif`).

## Two vintages of the cadastre (`cadastre/{before}/`, `cadastre/{now}/`)

Three EDIGÉO sheets each: AB the old village, AC gardens and vines, ZA the meadows. Now there are {n_sections}
sections, {n_parcels} parcels and {n_drawn} buildings. The sheet of ZA is the same file in both. Between them
(`truth/changes.json`):

{changes}
  by {moved} m. Before, they were drawn that far from where they are.

To see the change set: run `config/bourg.yaml` with the folder and vintage {before}, put {now} back, and run again in
the same workspace.

## Registers (`bdtopo/`, `rnb/`, `addresses/`)

- **BD TOPO** of September 2025: {n_topo} buildings (with the barn, without what was built since), five streets, the
  brook. Its tables declare Windows-1252 and hold UTF-8; z is -1000 where no height is known, and so are the roof
  elevations of those buildings. {n_joined} of its buildings are several of the cadastre's, wall to wall.
- **RNB**: {n_rnb} buildings, {n_rnb_points} of them points without outline; the barn is there as demolished.
- **BAN**: {n_addresses} addresses. The old house on the divided lot still names the parcel of before.

BD TOPO and RNB lie {offset} m beside the cadastre, with corners drawn within some {drawn_cm:.0f} cm. In {faults:.0f} %
of the cases a building is drawn elsewhere, a stated id is that of another thing, an address lies far off. Links that
exist are stated so often:
{stated}.
`truth/links.csv` holds the {n_links} links that are true; buildings of the cadastre are named there as in
`truth/drawn.csv`, which says where each is.

## Planning and inventory (`planning/`, `inventory/`)

The PLU has eight zones, of which `2AU` crosses itself, and two prescriptions. It was written without any grid: the
generator knows IGN's grid as a plane over the village, within 0.1 mm.

The green inventory holds {n_inventory} trees and four lawns. Wrong on purpose: a number twice, the number `A-10bis`, a
tree without a place, the height `haut`, a lawn that crosses itself, a lawn without a code. `truth/anomalies.json` lists
these and all others; `truth/expected_counts.json` says how many records are kept and set aside, and why.

## Ground (`elevation/`, `lidar/`)

The ground is an exact function of position (`Hill.elevation`, constants in `truth/ground.json`): the brook at the
foot, meadows, a shelf for the village, vines above. `{raster}` covers
all of it with pixels of 5 m and a standard deviation of {raster_sigma:.0f} cm. LiDAR, {flown} in the middle, knows it
to {ground_sigma:.0f} cm: {n_points} points in two tiles.

| tile | points |
|---|---|
{tiles}

Points by class: {histogram}.
{n_buildings} buildings stand, and {n_trees} trees. Buildings outside the LiDAR have no measured height.

## BIM (`bim/mairie.ifc`)

IFC4 in millimetres: the town hall, which is building {modelled}. IfcMapConversion: E {eastings}, N {northings},
H {height} m (finished ground floor), rotation {rotation}°. These are coordinates of **CC46**, but TargetCRS says
EPSG:2154, far from where they lie. `jnt check` says so, and which reference fits; `config/bourg.yaml` declares it
(`crs: EPSG:3946+5720`).
{products}.

## Sensors (`sensors/`)

A gauge in the brook, a rain gauge on the town hall, a thermometer in the vines; four days from 2026-04-06T00:00:00Z.
The first two are in CSV ({csv_rows} rows of observations), the third in a SensorThings 1.1 document ({n_st}
observations). **Water elevation = {zero} + water_level.** The rain gauge writes times with the offset +01:00. The
rules of the sample's configuration, whose expected alerts are in `truth/alerts.json`:

{rules}

Wrong on purpose in `observations.csv`: one impossible time (25:10), one `--` for a number, {duplicates} rows
that repeat another exactly, {late} rows that come late.

## Truth (`truth/`)

Never read by the pipeline: what the results are compared with. GeoJSON there is in metres of Lambert-93 (a `crs`
member says so).
"""
