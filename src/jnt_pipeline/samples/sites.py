"""Site: where a sample lies, its reference, and the words that producers use for both there."""

from __future__ import annotations

from dataclasses import dataclass

from jnt_pipeline.crs.reference import Reference

__all__ = ["BOURG", "LAGON", "RIVE", "Site"]

GeoJsonCrs = dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place of a sample territory, and how its producers name it. Lengths are metres of ``reference``."""

    name: str
    """Of the sample, e.g. ``rive``."""
    place: str
    """Of the fictional commune, as people write it."""
    insee: str
    """Code of the commune (*code INSEE*), which no commune has."""
    commune: str
    """Its name in the cadastre."""
    reference: Reference
    horizontal_name: str
    """E.g. ``Lambert-93``."""
    vertical_name: str
    """E.g. ``NGF-IGN69``."""
    tile_words: tuple[str, str]
    """First and last words of a LiDAR HD tile: territory, then projection and heights."""
    wkt: str
    """The horizontal CRS as WKT 1, all that IGN puts in the header of a tile: heights are told by its name alone."""
    ifc_crs: tuple[str, str, str, str]
    """Description, GeodeticDatum, VerticalDatum and MapProjection of IfcProjectedCRS."""
    seam_easting_m: int
    """Edge between the two middle tiles; with ``centre_northing_m`` the origin of the site's own axes."""
    centre_northing_m: int
    north_m: int
    """North edge of the middle tiles."""
    clip_m: tuple[int, int]
    """East to west and north to south size of the committed sample, centred on the origin."""
    west_reach_m: int
    """A large sample reaches no further west of the seam."""
    grid_scale: float
    """Metres of the projection per true metre at the origin (Proj.get_factors)."""
    utc_offset_h: int
    """Legal time in winter, hours ahead of UTC."""

    @property
    def horizontal(self) -> str:
        """EPSG code of the projection."""
        return self.reference.horizontal

    @property
    def vertical(self) -> str:
        """EPSG code of the heights."""
        if self.reference.vertical is None:
            raise ValueError(f"the site {self.name} has no vertical reference")
        return self.reference.vertical

    @property
    def origin(self) -> tuple[int, int]:
        """Easting and northing of the origin of the site's own axes."""
        return self.seam_easting_m, self.centre_northing_m

    @property
    def geojson_crs(self) -> GeoJsonCrs:
        """GeoJSON 2008 member ``crs``: files in metres must say so."""
        code = self.horizontal.removeprefix("EPSG:")
        return {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}

    def tile_name(self, tile: tuple[int, int]) -> str:
        """File name of a LiDAR HD tile, named after its north-west corner in kilometres."""
        territory, systems = self.tile_words
        return f"LHD_{territory}_{tile[0]:04d}_{tile[1]:04d}_PTS_{systems}.laz"


_LAMBERT_93 = (
    'PROJCS["RGF93 v1 / Lambert-93",GEOGCS["RGF93 v1",DATUM["Reseau_Geodesique_Francais_1993_v1",'
    'SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6171"]],'
    'PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AUTHORITY["EPSG","4171"]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["latitude_of_origin",46.5],'
    'PARAMETER["central_meridian",3],PARAMETER["standard_parallel_1",49],PARAMETER["standard_parallel_2",44],'
    'PARAMETER["false_easting",700000],PARAMETER["false_northing",6600000],'
    'UNIT["metre",1,AUTHORITY["EPSG","9001"]],'
    'AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","2154"]]'
)

RIVE = Site(
    name="rive",
    place="Rive-sur-Loire",
    insee="45999",
    commune="RIVE-SUR-LOIRE",
    reference=Reference(horizontal="EPSG:2154", vertical="EPSG:5720"),
    horizontal_name="Lambert-93",
    vertical_name="NGF-IGN69",
    tile_words=("FXX", "LAMB93_IGN69"),
    wkt=_LAMBERT_93,
    ifc_crs=("RGF93 v1 / Lambert-93, altitudes NGF-IGN69 (EPSG:5720)", "RGF93", "NGF-IGN69", "Lambert-93"),
    seam_easting_m=619_000,
    centre_northing_m=6_754_500,
    north_m=6_755_000,
    clip_m=(500, 300),
    west_reach_m=5000,
    grid_scale=0.999337,  # at 1.9162 E, 47.8859 N: 0.99933677
    utc_offset_h=1,
)
"""A town on the Loire near Orléans."""

LAGON = Site(
    name="lagon",
    place="Anse-des-Filaos",
    insee="97499",
    commune="ANSE-DES-FILAOS",
    reference=Reference(horizontal="EPSG:2975", vertical="EPSG:5758"),
    horizontal_name="RGR92 / UTM 40S",
    vertical_name="REUN89",
    tile_words=("REU", "RGR92UTM40S_REUN89"),
    wkt=(
        'PROJCS["RGR92 / UTM zone 40S",GEOGCS["RGR92",DATUM["Reseau_Geodesique_de_la_Reunion_1992",'
        'SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6627"]],'
        'PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
        'AUTHORITY["EPSG","4627"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
        'PARAMETER["central_meridian",57],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
        'PARAMETER["false_northing",10000000],UNIT["metre",1,AUTHORITY["EPSG","9001"]],'
        'AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","2975"]]'
    ),
    ifc_crs=("RGR92 / UTM zone 40S, altitudes REUN89 (EPSG:5758)", "RGR92", "REUN89", "UTM 40S"),
    seam_easting_m=322_000,
    centre_northing_m=7_658_500,
    north_m=7_659_000,
    clip_m=(480, 400),
    west_reach_m=1000,
    grid_scale=0.999992,  # at 55.2856 E, 21.1662 S: 0.99999153
    utc_offset_h=4,
)
"""A coast on the lee side of La Réunion, near Saint-Leu."""

BOURG = Site(
    name="bourg",
    place="Bourg-aux-Vignes",
    insee="71999",
    commune="BOURG-AUX-VIGNES",
    reference=Reference(horizontal="EPSG:2154", vertical="EPSG:5720"),
    horizontal_name="Lambert-93",
    vertical_name="NGF-IGN69",
    tile_words=("FXX", "LAMB93_IGN69"),
    wkt=_LAMBERT_93,
    ifc_crs=("RGF93 v1 / Lambert-93, altitudes NGF-IGN69 (EPSG:5720)", "RGF93", "NGF-IGN69", "Lambert-93"),
    seam_easting_m=837_000,
    centre_northing_m=6_592_500,
    north_m=6_593_000,
    clip_m=(520, 420),
    west_reach_m=1000,
    grid_scale=0.999053,  # at 4.7835 E, 46.4186 N: 0.99905257
    utc_offset_h=1,
)
"""A village of the Mâconnais, in the middle of the zone of CC46."""
