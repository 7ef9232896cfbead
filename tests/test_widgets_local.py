"""The widget of notebook 04, driven without a browser, and what its figures are made of."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan_lite as sg

pytest.importorskip("ipywidgets", reason="the course extra is not installed")


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    G = sg.SemanticGenerator(sg.preset("nano32"))
    G.update_mean_w(100)
    return G


@pytest.fixture()
def walk(generator):
    from ssgan_lite.course.local.widgets import ShapeWalk

    return ShapeWalk(generator, seed=3, guest=4)


def values(walk) -> list[bytes]:
    return [picture.value for picture in walk.pictures]


def test_it_shows_four_pictures_and_a_stable_line(walk):
    from ssgan_lite.course.widgets import VIEW

    for view in walk.pictures:
        assert Image.open(io.BytesIO(view.value)).size == (2 * VIEW, 2 * VIEW)
    assert repr(walk) == "ShapeWalk(32 px; parts: hair, face, nose, mouth, eyebrows, ears, neck, hat)"
    assert "0.0 in the hair, 0.0 in all other parts" in walk.caption.value


def test_shape_moves_the_depth_of_its_part_and_texture_does_not(walk):
    start = values(walk)
    walk.texture.value = 1.0
    dyed = values(walk)
    assert dyed[0] == start[0] and dyed[1] != start[1], "texture changes features, never depth"
    assert "0.0 in the hair, 0.0 in all other parts" in walk.caption.value
    walk.shape.value = 1.0
    assert values(walk)[0] != start[0]
    assert "0.0 in the hair" not in walk.caption.value and "0.0 in all other parts" in walk.caption.value
    G = walk.generator
    assert torch.equal(walk.codes()[:, G.layout["hair"]], walk._guest[:, G.layout["hair"]]), "1 is the guest"
    assert torch.equal(walk.codes()[:, G.layout["nose"]], walk._own[:, G.layout["nose"]])
    walk.shape.value = walk.texture.value = 0.0
    assert values(walk) == start


def test_another_part_begins_where_the_face_was(walk):
    walk.shape.value = 2.0
    walk.part.value = "nose"
    assert walk.shape.value == walk.texture.value == 0.0
    assert torch.equal(walk.codes(), walk._own)
    assert "in the nose" in walk.caption.value


def test_depths_and_features_become_pictures_that_stay_within_range():
    from ssgan_lite.course.local.figures import FAR, NEAR, depth_pictures, feature_picture

    far, middle, near = depth_pictures(torch.tensor([FAR - 5, (FAR + NEAR) / 2, NEAR + 5]).view(3, 1, 1))
    assert (far.item(), middle.item(), near.item()) == (0.0, 0.5, 1.0)
    torch.manual_seed(0)
    features = torch.randn(8, 6, 6)
    picture = feature_picture(features)
    assert picture.shape == (6, 6, 3) and picture.dtype == np.uint8 and picture.min() < 40 and picture.max() > 215
    assert np.array_equal(picture, feature_picture(features + 3.0)), "a constant makes no difference"


def test_the_table_of_layers_names_every_code_once(generator):
    from ssgan_lite.course.local.figures import layer_table

    words = [text.get_text() for text in layer_table(generator.config, "nose").axes[0].texts]
    config = generator.config
    assert [words.count(f"base {i}") for i in range(config.base_layers)] == [1] * config.base_layers
    assert words.count("shape") == 2 * config.depth_layers - config.base_layers
    assert words.count("texture") == 2 * (config.local_layers - config.depth_layers)
    assert "nose" in words and "background" in words
