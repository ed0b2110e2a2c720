"""The tables of text normalization for C++, made from those that Python uses: `tables.inc` and `characters.inc`.

`tables.inc` has every pattern and every list of words of `export_onnx/text/`, under the name of its module and its own;
`characters.inc` has the properties of characters that Python's `unicodedata` knows. `python -m selector vectors` writes
both, and a test compares them with what is made anew.
"""

from __future__ import annotations

import dataclasses
import html
import html.entities
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from num2words import num2words

from export_onnx.text.english_numbers import cardinal
from export_onnx.text.lexicon import BUILTIN, builtin_lexicon
from export_onnx.text.other_languages import forms_of, whole_number
from export_onnx.text.wordings import WORDINGS
from export_onnx.text.written_numbers import RULES

FOLDER: Final = Path(__file__).parent.parent / "cpp" / "text"
MODULES: Final = (
    "abbreviations", "clock_times", "dates", "folded_characters", "initialisms", "lexicon", "markdown_marks", "markup",
    "money", "number_marks", "other_languages", "phone_numbers", "pronunciations", "roman_numerals", "sentence_end",
    "spoken_form", "ssml_tags", "symbols", "units", "web_addresses", "written_numbers",
)  # fmt: skip
ALL: Final = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
FLAGS: Final = ((re.IGNORECASE, 1), (re.DOTALL, 2))
WIDTH: Final = 118


def literal(text: str) -> str:
    """A C++ string literal in UTF-8; what cannot be seen is written by its code."""
    out = ""
    for c in text:
        if c in '"\\':
            out += "\\" + c
        elif c.isascii() and not c.isprintable():
            out += f"\\{ord(c):03o}"
        elif c.isascii() or (c.isprintable() and not unicodedata.combining(c)):
            out += c
        else:
            out += "".join(f"\\{byte:03o}" for byte in c.encode())
    return f'"{out}"'


def pattern_literal(pattern: str) -> str:
    """A pattern as a raw string; characters by name, and such as cannot be seen, become themselves or `\\uXXXX`."""
    named = re.sub(r"\\N\{([^}]+)\}", lambda m: unicodedata.lookup(m[1]), pattern)
    shown = "".join(
        c if c.isascii() or (c.isprintable() and not unicodedata.combining(c)) else f"\\U{ord(c):08x}" for c in named
    )
    return f're({shown})re"'.join(('R"', ""))


def _pattern(name: str, pattern: re.Pattern[str]) -> str:
    flags = sum(bit for flag, bit in FLAGS if pattern.flags & flag)
    return f"inline constexpr Written {name}{{{pattern_literal(pattern.pattern)}, {flags}}};"


def _rows(kind: str, name: str, rows: Iterable[str]) -> str:
    lines, line = [f"inline constexpr {kind} {name}[] = {{"], "   "
    for row in rows:
        if len(line) + len(row) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {row},"
    return "\n".join([*lines, line, "};"])


def _words(name: str, value: Any) -> str | None:
    """The C++ of one name of a module; None for what is no table."""
    if isinstance(value, re.Pattern):
        return _pattern(name, value)
    if isinstance(value, tuple) and value and all(isinstance(v, re.Pattern) for v in value):
        return _rows("Written", name, (f"{{{pattern_literal(v.pattern)}, 0}}" for v in value))
    if isinstance(value, Mapping) and value and all(isinstance(v, str) for v in value.values()):
        return _rows("Pair", name, (f"{{{literal(str(k))}, {literal(v)}}}" for k, v in value.items()))
    if isinstance(value, Mapping) and value and all(dataclasses.is_dataclass(v) for v in value.values()):
        fields = ({"sign": sign, **vars(v)} for sign, v in value.items())
        return _rows("Currency", name, ("{" + ", ".join(map(literal, f.values())) + "}" for f in fields))
    if isinstance(value, (frozenset, tuple)) and value and all(isinstance(v, (str, int)) for v in value):
        words = sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value)
        return _rows("std::string_view", name, map(literal, words))
    return None


