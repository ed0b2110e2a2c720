"""All contexts of one chip, in a process that may crash: run by `make_contexts.py`.

It reads a JSON request: a list of `htp_host.CompileRequest`. Sessions that share weights must be made by one process.
After each session it adds a line of JSON to the answer, so that whoever waits sees how far it is, and a missing line
means that the process died.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from android_test.coverage.htp.htp_child import assignment, open_session


def main(path: Path) -> None:
    """Makes one context after the other; stops at the first that the compiler refuses."""
    with path.with_suffix(".answer.jsonl").open("w", encoding="utf-8") as answer:
        for request in json.loads(path.read_text(encoding="utf-8")):
            started = time.monotonic()
            try:
                session = open_session(request)
            except Exception as error:  # the compiler's refusals have several types; their text is the verdict
                answer.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
                return
            line = {"seconds": time.monotonic() - started, "assignment": assignment(session)}
            answer.write(json.dumps(line) + "\n")
            answer.flush()
            del session  # the provider keeps what is shared by itself


if __name__ == "__main__":
    main(Path(sys.argv[1]))
