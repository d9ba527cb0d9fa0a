"""Tiles of LiDAR HD (*dalles LiDAR HD*): the index by WFS, then whole tiles, or the points of the area alone.

Points in parts come by range requests from the COPC file, and are written as a LAZ file that bears the name of the tile
with ``_area`` before its ending. About 160 records of the index write the corner with a dash in the address, where the
file has an underscore; some addresses are ``http://``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import BadAnswerError
from jnt_pipeline.services.addresses import ADDRESSES, DOWNLOAD, LIDAR_INDEX_LAYER, PARTIAL_DOWNLOAD
from jnt_pipeline.services.communes import place_of
from jnt_pipeline.services.content import las, raster
from jnt_pipeline.services.copc_part import points_of_area
from jnt_pipeline.services.job import Absent, CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.ledger import Entry
from jnt_pipeline.services.pages import bad_answer
from jnt_pipeline.services.ranges import RangedFile
from jnt_pipeline.services.transfer import Wanted, bring_all, here, put
from jnt_pipeline.services.wfs import WfsQuery, bring_features

__all__ = ["LidarHdDownload", "Tile", "mended_address"]

_INDEX = "lidar-hd-index.geojson.kept"
_ADDRESS = {"points": "url_npl", "dtm": "url_mnt", "dsm": "url_mns", "dhm": "url_mnh"}
_DASHED = re.compile(r"(\d{4})-(\d{4})(?=_[A-Z])")
_EDITION = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile of the index that has the product."""

    corner: str
    """Kilometres of the north-west corner, ``xxxx_yyyy``."""
    url: str
    """Address, mended."""
    name: str
    """File name."""


class LidarHdDownload(CommunesDownload):
    """Tiles that meet the area: points, or one of IGN's rasters."""

    usual_address: ClassVar[str] = ADDRESSES["geoplateforme_wfs"]
    service: Literal["lidar_hd"] = Field(default="lidar_hd", description="Discriminator.")
    product: Literal["points", "dtm", "dsm", "dhm"] = Field(
        default="points", description="Points (nuage de points), or raster: MNT, MNS, MNH."
    )
    parts: bool = Field(
        default=False, description="Bring the points of the area alone (range requests) instead of whole tiles."
    )
    parts_url: str = Field(
        default=PARTIAL_DOWNLOAD,
        pattern=r"^https?://[^\s/]+/(\S*/)?$",
        description=f"Service of the parts of files, which stands for {DOWNLOAD} in the addresses of the index.",
    )
    index_layer: str = Field(default=LIDAR_INDEX_LAYER, description="WFS layer of the index of tiles; it gets renamed.")

    def addresses(self) -> tuple[str, ...]:
        """The index, whole tiles, and parts of them."""
        return (self.address(), DOWNLOAD, self.parts_url)

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """The index (kept), and one file per tile; tiles without the product are told as absent."""
        crs, box = place_of(self.communes, job)
        query = WfsQuery(
            base_url=self.address(),
            type_name=self.index_layer,
            crs=crs,
            box=box,
            setting="index_layer",
        )
        index = bring_features(query, _INDEX, job, is_kept=True)
        if index is None:
            raise bad_answer(
                "no LiDAR HD tile in the area",
                query.base_url,
                f"0 tiles in {box} ({crs})",
                remedy="the territory may not be flown or published yet: take this source out, or use RGE ALTI",
            )
        features = json.loads((job.folder / _INDEX).read_bytes())["features"]
        tiles = _tiles([feature.get("properties") or {} for feature in features], self.product, job)
        if not tiles:
            raise bad_answer(
                f"no tile of the area has the product ({self.product})",
                query.base_url,
                f"{len(features)} tiles without {_ADDRESS[self.product]}",
                remedy="it may not be published yet: try again later",
            )
        if self.parts and self.product == "points":
            return _vintage(tiles), [index, *_parts(tiles, box, self.parts_url, job)]
        check = las if self.product == "points" else raster
        wanted = [Wanted(name=tile.name, url=tile.url, check=check, setting="index_layer") for tile in tiles]
        return _vintage(tiles), [index, *bring_all(wanted, job)]


