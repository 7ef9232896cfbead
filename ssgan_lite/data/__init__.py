"""Faces with masks. `open_dataset("heads", size=64)` is all that most code needs."""

from ssgan_lite.data.dataset import Dataset
from ssgan_lite.data.masks import signed_one_hot
from ssgan_lite.data.registry import PREPARED, SHIPPED, SPLITS, data_sum, open_dataset

__all__ = ["Dataset", "PREPARED", "SHIPPED", "SPLITS", "data_sum", "open_dataset", "signed_one_hot"]
