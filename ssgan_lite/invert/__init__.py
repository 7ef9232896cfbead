"""From a picture to a face that can be edited: align it, find its codes, tune the generator around them.

`ssgan-lite invert photo.jpg --weights lite64 --out mine.safetensors` does all of it.
"""

from ssgan_lite.invert.align import Aligned, align, parse_face
from ssgan_lite.invert.distance import PictureDistance, mask_distance
from ssgan_lite.invert.frame import Landmarks
from ssgan_lite.invert.prior import CodePrior, code_prior
from ssgan_lite.invert.project import SPACES, Projection, ProjectOptions, Projector, project
from ssgan_lite.invert.refine import PartEncoder, first_guess, load_part_encoder, train_part_encoder
from ssgan_lite.invert.tune import Tuned, TuneOptions, load_tuned, open_face, save_difference, tune

__all__ = ["Aligned", "CodePrior", "Landmarks", "PartEncoder", "PictureDistance", "ProjectOptions", "Projection",
           "Projector", "SPACES", "TuneOptions", "Tuned", "align", "code_prior", "first_guess", "load_part_encoder",
           "load_tuned", "mask_distance", "open_face", "parse_face", "project", "save_difference",
           "train_part_encoder", "tune"]
