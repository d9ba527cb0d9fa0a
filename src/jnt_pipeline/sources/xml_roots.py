"""What an XML document is by its root element: features, metadata of a delivery, the error of a service, or others."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from jnt_pipeline.errors import UnreadableError, UnsupportedError

__all__ = ["XmlRoot", "is_metadata", "refuse_other_xml", "root_of"]

_HEAD = 65_536  # bytes that hold the root element, whatever licence text stands before it
_METADATA = ("MD_Metadata", "MI_Metadata")  # ISO 19115 in the encodings ISO 19139 and 19115-3, as INSPIRE and CNIG ask
_ERRORS = ("ExceptionReport", "ServiceExceptionReport")  # OWS 1.0 to 2.0, WFS 1.0
_TOLD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlRoot:
    """The outermost element of a document."""

    name: str
    """Without its prefix."""
    namespaces: frozenset[str]
    """Those declared on it, its own among them."""
    text: str
    """First words within it."""


def root_of(head: bytes) -> XmlRoot | None:
    """The root element of a document that begins with these bytes; None where they hold none."""
    namespaces: set[str] = set()
    names: list[str] = []
    texts: list[str] = []

    def opened(name: str, attributes: dict[str, str]) -> None:
        del attributes
        if not names:
            own, _, local = name.rpartition(" ")
            namespaces.update([own] if own else [])
            names.append(local)

    def declared(prefix: str | None, uri: str | None) -> None:
        if not names:
            namespaces.add(uri or "")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = opened
    parser.StartNamespaceDeclHandler = declared
    parser.CharacterDataHandler = texts.append
    with suppress(expat.ExpatError):  # whoever reads it tells where it breaks
        parser.Parse(head, False)
    if not names:
        return None
    return XmlRoot(name=names[0], namespaces=frozenset(namespaces), text=" ".join("".join(texts).split())[:_TOLD])


def is_metadata(head: bytes) -> bool:
    """Whether a document describes a delivery (*fiche de métadonnées* ISO 19139) and holds none of it."""
    root = root_of(head)
    return root is not None and root.name in _METADATA


def refuse_other_xml(path: Path) -> None:
    """Raise where an XML document cannot hold features, in words: ``UnsupportedError``; ``UnreadableError`` for errors.

    Only the root is looked at: a document that is cut later is left to its reader.
    """
    with path.open("rb") as file:
        root = root_of(file.read(_HEAD))
    if root is None:
        return
    if root.name.lower() == "html":
        raise UnreadableError(
            "a web page, not a file of features",
            where=path.name,
            found=f"<{root.name}>: {root.text}",
            expected="a collection of features in GML",
            remedy="download it again: the address may have moved, or ask for a login",
        )
    if root.name in _ERRORS:
        raise UnreadableError(
            "the error of a service, saved as if it were its answer",
            where=path.name,
            found=f"<{root.name}>: {root.text}",
            expected="a collection of features in GML",
            remedy="correct the request as the service says, then ask for the layer again",
        )
    if root.name in _METADATA:
        raise UnsupportedError(
            "metadata about a delivery (ISO 19139), no features",
            where=path.name,
            found=f"<{root.name}>",
            expected="a collection of features in GML",
            remedy="give the files that it describes; it may stay beside them",
        )
    if not root.namespaces:
        raise UnsupportedError(
            "an XML document that is no GML: it holds no feature type",
            where=path.name,
            found=f"<{root.name}> in no namespace as its root",
            expected="a collection of features in GML (namespace http://www.opengis.net/gml), or an answer of a WFS",
            remedy="ask the producer or the service for the layer again, as GML",
        )