def mended_address(url: str) -> str:
    """The address under which the file really is.

    >>> mended_address("http://data.geopf.fr/x/LHD_FXX_0881-6546_PTS_LAMB93_IGN69.copc.laz")
    'https://data.geopf.fr/x/LHD_FXX_0881_6546_PTS_LAMB93_IGN69.copc.laz'
    """
    secure = re.sub(r"^http://(?=data\.geopf\.fr)", "https://", url)
    head, _, name = secure.rpartition("/")
    return f"{head}/" + _DASHED.sub(r"\1_\2", name)


def _tiles(records: list[dict[str, Any]], product: str, job: FetchJob) -> list[Tile]:
    """One tile per corner, by corner: of two editions, the later; the other and tiles without the product are told."""
    found: dict[str, Tile] = {}
    for record in records:
        corner = str(record.get("coordonnees_nw") or "").replace("-", "_")
        address = record.get(_ADDRESS[product])
        if not address:
            reason = f"the index gives no {_ADDRESS[product]} for this tile: not published yet"
            job.absent.append(Absent(name=corner, reason=reason))
            continue
        tile = Tile(
            corner=corner, url=mended_address(str(address)), name=_file_name(mended_address(str(address)), product)
        )
        other = found.get(corner)
        later, earlier = (tile, other) if other is None or _edition(tile) >= _edition(other) else (other, tile)
        if earlier is not None:
            job.absent.append(Absent(name=earlier.name, reason=f"an earlier edition than {later.url}"))
        found[corner] = later
    return [found[corner] for corner in sorted(found)]


def _file_name(url: str, product: str) -> str:
    """Name of a tile's file: the last part of its address, or FILENAME of a GetMap; with an ending."""
    parts = urlsplit(url)
    stated = [value for key, values in parse_qs(parts.query).items() if key.upper() == "FILENAME" for value in values]
    name = stated[0] if stated else unquote(parts.path).rsplit("/", 1)[-1]
    if not _NAME.fullmatch(name):
        raise bad_answer("the index gives an address without a file name", url, repr(name))
    ending = ".laz" if product == "points" else ".tif"
    return name if name.lower().endswith((".laz", ".las", ".tif", ".tiff")) else name + ending


def _edition(tile: Tile) -> str:
    days = _EDITION.findall(tile.url)
    return days[-1] if days else ""


def _vintage(tiles: list[Tile]) -> str:
    editions = sorted({_edition(tile) for tile in tiles} - {""})
    return "/".join(dict.fromkeys((editions[0], editions[-1]))) if editions else ""


def _parts(tiles: list[Tile], box: Bounds, parts_url: str, job: FetchJob) -> list[Fetched]:
    """The points of the area, tile by tile; a tile that only touches it has none and is told."""
    rows: list[Fetched] = []
    for tile in tiles:
        name = re.sub(r"(\.copc)?\.la[sz]$", "", tile.name, flags=re.IGNORECASE) + "_area.laz"
        origin = f"{tile.url}#bbox={','.join(f'{value:.3f}' for value in box)}"
        row = here(name, origin, job)
        if row is not None and (row.state == "own" or not job.refresh):
            rows.append(row)
            continue
        address = parts_url + tile.url.removeprefix(DOWNLOAD) if tile.url.startswith(DOWNLOAD) else tile.url
        remote = RangedFile(address, job.session, setting="parts_url")
        content, n_points = points_of_area(remote, box, tile.url)
        if n_points == 0:
            job.absent.append(Absent(name=tile.name, reason="the tile holds no point in the area"))
            continue
        entry = Entry(
            url=origin,
            sha256="",
            n_bytes=0,
            etag=remote.etag,
            last_modified=remote.last_modified,
            n_records=n_points,
        )
        rows.append(put(name, content, entry, job))
    if not rows:
        raise BadAnswerError("no tile holds a point in the area", where=tiles[0].url, found="0 points")
    return rows
