"""How a run of the runner ended: whatever it prints is a verdict, and what is odd is garbage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from android_test.device.device_run import DeviceRun, RunJob, answered, ended
from android_test.device.device_session import Session
from android_test.device.probe import StageResult, evidence_of
from android_test.device.runner_result import RunnerResult
from selector.package.device_verdict import judge
from selector.package.manifest import BucketContract, PortContract, StageContract
from selector.package.receipt_schema import ProviderName

HOLDS = Path(__file__).parent / "device_logs" / "holds.json"
RESULT: dict[str, Any] = json.loads(HOLDS.read_text(encoding="utf-8"))["run"]["result"]


@pytest.mark.parametrize(
    ("status", "stdout", "outcome"),
    [
        (0, "PHASE done\nRESULT " + json.dumps(RESULT), "finished"),
        (0, "RESULT " + json.dumps(RESULT | {"outcome": "refused", "reason": "no such provider"}), "refused"),
        (
            0,
            "RESULT " + json.dumps(RESULT | {"outcome": "refused", "reason": "x: No space left on device"}),
            "disk full",
        ),
        (134, "PHASE load\nRESULT " + json.dumps(RESULT), "crashed"),
        (139, "PHASE run", "crashed"),
        (137, "PHASE run", "timeout"),
        (124, "PHASE run", "timeout"),
        (0, "", "garbage"),
        (0, "RESULT [1]", "garbage"),
        (0, 'RESULT {"outcome": "finished"}', "garbage"),
        (0, "RESULT " + json.dumps(RESULT | {"runs_ms": [4.0, "4.1"]}), "garbage"),
        (0, "RESULT " + json.dumps(RESULT | {"runs_ms": [4.0, float("nan")]}), "garbage"),
        (0, "RESULT " + json.dumps(RESULT | {"runs_ms": [0.0]}), "garbage"),
        (0, "RESULT " + json.dumps(RESULT | {"assignment": [{"provider": "NnapiExecutionProvider"}]}), "garbage"),
        (0, "RESULT " + json.dumps(RESULT | {"flags": None}), "garbage"),
        (0, "RESULT {", "garbage"),
        (1, "sh: ./runner: not found", "crashed"),
        (1, "write error: No space left on device", "disk full"),
    ],
)
def test_how_a_run_ended(status: int, stdout: str, outcome: str) -> None:
    assert ended(status, stdout, "", "", 10.0, 10.0).outcome == outcome


def test_a_process_killed_before_its_limit_has_crashed() -> None:
    """The system ends what takes too much memory with the same signal as we do at the limit."""
    done = ended(137, "PHASE load", "", "", 2.0, 10.0)
    assert (done.outcome, done.reason) == ("crashed", "SIGKILL in phase load")


def test_a_refusal_carries_the_log_s_first_error() -> None:
    said = json.dumps(RESULT | {"outcome": "refused", "reason": "nodes on the CPU"})
    done = ended(0, f"RESULT {said}", "", "1 fine\n3 QNN SetupBackend failed\n3 nodes on the CPU", 1.0, 10.0)
    assert done.reason == "nodes on the CPU The log's first error: QNN SetupBackend failed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("finished"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def odd_results(draw: st.DrawFn) -> Any:
    """The runner's answer with keys missing or of another type, at any depth; sometimes something else."""
    made = json.loads(json.dumps(RESULT))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = made
        while place:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            if draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(JSON)
            break
    return draw(JSON) if draw(st.integers(0, 9)) == 0 else made


@given(odd_results(), st.sampled_from(["nnapi", "qnn", "cpu"]), st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_odd_answers_of_the_runner_end_in_a_verdict(said: Any, provider: ProviderName, log: str) -> None:
    """Whatever a broken runner prints is garbage or evidence, never an exception."""
    done = ended(0, f"RESULT {json.dumps(said)}", "", log, 1.0, 10.0)
    assert done.outcome in ("finished", "refused", "disk full", "garbage")
    assert (done.result is None) == (done.outcome == "garbage")
    evidence = evidence_of(provider, StageResult(done, done, {"y": 50.0}))
    verdict = judge(evidence, ["y"], 30.0, "")
    assert verdict.verdict in ("verified", "not verified", "not an NPU", "failed")
    assert (verdict.verdict == "failed") == (done.outcome != "finished")
    json.dumps(done.as_dict(), allow_nan=False)


def test_a_runner_that_did_something_else_is_garbage() -> None:
    d_en = PortContract(name="d_en", dtype="float32", shape=[1, 4], meaning="d_en")
    made = StageContract(name="s", runs_on="npu", inputs=[], outputs=[d_en])
    bucket = BucketContract(name="5s", seconds=5.0, tokens=1, frames=1, sizes={}, models={})
    job = RunJob(made, bucket, Session("nnapi", "disable_all"), {}, {"d_en": "out/d_en.bin"}, "w", 2, 8)
    done = DeviceRun("finished", result=RunnerResult.model_validate(RESULT))
    assert answered(job, done) is done
    lies: list[dict[str, Any]] = [{"provider": "cpu"}, {"runs_ms": [4.0]}, {"outputs": []}]
    for change in lies:
        other = DeviceRun("finished", result=RunnerResult.model_validate(RESULT | change))
        assert answered(job, other).outcome == "garbage"
        assert "the runner was asked for" in answered(job, other).reason
