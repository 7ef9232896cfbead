"""Predicates over attributes, and subsets in which two attributes are made to go together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan_lite.data import Dataset
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


@pytest.fixture(scope="module")
def faces() -> Dataset:
    """4,000 faces of one pixel's worth of everything; hat (a quarter) and blue (half) are independent."""
    rng = np.random.default_rng(0)
    n = 4_000
    attributes = {"hat": rng.choice(["none", "none", "none", "cap"], n), "blue": rng.random(n) < 0.5,
                  "age": rng.random(n).astype(np.float32), "beard": rng.integers(0, 3, n).astype(np.float32)}
    images = torch.zeros(n, 3, 4, 4, dtype=torch.uint8)
    masks = torch.zeros(n, 4, 4, dtype=torch.uint8)
    images[:, 2, :2] = torch.from_numpy(np.where(attributes["blue"], 200, 0).astype(np.uint8))[:, None, None]
    masks[::2, 2:] = PARTS["hair"].id
    images[:, 0, 2:] = 255                                   # strong red, but half of it hair
    masks[1::2, 2:] = PARTS["face"].id
    return Dataset(images, masks, attributes, np.arange(n), "test faces")


@pytest.mark.parametrize("expression, expected", [
    ("hat", lambda a: a["hat"] == "cap"),
    ("not hat", lambda a: a["hat"] == "none"),
    ("hat == 'cap'", lambda a: a["hat"] == "cap"),
    ("hat in ('cap', 'beanie')", lambda a: a["hat"] == "cap"),
    ("hat not in ['cap']", lambda a: a["hat"] != "cap"),
    ("age > 0.5 and not blue", lambda a: (a["age"] > 0.5) & ~a["blue"]),
    ("0.2 < age <= 0.4 or beard == 2", lambda a: (a["age"] > 0.2) & (a["age"] <= 0.4) | (a["beard"] == 2)),
    ("beard", lambda a: a["beard"] > 0),
    ("beard > -1", lambda a: a["beard"] > -1),
    ("background_blue", lambda a: a["blue"]),
    (" (blue) ", lambda a: a["blue"]),
])
def test_expressions_select_faces(faces: Dataset, expression: str, expected) -> None:
    assert np.array_equal(faces.which(expression), expected(faces.attributes))


def test_background_name_alone_asks_for_the_hue(faces: Dataset) -> None:
    numbers = np.where(faces.attributes["blue"], 0.6, 0.3).astype(np.float32)
    attributes = {**faces.attributes, "background_blue": numbers}
    named = Dataset(faces.images, faces.masks, attributes, faces.seeds, "test faces")
    assert np.array_equal(named.which("background_blue"), faces.attributes["blue"])
    assert np.array_equal(named.which("not background_blue and hat"), ~faces.attributes["blue"] & faces.which("hat"))
    assert np.array_equal(named.which("background_blue > 0.5"), faces.attributes["blue"])
    assert named.which("background_blue > 0.2").all()


def test_parts_arrays_and_functions_select_faces(faces: Dataset) -> None:
    assert faces.which("hair").tolist() == [True, False] * 2_000
    assert np.array_equal(faces.which("hat"), faces.attributes["hat"] == "cap")    # attributes come before parts
    chosen = faces.attributes["blue"]
    for predicate in (chosen, torch.from_numpy(chosen), lambda data: data.attributes["blue"]):
        assert np.array_equal(faces.which(predicate), chosen)
    subset = faces.where("hat and age > 0.9")
    assert len(subset) and (subset.attributes["age"] > 0.9).all() and set(subset.attributes["hat"]) == {"cap"}
    assert torch.equal(subset.images, faces.images[torch.from_numpy(subset.seeds)])


@pytest.mark.parametrize("expression, message", [
    ("hta", 'test faces has no attribute "hta". Did you mean "hat"'),
    ("hat ==", "is not an expression"),
    ("hat == 'kap'", 'No face has the value "kap".*Did you mean "cap"'),
    ("age > 'old'", "compare words with words"),
    ("hat > 3", "compare words with words"),
    ("hat in 'cap'", "compare words with words"),
    ("__import__('os')", "is not understood"),
    ("age.max", "is not understood"),
    ("age + 1 > 0", "is not understood"),
    ("True", "at least one attribute"),
    (np.zeros(3, bool), "gives 4000 truth values.*not bool .3."),
    (lambda faces: faces.attributes["age"], "not float32"),
])
def test_invalid_predicates_raise(faces: Dataset, expression, message: str) -> None:
    with pytest.raises(UserError, match=message):
        faces.which(expression)


@pytest.mark.parametrize("agreement, n, share", [(0.95, 500, 0.5), (0.95, 900, None), (0.5, 800, 0.5),
                                                 (0.0, 600, 0.5), (1.0, 2_000, None), (0.625, 800, 0.25),
                                                 (0.95, 501, 0.3)])
def test_planted_subset_has_the_agreement(faces: Dataset, agreement: float, n: int, share: float | None) -> None:
    planted = faces.plant("hat", "blue", agreement, n, share=share)
    a, b = planted.which("hat"), planted.which("blue")
    assert len(planted) == len(set(planted.seeds.tolist())) == n                     # without replacement
    assert abs((a == b).mean() - agreement) <= 1 / n
    if share is not None:
        assert abs(a.mean() - share) <= 1.5 / n and abs(b.mean() - share) <= 1.5 / n
    if share == 0.5:
        assert np.corrcoef(a, b)[0, 1] == pytest.approx(2 * agreement - 1, abs=0.01)
    again = faces.plant("hat", "blue", agreement, n, share=share)
    other = faces.plant("hat", "blue", agreement, n, seed=1, share=share)
    assert np.array_equal(again.seeds, planted.seeds) and not np.array_equal(other.seeds, planted.seeds)


def test_open_share_is_nearest_to_a_half(faces: Dataset) -> None:
    both = int((faces.which("hat") & faces.which("blue")).sum())
    planted = faces.plant("hat", "blue", 1.0, 1_800)
    assert int((planted.which("hat") & planted.which("blue")).sum()) == both < 900
    assert faces.plant("hat", "blue", 0.9, 400).which("hat").mean() == 0.5


def test_independent_agreement_gives_no_correlation(faces: Dataset) -> None:
    s = 0.3
    planted = faces.plant("hat", "blue", 1 - 2 * s * (1 - s), 1_000, share=s)
    assert abs(np.corrcoef(planted.which("hat"), planted.which("blue"))[0, 1]) < 0.01


@pytest.mark.parametrize("arguments, message", [
    (("hat", "blue", 1.5, 10), "between 0 and 1, not 1.5"),
    (("hat", "blue", 0.9, 0), "at least 1, not 0"),
    (("hat", "blue", 0.9, 3_000), 'in 3000 faces needs .* with neither and has .* Up to [0-9]+ faces are possible'),
    (("hat", "blue", 0.5, 100, 0, 0.1), "the share must lie between 0.25 and 0.75"),
    (("hat", "hat", 0.5, 100), 'needs 25 with "hat" only and has 0; 25 with "hat" only and has 0.*Choose other'),
])
def test_impossible_planting_raises(faces: Dataset, arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        faces.plant(*arguments)


def test_number_in_the_error_is_possible(faces: Dataset) -> None:
    with pytest.raises(UserError) as caught:
        faces.plant("hat", "blue", 0.9, 4_000)
    most = int(str(caught.value).split("Up to ")[1].split()[0])
    assert len(faces.plant("hat", "blue", 0.9, most)) == most
    with pytest.raises(UserError):
        faces.plant("hat", "blue", 0.9, most + 10)