def module_tables() -> Iterator[str]:
    """Patterns and words of each module, by its name and theirs."""
    for module in MODULES:
        yield f"\n// export_onnx/text/{module}.py"
        known = vars(import_module(f"export_onnx.text.{module}"))
        for name, value in known.items():
            form = "_form" if name.lstrip("_") in known and name[0] == "_" else ""  # the pattern beside its words
            lower = name.strip("_").lower()
            table = None if _imported(module, name) else _words(f"{module}_{lower}{form}", value)
            if table:
                yield table


def _imported(module: str, name: str) -> bool:
    """Whether a module has a name from another module."""
    source = Path(str(import_module(f"export_onnx.text.{module}").__file__)).read_text(encoding="utf-8")
    return not re.search(rf"^{name}\b(?::[^=]+)? =", source, re.MULTILINE)


def _place(number: int, language: str) -> str:
    return str(num2words(number, lang=language, to="ordinal"))


def number_tables() -> Iterator[str]:
    """Words of numbers below a hundred, and of each hundred; the rules that join them are the program's."""
    yield _rows("std::string_view", "cardinals_en", (literal(cardinal(n)) for n in range(100)))
    for language, wording in WORDINGS.items():
        if not wording.numbers:
            continue
        name = wording.numbers.lower()
        small = (literal(whole_number(str(n), wording)) for n in range(100))
        yield _rows("std::string_view", f"cardinals_{name}", small)
        hundreds = (literal(whole_number(str(n * 100), wording) if n else "") for n in range(10))
        yield _rows("std::string_view", f"hundreds_{name}", hundreds)
        if language not in ("fr-fr", "it"):
            for step in (1, 10, 100):
                places = (literal(_place(n * step, wording.numbers) if n else "") for n in range(10))
                yield _rows("std::string_view", f"places_{name}_{step}", places)
    yield _rows("std::string_view", "places_it", (literal(_place(n, "it")) for n in range(20)))


def language_tables() -> Iterator[str]:
    """The wordings of other languages than English, and their patterns in the order of `forms_of`."""
    for language, wording in WORDINGS.items():
        name = language.replace("-", "_")
        texts = {k: v for k, v in vars(wording).items() if isinstance(v, str)}
        yield f"\n// {language}"
        yield _rows("Pair", f"{name}_texts", (f"{{{literal(k)}, {literal(v)}}}" for k, v in texts.items()))
        for field in ("currencies", "units"):
            rows = (
                f"{{{literal(k)}, {literal(one)}, {literal(many)}, {literal('')}, {literal('')}}}"
                for k, (one, many) in getattr(wording, field).items()
            )
            yield _rows("Currency", f"{name}_{field}", rows)
        for field in ("abbreviations", "ordinals", "first"):
            table = getattr(wording, field) or {"": ""}
            yield _rows("Pair", f"{name}_{field}", (f"{{{literal(k)}, {literal(v)}}}" for k, v in table.items()))
        forms = (f"{{{literal(k)}, {pattern_literal(v)}}}" for k, v in forms_of(language).items())
        yield _rows("Pair", f"{name}_forms", forms)


def entity_tables() -> Iterator[str]:
    """HTML's names of characters, and its numbers that stand for others."""
    entities = sorted(html.entities.html5.items())
    yield _rows("Pair", "html_entities", (f"{{{literal(k)}, {literal(v)}}}" for k, v in entities))
    numbers = {n: html.unescape(f"&#{n};") for n in (0, *range(0x80, 0xA0), 0x0D)}
    yield _rows("Numbered", "html_numbers", (f"{{{n}, {ord(c[0]) if c else 0}}}" for n, c in sorted(numbers.items())))
    silent = [n for n in range(0x110000) if not 0xD800 <= n < 0xE000 and not html.unescape(f"&#{n};")]
    yield _rows("Span", "html_nothing", (f"{{{a:#x}, {b:#x}}}" for a, b in spans(silent)))


