"""A package of contexts that the simulation loads: it loads no file with shared weights, so each is made alone.

The options are otherwise those of `make contexts`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from android_test.contexts.context_graphs import GRAPHS, ContextGraph, graph_file
from android_test.contexts.make_contexts import BESIDE, LAST, SHARED, context_requests, run_requests
from android_test.coverage.htp.context_record import sdk_of, write_record
from android_test.coverage.htp.limited_child import CompileLimits
from export_onnx.buckets import BUCKETS
from export_onnx.graph.shared_weights import ModelFolder
from selector.package.context_packages import make_context_packages
from selector.package.context_schema import CONTEXTS_FOLDER
from selector.package.make_packages import make_packages
from selector.package.opened import Package
from tests.selector.context_fakes import STAGES, report_contexts
from tests.selector.coverage_fakes import fake_coverage
from tests.selector.selector_fakes import graphs, make_build

CHIP = "SM8550"
PLAIN = "kokoro-npu-fake-0.1.0-qnn"


@dataclasses.dataclass(frozen=True)
class Made:
    """A build, and `dist` with the packages for `qnn` and for the chip."""

    build: Path
    dist: Path

    @property
    def package(self) -> Package:
        return Package.open(self.dist / f"{PLAIN}-{CHIP.lower()}")


def make_packages_of_contexts(work: Path) -> Made:
    """Makes both below `work`, with stages of a few operators each."""
    build, dist = make_build(work / "build", ("qnn",)), work / "dist"
    levels = {bucket.name: ["rules"] for bucket in BUCKETS}
    fake_coverage(build, dict.fromkeys(STAGES, levels), "rules", "qnn")
    make_packages(build, dist, ["qnn"], "0.1.0", "python -m selector package")
    with ModelFolder(build / GRAPHS) as models:
        for bucket in BUCKETS:
            models.save(graphs(bucket)["bert"], f"bert_{bucket.name}")
    make_unshared(build)
    make_context_packages(build, dist, dist / PLAIN)
    return Made(build, dist)


def make_unshared(build: Path) -> None:
    """The chip's contexts, each with a binary of its own, which the simulation loads."""
    folder = build / CONTEXTS_FOLDER / CHIP
    folder.mkdir(parents=True)
    sources = [ContextGraph(s, b, graph_file(build, s, b.name)) for s in STAGES for b in BUCKETS]
    requests = context_requests(CHIP, sources, folder)
    for request in requests:
        for name in (*SHARED, "vtcm_mb"):
            request["provider_options"].pop(name, None)
        for name in (*(set(BESIDE) - {"ep.context_embed_mode"}), *LAST):
            request["session"].pop(name, None)
    run_requests(requests, CompileLimits(), lambda _: None)
    for source, request in zip(sources, requests, strict=True):
        write_record(folder / f"{source.name}.onnx", (CHIP,), request["provider_options"], source.path)
    report_contexts(build, CHIP, sdk=sdk_of(folder / f"{sources[0].name}.onnx"))
