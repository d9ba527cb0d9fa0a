"""The specification of the sample ``rive``, written beside its files."""

from __future__ import annotations

from jnt_pipeline.samples import terrain
from jnt_pipeline.samples.readme_figures import readme_figures
from jnt_pipeline.samples.truth import SurveyedSample

__all__ = ["readme"]


def readme(sample: SurveyedSample) -> str:
    """Return the README of a generated sample (Markdown)."""
    return _TEMPLATE.format(
        **readme_figures(sample),
        water=terrain.WATER_M,
        fall=terrain.WATER_SLOPE * 1000,
        half=terrain.RIVER_HALF_WIDTH_M,
        quay=terrain.QUAY_M,
        terraces=" and ".join(f"{height} m at v = {v}" for v, height in terrain.TERRACES),
        deck=terrain.BRIDGE_DECK_M,
        camber=terrain.BRIDGE_CAMBER_M,
    )


_TEMPLATE = """\
# Rive-sur-Loire: a synthetic territory

**Nothing here is real.** The town does not exist, and no commune has the INSEE code {insee}. A generator
(`jnt_pipeline.samples`, seed {seed}, {density:g} pulses per m²) wrote these files in the formats of the real
producers, because no open extract has cadastre, LiDAR, BIM and sensors on one spot. They are dedicated to the
public domain (CC0-1.0). Make another town of any size with `jnt sample make rive --seed 7 --size-km 1`.

Everything lies in Lambert-93 (EPSG:2154) with NGF-IGN69 heights (EPSG:5720), between E {west:.0f} and
{east:.0f}, N {south:.0f} and {north:.0f}. The town has axes of its own, turned by {angle}° from Lambert-93
about ({seam}, 6754500): u runs along the river, v away from it.

## Ground (`truth/ground.json`, `truth/ground_checkpoints.csv`)

- A river {half:.0f} m wide on each side of its axis (v = -110, slightly winding); water at {water} m, falling
  {fall:.1f} m per kilometre to the west. In the river the true ground is the water surface, as in a
  hydro-flattened terrain model.
- A quay {quay} m above the water behind a vertical wall, then a gentle slope up through the town.
- Retaining walls: {terraces}. Between streets a wall is 0.3 m wide; where a street climbs it, a ramp of 8 m.
- Beyond v = 110 a hillside of 11 %; south of the river a bank and a flat meadow. A gentle undulation over the
  town.

Every elevation is an exact function of position (`Terrain.elevation`), so errors can be measured against the
truth.

## LiDAR (`lidar/`)

| tile | points |
|---|---|
{tiles}

Points by class: {histogram}.

- Named after the north-west corner in kilometres; the seam of the two tiles is E = {seam}. LAZ 1.4, point
  format 6, scale 0.01 m; the header knows EPSG:2154 only, the vertical datum is in the file name (IGN69), as
  IGN delivers it.
- Error of ground points: standard deviation {ground_sigma:.0f} cm, of roof points {roof_sigma:.0f} cm; never
  more than {bound:.2f} standard deviations, plus half a centimetre of rounding.
- Under a crown or hedge only {canopy:.0f} % of the pulses reach what is below: canopy thins the ground.
  {n_trees} trees.
- Water returns {water_share:.0f} % of the pulses (class 9). Virtual points (class 66) every {virtual:.0f} m
  carry the water surface, also under the bridge; as in IGN's files their GPS time and return number are 0.
- The bridge deck (class 17) stands {deck} m above the water at its ends and {camber} m higher in the middle.
- {wall:.0f} % of the pulses under an eave come back from the wall below it (class 6): they are lower than the
  roof.
- Class 1: parked cars, and stray points from 5 m below to 44 m above the ground. Two areas have no point at
  all (`voids`).

## Buildings (`truth/buildings.geojson`)

{n_buildings} buildings, {n_seam} of them across the seam. Row houses share party walls (no overhang on that
side); elsewhere gabled and hipped roofs overhang by 0.3 to 0.7 m, so the roofprint is wider than the
footprint. Flat roofs do not overhang. The former hospital surrounds a courtyard (a footprint with a hole).
The town hall stands on two parcels. `roof_p50/p70/p90_elevation_m` are percentiles of the true roof surface
inside the true footprint.

## Cadastre (`cadastre/`)

Etalab's GeoJSON: WGS 84 with 7 decimals, zeros stripped from `section` and `numero`. {n_sections} sections
(one has a one-letter code), {n_parcel_features} parcel features for {n_parcels} parcels,
{n_footprint_features} footprints. Streets and river have no parcel. Wrong on purpose
(`truth/anomalies.json`):

- parcel `{broken}` has a ring that crosses itself; parcel `{doubled}` stands twice in the file;
- {n_missing} buildings have no footprint (two houses, and street furniture of class 67);
- {n_ghosts} footprints have no building any more;
- {n_shifted} footprints are drawn {shift} m away, that is 1.5 m;
- {n_light} buildings are light (type 02); {n_67} carry class 67 instead of 6;
- some parcels have no `contenance`, some records lack `created` or `updated`.

## BIM (`bim/ecole.ifc`)

IFC4 in millimetres: the school, which is building {modelled}. IfcMapConversion: E {eastings}, N {northings}, H
{height} m (finished ground floor), rotation {rotation}°, scale {scale:.9f} = 0.001 (millimetres to metres)
times {grid_scale}, the scale of Lambert-93 here: the model is in true lengths, 30.000 m by 12.000 m.
{products}.

## Sensors (`sensors/`)

Six stations, four days from 2026-03-01T00:00:00Z. Four are in CSV ({csv_rows} rows of observations), energy
and temperature in a SensorThings 1.1 document ({n_st} observations). For the river gauge `elevation_m` is
that of the zero of its scale, {zero} m: **water elevation = {zero} + water_level**. Rain falls in the first
night; the river rises for three days, passes 3.2 m and 4.0 m, and falls on the fourth day, hesitating around
3.2 m. The noise meter writes times with the offset +01:00. The rules of the sample's configuration, whose
expected alerts are in `truth/alerts.json` and whose floods (horizontal water on the true ground) are in
`truth/flood.json`:

{rules}

Wrong on purpose in `observations.csv`: one impossible time (25:10), one `--` for a number, {duplicates} rows
that repeat another exactly, {late} rows that come late. The repeated rows are not errors of format: whoever
stores them must see that they are the same measure.

## Truth (`truth/`)

Never read by the pipeline: what the results are compared with. GeoJSON there is in Lambert-93 metres (a `crs`
member says so). `expected_counts.json` says how many records a correct reader finds, keeps and sets aside."""
