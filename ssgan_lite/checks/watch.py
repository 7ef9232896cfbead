"""Look over the shoulder of an answer: how many operations it takes, and how large its largest tensor is."""

from __future__ import annotations

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watch(TorchDispatchMode):
    """Used as `with Watch() as watch: answer(...)`.

    operations: how many operations torch carried out; largest: how many numbers the largest tensor made by them holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.operations = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        self.operations += 1
        # An expanded tensor has many entries and little memory: what counts is the memory.
        self.largest = max([self.largest, *(leaf.untyped_storage().nbytes() // leaf.element_size()
                                            for leaf in tree_leaves(out) if isinstance(leaf, Tensor))])
        return out
