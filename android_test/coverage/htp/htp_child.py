"""One session on Qualcomm's HTP compiler, in a process that may crash: run by `htp_host.py`.

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
        session = _session(request)
    except Exception as error:  # the compiler's refusals have several types; their text is the verdict
        answer.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        return
    result: dict[str, Any] = {"seconds": time.monotonic() - started, "assignment": []}
    for part in session.get_provider_graph_assignment_info():
        result["assignment"].append({"provider": part.ep_name, "nodes": len(part.get_nodes())})
    if request["inputs"]:
        with np.load(request["inputs"]) as stored:
            feed = {port.name: stored[port.name] for port in session.get_inputs()}
        started = time.monotonic()
        values = session.run(None, feed)
        result["run_seconds"] = time.monotonic() - started
        names = [port.name for port in session.get_outputs()]
        np.savez(path.with_suffix(".outputs.npz"), **dict(zip(names, values, strict=True)))
    answer.write_text(json.dumps(result))


def _session(request: dict[str, Any]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Optimizers may turn a legal graph into an illegal one: the manifest's options leave them off.
    options.graph_optimization_level = OPTIMIZATION[request["optimization"]]
    for key, value in {**request["session"], "session.record_ep_graph_assignment_info": "1"}.items():
        options.add_session_config_entry(key, value)
    import onnxruntime_qnn

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
