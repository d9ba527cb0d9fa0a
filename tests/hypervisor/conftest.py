"""A delivered twin, and a server over it that really listens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import httpx
import pytest
from tests.builders import tiny_territory
from tests.hypervisor.feeding import DUST, FLOOD, PUBLISHED, listening

from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.provenance import GridUse, Operation
from jnt_pipeline.publication.cog import CogExporter
from jnt_pipeline.territory.model import PublishedFile, StoredPublication, Territory

BROUGHT_IN = Operation(
    source="EPSG:27572",
    target="EPSG:2154",
    description="NTF to RGF93, by hand",
    accuracy_m=1.5,
    grids=(
        GridUse(
            name="fr_ign_gr3df97a.tif",
            sha256="63" * 32,
            edition="gr3df97a",
            licence="Licence Ouverte 2.0",
            attribution="Source: IGN, grilles",
        ),
    ),
)
BROUGHT_OUT = Operation(source="EPSG:2154+5720", target="EPSG:4978", description="by hand", accuracy_m=None)


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    """The hand-written twin with two publications: rasters, and a folder of awkward names."""
    folder = tmp_path_factory.mktemp("twin")
    territory = tiny_territory(folder)
    cog = folder / "publications" / "cog"
    odd = folder / "publications" / "odd"
    cog.mkdir(parents=True)
    (odd / "deep").mkdir(parents=True)
    files = CogExporter().write(territory, cog).files
    (odd / "bytes.bin").write_bytes(PUBLISHED)
    (odd / "empty.bin").write_bytes(b"")
    (odd / "deep" / "é tage #1?.txt").write_text("étage", encoding="utf-8")
    (odd / "unlisted.txt").write_text("secret", encoding="utf-8")
    (folder / "outside.txt").write_text("secret", encoding="utf-8")
    (odd / "link.txt").symlink_to(folder / "outside.txt")
    listed = tuple(
        PublishedFile(path=path, media_type=media_type, title=path)
        for path, media_type in (
            ("bytes.bin", "application/octet-stream"),
            ("empty.bin", "application/octet-stream"),
            ("deep/é tage #1?.txt", "text/plain; charset=utf-8"),
            ("link.txt", "text/plain"),
            ("gone.txt", "text/plain"),
        )
    )
    listed = (dataclasses.replace(listed[0], crs="EPSG:4978"), *listed[1:])
    parcels = territory.layer("parcels")
    brought_in = dataclasses.replace(parcels, provenance=parcels.provenance.with_operation(BROUGHT_IN))
    return dataclasses.replace(
        territory,
        layers={**territory.layers, "parcels": brought_in},
        publications={
            "cog": StoredPublication(kind="cog", folder=cog, files=files),
            "odd": StoredPublication(kind="odd", folder=odd, files=listed, operations=(BROUGHT_OUT,)),
        },
    )


@pytest.fixture(scope="session")
def client(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of a server over the delivered twin: 24 observations, two alerts raised."""
    feed_path = tmp_path_factory.mktemp("feed") / "feed.sqlite"
    deliver(twin, [FLOOD, DUST], feed_path)
    with listening(create_app(twin, feed_path)) as url, httpx.Client(base_url=url) as opened:
        yield opened
