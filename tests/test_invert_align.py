"""Photographs of every kind become pictures in the model's frame, or a sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite.data import open_dataset
from ssgan_lite.errors import UserError
from ssgan_lite.invert.align import align, parse_face, parse_numbers
from ssgan_lite.invert.frame import LEFT_EYE, MOUTH, RIGHT_EYE, Landmarks, crop, frame_to_photo
from ssgan_lite.invert.landmarks import find_face, points_of_mask, search_face
from ssgan_lite.measure.parser import load_parser
from ssgan_lite.parts import PARTS


@pytest.fixture(scope="module")
def heads():
    return open_dataset("heads", size=64, split="val")


@pytest.fixture(scope="module")
def parser():
    return load_parser()


def picture(heads, row, side=256):
    return Image.fromarray(heads.images[row].permute(1, 2, 0).numpy()).resize((side, side), Image.Resampling.BICUBIC)


def landmarks_at(transform):
    return Landmarks(*(tuple(transform[:, :2] @ np.array(p) + transform[:, 2]) for p in (LEFT_EYE, RIGHT_EYE, MOUTH)))


def test_frame_is_where_the_heads_have_eyes_and_mouth(heads):
    found = [points_of_mask(ids) for ids in heads.masks]
    points = np.stack([landmarks.points for landmarks, _ in filter(None, found)])
    assert len(points) > 0.8 * len(heads)
    np.testing.assert_allclose(points.mean(0), [LEFT_EYE, RIGHT_EYE, MOUTH], atol=0.01)


def test_similarity_is_recovered():
    turn, scale, shift = 0.3, 250.0, np.array([40.0, 25.0])
    true = np.array([[scale * np.cos(turn), -scale * np.sin(turn), shift[0]],
                     [scale * np.sin(turn), scale * np.cos(turn), shift[1]]])
    landmarks = landmarks_at(true)
    np.testing.assert_allclose(frame_to_photo(landmarks), true, atol=1e-6)
    eyes_alone = Landmarks(landmarks.left_eye, landmarks.right_eye)
    np.testing.assert_allclose(frame_to_photo(eyes_alone), true, atol=1e-6)


def test_turned_and_shifted_head_comes_back(heads, parser):
    head = picture(heads, 1)
    canvas = Image.new("RGB", (500, 400), "gray")
    canvas.paste(head, (120, 60))
    turned = canvas.rotate(10, resample=Image.Resampling.BICUBIC, fillcolor="gray")
    a = np.deg2rad(-10)                                        # Pillow turns counterclockwise, about the center
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    linear = 256 * rotation
    shift = rotation @ (np.array([120, 60]) - [250, 200]) + [250, 200]
    aligned = align(turned, 64, landmarks_at(np.column_stack([linear, shift])), parser=parser)
    wanted = heads.image_batch([1])
    middle = (slice(None), slice(None), slice(8, 56), slice(8, 56))
    assert (aligned.image - wanted)[middle].abs().mean() * 127.5 < 6


def test_framed_picture_is_only_resized(heads, parser):
    aligned = align(picture(heads, 2, 128), 64, framed=True, parser=parser)
    assert aligned.image.shape == (1, 3, 64, 64) and aligned.landmarks is None
    assert (aligned.image - heads.image_batch([2])).abs().mean() * 127.5 < 4
    assert (aligned.mask == heads.masks[2:3]).float().mean() > 0.8
    assert torch.equal(aligned.mask, parse_face(aligned.image, parser))


@pytest.mark.slow
def test_parser_finds_the_face(heads, parser):
    canvas = Image.new("RGB", (420, 320), (90, 120, 140))
    canvas.paste(picture(heads, 3), (110, 40))
    found = find_face(canvas, parser)
    true = points_of_mask(heads.masks[3])[0].points * 256 + [110, 40]
    assert np.abs(found.points - true).max() < 0.06 * 256


def test_portrait_is_found_in_few_pieces(heads, parser):
    pieces, search = 0, search_face(picture(heads, 3), parser)
    while True:
        try:
            next(search)
            pieces += 1
        except StopIteration as end:
            found = end.value
            break
    assert np.abs(found.points - points_of_mask(heads.masks[3])[0].points * 256).max() < 0.06 * 256
    assert pieces < 40


def test_parser_speaks_of_the_models_parts(heads, parser):
    images, names = heads.image_batch(range(2)), ("background", "mouth", "eyes", "face")
    plain, ours = parse_face(images, parser), parse_face(images, parser, names)
    for i, name in enumerate(names[1:], 1):
        assert torch.equal(ours == i, plain == PARTS[name].id)
    with pytest.raises(UserError, match="part_1"):
        parse_face(images, parser, ("background", "part_1"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "plain"])
def test_picture_without_face_raises(kind, parser, tmp_path):
    rng = np.random.default_rng(0)
    pixels = {"noise": rng.integers(0, 255, (80, 90, 3), dtype=np.uint8),
              "plain": np.full((80, 90, 3), 128, np.uint8)}[kind]
    path = tmp_path / "wall.png"
    Image.fromarray(pixels).save(path)
    with pytest.raises(UserError, match="wall.png.*--eyes"):
        align(path, 64, parser=parser)


def test_beyond_the_edge_is_the_mirror_image():
    photo = Image.fromarray(np.tile(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], (100, 1, 3)))
    transform = np.array([[200.0, 0, -100], [0, 200.0, -50]])          # half of the frame lies left of the photograph
    pixels = np.asarray(crop(photo, transform, 50)).astype(int)[..., 0]
    assert abs(pixels[25, 23] - pixels[25, 26]) < 25                   # symmetric about the edge at column 25
    assert pixels[25, 5] > pixels[25, 23] + 50


def test_crop_averages_large_photographs():
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 255, (2000, 2000, 3), dtype=np.uint8))
    assert np.asarray(crop(photo, np.array([[2000.0, 0, 0], [0, 2000.0, 0]]), 32)).std() < 12


def test_all_kinds_of_files_are_read(heads, parser, tmp_path):
    head = picture(heads, 4)
    files = {}
    for name, image in {"cmyk.jpg": head.convert("CMYK"), "grey.png": head.convert("L"),
                        "alpha.png": head.convert("RGBA"), "palette.gif": head.convert("P")}.items():
        files[name] = tmp_path / name
        image.save(files[name])
    files["sixteen.png"] = tmp_path / "sixteen.png"
    Image.fromarray(np.asarray(head.convert("L")).astype(np.uint16) * 257).save(files["sixteen.png"])
    files["animated.gif"] = tmp_path / "animated.gif"
    head.convert("P").save(files["animated.gif"], save_all=True, append_images=[head.rotate(90).convert("P")])
    wanted = heads.image_batch([4]).mean(1)
    for name, path in files.items():
        image = align(path, 64, framed=True, parser=parser).image
        assert (image.mean(1) - wanted).abs().mean() * 127.5 < 14, name


def test_exif_rotation_is_undone(heads, parser, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6                                           # "turn by 90 degrees to see it upright"
    picture(heads, 5).rotate(90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image = align(tmp_path / "turned.jpg", 64, framed=True, parser=parser).image
    assert (image - heads.image_batch([5])).abs().mean() * 127.5 < 6


@pytest.mark.parametrize("size, says", [((3, 200), "3 x 200"), ((10_001, 10_000), "million")])
def test_impossible_sizes_raise(size, says, tmp_path, parser):
    Image.new("1", size).save(tmp_path / "odd.png")
    with pytest.raises(UserError, match=says) as error:
        align(tmp_path / "odd.png", 64, parser=parser)
    assert "odd.png" in str(error.value)


def test_not_a_picture_raises(tmp_path, parser):
    (tmp_path / "words.jpg").write_text("no picture")
    for name in ("words.jpg", "missing.jpg"):
        with pytest.raises(UserError, match=name):
            align(tmp_path / name, 64, parser=parser)


@pytest.mark.parametrize("landmarks, says", [
    (Landmarks((-5, 20), (60, 20)), "left eye.*outside"),
    (Landmarks((20, 20), (400, 20)), "right eye.*outside"),
    (Landmarks((20, 20), (60, 20), (40, 300)), "mouth.*outside"),
    (Landmarks((20, 20), (20.5, 20)), "apart"),
    (Landmarks((20, 50), (60, 50), (40, 20)), "not below"),
    (Landmarks((float("nan"), 20), (60, 20)), "outside"),
])
def test_bad_clicks_raise(landmarks, says, heads, parser):
    with pytest.raises(UserError, match=says):
        align(picture(heads, 0, 100), 64, landmarks, parser=parser)


def test_eyes_in_either_order_mean_the_same(heads, parser):
    head, a, b, mouth = picture(heads, 0, 100), (39.7, 44.9), (60.3, 44.9), (50.0, 68.1)
    one, two = (align(head, 64, Landmarks(*eyes, mouth), parser=parser).image for eyes in ((a, b), (b, a)))
    assert torch.equal(one, two)


def test_own_mask_is_taken_in_both_sizes_and_no_other(heads, parser, tmp_path):
    head, ids = picture(heads, 6), heads.masks[6]
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.fromarray(ids.numpy()).save(small)
    Image.fromarray(ids.numpy().repeat(4, 0).repeat(4, 1)).save(large)
    for path in (small, large):
        mask = align(head, 64, mask=path, framed=True, parser=parser).mask
        assert (mask[0] == ids).float().mean() > 0.99
    Image.fromarray(ids.numpy()[:50]).save(small)
    with pytest.raises(UserError, match="small.png.*64 x 50.*256 x 256"):
        align(head, 64, mask=small, framed=True, parser=parser)
    Image.fromarray(np.full((64, 64), 77, np.uint8)).save(small)
    with pytest.raises(UserError, match="small.png.*77"):
        align(head, 64, mask=small, framed=True, parser=parser)


def test_numbers_are_read_or_refused():
    assert parse_numbers("1,2.5,3,4", (4,), "--eyes") == [1, 2.5, 3, 4]
    for text in ("1,2", "a,b,c,d", ""):
        with pytest.raises(UserError, match="--eyes"):
            parse_numbers(text, (4,), "--eyes")
