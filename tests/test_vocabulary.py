"""Parts as data: names that nobody has seen, from a JSON file through training, figures, editing and measures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import preset
from ssgan_lite.cli import main
from ssgan_lite.config import recipe
from ssgan_lite.data import open_dataset
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.data.street_parts import DRAWN, drawn_parts
from ssgan_lite.data.streets import draw_scene, plan
from ssgan_lite.data.vocabulary import entries_of, parts_of, read_vocabulary
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.train import RunOptions, train
from ssgan_lite.weights import load_pretrained

pytestmark = pytest.mark.usefixtures("one_thread")

INVENTED = ["void of Zorb", "quibble", {"name": "flümmel", "color": "#102030", "transparent": True, "thin": 2.5},
            {"name": "hair", "size": "small"}, "grak-7"]
TINY = preset("nano32").replace(local_channels=8, feature_channels=8, render_channels=(8, 8, 8),
                                discriminator_channels=(4, 4, 8, 8), style_dim=16, mapping_layers=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A data set of invented parts: colored masks, read by the colors of the vocabulary."""
    root = tmp_path_factory.mktemp("zorb")
    (root / "parts.json").write_text(json.dumps({"parts": INVENTED}, ensure_ascii=False), encoding="utf-8")
    parts = read_vocabulary(root / "parts.json")
    rng = np.random.default_rng(0)
    for place in ("images", "masks"):
        (root / place).mkdir()
    for i in range(24):
        ids = rng.integers(0, 5, (8, 8)).repeat(4, 0).repeat(4, 1)
        Image.fromarray(parts.palette[ids]).save(root / "masks" / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(root / "images" / f"{i}.png")
    assert main(["prepare", "folder", str(root / "images"), "--masks", str(root / "masks"), "--parts",
                 str(root / "parts.json"), "--size", "32", "--out", str(root / "made"), "--quiet"]) == 0
    return root / "made"


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory) -> Path:
    """Two steps of a model whose parts come from the data: nothing on the command names them."""
    out = tmp_path_factory.mktemp("run") / "run"
    config = recipe("nano32", "paper").replace(images=8, batch=4, r1_every=2)
    torch.set_num_threads(1)
    train(RunOptions(out=out, data=f"folder:{prepared}", device="cpu", quiet=True, snapshots="none"), config,
          model=TINY)
    return out / "weights.safetensors"


# ------------------------------------------------------------------------------------------------------ the JSON file

def test_vocabulary_round_trip() -> None:
    parts = parts_of(INVENTED)
    assert parts.names == ("void of Zorb", "quibble", "flümmel", "hair", "grak-7")
    assert parts["flümmel"].color == (16, 32, 48) and parts.transparent == ("flümmel",)
    assert parts["hair"].color == PARTS["hair"].color and parts["hair"].size == "small" and parts["hair"].id == 3
    assert len({part.color for part in parts}) == 5
    assert parts_of(json.loads(json.dumps(entries_of(parts)))) == parts


