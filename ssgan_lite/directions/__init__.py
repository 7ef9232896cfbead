"""Directions of attributes in code space: which way is "smile"?

One module per system, each with `find(sample, attribute, where)`, which returns a `Direction`; `apply(codes,
direction, amount)` moves codes along it. `draw_sample` draws the labelled faces that all systems learn from.
"""

from ssgan_lite.directions.direction import Direction, LinearDirection, Place, apply, place
from ssgan_lite.directions.ganspace import PartAxes, part_axes
from ssgan_lite.directions.sample import Half, Sample, draw_sample, load_sample, save_labels, with_swaps
from ssgan_lite.directions.store import AxisName, NamedDirections, Slider, load_directions, save_directions

__all__ = ["AxisName", "Direction", "Half", "LinearDirection", "NamedDirections", "PartAxes", "Place", "Sample",
           "Slider", "apply", "draw_sample", "load_directions", "load_sample", "part_axes", "place",
           "save_directions", "save_labels", "with_swaps"]
