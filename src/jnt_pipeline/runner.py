"""Runner: where units of work are executed; the pipeline does not know which one it is on."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jnt_pipeline.disk import full_disk_named
from jnt_pipeline.errors import JntError
from jnt_pipeline.store import Record, Unit, Workspace

__all__ = [
    "NOTHING_DONE",
    "DryRunEnd",
    "DryRunner",
    "Job",
    "LocalRunner",
    "Planned",
    "Runner",
    "StageReport",
    "Work",
    "execute",
    "make_units",
]

logger = logging.getLogger(__name__)

PROCESSES_FROM = 8
"""Units from which processes pay for the seconds their imports cost."""


class Work(Protocol):
    """What a unit does: write files into ``folder``, and report facts (JSON values). Picklable."""

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work with the scratch folder it may write in."""

    name: str
    reason: str
    """Why it must be done."""
    work: Work
    folder: Path


def execute(job: Job) -> Mapping[str, Any]:
    """Do one job, here or in whatever thread, process or task the runner chose."""
    with full_disk_named(job.folder.parent):
        if job.folder.exists():  # a retry after a failure
            shutil.rmtree(job.folder)
        job.folder.mkdir()
        return job.work(job.folder)


class Runner(Protocol):
    """The seam: yields (index of the job, its result) as they finish; an error of a job is raised."""

    def map(self, jobs: Sequence[Job], title: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Execute all the jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A unit, and the work that makes it if it is not there."""

    unit: Unit
    work: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """What one stage did."""

    made: Mapping[str, str]
    """Why each unit that was made had to be, by ``step/unit``."""
    skipped: tuple[str, ...]
    """Units that were there already, intact, as ``step/unit``."""

    def __add__(self, other: StageReport) -> StageReport:
        return StageReport(made={**self.made, **other.made}, skipped=self.skipped + other.skipped)


NOTHING_DONE = StageReport(made={}, skipped=())


def make_units(
    workspace: Workspace, runner: Runner, planned: Sequence[Planned]
) -> tuple[dict[str, Record], StageReport]:
    """Make the units that are missing, changed or damaged; commit each as it finishes.

    Returns the records by unit name, in the order planned. Units that finished before another failed stay
    committed, so the next run starts from there.
    """
    reasons = {one.unit.name: workspace.why_make(one.unit) for one in planned}
    missing = [one for one in planned if reasons[one.unit.name]]
    jobs = [
        Job(
            name=one.unit.name,
            reason=reasons[one.unit.name],
            work=one.work,
            folder=workspace.scratch_folder(one.unit),
        )
        for one in missing
    ]
    if jobs:
        workspace.plan_units([one.unit for one in planned])
        for index, facts in runner.map(jobs, missing[0].unit.stage):
            unit = missing[index].unit
            workspace.commit(unit, jobs[index].folder, facts)
            logger.info("%s %s made: %s", unit.stage, unit.name, jobs[index].reason)
    records: dict[str, Record] = {}
    for one in planned:
        record = workspace.record(one.unit.stage, one.unit.name)
        if record is None or record.key != one.unit.key:
            raise JntError("the runner lost a unit", where=one.unit.name, remedy="run again")
        records[one.unit.name] = record
    report = StageReport(
        made={f"{one.unit.stage}/{one.unit.name}": reasons[one.unit.name] for one in missing},
        skipped=tuple(f"{one.unit.stage}/{one.unit.name}" for one in planned if not reasons[one.unit.name]),
    )
    return records, report


class DryRunEnd(Exception):  # noqa: N818 - not an error: it ends a dry run
    """Raised by ``DryRunner`` when there is something to do: later stages cannot be planned before it is done."""

    def __init__(self, title: str, jobs: Sequence[Job]) -> None:
        super().__init__(title)
        self.reasons = {f"{title}/{job.name}": job.reason for job in jobs}


class DryRunner:
    """Runs nothing; tells what would be run."""

    def map(self, jobs: Sequence[Job], title: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Raise ``DryRunEnd``."""
        raise DryRunEnd(title, jobs)


class LocalRunner:
    """Threads or processes of this machine, with a progress bar where a person looks on.

    ``mode="auto"`` takes processes from ``PROCESSES_FROM`` jobs on. Processes need a program whose main module can be
    imported; threads, the default of the library, need nothing.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        mode: Literal["threads", "processes", "auto"] = "threads",
        console: Console | None = None,
    ) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.mode = mode
        self.console = console

    def map(self, jobs: Sequence[Job], title: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Execute all the jobs; the first error is raised once the running ones have ended."""
        if not jobs:
            return
        quiet = self.console is None or not self.console.is_terminal
        progress = Progress(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}"),
            console=self.console,
            disable=quiet,
        )
        with progress:
            task = progress.add_task(title, total=len(jobs), last="")
            for index, facts in self._map(jobs):
                yield index, facts
                progress.update(task, advance=1, last=jobs[index].name)

    def _map(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self.workers == 1 or len(jobs) == 1:
            for index, job in enumerate(jobs):
                yield index, execute(job)
            return
        with self._executor(len(jobs)) as executor:
            submit: Callable[..., Future[Mapping[str, Any]]] = executor.submit
            futures: dict[Future[Mapping[str, Any]], int] = {}
            try:
                for index, job in enumerate(jobs):
                    futures[submit(execute, job)] = index
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise JntError(
                    "a worker process died",
                    found="killed from outside, or out of memory",
                    remedy="run again: finished units are kept; use fewer --workers where memory is short",
                ) from error
            finally:
                for future in futures:
                    future.cancel()

    def _executor(self, n_jobs: int) -> Executor:
        processes = self.mode == "processes" or (self.mode == "auto" and n_jobs >= PROCESSES_FROM)
        if processes:
            # Never fork: this process may already hold threads of Arrow, numba or PROJ.
            context = multiprocessing.get_context("forkserver")
            return ProcessPoolExecutor(self.workers, mp_context=context, initializer=_end_with_the_run)
        return ThreadPoolExecutor(self.workers)


def _end_with_the_run() -> None:
    """In a worker: end at once when the run that started it has died, instead of working on for nobody."""
    run = multiprocessing.parent_process()
    if run is None:
        return

    def wait() -> None:
        run.join()
        os._exit(1)

    threading.Thread(target=wait, name="end-with-the-run", daemon=True).start()
