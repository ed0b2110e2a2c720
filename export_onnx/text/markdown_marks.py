"""Markdown's marks are silent: what they mark is said, and a scene break becomes a pause.

Marks are read line by line and kept close to what people type, so that ordinary prose is no Markdown by accident:
"5 * 3", "snake_case" and "1986. A great year." stay. A heading becomes a paragraph, a list's mark becomes a bullet.
"""

from __future__ import annotations

import re
from typing import Final

SCENE_BREAK: Final = re.compile(r"[ \t]*(?:([*_=~#-])(?:[ \t]*\1){2,}|[⁂❦❧]|\*|#)[ \t]*")
UNDERLINE: Final = re.compile(r"[ \t]*(?:={3,}|-{3,}|\^{3,})[ \t]*")
FENCE: Final = re.compile(r"[ \t]*(?:`{3,}|~{3,})\w*[ \t]*")
HEADING: Final = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*")
QUOTE: Final = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
ITEM: Final = re.compile(r"([ \t]*)[-*+•‣◦][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)")
RULE_OF_TABLE: Final = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*")
ROW: Final = re.compile(r"[ \t]*\|(.+)\|[ \t]*")
REFERENCE: Final = re.compile(r"[ \t]{0,3}\[[^\]\n]+\]:[ \t]*\S+.*")
BULLET: Final = "•"

IMAGE: Final = re.compile(r"!\[([^\[\]\n]*)\]\([^()\n]*\)")
LINK: Final = re.compile(r"\[([^\[\]\n]+)\]\((?!/[^/()\n]+/\))[^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)")
NAMED_LINK: Final = re.compile(r"(?<!\w)\[([^\[\]\n]+)\]\[[^\[\]\n]*\]")
NOTE: Final = re.compile(r"\[\^[^\]\n]{1,40}\]:?")
CODE: Final = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")
EMPHASIS: Final = tuple(  # the longest marks first, as they hold the shorter ones
    re.compile(rf"(?<![\w\\{mark[-1]}]){mark}(\S|[^\s{mark[-1]}][^\n]{{0,998}}?[^\s\\]){mark}(?![\w{mark[-1]}])")
    for mark in (r"\*\*\*", r"\*\*", r"\*", "___", "__", "_", "~~")
)
ESCAPE: Final = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|<>])")


def markdown_lines(text: str, scene_break: str) -> str:
    """Text without the marks that stand at a line's start or fill a line; a scene break becomes `scene_break`."""
    lines = text.split("\n")
    out: list[str] = []
    for line in lines:
        bare = QUOTE.sub("", line) if QUOTE.match(line) else line
        above = bool(out) and bool(out[-1].strip()) and out[-1] != scene_break
        if FENCE.fullmatch(bare) or REFERENCE.fullmatch(bare):
            out.append("")
        elif above and UNDERLINE.fullmatch(bare):
            out.append("")  # the line above is a heading
        elif above and "|" in bare and RULE_OF_TABLE.fullmatch(bare):
            continue
        elif SCENE_BREAK.fullmatch(bare) and len(lines) > 1:
            out.append(scene_break)
        elif heading := HEADING.fullmatch(bare):
            out += ["", heading[1], ""]
        elif row := ROW.fullmatch(bare):
            out.append(", ".join(cell.strip() for cell in row[1].split("|") if cell.strip()) + ".")
        else:
            out.append(ITEM.sub(rf"\1{BULLET} ", bare, count=1) if ITEM.match(bare) else bare)
    return "\n".join(out)


def markdown_spans(text: str) -> str:
    """Text without links' targets and without the marks of emphasis and code."""
    text = NOTE.sub("", IMAGE.sub(r"\1", text))
    text = NAMED_LINK.sub(r"\1", LINK.sub(r"\1", text))
    text = CODE.sub(r"\2", text)
    for pattern in EMPHASIS:
        text = pattern.sub(r"\1", text)
    return ESCAPE.sub(r"\1", text)
