"""The parametric head: from attributes to posed vertices, by anny and MakeHuman's CC0 shapes.

anny adds weighted shapes to a base mesh: phenotypes (age, weight, ...), local changes (nose
width, ...) and facial actions (mouthSmileLeft, ...). `gender` runs from 0 = male to 1 = female
in anny; here it is one direction of face shape among others, "angularity".
"""

from dataclasses import dataclass

import numpy as np
import torch

from .attributes import Attributes
from .geometry import fit_sphere, normalise, smoothstep, triangulate, vertex_normals
from .randomness import stream
from .regions import Regions, load_regions
from .template import Template, load_model, load_template

# How far the local changes wander (standard deviation of a weight in -1 .. 1).
WANDER = {"nose": 0.24, "mouth": 0.18, "chin": 0.26, "forehead": 0.22, "eyebrows": 0.22,
          "eye": 0.20, "ear": 0.25, "cheek": 0.28}
# Changes that look like a mistake rather than a face when they wander as far as the others.
NEARLY_FIXED = ("trans-out", "septum", "shape-triangle", "ear-wing", "push", "dimples", "chin-cleft", "compression",
                "nubian", "flaring", "hump", "prognathism", "eye-trans", "mouth-scale-depth", "trans-forward")


@dataclass
class Head:
    """A posed head. `base` holds anny's vertices; `skin`, `normals` the subdivided surface."""

    base: np.ndarray            # [V, 3]
    skin: np.ndarray            # [S, 3], metres
    normals: np.ndarray         # [S, 3]
    scale: np.ndarray           # [3]: size of this head relative to the neutral one
    shift: np.ndarray           # [3]
    eye_centres: np.ndarray     # [2, 3]: left, right
    eye_radius: float
    template: Template
    regions: Regions

    @property
    def triangles(self):
        return triangulate(self.template.skin.quads)

    def to_neutral(self, points):
        """Points [..., 3] of this head in the coordinates of the neutral head (approximately)."""
        return (points - self.shift) / self.scale

    def from_neutral(self, points):
        return points * self.scale + self.shift

    def scatter(self, density, count, rng):
        """`count` random points on the skin, by `density` [S]: points, normals, neutral points."""
        triangles = self.triangles
        a, b, c = (self.skin[triangles[:, i]] for i in range(3))
        weight = np.linalg.norm(np.cross(b - a, c - a), axis=1) * density[triangles].mean(1)
        chosen = triangles[rng.choice(len(triangles), count, p=weight / weight.sum())]
        mix = rng.dirichlet([1, 1, 1], count)[..., None]
        neutral = self.template.skin.neutral
        return ((self.skin[chosen] * mix).sum(1), normalise((self.normals[chosen] * mix).sum(1)),
                (neutral[chosen] * mix).sum(1))


def _phenotypes(attributes: Attributes, rng) -> dict:
    # anny's age: 0.67 is about 25 years, 1 about 90.
    age = np.interp(attributes.age, [18, 25, 45, 65, 90], [0.63, 0.67, 0.77, 0.88, 1.0])
    return {
        "gender": float(np.clip(0.95 - 0.9 * attributes.face_angularity, 0, 1)),
        "age": float(age),
        "muscle": float(rng.uniform(0.35, 0.65)),
        "weight": float(np.clip(0.5 + 0.25 * attributes.face_width + rng.normal(0, 0.06), 0.25, 0.85)),
        "height": 0.5,
        "proportions": float(rng.uniform(0.7, 1.0)),
        "cupsize": 0.3, "firmness": 0.6,
        "african": attributes.features_a, "asian": attributes.features_b, "caucasian": attributes.features_c,
    }


def _local_changes(attributes: Attributes, labels, rng) -> dict:
    changes = {}
    for label in labels:
        side, rest = (label[:2], label[2:]) if label[:2] in ("l-", "r-") else ("", label)
        kind = rest.split("-")[0]
        if side == "r-":
            continue  # set together with the left side
        if kind in WANDER:
            value = rng.normal(0, WANDER[kind] * (0.2 if any(part in rest for part in NEARLY_FIXED) else 1))
            # Eyes a little larger than life: every open eye must keep 8 mask pixels at 64 px.
            value += {
                "eye-scale-incr": 0.50, "eye-height2-incr": 0.36, "eye-height1-incr": 0.16, "eye-height3-incr": 0.16
            }.get(rest, 0)
            value = float(np.clip(value, -0.65, 0.75))
            changes[label] = value
            if side:
                changes["r-" + rest] = value + float(rng.normal(0, 0.03))
        elif rest in ("head-scale-vert-incr", "head-scale-depth-incr", "head-back-scale-depth-incr",
                      "head-angle-out"):
            changes[label] = float(np.clip(rng.normal(0, 0.2), -0.5, 0.5))
    years = np.clip((attributes.age - 40) / 45, 0, 1)
    changes.update({
        "head-fat-incr": float(0.35 * attributes.face_width),
        "head-scale-horiz-incr": float(0.25 * attributes.face_width),
        "head-age-incr": float(0.85 * years),
        "neck-double-incr": float(np.clip(0.5 * years + 0.3 * attributes.face_width, 0, 0.8)),
        "mouth-laugh-lines-out": float(0.2 * rng.random() + 0.6 * years),
        "l-eye-bag-incr": float(0.7 * years + 0.2 * rng.random()),
        "l-eye-bag-out": float(0.5 * years),
    })
    for label in ("eye-bag-incr", "eye-bag-out"):
        changes["r-" + label] = changes["l-" + label]
    return changes


