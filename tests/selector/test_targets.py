"""A target is known in every place that CONTRIBUTING lists."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from android_test.coverage.coverage_levels import CoverageSettings, Variant, check
from android_test.device import device_session as session
from export_onnx.buckets import BUCKETS
from export_onnx.contracts import NPU_STAGES
from export_onnx.errors import CoverageError
from quantize import blocklists, gates, recipes
from selector.package import device_verdict, providers
from tests.selector.selector_fakes import make_build

ROOT = Path(__file__).parent.parent.parent


def strangers(text: str) -> dict[str, set[str]]:
    """Place -> the targets that it lacks or has more than `selector/package/providers.py`."""
    made = re.search(r"^TARGETS \?= (.*)$", text, re.MULTILINE)
    every, npu = set(providers.TARGETS), set(providers.NPU_TARGETS)
    places = {
        "providers": every ^ set(providers.NPU),
        "recipes": every ^ {recipe.name for recipe in recipes.RECIPES},
        "blocklists": {name for lists in blocklists.LISTS.values() for name in every ^ set(lists)},
        "Makefile": every ^ set(made[1].split() if made else ()),
        "verdict": npu ^ set(device_verdict.NO_DEVICE),
        "session": every ^ {session.SHORT[providers.NPU[target].name] for target in every},
        "gates": {recipe.name for recipe in recipes.RECIPES if recipe.activation_bits not in gates.STANDARDS},
    }
    return {place: names for place, names in places.items() if names}


def test_a_target_is_known_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert strangers(makefile) == {}
    assert strangers(makefile.replace("TARGETS ?= nnapi", "TARGETS ?=")) == {"Makefile": {"nnapi"}}
    monkeypatch.setattr(recipes, "RECIPES", (*recipes.RECIPES, replace(recipes.RECIPES[0], name="apu")))
    assert strangers(makefile) == {"recipes": {"apu"}}


def test_a_target_without_rules_is_not_covered_by_anothers(tmp_path: Path) -> None:
    folder = make_build(tmp_path, ("nnapi",)) / "quantize" / "nnapi"
    bucket = BUCKETS[0]
    variant = Variant("nnapi", NPU_STAGES[0], bucket, folder / f"{NPU_STAGES[0]}_{bucket.name}.onnx")
    check(variant, CoverageSettings())
    with pytest.raises(CoverageError, match=r"rules of apu: expected a folder named for its target: nnapi \| qnn"):
        check(replace(variant, target="apu"), CoverageSettings())
