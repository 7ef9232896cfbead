"""ssgan_lite: compositional face GANs to learn from. Read the modules in the order in which an image is made:
parts, config, then model, data, train, edit.
"""

from ssgan_lite.config import ModelConfig, preset
from ssgan_lite.model import DualBranchDiscriminator, GeneratorOutput, LatentLayout, SemanticGenerator, move_and_zoom
from ssgan_lite.parts import PARTS

__all__ = ["DualBranchDiscriminator", "GeneratorOutput", "LatentLayout", "ModelConfig", "PARTS", "SemanticGenerator",
           "move_and_zoom", "preset"]
__version__ = "0.1.0"