def spans(codes: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of numbers without a gap; they come sorted."""
    out: list[tuple[int, int]] = []
    for code in codes:
        if out and out[-1][1] + 1 == code:
            out[-1] = (out[-1][0], code)
        else:
            out.append((code, code))
    return out


def tables() -> str:
    """The text of `tables.inc`."""
    entries = ", ".join(f"{{{literal(k)}, {literal(v)}}}" for k, v in builtin_lexicon().entries.items())
    rules = (pattern_literal(pattern) for pattern, _ in RULES)
    return "\n".join(
        [
            "// Patterns and words of export_onnx/text, written by `python -m selector vectors`. Do not edit.",
            *module_tables(),
            f"\n// {BUILTIN.name}, the rules of written_numbers.py, numbers, HTML",
            f"inline constexpr Pair builtin_lexicon[] = {{{entries}}};",
            _rows("std::string_view", "number_rules", rules),
            *number_tables(),
            *language_tables(),
            "",
            *entity_tables(),
            "",
        ]
    )


def _property(name: str, holds: Callable[[str], bool]) -> str:
    return _rows("Span", name, (f"{{{a:#x}, {b:#x}}}" for a, b in spans(ord(c) for c in ALL if holds(c))))


def _mapped(name: str, pairs: list[tuple[int, int]]) -> str:
    """Runs of characters that lie equally far from what stands for them: first, last, step, the first one's."""
    runs: list[list[int]] = []
    for code, target in pairs:
        if runs:
            first, last, step, at = runs[-1]
            wide = code - last
            if target - code == at - first and (wide == step or (first == last and wide <= 2)):
                runs[-1][1:3] = [code, wide]
                continue
        runs.append([code, code, 1, target])
    return _rows("Mapped", name, (f"{{{a:#x}, {b:#x}, {s}, {t:#x}}}" for a, b, s, t in runs))


def characters() -> str:
    """The text of `characters.inc`."""
    pairs: list[tuple[int, int, int]] = []
    others: list[tuple[int, int, int]] = []
    for c in ALL:
        parts = unicodedata.decomposition(c)
        if parts and "<" not in parts:
            codes = [int(p, 16) for p in parts.split()]
            kept = len(codes) == 2 and unicodedata.normalize("NFC", c) == c
            (pairs if kept else others).append((ord(c), codes[0], codes[1] if len(codes) > 1 else 0))
    singles = [(a, b) for a, b, second in others if not second]
    doubles = [(a, b, second) for a, b, second in others if second]
    compatible = {c: unicodedata.normalize("NFKC", c) for c in ALL if not "가" <= c <= "힣"}
    compatible = {c: n for c, n in compatible.items() if n != unicodedata.normalize("NFC", c)}
    classes: list[tuple[int, int, int]] = []
    for c in ALL:
        if kind := unicodedata.combining(c):
            if classes and classes[-1][1] + 1 == ord(c) and classes[-1][2] == kind:
                classes[-1] = (classes[-1][0], ord(c), kind)
            else:
                classes.append((ord(c), ord(c), kind))
    lower = [(ord(c), ord(c.lower())) for c in ALL if len(c.lower()) == 1 and c.lower() != c]
    triple = [f"{{{a:#x}, {b:#x}, {s:#x}}}" for a, b, s in pairs]
    return "\n".join(
        [
            f"// Characters of Unicode {unicodedata.unidata_version}, by `python -m selector vectors`. Do not edit.",
            _property("printable", str.isprintable),
            _property("upper_case", str.isupper),
            _property("figures", str.isdigit),
            _mapped("lower_case", lower),
            _rows("Span3", "combining", (f"{{{a:#x}, {b:#x}, {k}}}" for a, b, k in classes)),
            _rows("Span3", "composed", triple),
            _rows("Span3", "decomposed", (f"{{{a:#x}, {b:#x}, {s:#x}}}" for a, b, s in doubles)),
            _mapped("replaced_by", singles),
            _mapped("compatible_one", [(ord(c), ord(n)) for c, n in compatible.items() if len(n) == 1]),
            _rows("Spelled", "compatible_many",
                  (f"{{{ord(c):#x}, {literal(n)}}}" for c, n in compatible.items() if len(n) != 1)),
            "",
        ]
    )  # fmt: skip


def write_text_tables(folder: Path = FOLDER) -> None:
    """Writes both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.inc").write_text(tables(), encoding="utf-8")
    (folder / "characters.inc").write_text(characters(), encoding="utf-8")
