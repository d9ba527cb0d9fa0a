"""What the page shows, gathered from the twin and its feed: every list bounded, and saying so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jnt_pipeline.hypervisor.api.answers import Served
from jnt_pipeline.hypervisor.context import MeasuredFlow
from jnt_pipeline.hypervisor.feed import Alert, Feed
from jnt_pipeline.hypervisor.page.layer_names import group_of
from jnt_pipeline.hypervisor.page.map_preview import MapPreview
from jnt_pipeline.hypervisor.page.pins import Pin, pins
from jnt_pipeline.hypervisor.page.sparkline import Sparkline, sparkline
from jnt_pipeline.hypervisor.published_files import PublishedFiles
from jnt_pipeline.hypervisor.rules import Observation
from jnt_pipeline.provenance import GridUse, Provenance, grids_of
from jnt_pipeline.territory.model import PublishedFile, Territory

__all__ = ["Download", "DownloadGroup", "LayerRow", "PageView", "SensorRow", "page_view"]

MOST_ALERTS = 50
MOST_EVENTS = 12
MOST_SENSORS = 200
MOST_FILES = 12
SERIES_LENGTH = 72
_SEVERITIES = ("alarm", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """A layer or raster of the twin."""

    name: str
    group: str
    """French title of the layers among which people look for it."""
    n_records: int | None
    """None for a raster."""
    resolution_m: float | None
    """None for a layer."""
    rejected: dict[str, int]
    horizontal_crs: str | None
    vertical_crs: str | None
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRow:
    """A datastream with its newest value."""

    flow: MeasuredFlow
    latest: Observation | None
    curve: Sparkline | None
    alerts: tuple[Alert, ...]
    """Active alerts of this datastream, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A published file."""

    kind: str
    file: PublishedFile
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadGroup:
    """The files of one publication."""

    kind: str
    files: tuple[Download, ...]
    n_files: int
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """Everything the template draws."""

    territory: Territory
    cursor: str
    """End of the log before anything else was read: the live stream goes on from it."""
    map: MapPreview
    pins: tuple[Pin, ...]
    n_stations: int
    layers: tuple[LayerRow, ...]
    sensors: tuple[SensorRow, ...]
    n_sensors: int
    alerts: tuple[Alert, ...]
    n_alerts: int
    events: tuple[dict[str, Any], ...]
    downloads: tuple[DownloadGroup, ...]
    sources: tuple[Provenance, ...]
    grids: tuple[GridUse, ...]
    """Grids that the coordinates of the twin and of its publications hang on."""
    newest: Observation | None


def page_view(served: Served, preview: MapPreview, files: PublishedFiles) -> PageView:
    """Gather the page as of now. Raises ``DeliveryError`` when the feed cannot be read."""
    territory, feed = served.territory, served.feed
    cursor = feed.end()
    alerts = sorted(feed.alerts(), key=_gravest_first)
    newest = feed.latest()
    stations = {flow.station.id: flow.station for flow in served.context.flows.values()}
    severity: dict[str, str] = {}
    for alert in alerts:  # the gravest first
        severity.setdefault(alert.event.document["data"]["station"]["id"], _severity(alert))
    return PageView(
        territory=territory,
        cursor=cursor,
        map=preview,
        pins=pins(stations.values(), severity, preview),
        n_stations=len(stations),
        layers=_layers(territory),
        sensors=_sensors(served, feed, newest, alerts),
        n_sensors=len(served.context.flows),
        alerts=tuple(alerts[:MOST_ALERTS]),
        n_alerts=len(alerts),
        events=tuple(event.document for event in feed.last_events(MOST_EVENTS)),
        downloads=_downloads(territory, files),
        sources=_sources(territory),
        grids=_grids(territory),
        newest=max(newest, key=lambda one: one.phenomenon_at, default=None),
    )


def _severity(alert: Alert) -> str:
    return str(alert.event.document["data"]["severity"])


def _gravest_first(alert: Alert) -> tuple[int, str]:
    return _SEVERITIES.index(_severity(alert)), alert.alert_id


def _layers(territory: Territory) -> tuple[LayerRow, ...]:
    rows = [
        LayerRow(
            name=name,
            group=group_of(name)[0],
            n_records=layer.counts.kept,
            resolution_m=None,
            rejected=layer.counts.rejected,
            horizontal_crs=None if layer.reference is None else layer.reference.horizontal,
            vertical_crs=None if layer.reference is None else layer.reference.vertical,
            provenance=layer.provenance,
        )
        for name, layer in territory.layers.items()
    ]
    rows += [
        LayerRow(
            name=name,
            group=group_of(name)[0],
            n_records=None,
            resolution_m=raster.resolution_m,
            rejected={},
            horizontal_crs=raster.reference.horizontal,
            vertical_crs=raster.reference.vertical,
            provenance=raster.provenance,
        )
        for name, raster in territory.rasters.items()
    ]
    return tuple(sorted(rows, key=lambda row: group_of(row.name)[1]))


def _sensors(
    served: Served, feed: Feed, newest: Sequence[Observation], alerts: Sequence[Alert]
) -> tuple[SensorRow, ...]:
    """Datastreams in alert first, then by station."""
    latest = {one.datastream_id: one for one in newest}
    active: dict[str, list[Alert]] = {}
    for alert in alerts:
        active.setdefault(alert.datastream_id, []).append(alert)
    flows = sorted(
        served.context.flows.values(),
        key=lambda flow: (
            flow.datastream_id not in active,
            flow.station.name or flow.station.id,
            flow.datastream_id,
        ),
    )
    return tuple(
        SensorRow(
            flow=flow,
            latest=latest.get(flow.datastream_id),
            curve=sparkline(feed.last_observations(flow.datastream_id, SERIES_LENGTH)),
            alerts=tuple(active.get(flow.datastream_id, ())),
        )
        for flow in flows[:MOST_SENSORS]
    )


def _downloads(territory: Territory, files: PublishedFiles) -> tuple[DownloadGroup, ...]:
    """The files of each publication, those nearest to its root first: an index comes before its thousand tiles."""
    groups = []
    for kind, publication in sorted(territory.publications.items()):
        ordered = sorted(publication.files, key=lambda file: (file.path.count("/"), file.role != "data", file.path))
        sizes = [files.size_of(kind, file.path) for file in ordered]
        present = [
            Download(kind=kind, file=file, n_bytes=size)
            for file, size in zip(ordered, sizes, strict=True)
            if size is not None
        ]
        groups.append(
            DownloadGroup(
                kind=kind,
                files=tuple(present[:MOST_FILES]),
                n_files=len(present),
                n_bytes=sum(one.n_bytes for one in present),
            )
        )
    return tuple(groups)


def _grids(territory: Territory) -> tuple[GridUse, ...]:
    origins = [layer.provenance for layer in territory.layers.values()]
    origins += [raster.provenance for raster in territory.rasters.values()]
    brought_in = [operation for origin in origins for operation in origin.operations]
    brought_out = [operation for publication in territory.publications.values() for operation in publication.operations]
    return grids_of([*brought_in, *brought_out])


def _sources(territory: Territory) -> tuple[Provenance, ...]:
    """One record per producer, licence and attribution; what was derived from several is told by its parts."""
    layers = [territory.layers[name].provenance for name in sorted(territory.layers)]
    rasters = [territory.rasters[name].provenance for name in sorted(territory.rasters)]
    seen = {(one.producer, one.licence, one.attribution): one for one in layers + rasters}
    producers = {producer for producer, _, _ in seen}
    return tuple(seen[key] for key in sorted(seen) if "; " not in key[0] or not set(key[0].split("; ")) <= producers)
