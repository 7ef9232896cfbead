"""Presets: a model and its recipe, together."""

from __future__ import annotations

import pytest
import torch

from ssgan_lite.config import PRESETS, Preset, TrainConfig, preset, recipe
from ssgan_lite.errors import UserError
from ssgan_lite.model import DualBranchDiscriminator, build_generator


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name: str) -> None:
    with torch.device("meta"):                    # shapes without memory
        G, D = build_generator(preset(name)), DualBranchDiscriminator(preset(name))
    assert G.config.size == preset(name).size and D is not None
    assert isinstance(recipe(name), TrainConfig)


def test_model_without_recipe_is_no_preset() -> None:
    with pytest.raises(TypeError):
        Preset(preset("nano32"))


def test_unknown_preset_names_nearest() -> None:
    for find in (preset, recipe):
        with pytest.raises(UserError, match="lite64"):
            find("lite46")
