"""Plain words: the field's own terms in prose and messages, American spelling in names."""

from __future__ import annotations

import json
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ssgan_lite", "tests", "tools", "benchmarks")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
              if path.name != Path(__file__).name)
PROSE = [*CODE, *ROOT.glob("*.md"), *(ROOT / "data").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md"),
         *(ROOT / "docs").glob("*.md")]

# Pattern -> what to write. Few and precise: each of them stood in this repository and made a reader stop.
WORDS = {
    r"\bnot[- ]a[- ]number\b": "NaN",
    r"\bmade[- ]up\b": "fake or generated; in tests, synthetic",
    r"\bcritics?\b": "discriminator",
    r"\bone (\w+ )?(generator|network|MLP|code|bank) a part\b": "one generator per part",
    r"\b(images|pictures|faces|steps) a second\b": "images per second",
}
BRITISH = re.compile("colour|centre|grey|normalis|equalis|optimis|initialis|neighbour|behaviour|labelled", re.I)
FIXED = {"hair_colour", "eye_colour", "lip_colour"}             # names of attributes in the published shards


@pytest.mark.parametrize("pattern", WORDS)
def test_words_of_the_field(pattern: str) -> None:
    found = []
    for path in PROSE:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(pattern.replace(" ", r"\s+"), text, re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match.group()!r}; write: {WORDS[pattern]}")
    assert not found, "\n".join(found)


def test_names_are_spelled_the_american_way() -> None:
    found = set()
    for path in CODE:
        if "heads" in path.parts:                               # the maker of the heads names things as its shards do
            continue
        with path.open("rb") as file:
            found |= {f"{path.relative_to(ROOT)}: {token.string}" for token in tokenize.tokenize(file.readline)
                      if token.type == tokenize.NAME and BRITISH.search(token.string) and token.string not in FIXED}
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")),
                         ids=lambda path: path.stem.partition("_")[0])
def test_notebooks_use_plain_american_words(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    found = [match.group() for pattern in WORDS for match in re.finditer(pattern.replace(" ", r"\s+"), text, re.I)]
    found += [word for word in re.findall(r"\w+", text) if BRITISH.search(word) and word not in FIXED]
    assert not found, f"{path.name}: {sorted(set(found))}"
