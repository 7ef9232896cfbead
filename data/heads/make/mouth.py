"""Teeth and tongue: MakeHuman's own meshes, made visible.

In the prototype open mouths showed darkness: the cavity gets little light, and the teeth stood
too far behind the lips. Here they come forward to just behind the lips and are bright enough.
"""

import numpy as np

from .attributes import Attributes
from .geometry import smoothstep
from .head import Head
from .pieces import Material, Mesh
from .randomness import stream
from .vocabulary import MOUTH


def teeth_and_tongue(head: Head, attributes: Attributes, seed: int) -> list:
    rng = stream(seed, "teeth")
    template = head.template
    teeth = template.teeth.matrix @ head.base
    neutral = template.teeth.neutral
    shade = np.array([.80, .765, .69]) * rng.uniform(.85, 1.0) * np.array([1, 1, rng.uniform(.88, 1)])
    # Molars lie in the dark; gaps between the front teeth are thin dark lines.
    colour = np.tile(shade, (len(teeth), 1))
    colour *= (1 - .55 * smoothstep(np.abs(neutral[:, 0]), .014, .030))[:, None]
    tongue = template.tongue.matrix @ head.base
    return [Mesh(teeth, template.teeth.quads, colour, Material(.25, .5), MOUTH),
            Mesh(tongue, template.tongue.quads, np.array([.40, .14, .13]), Material(.4, .4), MOUTH)]
