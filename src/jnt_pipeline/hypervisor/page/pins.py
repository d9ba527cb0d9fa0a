"""Pins (*repères*): the stations on the map, named where the names do not lie over one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jnt_pipeline.hypervisor.context import Station
from jnt_pipeline.hypervisor.page.map_preview import WIDTH, MapPreview

__all__ = ["MOST_PINS", "Label", "Pin", "pins"]

MOST_PINS = 300
_RADIUS = 190  # half the side of the square that a pin covers, in the units of the drawing
_LETTER, _LINE = 210, 400  # room of a letter and of a line at the largest size that the style sheet gives them

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Where a name is written, from the pin."""

    dx: int
    dy: int
    anchor: str
    """SVG text-anchor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A station on the map."""

    name: str
    x: int
    y: int
    severity: str | None
    """Gravest active alert; None = none."""
    label: Label | None
    """None where it would hide another pin or name; the table has all names."""


_PLACES = (
    Label(dx=230, dy=75, anchor="start"),
    Label(dx=-230, dy=75, anchor="end"),
    Label(dx=0, dy=-250, anchor="middle"),
    Label(dx=0, dy=440, anchor="middle"),
)


def pins(stations: Iterable[Station], severity: Mapping[str, str], preview: MapPreview) -> tuple[Pin, ...]:
    """The stations that stand in the picture, those in alert first, at most ``MOST_PINS``.

    ``severity`` gives the gravest active alert by station. Names are placed one after the other in that order,
    right, left, above or below their pin, where they are free of pins and of the names placed before.
    """
    placed = [
        (station, place)
        for station in sorted(stations, key=lambda station: (station.id not in severity, station.id))
        if station.position is not None
        and (place := preview.place(station.position.easting_m, station.position.northing_m)) is not None
    ][:MOST_PINS]
    pin_boxes = [(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for _, (x, y) in placed]
    name_boxes: list[_Box] = []
    found = []
    for index, (station, (x, y)) in enumerate(placed):
        name = station.name or station.id
        others = pin_boxes[:index] + pin_boxes[index + 1 :] + name_boxes
        label = None
        for candidate in _PLACES:
            box = _box(name, candidate, x, y)
            if _inside(box, preview.height) and not any(_meet(box, other) for other in others):
                label = candidate
                name_boxes.append(box)
                break
        found.append(Pin(name=name, x=x, y=y, severity=severity.get(station.id), label=label))
    return tuple(found)


def _box(name: str, place: Label, x: int, y: int) -> _Box:
    width = _LETTER * len(name)
    start = x + place.dx - {"start": 0.0, "middle": width / 2, "end": float(width)}[place.anchor]
    base = y + place.dy
    return start, base - 0.8 * _LINE, start + width, base + 0.2 * _LINE


def _inside(box: _Box, height: int) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= height


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
