"""How a slider earns its name: a direction is found for an attribute, and the judge has to see the attribute change.

For every candidate (a part, a label, an attribute, and places where it may be) InterFaceGAN's direction is found from
faces that the predictor on Lite0 has labelled. Then the judge on Lite2 reads new faces with the slider at random
positions. The name stays if position and reading correlate by LEAST_CORRELATION or more, and if no other attribute
changes more than the one of the name, each in standard deviations of the model's own faces: a slider that makes skin
lighter may well look like a smile to a predictor. If not, the direction goes, and the record says so. With shuffled
labels no name stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tqdm.auto import tqdm

from ssgan_lite.directions import interfacegan, judge
from ssgan_lite.directions.direction import LinearDirection, Where, place
from ssgan_lite.directions.sample import Sample
from ssgan_lite.directions.store import NamedDirections, Slider
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import AttributePredictor

LEAST_CORRELATION = 0.6
LEAST_FORESEEN = 0.5        # with less, the judge is not asked
KEPT = 4                    # attributes that are kept where the plain direction moves too many
BOTH = 0.03                 # by so much shape and texture together must be better than one of them
SKIN = ("face", "nose", "ears", "neck", "mouth")


# Where codes are swapped, and in how many faces: what the candidates below are found from.
SWAPS: dict[Where, int] = {"hair": 250, "mouth": 200, (SKIN, "texture"): 200, ("head", "shape"): 200, "cloth": 150,
                           "background": 150}
WHOLE = 600                 # faces before the swaps


@dataclass(frozen=True)
class Candidate:
    """A name that a slider may earn."""

    part: str
    label: str
    attribute: str
    places: tuple[Where, ...]           # where it may be


def _own(part: str) -> tuple[Where, ...]:
    return (part, "shape"), (part, "texture"), part


CANDIDATES = (
    Candidate("hair", "length", "hair_length", _own("hair")),
    Candidate("hair", "darkness", "hair_darkness", (*_own("hair"), "head")),
    Candidate("mouth", "smile", "smile", (*_own("mouth"), (SKIN, "texture"), "head")),
    Candidate("mouth", "open", "mouth_open", (*_own("mouth"), (SKIN, "texture"), "head")),
    Candidate("face", "age", "age", ((SKIN, "texture"), "head")),
    Candidate("face", "skin tone", "skin_tone", ((SKIN, "texture"),)),
    Candidate("face", "beard", "beard", ((SKIN, "texture"),)),
    Candidate("face", "turn", "yaw", (("head", "shape"),)),
    Candidate("face", "nod", "pitch", (("head", "shape"),)),
    Candidate("face", "light from the right", "light_side", ((SKIN, "texture"),)),
    Candidate("cloth", "brightness", "cloth_brightness", _own("cloth")),
    Candidate("background", "brightness", "background_brightness", _own("background")),
)


def name_directions(sample: Sample, judging: AttributePredictor, candidates: tuple[Candidate, ...] = CANDIDATES,
                    faces: int = judge.FACES, seed: int = 0, quiet: bool = True) -> NamedDirections:
    """The sliders whose names the judge confirms."""
    generator = sample.generator
    if judging.backbone != "lite2":
        raise UserError("Names are confirmed by the predictor on Lite2, which no direction has seen.")
    if getattr(generator.config, "architecture", "semantic") == "monolithic":
        raise UserError("Sliders belong to parts, and the monolithic model has no codes of its own for any. "
                        "`interfacegan.find(sample, attribute)` finds its directions for the whole face.")
    if missing := {c.part for c in candidates} - set(generator.config.parts):
        raise UserError(f"This model has no part called {', '.join(sorted(missing))}: names are known for the parts "
                        "of the heads.")
    looked_at = judge.draw_faces(generator, judging, faces, seed)
    sliders, refused = [], []
    for candidate in tqdm(candidates, desc="names", unit="name", disable=quiet):
        tried = []
        for direction in proposals(sample, candidate):
            verdict = judge.confirm(direction, looked_at, seed)
            if not quiet:
                tqdm.write(f"{candidate.part}: {candidate.label}, by {direction.place.name}: correlation "
                           f"{verdict['correlation']:.2f}, leak {verdict['leak'] or 0:.2f}, spill "
                           f"{verdict['spill']:.2f}{'' if is_earned(verdict) else ', no'}")
            if is_earned(verdict):
                verdict.update({key: value for key, value in judge.examine(direction, looked_at, seed).items()
                                if key.startswith("moved")})
                sliders.append(Slider(candidate.part, candidate.label, direction, -judge.REACH, judge.REACH,
                                      rounded(verdict)))
                break
            tried.append(dict(place=direction.place.name, **rounded(verdict)))
        else:
            refused.append(dict(part=candidate.part, label=candidate.label, attribute=candidate.attribute,
                                tried=tried))
    return NamedDirections(tuple(sliders), dict(faces=faces, seed=seed, least_correlation=LEAST_CORRELATION,
                                                refused=refused))


def is_earned(verdict: dict) -> bool:
    """Does the judge see the attribute follow the slider, and change more than any other attribute does?"""
    most = max((abs(change) for change in verdict["others"].values()), default=0.0)
    return verdict["correlation"] >= LEAST_CORRELATION and verdict["per_unit_own"] >= most


def proposals(sample: Sample, candidate: Candidate) -> Iterator[LinearDirection]:
    """What the judge is asked about, in order: at every promising place the plain direction, and for groups of parts
    one that keeps the attributes which the plain one moves most."""
    for where in promising(sample, candidate.attribute, candidate.places):
        plain = interfacegan.find(sample, candidate.attribute, where)
        yield plain
        if not plain.place.is_single:
            yield interfacegan.find(sample, candidate.attribute, where, interfacegan.entangled(sample, plain, KEPT))


def promising(sample: Sample, attribute: str, places: tuple[Where, ...]) -> list[Where]:
    """The places worth the judge's time, in order: one of a single part, then groups of parts.

    The teacher foresees the correlation that the judge will find (`foreseen`). Of a part's shape, texture and both,
    only the most promising is kept; both only if they are clearly better. A part that the model never draws promises
    nothing.
    """
    promise = {}
    for where in places:
        try:
            promise[where] = foreseen(sample, attribute, where)
        except UserError:
            continue
    single = {where: promise[where] - BOTH * (len(place(sample.generator, where).addresses) - 1) for where in promise
              if place(sample.generator, where).is_single}
    best = max(single, key=single.get, default=None)
    return [where for where in promise if promise[where] >= LEAST_FORESEEN and (where == best or where not in single)]


def foreseen(sample: Sample, attribute: str, where: Where) -> float:
    """The correlation of a slider's position with the reading, if all goes as for the teacher on faces not fitted.

    The slider stands at t, uniform in its range, and adds e t to readings that vary by s, where e is the change per
    standard deviation that was predicted right: r = e sd(t) / sqrt(e^2 sd(t)^2 + s^2).
    """
    there, column = place(sample.generator, where), sample.index(attribute)
    _, changes = sample.changes(there)
    faces = 2 if any(swaps.at(there) is not None for swaps in sample.swaps) else 1      # a difference between two
    spread = float(changes[:, column].std()) / faces ** 0.5
    effect = max(interfacegan.held_out(sample, attribute, where), 0.0) * spread * judge.REACH / 3 ** 0.5
    return effect / max(effect ** 2 + float(sample.whole.scores[:, column].var()), 1e-12) ** 0.5


def rounded(verdict: dict) -> dict:
    """Three decimals are more than 200 faces tell."""
    return {key: rounded(value) if isinstance(value, dict) else value if value is None else round(value, 3)
            for key, value in verdict.items()}
