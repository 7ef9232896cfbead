"""ssgan_lite: compositional face GANs to learn from. Read the modules in the order in which an image is made:
parts, config, then model, data, train, edit.
"""

from ssgan_lite import official
from ssgan_lite.config import ModelConfig, preset
from ssgan_lite.model import DualBranchDiscriminator, GeneratorOutput, LatentLayout, SemanticGenerator, move_and_zoom
from ssgan_lite.parts import PARTS
from ssgan_lite.weights import load_pretrained, save_weights

__all__ = ["DualBranchDiscriminator", "GeneratorOutput", "LatentLayout", "ModelConfig", "PARTS", "SemanticGenerator",
           "load_pretrained", "move_and_zoom", "official", "preset", "save_weights"]
__version__ = "0.1.0"
