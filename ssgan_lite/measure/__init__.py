"""How good a generator is: distances to real faces, parts, mask agreement, leak of edits, diversity, speed.

`ssgan-lite measure WEIGHTS` does all of it; every measure is a function of its own. What each number means is in the
docstring of its module. Losses never use what judges here: the network behind the distances, and the parser.
"""

from ssgan_lite.features import EfficientNetLite2, features_of
from ssgan_lite.measure.distances import RealFaces, frechet_distance, kernel_distance, precision_recall
from ssgan_lite.measure.diversity import part_diversity
from ssgan_lite.measure.inception import extractor
from ssgan_lite.measure.locality import baseline_leak, semantic_leak
from ssgan_lite.measure.masks import Agreement, mask_agreement, parser_accuracy, part_frequencies
from ssgan_lite.measure.report import ReportOptions, figure, table
from ssgan_lite.measure.run import MEASURES, MeasureOptions, measure
from ssgan_lite.measure.speed import time_and_memory

__all__ = ["Agreement", "EfficientNetLite2", "MEASURES", "MeasureOptions", "RealFaces", "ReportOptions",
           "baseline_leak", "extractor", "features_of", "figure", "frechet_distance", "kernel_distance",
           "mask_agreement", "measure", "parser_accuracy", "part_diversity", "part_frequencies", "precision_recall",
           "semantic_leak", "table", "time_and_memory"]
