"""The specification of the sample ``lagon``, written beside its files."""

from __future__ import annotations

from jnt_pipeline.samples import coast
from jnt_pipeline.samples.coast_layout import RAVINE_U
from jnt_pipeline.samples.readme_figures import readme_figures
from jnt_pipeline.samples.truth import SurveyedSample

__all__ = ["readme"]


def readme(sample: SurveyedSample) -> str:
    """Return the README of a generated sample (Markdown)."""
    return _TEMPLATE.format(
        **readme_figures(sample),
        centre=sample.town.site.centre_northing_m,
        sea=coast.SEA_M,
        shore=coast.SHORE_V,
        reef=coast.REEF_V,
        reef_m=coast.REEF_M,
        berm=coast.SHELF_M[2],
        hollow=coast.SHELF_M[3],
        ravine=RAVINE_U,
        rise=coast.BRIDGE_RISE_M,
        camber=coast.BRIDGE_CAMBER_M,
    )


_TEMPLATE = """\
# Anse-des-Filaos: a synthetic territory of La Réunion

**Nothing here is real.** The village does not exist, and no commune has the INSEE code {insee}. A generator
(`jnt_pipeline.samples`, seed {seed}, {density:g} pulses per m²) wrote these files in the formats of the real
producers, because no open extract has cadastre, LiDAR, BIM and sensors on one spot. They are dedicated to the
public domain (CC0-1.0). Make another coast of any size with `jnt sample make lagon --seed 7 --size-km 1`.

Everything lies in RGR92 / UTM 40S (EPSG:2975) with REUN89 heights (EPSG:5758), between E {west:.0f} and
{east:.0f}, N {south:.0f} and {north:.0f}, on the lee side of the island near Saint-Leu. The place has axes of its
own about ({seam}, {centre}): u runs along the coast to the south ({angle}° from east), v inland.

Nothing is said of the height of the geoid: whoever needs heights above the ellipsoid takes the official grid,
`fr_ign_RAR07_bl.tif` (`jnt grids sync fr_ign_RAR07_bl.tif`).

## Ground (`truth/ground.json`, `truth/ground_checkpoints.csv`)

Heights depend on the distance from the coastline (*trait de côte*), which winds about v = {shore:.0f}:

- The sea and the lagoon stand at {sea} m REUN89. There the true ground is the water surface, as in a hydro-flattened
  terrain model. On the reef, at v = {reef:.0f}, a bank of coral rubble emerges by up to {reef_m} m, broken by passes.
- The beach rises to a berm {berm:.2f} m above the sea, 16 to 24 m inland. Behind it lies a hollow, the back-shore
  (*arrière-plage*), {hollow:.2f} m above the sea: lower than the berm. The first row of houses stands in it.
- Then the ground rises through the village, and from 110 m on at one in eight, to the heights of the island.
- A dry ravine cuts the slope near u = {ravine:.0f}, down to 7 m deep, and comes out on the beach. The coastal road
  crosses it by a bridge.

Every elevation is an exact function of position (`Coast.elevation`), so errors can be measured against the truth.

## LiDAR (`lidar/`)

| tile | points |
|---|---|
{tiles}

Points by class: {histogram}.

- Named after the north-west corner in kilometres; the seam of the two tiles is E = {seam}, along the village's
  main row of houses. LAZ 1.4, point format 6, scale 0.01 m; the header knows EPSG:2975 only, the vertical datum is
  in the file name (REUN89), as IGN delivers it.
- Error of ground points: standard deviation {ground_sigma:.0f} cm, of roof points {roof_sigma:.0f} cm; never
  more than {bound:.2f} standard deviations, plus half a centimetre of rounding.
- Under a crown or hedge only {canopy:.0f} % of the pulses reach what is below: canopy thins the ground.
  {n_trees} trees: filaos on the berm, palms in the gardens, a thicket in the ravine.
- Water returns {water_share:.0f} % of the pulses (class 9). Virtual points (class 66) every {virtual:.0f} m
  carry the water surface, and the ground under the bridge; their GPS time and return number are 0.
- The bridge deck (class 17) lies {rise} m above the road at its ends and {camber} m higher in the middle.
- {wall:.0f} % of the pulses under an eave come back from the wall below it (class 6): they are lower than the
  roof.
- Class 1: parked cars, and stray points from 5 m below to 44 m above the ground. Two areas have no point at
  all (`voids`).

## Buildings (`truth/buildings.geojson`)

{n_buildings} buildings, {n_seam} of them across the seam: villas under hipped, gabled or flat roofs, some with a
veranda (*varangue*, light) towards the sea; Creole houses (*cases*) with sheds; two small blocks of flats; a market
hall; the annex of the town hall, on two parcels; a cyclone shelter. Sloped roofs overhang by 0.4 to 0.7 m, so the
roofprint is wider than the footprint; flat roofs do not. `roof_p50/p70/p90_elevation_m` are percentiles of the true
roof surface inside the true footprint.

## Cadastre (`cadastre/`)

Etalab's GeoJSON: WGS 84 with 7 decimals, zeros stripped from `numero`. {n_sections} sections,
{n_parcel_features} parcel features for {n_parcels} parcels, {n_footprint_features} footprints. The commune and its
sections end at the coastline; the beach, the streets and the ravine have no parcel. Wrong on purpose
(`truth/anomalies.json`):

- parcel `{broken}` has a ring that crosses itself; parcel `{doubled}` stands twice in the file;
- {n_missing} buildings have no footprint (two houses, and street furniture of class 67);
- {n_ghosts} footprints have no building any more;
- {n_shifted} footprints are drawn {shift} m away, that is 1.5 m;
- {n_light} buildings are light (type 02); {n_67} carry class 67 instead of 6;
- some parcels have no `contenance`, some records lack `created` or `updated`.

## BIM (`bim/abri.ifc`)

IFC4 in millimetres: the cyclone shelter, which is building {modelled}. IfcMapConversion: E {eastings}, N {northings},
H {height} m (finished ground floor), rotation {rotation}°, scale {scale:.9f} = 0.001 (millimetres to metres)
times {grid_scale}, the scale of UTM 40S here: the model is in true lengths, 24.000 m by 14.000 m. TargetCRS is
EPSG:2975, VerticalDatum REUN89. {products}.

## Sensors (`sensors/`)

Six stations, four days from 2026-02-10T00:00:00Z. Four are in CSV ({csv_rows} rows of observations), wind, pressure
and energy in a SensorThings 1.1 document ({n_st} observations). For the tide gauge `elevation_m` is that of the zero
of its scale, {zero} m: **water elevation = {zero} + water_level**; it is negative. A cyclone passes on the third
morning: the swell grows first, then the pressure falls, rain fills the ravine, and the surge on top of the tide passes
2.6 m and 3.2 m, when the hollow behind the berm is under water. The swell buoy writes times with the offset +04:00.
The rules of the sample's configuration, whose expected alerts are in `truth/alerts.json` and whose floods (horizontal
water on the true ground, whether or not the berm holds it back) are in `truth/flood.json`:

{rules}

Wrong on purpose in `observations.csv`: one impossible time (25:10), one `--` for a number, {duplicates} rows
that repeat another exactly, {late} rows that come late. The repeated rows are not errors of format: whoever
stores them must see that they are the same measure.

## Truth (`truth/`)

Never read by the pipeline: what the results are compared with. GeoJSON there is in metres of RGR92 / UTM 40S (a `crs`
member says so). `expected_counts.json` says how many records a correct reader finds, keeps and sets aside.
"""
