"""One session on Qualcomm's HTP compiler, in a process that may crash: run by `htp_host.py`.

Arrays are stored by the number of the run and their name, `0/ids`, in the request's inputs and the answer's outputs.

It reads a JSON request (`htp_host.CompileRequest`) and writes a JSON answer beside it. A missing answer means that the
process died.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

PROVIDER = "QNNExecutionProvider"
OPTIMIZATION = {  # by the manifest's names
    "disable_all": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def main(path: Path) -> None:
    """Compiles the model, and runs it if the request names inputs."""
    request = json.loads(path.read_text())
    answer = path.with_suffix(".answer.json")
    started = time.monotonic()
    try:
        session = open_session(request)
    except Exception as error:  # the compiler's refusals have several types; their text is the verdict
        answer.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        return
    result = {"seconds": time.monotonic() - started, "assignment": assignment(session)}
    if request["inputs"]:
        with np.load(request["inputs"]) as stored:
            runs = 1 + max(int(key.partition("/")[0]) for key in stored.files)
            feeds = [{port.name: stored[f"{i}/{port.name}"] for port in session.get_inputs()} for i in range(runs)]
        started = time.monotonic()
        values = [session.run(None, feed) for feed in feeds]
        result["run_seconds"] = time.monotonic() - started
        names = [port.name for port in session.get_outputs()]
        outputs = {f"{i}/{name}": array for i, one in enumerate(values) for name, array in zip(names, one, strict=True)}
        np.savez(path.with_suffix(".outputs.npz"), **outputs)
    answer.write_text(json.dumps(result))


def assignment(session: onnxruntime.InferenceSession) -> list[dict[str, Any]]:
    """The subgraphs of a session, each with its provider and the number of its nodes."""
    parts = session.get_provider_graph_assignment_info()
    return [{"provider": part.ep_name, "nodes": len(part.get_nodes())} for part in parts]


def open_session(request: dict[str, Any]) -> onnxruntime.InferenceSession:
    """A session as a `htp_host.CompileRequest` describes it."""
    options = onnxruntime.SessionOptions()
    # Optimizers may turn a legal graph into an illegal one: the manifest's options leave them off.
    options.graph_optimization_level = OPTIMIZATION[request["optimization"]]
    for key, value in {**request["session"], "session.record_ep_graph_assignment_info": "1"}.items():
        options.add_session_config_entry(key, value)
    import onnxruntime_qnn

    if not any(device.ep_name == PROVIDER for device in onnxruntime.get_ep_devices()):
        onnxruntime.register_execution_provider_library(PROVIDER, onnxruntime_qnn.get_library_path())
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == PROVIDER]
    backend = dict(request["provider_options"])
    backend.pop("backend_type", None)  # finds Qualcomm's library beside an app's; here it lies in the wheel
    backend["backend_path"] = onnxruntime_qnn.get_qnn_htp_path()
    options.add_provider_for_devices(devices[:1], backend)
    if request["context"]:
        options.add_session_config_entry("ep.context_enable", "1")
        options.add_session_config_entry("ep.context_file_path", request["context"])
    return onnxruntime.InferenceSession(request["model"], options)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
