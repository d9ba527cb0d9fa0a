"""A LiDAR flight over the sample: pulses in strips, returns from ground, roofs, crowns, water, and stray points.

A strip is a band of rows of a jittered grid that crosses all tiles, so no seam can show; memory is that of one strip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.samples.chance import bell, stream
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.town import SampleTown

__all__ = ["GROUND_SIGMA_M", "ROOF_SIGMA_M", "Returns", "scan_strips"]

GROUND_SIGMA_M, ROOF_SIGMA_M, WATER_SIGMA_M = 0.03, 0.03, 0.02
"""Standard deviation of the measured elevation, metres; never more than ``chance.NOISE_BOUND`` times it."""
STRIP_M = 24
"""Depth of a strip, metres: also a flight line."""
WATER_SHARE, THROUGH_CANOPY, GRASS_SHARE, WALL_SHARE, STRAY_SHARE = 0.12, 0.28, 0.05, 0.08, 0.0004
"""Of the pulses: echo from water; ground echo under a crown; grass of class 3; wall below an eave (class 6);
stray points of class 1."""
VIRTUAL_STEP_M = 4.0
"""Grid of the virtual points (class 66)."""
FIRST_FLIGHT_S = 425_805_218.0
"""2025-03-12T09:00:00Z as adjusted standard GPS time (GPS seconds - 1e9, 18 leap seconds)."""
DAY_S, PULSE_S = 86_400.0, 2.0**-17


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """Returns of one strip, arrays of one length, in pulse order; virtual points last."""

    x_cm: NDArray[np.int64]
    """Easting, whole centimetres, in the projection of the site."""
    y_cm: NDArray[np.int64]
    z_cm: NDArray[np.int64]
    """Elevation, whole centimetres, in the heights of the site."""
    classification: NDArray[np.uint8]
    return_number: NDArray[np.uint8]
    number_of_returns: NDArray[np.uint8]
    intensity: NDArray[np.uint16]
    gps_time: NDArray[np.float64]
    line: int
    """Number of the flight line (point source id); virtual points have 0."""

    def of(self, keep: NDArray[np.bool_]) -> Returns:
        """The returns where ``keep`` is true."""
        return Returns(
            x_cm=self.x_cm[keep],
            y_cm=self.y_cm[keep],
            z_cm=self.z_cm[keep],
            classification=self.classification[keep],
            return_number=self.return_number[keep],
            number_of_returns=self.number_of_returns[keep],
            intensity=self.intensity[keep],
            gps_time=self.gps_time[keep],
            line=self.line,
        )


class _Pulses:
    """A band of the jittered grid, and what each pulse has hit so far; arrays of shape (rows, columns)."""

    def __init__(self, town: SampleTown, density: float, rows: tuple[int, int], rng: np.random.Generator):
        self.town, self.rng = town, rng
        self.step = (1.0 / density) ** 0.5
        extent = town.extent
        self.east, self.north = town.site.origin
        self.first_column = int(np.floor((extent.west - self.east) / self.step)) - 1
        self.first_row = rows[0]
        n_columns = int(np.ceil((extent.east - self.east) / self.step)) + 1 - self.first_column
        shape = (rows[1] - rows[0], n_columns)
        column = np.arange(self.first_column, self.first_column + n_columns)[None, :]
        row = np.arange(rows[0], rows[1])[:, None]
        # Rounded as they will be written, so that what a pulse hits is true at the written position.
        self.x = self.east + np.round((column + 0.1 + 0.8 * rng.random(shape)) * self.step, 2)
        self.y = self.north + np.round((row + 0.1 + 0.8 * rng.random(shape)) * self.step, 2)
        west, south, east, north = extent.bounds
        self.nominal = (west, self.north + rows[0] * self.step, east, self.north + rows[1] * self.step)
        self.alive = (self.x >= west) & (self.x < east) & (self.y >= south) & (self.y < north)
        self.u, self.v = town.layout.frame.to_town(self.x, self.y)
        self.ground = town.terrain.elevation(self.x, self.y)
        self.paved = town.terrain.is_paved(self.u, self.v)
        self.water = town.terrain.is_water(self.u, self.v)
        self.z = self.ground + bell(rng, shape, GROUND_SIGMA_M)
        self.code = np.full(shape, 2, dtype=np.uint8)
        self.crown = np.full(shape, np.nan)
        """Echo from a crown or hedge above what ``z`` and ``code`` say."""

    def window(self, bounds: Bounds) -> tuple[slice, slice] | None:
        """The part of the band that may meet bounds in the projection, or None."""
        west, south, east, north = bounds
        n_rows, n_columns = self.x.shape
        c0 = max(int((west - self.east) / self.step) - 2 - self.first_column, 0)
        c1 = min(int((east - self.east) / self.step) + 3 - self.first_column, n_columns)
        r0 = max(int((south - self.north) / self.step) - 2 - self.first_row, 0)
        r1 = min(int((north - self.north) / self.step) + 3 - self.first_row, n_rows)
        return (slice(r0, r1), slice(c0, c1)) if r0 < r1 and c0 < c1 else None

    def inside(self, rectangle: Rectangle) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
        """Window and mask of the pulses inside a rectangle in own axes."""
        window = self.window(self.town.layout.box(rectangle.corners))
        if window is None:
            return None
        u, v = self.u[window], self.v[window]
        return window, (u >= rectangle.u0) & (u <= rectangle.u1) & (v >= rectangle.v0) & (v <= rectangle.v1)

    def hit_water(self) -> None:
        """Most of the light is lost on water."""
        shape = self.x.shape
        self.alive &= ~self.water | (self.rng.random(shape) < WATER_SHARE)
        surface = self.ground + bell(self.rng, shape, WATER_SIGMA_M)
        self.z = np.where(self.water, surface, self.z)
        self.code[self.water] = 9

    def hit_grass(self) -> None:
        """Low vegetation on what is neither paved nor water."""
        shape = self.x.shape
        grass = (self.rng.random(shape) < GRASS_SHARE) & ~self.paved & ~self.water
        self.z = np.where(grass, self.ground + 0.1 + 0.38 * self.rng.random(shape), self.z)
        self.code[grass] = 3

    def near(self, bounds: NDArray[np.float64]) -> list[int]:
        """Which of n boxes, shape (n, 4), may meet the band."""
        pad = 4 * self.step
        _, south, _, north = self.nominal
        return np.flatnonzero((bounds[:, 3] >= south - pad) & (bounds[:, 1] <= north + pad)).tolist()

    def hit_roofs(self, bounds: NDArray[np.float64]) -> None:
        """The highest roof wins; nothing is seen below it."""
        noise = bell(self.rng, self.x.shape, ROOF_SIGMA_M)
        top = np.full(self.x.shape, -np.inf)
        walled = np.zeros(self.x.shape, dtype=bool)
        for i in self.near(bounds):
            building = self.town.buildings[i]
            window = self.window(building.bounds)
            if window is None:
                continue
            roof = building.roof_elevation(self.x[window], self.y[window])
            hit = np.nan_to_num(roof, nan=-np.inf) > top[window]
            top[window] = np.where(hit, roof, top[window])
            self.code[window] = np.where(hit, building.point_class, self.code[window])
            _, across = building.to_local(self.x[window], self.y[window])
            walled[window] = np.where(hit, np.abs(across) > building.half_width_m, walled[window])
        self.z = np.where(np.isfinite(top), top + noise, self.z)
        # At the eaves some light passes under the roof and comes back from the wall.
        walled &= self.rng.random(self.x.shape) < WALL_SHARE
        self.z = np.where(walled, self.ground + (self.z - self.ground) * self.rng.random(self.x.shape), self.z)

    def hit_bridge(self, bridge: Rectangle) -> None:
        """Class 17."""
        found = self.inside(bridge)
        if found is None:
            return
        window, mask = found
        deck = self.town.terrain.deck(self.u[window], self.v[window]) + bell(self.rng, mask.shape, ROOF_SIGMA_M)
        self.z[window] = np.where(mask, deck, self.z[window])
        self.code[window] = np.where(mask, 17, self.code[window])
        # Water loses light, the deck does not.
        self.alive[window] |= mask

    def hit_cars(self, cars: tuple[Rectangle, ...], bounds: NDArray[np.float64]) -> None:
        """Parked cars: class 1."""
        for i in self.near(bounds):
            found = self.inside(cars[i])
            if found is not None:
                window, mask = found
                mask = mask & (self.code[window] == 2)
                self.z[window] = np.where(mask, self.ground[window] + 1.45, self.z[window])
                self.code[window] = np.where(mask, 1, self.code[window])

    def hit_hedges(self, hedges: tuple[Rectangle, ...], bounds: NDArray[np.float64]) -> None:
        """Hedges of 0.6 to 1.45 m: class 4."""
        for i in self.near(bounds):
            found = self.inside(hedges[i])
            if found is not None:
                window, mask = found
                mask = mask & (self.code[window] <= 3)
                top = self.ground[window] + 0.6 + 0.85 * self.rng.random(mask.shape)
                self.crown[window] = np.where(mask, top, self.crown[window])

    def hit_trees(self, scenery: Scenery) -> None:
        """Crowns: the echo comes from a little inside the surface of the ellipsoid."""
        trees = scenery.trees
        _, south, _, north = self._reach()
        near = np.flatnonzero((trees.y + trees.radius_m >= south) & (trees.y - trees.radius_m <= north))
        for i in near:
            x, y, radius = float(trees.x[i]), float(trees.y[i]), float(trees.radius_m[i])
            window = self.window((x - radius, y - radius, x + radius, y + radius))
            if window is None:
                continue
            share = ((self.x[window] - x) ** 2 + (self.y[window] - y) ** 2) / radius**2
            top = float(trees.ground_m[i] + trees.height_m[i])
            depth = 0.45 * float(trees.height_m[i])
            crown = (
                top - depth * (1.0 - np.sqrt(np.clip(1.0 - share, 0.0, 1.0))) - 0.6 * self.rng.random(share.shape) ** 2
            )
            over = (share <= 1.0) & (
                crown > np.fmax(self.z[window] + 0.3, np.nan_to_num(self.crown[window], nan=-np.inf))
            )
            self.crown[window] = np.where(over, crown, self.crown[window])

    def _reach(self) -> Bounds:
        return (float(self.x.min()), float(self.y.min()), float(self.x.max()), float(self.y.max()))


def _boxes(bounds: list[Bounds]) -> NDArray[np.float64]:
    return np.array(bounds, dtype=np.float64).reshape(-1, 4)


def scan_strips(town: SampleTown, scenery: Scenery, density: float) -> Iterator[Returns]:
    """The returns of the whole flight, strip by strip from the south; ``density`` in pulses per m²."""
    extent, origin_north = town.extent, town.site.centre_northing_m
    step = (1.0 / density) ** 0.5
    rows_per_strip = max(round(STRIP_M / step), 1)
    first = int(np.floor((extent.south - origin_north) / step)) - 1
    last = int(np.ceil((extent.north - origin_north) / step)) + 1
    roofs = _boxes([building.bounds for building in town.buildings])
    cars = _boxes([town.layout.box(car.corners) for car in scenery.cars])
    hedges = _boxes([town.layout.box(hedge.corners) for hedge in scenery.hedges])
    for line, row in enumerate(range(first, last, rows_per_strip), start=1):
        rng = stream(town.seed, "scan", line)
        pulses = _Pulses(town, density, (row, min(row + rows_per_strip, last)), rng)
        pulses.hit_water()
        pulses.hit_grass()
        pulses.hit_roofs(roofs)
        pulses.hit_bridge(scenery.bridge)
        pulses.hit_cars(scenery.cars, cars)
        pulses.hit_hedges(scenery.hedges, hedges)
        pulses.hit_trees(scenery)
        for void in scenery.voids:
            found = pulses.inside(void)
            if found is not None:
                pulses.alive[found[0]] &= ~found[1]
        yield _returns(pulses, line)
        yield _virtual(pulses, scenery.bridge)


def _returns(pulses: _Pulses, line: int) -> Returns:
    rng = pulses.rng
    alive = pulses.alive.ravel()
    order = np.flatnonzero(alive)
    x, y, z, code, crown, ground = (
        a.ravel()[order] for a in (pulses.x, pulses.y, pulses.z, pulses.code, pulses.crown, pulses.ground)
    )
    draw = rng.random((4, len(order)))
    veiled = np.isfinite(crown)
    # Canopy thins what is below; a second echo within the crown is rarer.
    below = ~veiled | (draw[0] < THROUGH_CANOPY)
    within = veiled & (draw[1] < 0.25) & (crown - z > 2.0)
    count = veiled.astype(np.uint8) + within + below
    parts = [
        (veiled, crown, None, np.ones(len(order), dtype=np.uint8)),
        (within, z + (crown - z) * (0.25 + 0.6 * draw[2]), None, np.full(len(order), 2, dtype=np.uint8)),
        (below, z, code, count),
    ]
    index = np.concatenate([np.flatnonzero(mask) for mask, *_ in parts])
    elevation = np.concatenate([values[mask] for mask, values, *_ in parts])
    number = np.concatenate([numbers[mask] for mask, *_, numbers in parts])
    vegetation = np.concatenate(
        [_vegetation_class(values - ground)[mask] if codes is None else codes[mask] for mask, values, codes, _ in parts]
    )
    stray = rng.random(len(index)) < STRAY_SHARE
    lift = np.where(rng.random(len(index)) < 0.7, 4 + 40 * rng.random(len(index)), -1 - 4 * rng.random(len(index)))
    elevation = np.where(stray, ground[index] + lift, elevation)
    vegetation = np.where(stray, 1, vegetation).astype(np.uint8)
    sequence = np.lexsort((number, index))
    index, elevation, number, codes = index[sequence], elevation[sequence], number[sequence], vegetation[sequence]
    day = DAY_S if line % 2 == 0 else 0.0
    start = FIRST_FLIGHT_S + day + 120.0 * line
    return Returns(
        x_cm=np.rint(x[index] * 100).astype(np.int64),
        y_cm=np.rint(y[index] * 100).astype(np.int64),
        z_cm=np.rint(elevation * 100).astype(np.int64),
        classification=codes,
        return_number=number,
        number_of_returns=count[index],
        intensity=_intensity(codes, draw[3][index]),
        gps_time=start + order[index] * PULSE_S,
        line=line,
    )


def _virtual(pulses: _Pulses, bridge: Rectangle) -> Returns:
    """Virtual points (class 66) on a regular grid: the water surface, and the ground under the bridge.

    As IGN writes them: GPS time, return number, intensity and point source id are all 0.
    """
    _, south, _, north = pulses.nominal
    extent = pulses.town.extent
    east = np.arange(extent.west + VIRTUAL_STEP_M / 2, extent.east, VIRTUAL_STEP_M)
    first = np.ceil((south - extent.south) / VIRTUAL_STEP_M - 0.5)
    last = np.ceil((north - extent.south) / VIRTUAL_STEP_M - 0.5)
    up = extent.south + (np.arange(max(first, 0.0), last) + 0.5) * VIRTUAL_STEP_M
    x, y = (grid.ravel() for grid in np.meshgrid(east, up[up < extent.north]))
    u, v = pulses.town.layout.frame.to_town(x, y)
    water = pulses.town.terrain.is_inside_water(u, v)
    under = (u > bridge.u0) & (u < bridge.u1) & (v > bridge.v0) & (v < bridge.v1)
    x, y = x[water | under], y[water | under]
    zeros = np.zeros(len(x), dtype=np.uint8)
    return Returns(
        x_cm=np.rint(x * 100).astype(np.int64),
        y_cm=np.rint(y * 100).astype(np.int64),
        z_cm=np.rint(pulses.town.terrain.elevation(x, y) * 100).astype(np.int64),
        classification=np.full(len(x), 66, dtype=np.uint8),
        return_number=zeros,
        number_of_returns=zeros,
        intensity=zeros.astype(np.uint16),
        gps_time=zeros.astype(np.float64),
        line=0,
    )


def _vegetation_class(height: NDArray[np.float64]) -> NDArray[np.uint8]:
    """IGN's three heights of vegetation: up to 0.5 m, up to 1.5 m, above."""
    return np.where(height > 1.5, 5, np.where(height > 0.5, 4, 3)).astype(np.uint8)


_BRIGHTNESS = np.zeros(256, dtype=np.uint16)
for _code, _level in ((1, 500), (2, 1200), (3, 900), (4, 800), (5, 700), (6, 1000), (9, 100), (17, 600), (67, 1100)):
    _BRIGHTNESS[_code] = _level


def _intensity(codes: NDArray[np.uint8], draw: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Brightness by class with a little noise, in steps of 20 so that it compresses."""
    return (_BRIGHTNESS[codes] + 20 * (draw * 8).astype(np.uint16)).astype(np.uint16)
