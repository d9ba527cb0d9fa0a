"""The YAML of the sample ``bourg``."""

__all__ = ["YAML"]

YAML = """\
# A whole territory in one file. Run it with:  jnt run config/bourg.yaml
# Bourg-aux-Vignes does not exist: a generator wrote its data in the formats of the real producers.

# Short name (used in file names and identifiers) and the title that people read.
name: bourg
title: Bourg-aux-Vignes, Mâconnais (synthetic)

# Where and from where heights are counted: Lambert-93 (EPSG:2154) with NGF-IGN69 heights (EPSG:5720).
# Everything is brought to this reference: sheets and inventory from CC46, the PLU from NTF (Lambert II étendu).
# Two official grids are needed, once:  jnt grids sync fr_ign_gr3df97a.tif fr_ign_RAF20.tif
reference: EPSG:2154+5720

# The part of the world that the twin covers: west, south, east, north, in metres.
area:
  bbox: [{west}, {south}, {east}, {north}]

# The base layers (données socles). Paths are relative to this file.
sources:
  # Three sheets (feuilles) of the cadastral plan in EDIGÉO, in CC46. To see what changed since the vintage before:
  # run with `path: {folder}/cadastre/2025-09` and `vintage: "2025-09"`, put this back, and run again.
  - kind: cadastre
    path: {folder}/cadastre/2026-03
    producer: "jnt_pipeline (synthetic, after DGFiP)"
    licence: CC0-1.0
    vintage: "2026-03"
  # Buildings, streets and the brook, as IGN delivers BD TOPO 3 in shapefiles.
  - kind: bdtopo
    path: {folder}/bdtopo
    producer: "jnt_pipeline (synthetic, after IGN BD TOPO)"
    licence: CC0-1.0
    vintage: "2025-09"
  # The national register of buildings, in the bulk format of its département.
  - kind: rnb
    path: {folder}/rnb
    producer: "jnt_pipeline (synthetic, after RNB)"
    licence: CC0-1.0
    vintage: "2026-03"
  # The national addresses; one of them still names a parcel that was divided.
  - kind: addresses
    path: {folder}/addresses
    producer: "jnt_pipeline (synthetic, after BAN)"
    licence: CC0-1.0
    vintage: "2026-03"
  # The PLU of 2012, in NTF / Lambert II étendu (EPSG:27572), which its files state. One zone crosses itself.
  - kind: urban_planning
    path: {folder}/planning
    producer: "jnt_pipeline (synthetic, after CNIG)"
    licence: CC0-1.0
    vintage: "2012-03"
  # The green inventory of the commune, in CC46: two layers of one GeoPackage, mapped column by column.
  - kind: vector
    path: {folder}/inventory/espaces_verts.gpkg
    file_layer: arbres
    layer: trees
    title: Trees of the commune
    key: tree_id
    shape: point
    columns:
      tree_id: {{from: N_ARBRE, pattern: '[A-Z]-\\d{{4}}', required: true, description: Number of the tree.}}
      species: {{from: ESSENCE, description: "Species (essence), in French."}}
      height_m: {{from: HAUTEUR, kind: number, unit: m, description: "Height, metres."}}
      trunk_diameter_m: {{from: DIAM_CM, kind: number, unit: cm, description: "Diameter of the trunk, metres."}}
      surveyed_on: {{from: RELEVE, kind: date, description: Date of the survey.}}
    producer: "jnt_pipeline (synthetic, after an inventory)"
    licence: CC0-1.0
    vintage: "2025-06"
  - kind: vector
    path: {folder}/inventory/espaces_verts.gpkg
    file_layer: pelouses
    layer: lawns
    title: Lawns of the commune
    key: lawn_id
    shape: polygon
    columns:
      lawn_id: {{from: CODE, required: true, description: Code of the lawn.}}
      lawn_name: {{from: NOM, description: Name.}}
      stated_area_m2: {{from: SURF_A, kind: number, unit: a, description: "Area as stated, m²."}}
    producer: "jnt_pipeline (synthetic, after an inventory)"
    licence: CC0-1.0
    vintage: "2025-06"
  # The ground: a raster of 5 m everywhere, points of LiDAR HD in the middle of the village.
  - kind: elevation
    path: {folder}/elevation
    producer: "jnt_pipeline (synthetic, after IGN RGE ALTI)"
    licence: CC0-1.0
    vintage: "2019"
  - kind: lidar
    path: {folder}/lidar
    producer: "jnt_pipeline (synthetic, after IGN LiDAR HD)"
    licence: CC0-1.0
    vintage: "2025-03"
  # The town hall as a BIM model (IFC): it declares Lambert-93 over coordinates of CC46, as `jnt check` says.
  # `crs` is what its author meant; without it the run ends with an error.
  - kind: bim
    path: {folder}/bim
    crs: EPSG:3946+5720
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-03"
  # Stations, datastreams and four days of observations; elevations of the stations are NGF-IGN69.
  - kind: sensors
    path: {folder}/sensors
    vertical: EPSG:5720
    producer: "jnt_pipeline (synthetic)"
    licence: CC0-1.0
    vintage: "2026-04-06"

# When to raise an alert: beyond `above` (or under `below`); it ends when the measure is back to `clear`.
# The gap between the two keeps a jittering measure from raising ten alerts.
rules:
{rules}

# What to publish.
publication:
  - kind: geoparquet
  - kind: cog
  - kind: cityjson
  - kind: 3dtiles
  - kind: stac
"""
"""With the fields ``west``, ``south``, ``east``, ``north``, ``folder`` and ``rules``."""