@pytest.mark.parametrize("content, words", [
    ("[", "JSON"), ("[]", "2 to 256"), ('["sky"]', "2 to 256"), ('"sky"', "list"), ("7", "list"), ("null", "list"),
    ('{"part": ["a", "b"]}', "list"), ('["sky", ""]', "part 1"), ('["sky", " x"]', "part 1"),
    ('["sky", 7]', "part 1"), ('["sky", {"color": "#112233"}]', "part 1"),
    ('["sky", "sky"]', 'two parts called "sky"'), ('["sky", "base"]', "base"),
    ('["sky", {"name": "a", "colour": "#112233"}]', "color"), ('["sky", {"name": "a", "color": "red"}]', '"a"'),
    ('["sky", {"name": "a", "color": [1, 2, 300]}]', '"a"'), ('["sky", {"name": "a", "thin": 9}]', "1 to 3"),
    ('["sky", {"name": "a", "thin": true}]', "1 to 3"), ('["sky", {"name": "a", "size": "huge"}]', "large"),
    ('["sky", {"name": "a", "transparent": 1}]', "true or false"),
    ('[{"name": "sky", "transparent": true}, "a"]', "background"),
    ('[{"name": "x", "color": "#010203"}, {"name": "y", "color": "#010203"}]', '"y" the color of "x"'),
])
def test_bad_vocabulary_is_a_sentence(content: str, words: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "parts.json").write_text(content)
    (tmp_path / "images").mkdir(), (tmp_path / "masks").mkdir()
    assert main(["prepare", "folder", str(tmp_path / "images"), "--masks", str(tmp_path / "masks"), "--parts",
                 str(tmp_path / "parts.json"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert words in said and "parts.json" in said and not (tmp_path / "out").exists()


def test_masks_beyond_the_vocabulary_are_named(tmp_path: Path, capsys) -> None:
    (tmp_path / "parts.json").write_text('["sky", "road"]')
    for place, value in (("images", 100), ("masks", 2)):
        (tmp_path / place).mkdir()
        Image.fromarray(np.full((32, 32), value, np.uint8)).save(tmp_path / place / "a.png")
    words = ["prepare", "folder", str(tmp_path / "images"), "--parts", str(tmp_path / "parts.json"), "--size", "16",
             "--out", str(tmp_path / "out")]
    assert main([*words, "--masks", str(tmp_path / "masks")]) == 2
    said = capsys.readouterr().err
    assert '"a.png"' in said and "class 2" in said and "road" in said and "--parts" in said and "hair" not in said
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert main(words) == 2 and "--masks" in capsys.readouterr().err
    (tmp_path / "parts.json").write_text('["sky", "road", "grak"]')               # mended: the same command goes on
    assert main([*words, "--masks", str(tmp_path / "masks")]) == 0
    assert open_dataset(f"folder:{tmp_path / 'out'}", 16, "all").parts == ("sky", "road", "grak")


def test_colors_of_another_vocabulary_are_named(tmp_path: Path, capsys) -> None:
    (tmp_path / "parts.json").write_text('["sky", {"name": "road", "color": "#010203"}]')
    for place in ("images", "masks"):
        (tmp_path / place).mkdir()
        Image.new("RGB", (32, 32), (9, 8, 7)).save(tmp_path / place / "a.png")
    assert main(["prepare", "folder", str(tmp_path / "images"), "--masks", str(tmp_path / "masks"), "--parts",
                 str(tmp_path / "parts.json"), "--size", "16", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert '"a.png"' in said and "(9, 8, 7)" in said and "--parts" in said
    assert not (tmp_path / "out" / "dataset.json").exists()


@pytest.mark.parametrize("vocabulary, words", [
    ([], "2 to 256"), (None, "list"), ([{"name": "a"}, {"name": "a"}], 'two parts called "a"'),
    (["void of Zorb", "quibble"], "the vocabulary has void of Zorb, quibble")])
def test_damaged_vocabulary_of_a_data_set_is_a_sentence(vocabulary: object, words: str, prepared: Path,
                                                        tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    about = json.loads((tmp_path / "copy" / "dataset.json").read_text(encoding="utf-8"))
    (tmp_path / "copy" / "dataset.json").write_text(json.dumps({**about, "vocabulary": vocabulary}))
    with pytest.raises(UserError, match=words) as error:
        open_dataset(f"folder:{tmp_path / 'copy'}", 16, "all")
    assert "copy" in str(error.value)


# ------------------------------------------------------------------------------------- everything that works with it

def test_data_set_knows_its_parts(prepared: Path) -> None:
    data = open_dataset(f"folder:{prepared}", 16, "all")
    assert data.parts == parts_of(INVENTED).names and data.transparent == ("flümmel",)
    assert int(data.masks.max()) == 4 and data.which("quibble").dtype == bool
    with pytest.raises(UserError, match='"quible".*"quibble"'):
        data.which("quible")
    assert "grak-7" in (prepared / "report.txt").read_text(encoding="utf-8")


def test_colors_and_sizes_of_a_data_set_reach_figures_and_measures(prepared: Path, monkeypatch) -> None:
    from ssgan_lite import parts as module
    from ssgan_lite.measure.masks import Agreement
    from ssgan_lite.pictures import mask_to_rgb
    monkeypatch.setattr(module, "_given", {})
    names, ids = parts_of(INVENTED).names, torch.tensor([[2, 3]])
    assert mask_to_rgb(ids, names)[0, 0].tolist() != [16, 32, 48]
    open_dataset(f"folder:{prepared}", 16, "all")
    assert mask_to_rgb(ids, names)[0, 0].tolist() == [16, 32, 48]
    agreement = Agreement(names)
    agreement.add(ids[None], ids[None])
    assert agreement.result()["small"] == 1.0 and agreement.result()["large"] is None


def test_thin_parts_of_the_vocabulary_survive() -> None:
    mask = np.array([[[2, 1], [2, 1]]], np.uint8)
    assert reduce_masks(mask, 2, parts_of(INVENTED))[0, 0, 0] == 2
    assert reduce_masks(mask, 2, parts_of(["a", {"name": "b", "thin": 2}, "c"]))[0, 0, 0] == 1


def test_model_takes_the_parts_of_its_data(trained: Path) -> None:
    generator = load_pretrained(trained)
    assert generator.config.parts == parts_of(INVENTED).names and generator.config.transparent == ("flümmel",)
    assert (trained.parent / "samples" / "000000008.png").is_file()


def test_data_of_other_parts_are_refused(prepared: Path, trained: Path, tiny_data: Path, tmp_path: Path, monkeypatch,
                                         capsys) -> None:
    monkeypatch.setenv("SSGAN_DATA", str(tiny_data))
    with pytest.raises(UserError, match="other parts than the model"):
        train(RunOptions(out=tmp_path / "run", data="heads", device="cpu", quiet=True, start_from=str(trained)),
              recipe("nano32", "paper").replace(images=8, batch=4), model=TINY)
    assert not (tmp_path / "run").exists()


def test_figures_of_invented_parts(trained: Path, prepared: Path) -> None:
    from ssgan_lite.pictures import mask_to_rgb, palette_image, sample_sheet
    generator = load_pretrained(trained)
    assert sample_sheet(generator, [0, 1]).size[0] > 64
    ids = torch.arange(5).view(1, 5)
    assert len(np.unique(mask_to_rgb(ids, generator.config.parts).reshape(-1, 3), axis=0)) == 5
    assert palette_image(ids.numpy(), generator.config.parts).mode == "P"


def test_figures_of_the_course_take_invented_parts() -> None:
    from ssgan_lite.course.figures import part_legend, to_picture
    from ssgan_lite.course.fusion.figures import depths_and_weights
    from ssgan_lite.course.many_parts.figures import iou_against_area
    names = parts_of(INVENTED).names
    weights = torch.softmax(torch.arange(10.0).view(5, 2), 0)
    for figure in (part_legend(names), depths_and_weights(weights.log(), weights, names),
                   iou_against_area({"run": (weights[:, 0], weights[:, 1].numpy())}, names, ["grak-7"])):
        assert len(np.unique(np.asarray(to_picture(figure).convert("L")))) > 4


def test_edits_of_invented_parts(trained: Path, tmp_path: Path) -> None:
    from ssgan_lite.edit import Session
    generator = load_pretrained(trained)
    face, other = Session(generator, seed=1), Session(generator, seed=2)
    before = face.render().depths
    face.randomize("quibble")
    face.copy_from(other, "grak-7", kind="texture")
    face.move("flümmel", dx=0.2)
    assert not torch.equal(face.render().depths, before)
    face.save(tmp_path / "face.safetensors")
    with pytest.raises(UserError, match='"flummel".*"flümmel"'):
        face.randomize("flummel")


def test_editor_of_invented_parts(trained: Path) -> None:
    pytest.importorskip("anywidget")
    from ssgan_lite.editor import FaceEditor
    FaceEditor(str(trained))


def test_measures_of_invented_parts(trained: Path, prepared: Path, tiny_data: Path, tmp_path: Path,
                                    monkeypatch) -> None:
    """All but the distances, which need the judge's weights and know no parts anyway."""
    from ssgan_lite.measure import MeasureOptions, measure, table
    from ssgan_lite.measure.parser import Parser, load_parser, save_parser
    few = dict(weights=str(trained), data=f"folder:{prepared}", n=16, leak_faces=2, diversity_faces=1, quiet=True,
               device="cpu")
    with pytest.raises(UserError, match="make_parser.*--only parts leak"):
        measure(MeasureOptions(**few, only=("parts", "agreement", "leak")))
    monkeypatch.setenv("SSGAN_DATA", str(tiny_data))
    with pytest.raises(UserError, match="other parts than heads.*--data"):
        measure(MeasureOptions(**few | dict(data="heads"), only=("parts",)))
    save_parser(Parser(parts_of(INVENTED)), tmp_path / "parser", {})
    assert load_parser(tmp_path / "parser.safetensors").parts.names == parts_of(INVENTED).names
    found = measure(MeasureOptions(**few, only=("parts", "agreement", "leak"),
                                   parser=tmp_path / "parser.safetensors"))
    model = found["models"][0]
    names = set(parts_of(INVENTED).names)
    assert set(model["parts"]) == set(model["agreement"]["parser"]["parts"]) == names
    assert "grak-7" in table(found)


# ---------------------------------------------------------------------------------------------------- drawn streets

@pytest.mark.parametrize("n_parts", [5, 13, 30])
def test_scene_follows_from_its_seed(n_parts: int) -> None:
    image, mask = draw_scene(7, 32, n_parts)
    again, same = draw_scene(7, 32, n_parts)
    assert np.array_equal(image, again) and np.array_equal(mask, same)
    assert image.shape == (3, 32, 32) and image.dtype == mask.dtype == np.uint8 and mask.max() < n_parts
    assert not np.array_equal(draw_scene(8, 32, n_parts)[0], image)
    assert len(drawn_parts(n_parts)) == n_parts and drawn_parts(n_parts)[0].name == "sky"
    assert len(drawn_parts(n_parts).palette) == len(np.unique(drawn_parts(n_parts).palette, axis=0))


def test_more_parts_show_the_same_picture() -> None:
    scenes = {n: draw_scene(3, 64, n) for n in DRAWN}
    assert all(np.array_equal(scenes[n][0], scenes[30][0]) for n in DRAWN)
    fine, coarse = scenes[30][1], scenes[5][1]
    table = np.array([drawn_parts(5)[DRAWN[5][part.name]].id for part in drawn_parts(30)])
    assert (table[fine] == coarse).mean() > 0.97, "but for the vote at borders"


def test_every_part_is_drawn_often_enough() -> None:
    parts, count = drawn_parts(30), 60
    seen = sum(np.isin(np.arange(30), draw_scene(seed, 32, 30)[1]).astype(int) for seed in range(count))
    assert all(n >= 4 for n in seen), [part.name for part, n in zip(parts, seen, strict=True) if n < 4]


def test_streets_are_prepared(tmp_path: Path) -> None:
    assert main(["prepare", "streets", "--parts", "5", "--count", "12", "--size", "32", "--out", str(tmp_path / "s"),
                 "--quiet"]) == 0
    data = open_dataset(f"streets:{tmp_path / 's'}", 16, "all")
    assert len(data) == 12 and data.parts == ("sky", "construction", "ground", "nature", "traffic")
    assert len(open_dataset(f"streets:{tmp_path / 's'}", 32, "val")) == 1
    for wrong in (dict(n_parts=7), dict(count=1), dict(seed=-1)):
        with pytest.raises(UserError):
            plan(**wrong)
    with pytest.raises(UserError, match="8 to 512"):
        draw_scene(0, 4)
