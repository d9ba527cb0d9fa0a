"""Deliver: order, repetition, and a process killed in the middle."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest
from tests.builders import tiny_territory
from tests.hypervisor.dying import deliver_and_die
from tests.hypervisor.feeding import DUST, FLOOD, frame, with_observations

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.feed import Delivery, Feed
from jnt_pipeline.territory.model import Territory

RULES = [FLOOD, DUST]

_PROCESSES = multiprocessing.get_context("forkserver")  # processes of their own, whose imports are paid for once
_PROCESSES.set_forkserver_preload(["tests.hypervisor.dying"])


def bodies(path: Path) -> list[str]:
    with Feed.open(path) as feed:
        return [event.body for event in feed.events(limit=1000).events]


def test_a_twin_is_delivered_once_and_then_only_repeated(twin: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"

    assert deliver(twin, RULES, path) == Delivery(received=24, stored=24, raised=2)
    before = bodies(path)
    assert deliver(twin, RULES, path, batch_size=7) == Delivery(received=24, repeated=24)
    assert bodies(path) == before


def test_observations_go_in_the_order_of_time_across_datastreams_whatever_the_order_of_the_files(
    twin: Territory, tmp_path: Path
) -> None:
    rows = [("V3000001-H", 2, 9.0), ("air-2-pm10", 3, 99.0), ("V3000001-H", 4, 0.0), ("air-2-pm10", 2, 1.0)]
    shuffled = with_observations(twin, tmp_path, frame(*rows))

    assert deliver(shuffled, RULES, tmp_path / "feed.sqlite").late == 0
    with Feed.open(tmp_path / "feed.sqlite") as feed:
        told = [(event.document["time"][14:16], event.document["data"]["rule_id"]) for event in feed.events().events]
    assert told == [("02", "crue"), ("03", "pm10"), ("04", "crue")]


def test_a_twin_without_observations_delivers_nothing_and_makes_a_feed(tmp_path: Path) -> None:
    for name, territory in (
        ("none", tiny_territory(tmp_path / "none", leave_out=("observations", "datastreams", "stations"))),
        ("empty", tiny_territory(tmp_path / "empty", empty=True)),
    ):
        assert deliver(territory, RULES, tmp_path / f"{name}.sqlite") == Delivery()
        assert bodies(tmp_path / f"{name}.sqlite") == []


def test_an_observation_of_a_datastream_that_was_set_aside_is_counted(twin: Territory, tmp_path: Path) -> None:
    stray = with_observations(twin, tmp_path, frame(("nowhere", 0, 1.0), ("V3000001-H", 0, 1.0)))

    assert deliver(stray, RULES, tmp_path / "feed.sqlite") == Delivery(
        received=2, stored=1, rejected={"unknown_datastream": 1}
    )


def test_a_feed_that_cannot_be_used_is_named(twin: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    path.write_text("notes" * 999, encoding="utf-8")

    with pytest.raises(DeliveryError, match=r"feed\.sqlite"):
        deliver(twin, RULES, path)


@pytest.mark.parametrize(
    ("moment", "batch", "n_stored"),
    [
        pytest.param("record", 3, 40, id="values written, events not yet"),
        pytest.param("commit", 5, 60, id="everything written, not committed"),  # flush 1 belongs to the rules
        pytest.param("after", 4, 80, id="between two batches"),
    ],
)
def test_a_delivery_killed_anywhere_and_run_again_leaves_the_events_of_one_undisturbed_run(
    twin: Territory, tmp_path: Path, moment: str, batch: int, n_stored: int
) -> None:
    zigzag = [("V3000001-H", minute, 9.0 if minute % 3 else 0.0) for minute in range(100)]
    zigzag += [("air-2-pm10", minute, 30.0 if minute % 7 else 0.0) for minute in range(100)]
    territory = with_observations(twin, tmp_path, frame(*zigzag))
    path = tmp_path / "feed.sqlite"

    process = _PROCESSES.Process(target=deliver_and_die, args=(territory, RULES, path, moment, batch))
    process.start()
    process.join()

    assert process.exitcode == -signal.SIGKILL
    with Feed.open(path) as feed:
        assert len(feed.observations("V3000001-H", limit=1000)) == n_stored // 2
    rest = deliver(territory, RULES, path)
    assert (rest.received, rest.repeated, rest.stored) == (200, n_stored, 200 - n_stored)
    deliver(territory, RULES, tmp_path / "undisturbed.sqlite")
    assert bodies(path) == bodies(tmp_path / "undisturbed.sqlite")
    assert len(bodies(path)) > 60
