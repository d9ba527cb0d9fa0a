"""PrefectRunner: the units of a stage as batches of Prefect tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed, wait
from prefect.utilities.annotations import quote

from jnt_pipeline.runner import Job, execute

MOST_TASKS = 200
"""Tasks a stage is cut into at most: a self-hosted server answers 503 from about 2,000."""


@task(name="units", task_run_name="{title}: {names}", cache_policy=NO_CACHE, persist_result=False)
def make(jobs: Sequence[Job], title: str, names: str) -> list[Mapping[str, Any]]:
    """Execute some jobs one after the other; the manifest, not Prefect, remembers what is done."""
    return [execute(job) for job in jobs]


class PrefectRunner:
    """A runner of the pipeline on whatever task runner the flow has: threads here, Dask elsewhere."""

    def map(self, jobs: Sequence[Job], title: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Execute all the jobs; yields them as their batches finish."""
        size = -(-len(jobs) // MOST_TASKS)
        batches = [list(range(start, min(start + size, len(jobs)))) for start in range(0, len(jobs), size)]
        futures = {}
        for batch in batches:
            names = ", ".join(jobs[i].name for i in batch[:3]) + (" …" if len(batch) > 3 else "")
            futures[make.submit(quote([jobs[i] for i in batch]), title, names)] = batch
        try:
            for future in as_completed(list(futures)):
                yield from zip(futures[future], future.result(), strict=True)
        finally:
            wait(list(futures))  # whatever happened: nobody works in the scratch folder once the stage has ended
