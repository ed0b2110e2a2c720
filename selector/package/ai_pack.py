"""A layout for Google Play's AI packs, from the folders of context packages: Play delivers each phone its chip's files.

    <pack>/build.gradle                                  the module, delivered on demand
    <pack>/src/main/assets/kokoro-npu#group_<chip>/      one chip's package; other phones get the empty folder below
    <pack>/src/main/assets/kokoro-npu#group_other/
    <pack>/device_targeting_config.xml                   belongs into the app's module

Play removes `#group_…` from the name, so an app reads `kokoro-npu/manifest.json` on every chip. See
https://developer.android.com/google/play/on-device-ai and https://developer.android.com/google/play/device-targeting.
Files are linked where the file system can, because all chips together are large.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from selector.package.whole_files import whole_folder

PACK: Final = "kokoro-npu-ai-pack"
MODULE: Final = "kokoro_npu"  # Play takes letters, digits and underscores
ASSETS: Final = Path("src", "main", "assets")
FOLDER: Final = "kokoro-npu"
OTHER: Final = "other"  # Play's name for all phones that are in no group
MAKERS: Final = ("QTI", "Qualcomm")  # phones report either as the manufacturer of the chip
EMPTY: Final = "No contexts for this chip: use the package for cpu.\n"
GRADLE: Final = f"""plugins {{
    id 'com.android.ai-pack'
}}

aiPack {{
    packName = "{MODULE}"
    dynamicDelivery {{
        deliveryType = "on-demand"
    }}
}}
"""


def write_ai_pack(dist: Path, packages: Mapping[str, Path]) -> Path:
    """Writes `dist/kokoro-npu-ai-pack/`.

    Args:
        packages: the folder of each chip's package.

    Raises:
        PackageError: the folder cannot be written.
    """
    final = dist / PACK
    with whole_folder(final) as folder:
        for chip, package in packages.items():
            shutil.copytree(package, folder / ASSETS / f"{FOLDER}#group_{chip.lower()}", copy_function=link_or_copy)
        empty = folder / ASSETS / f"{FOLDER}#group_{OTHER}"
        empty.mkdir(parents=True)
        (empty / "README").write_text(EMPTY, encoding="utf-8")
        (folder / "build.gradle").write_text(GRADLE, encoding="utf-8")
        (folder / "device_targeting_config.xml").write_text(targeting(list(packages)), encoding="utf-8")
    return final


def targeting(chips: list[str]) -> str:
    """Play's device groups: one per chip, by the manufacturer's and the chip's name as `Build.SOC_MODEL` has them."""
    groups = []
    for chip in chips:
        selectors = "".join(
            "        <config:device-selector>\n"
            f'            <config:system-on-chip manufacturer="{maker}" model="{chip}"/>\n'
            "        </config:device-selector>\n"
            for maker in MAKERS
        )
        groups.append(f'    <config:device-group name="{chip.lower()}">\n{selectors}    </config:device-group>\n')
    head = '<config:device-targeting-config xmlns:config="http://schemas.android.com/apk/config">\n'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{"".join(groups)}</config:device-targeting-config>\n'


def link_or_copy(source: str, target: str) -> str:
    """One file: a link to the same bytes, or a copy where the file system makes no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
