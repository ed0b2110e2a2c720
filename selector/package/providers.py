"""The options of each target's sessions, under which its coverage was proven.

The proofs on a computer read these very values: Qualcomm's compiler is started with `NPU["qnn"]`, and a coverage report
that was made under other values does not count. The proofs also name the chip that they compile for (`soc_model`,
`htp_arch`); on a phone, the runtime finds its chip.

The provider `npu` runs the NPU stages, `cpu` the others. `session` entries are ONNX Runtime's session configuration.
With `disable_cpu_ep_fallback`, a node that the NPU does not take is an error; otherwise it would run slowly on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Optimization = Literal["disable_all", "all"]
NpuTarget = Literal["nnapi", "qnn"]
Target = Literal[NpuTarget, "cpu"]


@dataclass(frozen=True)
class Provider:
    """One execution provider with its options.

    Attributes:
        options: the provider's; for NNAPI the flags of `nnapi_provider_factory.h`, by name.
        session: session configuration entries.
        optimization: graph optimization level.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    session: dict[str, str] = field(default_factory=dict)
    optimization: Optimization = "all"


CPU: Final = Provider(
    "CPUExecutionProvider",
    session={
        # In the transformer's layout ReduceMean takes 19 times as long, which costs more than the convolutions win:
        # without it the INT8 generator is 1.5 times as fast, measured on x86 at both sizes. What is faster on ARM,
        # `verify` can tell.
        "optimization.disable_specified_optimizers": "NhwcTransformer",
        # Eight sessions run one after the other: threads of the last that still spin take the next one's cores. Full
        # size, 5 s, two cores: `cpu` 1.43 -> 1.22 s, the float stages 2.15 -> 1.92 s.
        "session.force_spinning_stop": "1",
    },
)
NO_FALLBACK: Final = {"session.disable_cpu_ep_fallback": "1"}

HTP: Final = {
    "offload_graph_io_quantization": "0",  # else the graph-edge Q and DQ run on the CPU
    # Mode 1 compiles the full-size 15 s generator in 1.5 minutes and 5.7 GiB, the default in more than a phone has. A
    # context binary made ahead of time may take mode 3, which searches longer for a faster graph.
    "htp_graph_finalization_optimization_mode": "1",
}

NPU: Final = {
    # Optimizers run before partitioning and fuse legal nodes into illegal ones: off, as in the proofs.
    "nnapi": Provider("NnapiExecutionProvider", {"NNAPI_FLAG_CPU_DISABLED": "1"}, NO_FALLBACK, "disable_all"),
    "qnn": Provider("QNNExecutionProvider", {"backend_type": "htp", **HTP}, NO_FALLBACK, "disable_all"),
    "cpu": CPU,
}
TARGETS: Final[tuple[str, ...]] = get_args(Target)
NPU_TARGETS: Final[tuple[str, ...]] = get_args(NpuTarget)

# Snapdragons whose HTP has no half precision, by ro.soc.model: 7+ Gen 3, 888, 8s Gen 3, 8s Gen 4. Others of the same
# architecture have it. `qnn` keeps norms and Snake in half precision, so its NPU stages do not load on these chips:
# Qualcomm's compiler refuses float nodes for them, and takes integers (tests/android_test/test_htp_host.py).
NO_HALF_PRECISION: Final = ("SM7675", "SM8350", "SM8635", "SM8735")
