"""What GDAL does not tell of a PCRS tile in GML: how many objects are written, and which drawing is of which fitting.

A fitting (*affleurant*) has no geometry: ``AffleurantPCRS`` names its symbol by xlink, or an
``AffleurantGeometriquePCRS`` that names an outline, lines or points.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from jnt_pipeline.errors import UnreadableError

__all__ = ["PcrsDocument", "pcrs_document"]

_GML_ID = "{http://www.opengis.net/gml/3.2}id"
_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True, slots=True, kw_only=True)
class PcrsDocument:
    """The objects of one document."""

    n_written: Counter[str]
    """Class → number of objects."""
    fitting_of: dict[str, str]
    """gml:id of an outline, line, point or symbol → gml:id of its fitting."""


def pcrs_document(path: Path) -> PcrsDocument:
    """Read the structure of a document; empty for a file that is no XML. Raises ``UnreadableError`` when it is cut."""
    n_written: Counter[str] = Counter()
    hrefs: dict[str, dict[str, list[str]]] = {"AffleurantPCRS": {}, "AffleurantGeometriquePCRS": {}}
    with path.open("rb") as stream:
        if not stream.read(16).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            return PcrsDocument(n_written=n_written, fitting_of={})
        stream.seek(0)
        try:
            for _, element in ElementTree.iterparse(stream):
                name = element.tag.rsplit("}", 1)[-1]
                if not name.endswith("PCRS") or _GML_ID not in element.attrib:
                    continue
                n_written[name] += 1
                if name in hrefs:
                    hrefs[name][element.attrib[_GML_ID]] = _targets(element)
                element.clear()
        except ElementTree.ParseError as error:
            raise UnreadableError(
                "the XML is damaged or cut short",
                where=path.name,
                found=str(error),
                expected="a whole GML document",
                remedy="ask for the tile again",
            ) from error
    fitting_of = {
        target: fitting
        for fitting, drawings in hrefs["AffleurantPCRS"].items()
        for drawing in drawings
        for target in (drawing, *hrefs["AffleurantGeometriquePCRS"].get(drawing, []))
    }
    return PcrsDocument(n_written=n_written, fitting_of=fitting_of)


def _targets(element: ElementTree.Element) -> list[str]:
    """Objects that an object names: by xlink, or written inside."""
    named = [child.attrib[_HREF].removeprefix("#") for child in element.iter() if _HREF in child.attrib]
    inside = [child.attrib[_GML_ID] for child in element.iter() if child is not element and _GML_ID in child.attrib]
    return [*named, *inside]
