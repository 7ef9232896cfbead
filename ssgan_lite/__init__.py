"""ssgan_lite: compositional face GANs to learn from.

Read it in the order in which an image is made:

    parts.py, config.py     the parts of a face; every preset: its model, its recipe with all loss weights
    model/                  mapping -> latents -> fourier, local (a generator per part) -> fusion (softmax over
                            pseudo-depths) -> render; discriminator; encoder
    data/, train/           faces with masks; losses, phases and runs
    measure/                a module per measure, run.py puts them together; attributes.py reads age, smile, ... off
    directions/             a module per system that finds directions of attributes in the codes
    edit/, invert/          session.py, one face and its edits; renderer.py, computing only what an edit changed;
                            codes for a given picture
    editor/, course/        the face editor; what only the notebooks need

CONTRIBUTING.md says where to add a part, a preset, a data set, a measure, an exercise or a notebook.
"""

from ssgan_lite import official
from ssgan_lite.config import ModelConfig, preset
from ssgan_lite.model import DualBranchDiscriminator, GeneratorOutput, LatentLayout, SemanticGenerator, move_and_zoom
from ssgan_lite.parts import PARTS
from ssgan_lite.weights import load_pretrained, save_weights

__all__ = ["DualBranchDiscriminator", "GeneratorOutput", "LatentLayout", "ModelConfig", "PARTS", "SemanticGenerator",
           "load_pretrained", "move_and_zoom", "official", "preset", "save_weights"]
__version__ = "0.1.0"
