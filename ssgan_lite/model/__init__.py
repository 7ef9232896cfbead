"""The model, in the order in which an image is made. It knows nothing of files, devices or widgets."""

from ssgan_lite.model.blend import blend
from ssgan_lite.model.build import build_generator
from ssgan_lite.model.discriminator import DualBranchDiscriminator
from ssgan_lite.model.fourier import move_and_zoom
from ssgan_lite.model.generator import GeneratorOutput, SemanticGenerator
from ssgan_lite.model.latents import LatentLayout
from ssgan_lite.model.stylegan2 import MonolithicGenerator

__all__ = ["DualBranchDiscriminator", "GeneratorOutput", "LatentLayout", "MonolithicGenerator", "SemanticGenerator",
           "blend", "build_generator", "move_and_zoom"]
