"""The vocabulary of parts: facts about each, and colors for models that have more parts than `PARTS`."""

from __future__ import annotations

import numpy as np
import pytest

from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS, further_colors, to_lab, vocabulary


def test_ids_follow_order() -> None:
    assert [part.id for part in PARTS] == list(range(13)) and PARTS["hair"].id == 7 and PARTS[7].name == "hair"
    with pytest.raises(UserError, match='Did you mean "hair"'):
        PARTS["hiar"]


def test_known_names_keep_their_facts_in_another_vocabulary() -> None:
    parts = vocabulary(("background", "wig", "hair", "glasses"))
    assert [part.id for part in parts] == [0, 1, 2, 3]
    assert parts["hair"].color == PARTS["hair"].color and parts["hair"].size == "large"
    assert parts["glasses"].transparent and parts["glasses"].thin == PARTS["glasses"].thin
    assert parts["wig"].color == further_colors(1)[0] and not parts["wig"].transparent
    assert parts.of_size("large") == ("background", "hair") and parts.of_size("") == ("wig", "glasses")


def test_number_names_first_parts_then_new_ones() -> None:
    assert vocabulary(3).names == PARTS.names[:3] and vocabulary(13).names == PARTS.names
    assert vocabulary(15).names == (*PARTS.names, "part_13", "part_14")


def test_generated_colors_are_distinct_in_lightness_too() -> None:
    lab = to_lab(vocabulary(30).palette)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e9 * np.eye(30)
    lightness = np.abs(lab[:, None, 0] - lab[None, :, 0]) + 1e9 * np.eye(30)
    assert distance.min() > 20 and lightness[13:].min() >= 1


def test_many_colors_stay_different_and_a_longer_list_begins_the_same() -> None:
    many = further_colors(243)                            # as many as a mask file with eight bits has room for
    assert len({*many, *(part.color for part in PARTS)}) == 256
    assert many[:17] == further_colors(17)


def test_lab_of_known_colors() -> None:
    np.testing.assert_allclose(to_lab([[255, 255, 255], [0, 0, 0], [255, 0, 0]]),
                               [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.05)
