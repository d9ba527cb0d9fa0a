"""Point clouds (LAS, LAZ, COPC) moved to another reference, all dimensions kept."""

from __future__ import annotations

from pathlib import Path

import pyproj

from jnt_pipeline.base_layers.copc import write_copc
from jnt_pipeline.base_layers.point_files import las_damage_turned, rewrite_point_file
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.crs_files.moved import AUTO, Moved, agreed_reference, whole_file
from jnt_pipeline.errors import ConfigError, CrsError, MissingCrsError, UnreadableError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.sources.las_reference import stated_crs, stated_reference, vertical_of_name

__all__ = ["move_points"]


def move_points(source: str, target: str, file: Path, out: Path) -> Moved:
    """Write the points of ``file`` in ``target`` as LAZ 1.4, as COPC where ``out`` ends in .copc.laz.

    The file states its reference, or ``source`` does. Raises ``ConfigError`` for another suffix than .laz,
    ``UnreadableError``, ``CrsError``, ``OSError``.
    """
    if out.suffix.lower() != ".laz":
        raise ConfigError(
            "point clouds are written as LAZ",
            where="--out",
            found=out.name,
            expected="a name that ends in .laz, or in .copc.laz",
            remedy=f"write --out {out.name.split('.')[0]}.laz",
        )
    reference, notes = agreed_reference(source, _stated(file, source), file.name)
    end = canonical(target)
    _require_statable(end, out)
    change = transformation(reference, end)
    with whole_file(out) as scratch:
        if out.name.lower().endswith(".copc.laz"):
            unsorted = scratch.with_name("unsorted.laz")
            rewrite_point_file(file, unsorted, change, end)
            n_points = write_copc(unsorted, scratch)
            unsorted.unlink()
        else:
            n_points = rewrite_point_file(file, scratch, change, end)
    return Moved(operation=change.operation, counts=Counts(read=n_points, kept=n_points), notes=notes)


def _require_statable(end: Reference, out: Path) -> None:
    """LAS 1.4 states its reference as WKT 1, which knows no heights in a geographic system of three axes."""
    crs = pyproj.CRS(end.code)
    if crs.is_geographic and len(crs.axis_info) == 3:
        raise CrsError(
            "a LAS file cannot state this reference",
            where=out.name,
            found=f"{end.code} ({crs.name}), three geographic axes",
            expected="a plane or geographic system with a vertical one, or a geocentric system",
            remedy="write EPSG:4978 for ellipsoidal positions, or keep heights above a vertical datum",
        )


def _stated(file: Path, given: str) -> Reference | None:
    """What the file's records say, completed by the vertical datum in an IGN product name.

    A statement that cannot be understood counts as none where the user says the reference.
    """
    import laspy

    def turned(error: BaseException) -> UnreadableError:
        return UnreadableError(
            "the header cannot be read",
            where=file.name,
            found=str(error),
            expected="a LAS or LAZ file",
            remedy="download the file again and compare its size with the producer's",
        )

    with las_damage_turned(turned), laspy.open(file) as reader:
        stated = stated_crs(reader.header)
    if stated.crs is None:
        return None
    try:
        own = stated_reference(stated, file.name)
    except MissingCrsError:
        if given.lower() == AUTO:
            raise
        return None
    vertical = vertical_of_name(file.name)
    if own.vertical is None and vertical is not None and len(stated.crs.axis_info) == 2:
        return own.model_copy(update={"vertical": vertical})
    return own
