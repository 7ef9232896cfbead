"""Teeth and tongue.

In the prototype open mouths showed darkness: MakeHuman's teeth stand 8 mm behind the lips, where
little light comes, and end in a ragged edge. Here two smooth arches of teeth are laid along
them, just behind the lips, low enough for a smile to bare them.
"""

import numpy as np

from .attributes import Attributes
from .geometry import grid_faces, smoothstep
from .head import Head
from .pieces import Material, Mesh
from .randomness import stream
from .vocabulary import MOUTH

# Where neighbouring teeth meet, |x| in metres: incisors, canine, premolars.
UPPER_GAPS = (0.0, .0085, .0150, .0220, .0285)
LOWER_GAPS = (0.0, .0055, .0110, .0175, .0240)


def _arch(front, height, half_width, gaps, upward, shade):
    """One row of teeth. `front` [3]: middle of the biting edge; `upward`: +1 for the upper row."""
    columns, rows = 81, 8
    x = np.linspace(-half_width, half_width, columns)
    # Each tooth bulges a little between the gaps.
    distance = np.abs(np.abs(x)[:, None] - np.array(gaps)).min(1)
    groove = np.exp(-(distance / .0008) ** 2)
    bend = 17 * x**2
    edge = .0007 * smoothstep(np.abs(x), .008, .014) + .0012 * smoothstep(np.abs(x), .02, .03) + .0006 * groove
    vertices, colours = [], []
    for t in np.linspace(0, 1, rows):
        z = front[2] + upward * (edge + (height - edge) * t)
        y = front[1] + bend + .0009 * groove + .0012 * t
        vertices.append(np.stack([front[0] + x, y, z], 1))
        gum = smoothstep(np.array([t]), .80, .9)
        white = shade * (1 - .30 * groove - .45 * smoothstep(np.abs(x), .013, .028))[:, None]
        colours.append(white * (1 - gum) + np.array([.45, .18, .17]) * gum)
    return Mesh(np.concatenate(vertices), grid_faces(rows, columns, wrap=False), np.concatenate(colours),
                Material(.28, .5), MOUTH)


def teeth_and_tongue(head: Head, attributes: Attributes, seed: int) -> list:
    rng = stream(seed, "teeth")
    template = head.template
    teeth = template.teeth.matrix @ head.base
    upper = template.teeth.neutral[:, 2] > .5997        # the two rows lie apart on the neutral head
    shade = np.array([.93, .89, .81]) * rng.uniform(.86, 1.0) * np.array([1, 1, rng.uniform(.90, 1)])
    middle = (np.abs(template.teeth.neutral[:, 0]) < .008)
    top, bottom = teeth[upper & middle], teeth[~upper & middle]
    size = head.scale[0] * rng.uniform(.95, 1.05)
    top_edge = np.array([teeth[:, 0].mean(), top[:, 1].min() - .0045, top[:, 2].min() - .0024])
    bottom_edge = np.array([teeth[:, 0].mean(), bottom[:, 1].min() - .0030, bottom[:, 2].max() - .0010])
    tongue = template.tongue.matrix @ head.base
    return [_arch(top_edge, .0110 * size, .030 * size, UPPER_GAPS, 1, shade),
            _arch(bottom_edge, .0095 * size, .026 * size, LOWER_GAPS, -1, shade * .9),
            Mesh(tongue, template.tongue.quads, np.array([.40, .14, .13]), Material(.4, .4), MOUTH)]