def _facial_actions(attributes: Attributes, rng) -> dict:
    smile, opening, name = attributes.smile, attributes.mouth_open, attributes.expression
    lopsided = rng.uniform(0.92, 1.08)
    actions = {
        # MakeHuman's mouth at rest droops at its corners; without a trace of a smile everyone looks cross.
        "mouthSmile": max(0.9 * smile, 0.0 if name in ("sad", "stern") else 0.12),
        "cheekSquint": 0.35 * smile**2,
        "mouthDimple": 0.25 * smile,
        "eyeSquint": 0.14 * smile**2,
        "mouthUpperUp": 0.0,
        "mouthLowerDown": 0.0,
        "jawOpen": 0.0,
        "browInnerUp": max(0.0, rng.normal(0, 0.15)),
        "eyeWide": 0.22 + abs(rng.normal(0, 0.08)),
    }
    if name in ("smile", "laugh"):   # a real smile bares the upper teeth
        actions.update(mouthUpperUp=0.5 + 0.35 * smile,
                       mouthLowerDown=0.2 + 0.3 * opening,
                       jawOpen=0.04 + 0.26 * opening,
                       mouthStretch=0.15)
    elif name == "surprise":
        actions.update(jawOpen=0.12 + 0.38 * opening, mouthFunnel=0.25 * opening, browInnerUp=0.7 + 0.3 * opening,
                       browOuterUp=0.6 + 0.4 * opening, eyeWide=0.7)
    elif name == "sad":
        actions.update(mouthFrown=rng.uniform(0.35, 0.7),
                       browInnerUp=rng.uniform(0.7, 1.0),
                       mouthShrugLower=rng.uniform(0.1, 0.3),
                       eyeWide=0.2)
    elif name == "stern":
        actions.update(browDown=rng.uniform(0.4, 0.8),
                       browInnerUp=0.0,
                       mouthPress=rng.uniform(0.2, 0.6),
                       mouthFrown=rng.uniform(0, 0.15),
                       eyeWide=0.3)
    else:
        actions.update(jawOpen=0.12 * opening, browOuterUp=max(0.0, rng.normal(0, 0.12)))
    both = {}
    for action, value in actions.items():
        if action in ("jawOpen", "browInnerUp", "mouthFunnel", "mouthShrugLower"):
            both[action] = float(value)
        else:
            both[action + "Left"] = float(value)
            both[action + "Right"] = float(value * (lopsided if "mouth" in action else 1))
    return both


def _turn_shoulders(points, degrees):
    """Turn everything below the jaw about the neck's axis, fully from the collar bones down."""
    weight = 1 - smoothstep(points[:, 2], 0.44, 0.56)
    angle = np.radians(degrees) * weight
    x, y = points[:, 0], points[:, 1] + 0.06
    turned = points.copy()
    turned[:, 0] = x * np.cos(angle) - y * np.sin(angle)
    turned[:, 1] = x * np.sin(angle) + y * np.cos(angle) - 0.06
    return turned


def build_head(attributes: Attributes, seed: int) -> Head:
    """The head with these attributes; what they leave open is drawn from the seed."""
    template, model = load_template(), load_model()
    rng = stream(seed, "head")
    with torch.no_grad():
        posed = model(phenotype_kwargs=_phenotypes(attributes, rng),
                      local_changes_kwargs=_local_changes(attributes, model.local_change_labels, rng),
                      facial_actions=_facial_actions(attributes, rng))
    base = posed["vertices"][0].double().numpy()
    base = base + rng.uniform(0.25, 0.6) * template.outlines[attributes.face_outline]

    # Bring the head to the place and size of the neutral one, so that regions, which are given
    # on the neutral head, and lights, given in metres, fit all of them. The jaw is left out of
    # the fit: an open mouth must not move the head.
    neutral = template.skin.neutral
    rigid = (neutral[:, 2] > 0.625) | ((neutral[:, 2] > 0.60) & (neutral[:, 1] > -0.10))
    skin = template.skin.matrix @ base
    factor = 1 / np.mean([np.polyfit(neutral[rigid, axis], skin[rigid, axis], 1)[0] for axis in range(3)])
    base, skin = base * factor, skin * factor
    fits = np.array([np.polyfit(neutral[rigid, axis], skin[rigid, axis], 1) for axis in range(3)])
    scale, offset = fits[:, 0], fits[:, 1] + (fits[:, 0] - 1) * np.array([0, -0.10, 0.664])
    base, skin = base - offset, skin - offset
    # Now skin = scale * (neutral - pivot) + pivot, approximately.
    shift = (1 - scale) * np.array([0, -0.10, 0.664])

    # The shoulders do not always face where the head does.
    turn = float(np.clip(rng.normal(0, 9), -18, 18))
    base, skin = _turn_shoulders(base, turn), _turn_shoulders(skin, turn)
    eyes = [fit_sphere(base[template.eye_vertices[side]]) for side in "lr"]
    return Head(base, skin, vertex_normals(skin, template.skin.quads), scale, shift,
                np.array([centre for centre, _ in eyes]), float(np.mean([radius for _, radius in eyes])),
                template, load_regions())
