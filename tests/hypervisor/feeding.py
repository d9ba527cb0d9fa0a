"""Rules, observations and servers for the tests of the feed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import uvicorn
from starlette.types import ASGIApp

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.hypervisor.context import FeedContext, MeasuredFlow, Station
from jnt_pipeline.hypervisor.rules import ThresholdRule
from jnt_pipeline.provenance import Counts
from jnt_pipeline.territory.model import Territory

FLOOD = ThresholdRule(
    rule_id="crue", title="Crue", severity="alarm", observed_property="water_level", above=1.5, clear=1.3
)
DUST = ThresholdRule(
    rule_id="pm10", title="Particules", severity="warning", datastream_id="air-2-pm10", above=20.0, clear=19.0
)

PUBLISHED = bytes(range(256)) * 4
"""The 1,024 bytes of the file that the range tests ask for."""


def at(minute: float) -> pd.Timestamp:
    """An instant, minutes after 2026-01-01T00:00Z."""
    return pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(minutes=minute)


def frame(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Observations from (datastream, minute, result)."""
    return pd.DataFrame(
        {
            "datastream_id": pd.Series([row[0] for row in rows], dtype="str"),
            "phenomenon_at": pd.Series([at(row[1]) for row in rows], dtype="datetime64[us, UTC]"),
            "result": pd.Series([row[2] for row in rows], dtype="float64"),
        }
    )


def context(*datastream_ids: str, territory: str = "tiny", quantity: str = "water_level") -> FeedContext:
    """Datastreams of one station without a place."""
    station = Station(id="s", name="S", type=None, position=None, buildings=(), parcels=())
    return FeedContext(
        territory=territory,
        flows={
            name: MeasuredFlow(datastream_id=name, name=None, observed_property=quantity, unit="m", station=station)
            for name in datastream_ids
        },
    )


def with_observations(territory: Territory, folder: Path, observations: pd.DataFrame) -> Territory:
    """The same twin with these observations."""
    part = folder / f"observations-{len(observations)}.parquet"
    write_layer_parquet(observations, part)
    layer = dataclasses.replace(
        territory.layers["observations"],
        parts=(part,),
        rejected_parts=(),
        counts=Counts(read=len(observations), kept=len(observations)),
    )
    return dataclasses.replace(territory, layers={**territory.layers, "observations": layer})


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serve on a free loopback port while the context lasts; gives the base URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server did not stop"
