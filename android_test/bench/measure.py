"""The run: for each text and number of threads every contender in its own process, one repetition of each in turn.

A ratio is formed repetition by repetition, between runs that stand next to each other in time: what else the machine
does falls on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles
from typing import Any

from android_test.bench.child import Child, Died
from android_test.bench.contenders import REFERENCE, RIVAL, Contender
from android_test.bench.passages import Passage
from android_test.bench.prepare import Build
from android_test.bench.runners import BenchRequest

BenchRow = dict[str, Any]
Run = dict[str, Any]


@dataclass
class Course:
    """One contender on one text, as far as it came."""

    contender: Contender
    loaded: dict[str, Any] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    error: str = ""


def race(
    requests: Mapping[Contender, BenchRequest],
    repetitions: int,
    time_limit: float,
    advance: Callable[[str], None],
    start: Callable[[BenchRequest, float], Child] = Child,
) -> list[Course]:
    """Loads the contenders one after the other, then runs them in turn; the first of a round changes."""
    courses, children = [], {}
    try:
        for one, request in requests.items():
            advance(f"{one.name}: loading")
            course = Course(one)
            courses.append(course)
            try:
                child = start(request, time_limit)
                children[one] = child
                course.loaded = child.answer()
            except Died as death:
                course.error = str(death)
        for repetition in range(repetitions):
            turn = repetition % len(courses)
            for course in (*courses[turn:], *courses[:turn]):
                advance(course.contender.name)
                if course.error:
                    continue
                try:
                    course.runs.append(children[course.contender].run())
                except Died as death:
                    course.error = str(death)
    finally:
        for child in children.values():
            child.close()
    return courses


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return (values[0],) * 3
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, median(values), high


def bench_row(course: Course, reference: Course | None, rival: Course | None = None) -> BenchRow:
    """A contender's figures; a note in `error` and no figures where it did not come through.

    Args:
        reference, rival: against whose runs ratios are formed; None where it did not race.
    """
    row: BenchRow = {"contender": course.contender.name}
    if course.error or not course.runs:
        return row | {"error": course.error or "no repetition"}
    runs = course.runs
    low, middle, high = quartiles([1000 * run["seconds"] for run in runs])
    audio = runs[0]["audio_seconds"]
    row |= {
        "repetitions": len(runs),
        "audio_seconds": round(audio, 3),
        "ms": round(middle, 1),
        "ms_low": round(low, 1),  # quartiles
        "ms_high": round(high, 1),
        "cpu_ms": round(median(1000 * run["cpu_seconds"] for run in runs), 1),
        "real_time_factor": round(middle / 1000 / audio, 4),
        "first_audio_ms": round(median(1000 * run["first_audio_seconds"] for run in runs), 1),
        "load_ms": round(1000 * course.loaded["load_seconds"], 1),
        "peak_memory_mb": round(max(run["peak_memory_mb"] for run in runs), 1),
        "disk_mb": round(course.loaded["disk_mb"], 1),
    }
    if rival is not None and not rival.error and len(rival.runs) == len(runs):
        pairs = list(zip(rival.runs, runs, strict=True))
        row["rival_ratio"] = round(median(theirs["seconds"] / ours["seconds"] for theirs, ours in pairs), 3)
    if reference is not None and not reference.error and len(reference.runs) == len(runs):
        pairs = list(zip(reference.runs, runs, strict=True))
        low, middle, high = quartiles([theirs["seconds"] / ours["seconds"] for theirs, ours in pairs])
        row |= {"ratio": round(middle, 3), "ratio_low": round(low, 3), "ratio_high": round(high, 3)}
        row["cpu_ratio"] = round(median(theirs["cpu_seconds"] / ours["cpu_seconds"] for theirs, ours in pairs), 3)
    for stage in runs[0]["stages_ms"]:
        row[f"{stage}_ms"] = round(median(run["stages_ms"][stage] for run in runs), 2)
    return row


def _tell(advance: Callable[[str], None], where: str, part: str) -> None:
    advance(where + part)


def measure_build(
    build: Build,
    passages: Sequence[Passage],
    contenders: Sequence[Contender],
    threads: int,
    repetitions: int,
    time_limit: float,
    advance: Callable[[str], None],
) -> list[BenchRow]:
    """One build at one number of threads: a row for each text and contender."""
    rows = []
    for passage in passages:
        requests = {one: build.request(one, passage, threads) for one in contenders if build.has(one)}
        where = f"{build.name}, {passage.name}, {threads} threads, "
        courses = race(requests, repetitions, time_limit, partial(_tell, advance, where))
        reference, rival = (next((c for c in courses if c.contender.name == n), None) for n in (REFERENCE, RIVAL))
        common = {
            "weights": build.name,
            "text": passage.name,
            "tokens": len(next(iter(requests.values())).ids),
            "threads": threads,
        }
        rows += [common | bench_row(course, reference, rival) for course in courses]
    return rows
