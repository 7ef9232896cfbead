"""`ssgan-lite invert`: face, difference and sheet are written; what cannot be done is said before the work begins."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.cli import main
from ssgan_lite.config import preset
from ssgan_lite.data import open_dataset
from ssgan_lite.edit import Session
from ssgan_lite.features import FrozenFeatures
from ssgan_lite.invert import (
    PartEncoder,
    PictureDistance,
    Projector,
    first_guess,
    load_part_encoder,
    open_face,
    train_part_encoder,
)
from ssgan_lite.invert.refine import save_part_encoder
from ssgan_lite.model import build_generator
from ssgan_lite.weights import encoder_of, load_pretrained, save_weights, shipped

QUICK = ["--weights", "nano32", "--steps", "2", "--tune-steps", "2", "--quiet", "--framed", "--only"]


@pytest.fixture(scope="module")
def heads():
    return open_dataset("heads", size=64, split="val")


@pytest.fixture
def photo(heads, tmp_path):
    path = tmp_path / "me.png"
    Image.fromarray(heads.images[0].permute(1, 2, 0).numpy()).save(path)
    return path


def test_face_difference_and_sheet_are_written(photo, tmp_path, capsys):
    out = tmp_path / "mine.safetensors"
    assert main(["invert", str(photo), "--out", str(out), "--tune", *QUICK]) == 0
    said = capsys.readouterr().out
    assert "levels" in said and "mine.safetensors" in said and "mine.tuned.safetensors" in said
    G = load_pretrained("nano32")
    face, tuned = Session.load(G, out), open_face(G, out)
    assert not face.can_undo and not torch.equal(face.render().image, tuned.render().image)
    face.randomize("hair").undo()
    assert Image.open(tmp_path / "mine.sheet.png").width > 700


def test_sheet_shows_all_spaces_unless_told(photo, tmp_path, capsys):
    options = [option for option in QUICK if option != "--only"]
    assert main(["invert", str(photo), "--out", str(tmp_path / "x"), *options]) == 0
    said = capsys.readouterr().out
    assert all(f": {space}," in said for space in ("w", "w+", "parts"))
    assert (tmp_path / "x.safetensors").exists()


def test_nothing_is_overwritten_unasked_and_force_removes_old_difference(photo, tmp_path, capsys):
    out = tmp_path / "mine.safetensors"
    arguments = ["invert", str(photo), "--out", str(out), *QUICK]
    assert main([*arguments, "--tune"]) == 0
    before = out.read_bytes()
    assert main(arguments) == 2 and "mine.safetensors" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main([*arguments, "--force"]) == 0
    assert not (tmp_path / "mine.tuned.safetensors").exists()


def test_several_pictures_go_to_a_folder_and_a_bad_one_stops_no_other(photo, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    second = photo.with_name("you.png")
    second.write_bytes(photo.read_bytes())
    assert main(["invert", str(tmp_path / "*.png"), "--out", str(tmp_path / "faces"), *QUICK]) == 2
    assert "bad.png" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "faces").glob("*.safetensors")) == ["me.safetensors",
                                                                                         "you.safetensors"]


def test_interruption_saves_best_codes_so_far(photo, tmp_path, capsys, monkeypatch):
    step = Projector.step

    def interrupted(self):
        if self.steps == 3:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Projector, "step", interrupted)
    out = tmp_path / "mine.safetensors"
    code = main(["invert", str(photo), "--out", str(out), "--weights", "nano32", "--steps", "50", "--quiet",
                 "--framed", "--only"])
    assert code == 130 and "nterrupted" in capsys.readouterr().out
    assert Session.load(load_pretrained("nano32"), out).state.codes.isfinite().all()


@pytest.mark.parametrize("more, says", [
    (["--eyes", "1,2"], "--eyes"),
    (["--mouth", "1,2"], "--eyes"),
    (["--eyes", "1,2,900,2"], "outside"),
    (["--steps", "0"], "--steps"),
    (["--weights", "nano32-paper", "--start", "encoder"], "encoder"),        # which ships without one
    (["--weights", "nano32-monolithic"], "monolithic"),
    (["--mask", "nowhere.png"], "nowhere.png"),
    (["--prior", "-1"], "prior"),
])
def test_bad_options_are_explained(more, says, photo, tmp_path, capsys):
    options = [option for option in QUICK if option != "--framed" or "--eyes" not in more]
    assert main(["invert", str(photo), "--out", str(tmp_path / "x"), *options, *more]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()


def test_missing_picture_and_empty_pattern_are_named(tmp_path, capsys):
    for name in ("missing.jpg", "*.jpg"):
        assert main(["invert", str(tmp_path / name), "--out", str(tmp_path / "x"), *QUICK]) == 2
        assert ".jpg" in capsys.readouterr().err


# --- the first guess ------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def parts():
    """A part encoder that has seen 320 heads: enough to be of use."""
    G, data = load_pretrained("nano32"), open_dataset("heads:0:400", size=32, split="train")
    return train_part_encoder(G, data, images=320, batch=8, rounds=1, lr=0.01, progress=False)


@pytest.mark.slow
def test_zeroed_encoder_is_clearly_worse(parts):
    G, val = load_pretrained("nano32"), open_dataset("heads", size=32, split="val")
    image, ids = val.image_batch(range(16)), val.masks[:16].long()
    zeroed = copy.deepcopy(parts)
    for parameter in zeroed.parameters():
        parameter.data.zero_()

    def levels(encoder):
        with torch.no_grad():
            return float((G(first_guess(G, image, ids, parts=encoder, rounds=1)).image - image).abs().mean() * 127.5)

    assert levels(parts) < 0.95 * levels(zeroed)            # after 40 steps of training; it was 0.90
    assert levels(zeroed) == pytest.approx(levels(None))


WITH_ENCODER = [name for name in shipped() if encoder_of(name) is not None and "monolithic" not in name]


@pytest.mark.slow
@pytest.mark.skipif(not WITH_ENCODER, reason="no encoder ships yet")
@pytest.mark.parametrize("name", WITH_ENCODER or [""])
def test_shipped_encoder_is_needed(name):
    """On 16 validation heads its guess is nearer than the mean face by a quarter, and than its own with zeros."""
    G = load_pretrained(name)
    val = open_dataset("heads", size=G.config.size, split="val")
    image, ids = val.image_batch(range(16)), val.masks[:16].long()
    encoder, refined = encoder_of(name), load_part_encoder(name, G.config)
    zeroed = copy.deepcopy(encoder)
    for parameter in zeroed.parameters():
        parameter.data.zero_()
    network = FrozenFeatures()
    with torch.no_grad():
        distance = PictureDistance(image, network=network)

        def far(codes):
            return float(distance(G(codes).image).mean())

        guess = far(first_guess(G, image, ids, encoder, refined, network))
        assert guess < 0.75 * far(G.mean_w.expand(16, -1))
        assert guess < 0.75 * far(first_guess(G, image, ids, zeroed, None, network))


WITH_PARTS = [name for name in shipped() if assets.listed(f"weights/encoders/{name}.parts.safetensors")]


@pytest.mark.slow
@pytest.mark.skipif(not WITH_PARTS, reason="no part encoder ships yet")
@pytest.mark.parametrize("name", WITH_PARTS or [""])
def test_shipped_part_encoder_comes_nearer_than_the_encoder_alone(name):
    """On 16 validation heads, by 5 % of the distance and of the levels at least; and it is small."""
    assert assets.find(f"weights/encoders/{name}.parts.safetensors").stat().st_size <= 2_000_000
    G = load_pretrained(name)
    val = open_dataset("heads", size=G.config.size, split="val")
    image, ids = val.image_batch(range(16)), val.masks[:16].long()
    encoder, network = encoder_of(name), FrozenFeatures()
    with torch.no_grad():
        distance = PictureDistance(image, network=network)
        far = []
        for parts in (None, load_part_encoder(name, G.config)):
            drawn = G(first_guess(G, image, ids, encoder, parts, network)).image
            far.append((float(distance(drawn).mean()), float((drawn - image).abs().mean())))
    assert far[1][0] < 0.95 * far[0][0] and far[1][1] < 0.95 * far[0][1]


@pytest.mark.slow
def test_part_encoder_file_gives_it_back(parts, tmp_path):
    G = load_pretrained("nano32")
    save_weights(G, tmp_path / "mine.safetensors")
    path = tmp_path / "encoders" / "mine.parts.safetensors"
    save_part_encoder(parts, path)
    assert path.stat().st_size < 1_000_000
    again = load_part_encoder(tmp_path / "mine.safetensors", G.config)
    for name, tensor in parts.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=2e-3, rtol=2e-3)
    assert load_part_encoder(tmp_path / "other.safetensors", G.config) is None


def test_new_part_encoder_corrects_nothing():
    G = load_pretrained("nano32")
    image, ids = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.long)
    guess = first_guess(G, image, ids, parts=PartEncoder(G.config))
    assert np.allclose(guess, G.layout.to_w_plus(guess[:, 0]), atol=1e-5)


@pytest.mark.long
def test_command_works_on_a_published_configuration(photo, tmp_path, capsys):
    """512 pixels, random weights: everything has the right shape, from the parser's mask to the face file."""
    torch.manual_seed(0)
    large = build_generator(preset("paper512"))
    large.update_mean_w(64)
    weights = tmp_path / "large.safetensors"
    save_weights(large, weights, dtype=torch.float16)
    del large
    assert main(["invert", str(photo), "--out", str(tmp_path / "mine"), "--weights", str(weights), "--steps", "1",
                 "--quiet", "--framed", "--only"]) == 0
    assert "parts," in capsys.readouterr().out
    face = Session.load(load_pretrained(weights), tmp_path / "mine.safetensors")
    assert face.state.codes.shape == (1, 28, 512)
