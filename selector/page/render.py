"""Renders facts and sounds as the page. The same facts give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from export_onnx.buckets import sentence_bucket
from export_onnx.contracts import STAGES
from quantize.recipes import recipe
from quantize.report.blocklist_plot import heard_most, in_float, longest_bar, module
from selector.package.coverage_schema import level_name, levels_in_words
from selector.page import pictures
from selector.page.drawings import draw_ranges, draw_stages
from selector.page.facts import BuildFacts, TargetFacts
from selector.page.goals import goal_of
from selector.page.headline import PUBLISHED, both, missed, size_in_words, voices_of
from selector.page.listen import Heard

TEMPLATE: Final = "page.html.j2"
FEWEST_USED: Final = 8  # rows of the table of ranges


def render(facts: BuildFacts, heard: Sequence[Heard], here: bool) -> str:
    """The page as HTML.

    Args:
        heard: sentences with a sound for every target of `facts`.
        here: whether to show times, memory and the bench, which are this computer's and differ on another one.
    """
    environment = Environment(
        loader=PackageLoader("selector.page", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(len=len, min=min, max=max)
    environment.filters |= {"told": told, "both": both, "module": module, "in_float": in_float}
    environment.filters |= {"level_name": level_name, "levels_in_words": levels_in_words}
    environment.filters["signed"] = lambda value: f"{round(value, 2) + 0.0:+.2f}"
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        here=here,
        published=PUBLISHED.get(facts.exported["weights"]["name"], ""),
        command=command(facts),
        stages=STAGES,
        stage_pictures=[Markup(svg) for svg in stage_pictures(facts)],
        heard=[_spoken(one) for one in heard],
        targets=[_target(target) for target in facts.targets],
        bench=bench_rows(facts.bench) if here else None,
        difference_db=pictures.DIFFERENCE_DB,
        range_db=pictures.RANGE_DB,
    )


def told(fact: Any) -> str:
    """A fact of a report in words: its decision and reason if it has them, else its plain values by name."""
    if not isinstance(fact, Mapping):
        return ", ".join(map(str, fact)) if isinstance(fact, list) else str(fact)
    if {"decision", "reason"} <= fact.keys():
        return f"{told(fact['decision']) or 'none'} ({fact['reason']})"
    plain = {name: value for name, value in fact.items() if not isinstance(value, Mapping | list)}
    return ", ".join(f"{name.replace('_', ' ')} {_cell(value)}" for name, value in plain.items())


def command(facts: BuildFacts) -> str:
    """The command that makes this build again."""
    weights, targets = facts.exported["weights"], " ".join(target.name for target in facts.targets)
    file = next((name for name in weights["sha256"] if name.endswith(".onnx")), "")
    places = {"folder": f"<path>/{weights['name']}", "hub": f"<owner>/{weights['name']}", "onnx": f"<path>/{file}"}
    buckets = " ".join(f"{bucket.seconds:g}" for bucket in facts.buckets)
    where = places.get(weights["source"], weights["name"])
    return f'make export-int8 WEIGHTS={where} TARGETS="{targets}" BUCKETS="{buckets}"'


def stage_pictures(facts: BuildFacts) -> list[str]:
    """Draws the chain at the bucket for sentences, once per way in which NPU targets run it, else as for `cpu`."""
    first = sentence_bucket(facts.buckets).name
    counted = next((target.work[first] for target in facts.targets if first in target.work), {})
    with_npu = [target for target in facts.targets if target.name != "cpu"]
    ways = {tuple(target.runs_on.values()): target.runs_on for target in with_npu or facts.targets}
    contract = {stage.name: stage.runs_on for stage in STAGES}
    return [draw_stages(counted, runs_on) for runs_on in (ways.values() or [contract])]


def _spoken(one: Heard) -> dict[str, Any]:
    sounds = {
        name: {
            "spectrogram": pictures.spectrogram(sound, one.reference),
            "difference": pictures.difference(sound, one.reference),
            "player": pictures.player(sound),
            "quality": one.quality[name],
        }
        for name, sound in one.sounds.items()
    }
    return {
        "utterance": one.utterance,
        "spectrogram": pictures.spectrogram(one.reference, one.reference),
        "player": pictures.player(one.reference),
        "sounds": sounds,
    }


def _target(target: TargetFacts) -> dict[str, Any]:
    convolutions = target.blocklist["convolutions"]
    shown = heard_most(convolutions)
    quality = target.report["quality"]
    wide = {name: row for name, row in target.ranges.items() if row["channels"] > 1}
    return {
        "name": target.name,
        "facts": target,
        "recipe": recipe(target.name),
        "quality": quality,
        "groups": _groups(quality),
        "goal": goal_of(target.name),
        "missed": missed(quality),
        "size": size_in_words(size) if (size := target.report["size_goal"]) else "",
        "convolutions": convolutions,
        "heard_most": shown,
        "longest_bar": longest_bar(shown),
        "curve": _curve(target.blocklist.get("curve", ())),
        "ranges": Markup(draw_ranges(target.ranges)) if wide else "",
        "fewest": sorted(wide.items(), key=lambda item: (item[1]["used_before"], item[0]))[:FEWEST_USED],
    }


def _groups(quality: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The summary of each group of sentences, by the group's name on the page."""
    groups, unheard = quality["groups"], quality["unheard"]
    names = {"all": "all sentences", "heard": "voices in calibration", "unheard": "held-out voices"}
    names |= {voice: f"{voice}{', held out' if voice in unheard else ''}" for voice in voices_of(groups)}
    return {names[name]: summary for name, summary in groups.items()}


def _curve(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The points of the curve, each with the convolutions that are additionally in float there."""
    before: set[str] = set()
    points = []
    for point in curve:
        points.append({**point, "leaves": [module(name) for name in point["excluded"] if name not in before]})
        before = {*point["excluded"]}
    return points


def bench_rows(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The bench's rows as a table, or None if there are none. A later step wrote them, so each field is checked."""
    rows = [row for row in (report or {}).get("rows", []) if isinstance(row, dict)]
    if not rows or report is None:
        return None
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if _flat(key, rows)]
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    said = {key: report[key] for key in ("machine", "versions") if report.get(key)}
    return {"columns": [column.replace("_", " ") for column in columns], "cells": cells, "said": said}


def _flat(column: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    return not any(isinstance(row.get(column), dict | list) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
