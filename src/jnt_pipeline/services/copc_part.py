"""The points of a box from a COPC file that is read in parts, as a LAZ file (*extrait d'une dalle*)."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import BadAnswerError

__all__ = ["points_of_area"]


def points_of_area(stream: BinaryIO | io.RawIOBase, box: Bounds, url: str) -> tuple[bytes, int]:
    """A LAZ file with the points of a COPC file that lie in a box, every one with all its attributes, and their number.

    Parameters
    ----------
    stream
        The COPC file; only the nodes of its octree that meet the box are read.
    box
        West, south, east, north in the horizontal system of the file, edges included.

    Raises ``BadAnswerError`` when it is no COPC file or a damaged one.
    """
    import laspy
    import lazrs

    try:
        reader = laspy.CopcReader(stream)
        west, south, east, north = box
        bounds = laspy.copc.Bounds(mins=np.array([west, south]), maxs=np.array([east, north]))
        points = reader.query(bounds)
    except (laspy.LaspyException, lazrs.LazrsError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise BadAnswerError(
            "not a COPC file, or a damaged one",
            where=url,
            found=f"{type(error).__name__}: {error}",
            remedy="bring whole tiles: `parts: false`",
        ) from error
    if not len(points):
        return b"", 0
    out = io.BytesIO()
    data = laspy.LasData(header=_header(reader.header), points=points)
    data.write(out, do_compress=True, laz_backend=laspy.LazBackend.Lazrs)
    return out.getvalue(), len(points)


def _header(source: Any) -> Any:
    """The header of the extract: format, scale, date and records of the file, without those of its octree."""
    import laspy

    header = laspy.LasHeader(version=source.version, point_format=source.point_format)
    header.scales, header.offsets = source.scales, source.offsets
    header.creation_date = source.creation_date
    header.system_identifier = source.system_identifier
    header.generating_software = "jnt_pipeline"
    header.global_encoding = source.global_encoding
    header.file_source_id = source.file_source_id
    header.vlrs.extend(vlr for vlr in source.vlrs if vlr.user_id != "copc")
    return header
