"""Which generator a configuration describes."""

from __future__ import annotations

from ssgan_lite.config import ModelConfig
from ssgan_lite.model.generator import LatentGenerator, SemanticGenerator
from ssgan_lite.model.stylegan2 import MonolithicGenerator

GENERATORS = {"semantic": SemanticGenerator, "monolithic": MonolithicGenerator}      # by `ModelConfig.architecture`


def build_generator(config: ModelConfig) -> LatentGenerator:
    """The generator of a configuration, with fresh weights: SemanticStyleGAN's, or the monolithic baseline."""
    return GENERATORS[config.architecture](config)
