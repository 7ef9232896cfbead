"""The Inception network of the FID that papers report, for those who have its weights.

Inception-v3 (Szegedy et al., arXiv 1512.00567) with the 2015 TensorFlow weights that
Heusel et al. used. Nothing is downloaded: give the path of the file

    pt_inception-2015-12-05-6726825d.pth       a state dict of about 95 MB, sum 6726825d...

which the package pytorch-fid fetches from its page of releases (and keeps in torch's cache of checkpoints). That
port differs from the paper in two places, and so does this one: averages at the border leave the padding out, and
the last block takes a maximum where the others take an average. The input is resized to 299 x 299 as pytorch-fid does
it. Even so, papers compare 10,000 faces and more, not the few hundred of a quick report.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.errors import UserError
from ssgan_lite.features import EfficientNetLite2, Extractor
from ssgan_lite.pictures import round_to_levels
from ssgan_lite.storage import load_torch, user_path

# A branch is a chain of convolutions "name:channels:kernel", with "/2" for a stride of 2; those without one keep the
# size. Two names behind "|" fork: both take the chain's output, and both results are kept.
_A = ("branch1x1:64:1", "branch5x5_1:48:1 branch5x5_2:64:5",
      "branch3x3dbl_1:64:1 branch3x3dbl_2:96:3 branch3x3dbl_3:96:3", "pool branch_pool:{p}:1")
_B = ("branch3x3:384:3/2", "branch3x3dbl_1:64:1 branch3x3dbl_2:96:3 branch3x3dbl_3:96:3/2", "max/2")
_C = ("branch1x1:192:1", "branch7x7_1:{p}:1 branch7x7_2:{p}:1x7 branch7x7_3:192:7x1",
      "branch7x7dbl_1:{p}:1 branch7x7dbl_2:{p}:7x1 branch7x7dbl_3:{p}:1x7 branch7x7dbl_4:{p}:7x1 "
      "branch7x7dbl_5:192:1x7",
      "pool branch_pool:192:1")
_D = ("branch3x3_1:192:1 branch3x3_2:320:3/2",
      "branch7x7x3_1:192:1 branch7x7x3_2:192:1x7 branch7x7x3_3:192:7x1 branch7x7x3_4:192:3/2", "max/2")
_E = ("branch1x1:320:1", "branch3x3_1:384:1 branch3x3_2a:384:1x3|branch3x3_2b:384:3x1",
      "branch3x3dbl_1:448:1 branch3x3dbl_2:384:3 branch3x3dbl_3a:384:1x3|branch3x3dbl_3b:384:3x1",
      "{p} branch_pool:192:1")

# block -> input channels, branches, what stands for {p}
BLOCKS = {
    "Mixed_5b": (192, _A, "32"), "Mixed_5c": (256, _A, "64"), "Mixed_5d": (288, _A, "64"), "Mixed_6a": (288, _B, ""),
    "Mixed_6b": (768, _C, "128"), "Mixed_6c": (768, _C, "160"), "Mixed_6d": (768, _C, "160"),
    "Mixed_6e": (768, _C, "192"), "Mixed_7a": (768, _D, ""), "Mixed_7b": (1280, _E, "pool"),
    "Mixed_7c": (2048, _E, "max"),
}


class _Conv(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int], stride: int = 1,
                 padding: tuple[int, int] = (0, 0)):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Block(nn.Module):
    """Branches side by side, their outputs concatenated: [N, in, H, W] -> [N, out, H', W']."""

    def __init__(self, channels: int, branches: tuple[str, ...], parameter: str):
        super().__init__()
        self.branches = [branch.format(p=parameter).split() for branch in branches]
        for branch in self.branches:
            now = channels
            for step in branch:
                for word in step.split("|") if ":" in step else ():
                    name, out, kernel = word.split(":")
                    kernel, _, stride = kernel.partition("/")
                    size = tuple(int(k) for k in (kernel.split("x") if "x" in kernel else kernel * 2))
                    padding = (0, 0) if stride else (size[0] // 2, size[1] // 2)
                    self.add_module(name, _Conv(now, int(out), size, int(stride or 1), padding))
                now = int(out) if ":" in step else now

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for branch in self.branches:
            results = [x]
            for step in branch:
                if step == "pool":
                    results = [F.avg_pool2d(results[0], 3, 1, 1, count_include_pad=False)]
                elif step.startswith("max"):
                    results = [F.max_pool2d(results[0], 3, 2) if "/" in step else F.max_pool2d(results[0], 3, 1, 1)]
                else:
                    results = [getattr(self, word.split(":")[0])(results[0]) for word in step.split("|")]
            outputs += results
        return torch.cat(outputs, dim=1)


class Inception(nn.Module):
    """Images [N, 3, R, R] in [-1, 1] -> the 2048 averages before the classifier."""

    name, dim, size = "Inception-v3 (FID weights of 2015-12-05, 299 px)", 2048, 299

    def __init__(self, weights: Path | None):
        """weights: the file named above; None leaves random weights, for tests."""
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, (3, 3), 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, (3, 3))
        self.Conv2d_2b_3x3 = _Conv(32, 64, (3, 3), padding=(1, 1))
        self.Conv2d_3b_1x1 = _Conv(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = _Conv(80, 192, (3, 3))
        for name, description in BLOCKS.items():
            self.add_module(name, _Block(*description))
        if weights is not None:
            self._load(user_path(weights))
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        return self._stages(images)[-1].mean(dim=(2, 3))                                       # [N, 2048]

    def maps(self, images: Tensor) -> list[Tensor]:
        return self._stages(images)[:-1]                                        # 73 x 73, 35 x 35 and 17 x 17

    def _stages(self, images: Tensor) -> list[Tensor]:
        x = F.interpolate(round_to_levels(images), size=self.size, mode="bilinear")            # [N, 3, 299, 299]
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))                      # [N, 64, 147, 147]
        found = [F.max_pool2d(x, 3, 2)]                                                        # [N, 64, 73, 73]
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(found[0])), 3, 2)               # [N, 192, 35, 35]
        for name in BLOCKS:
            x = getattr(self, name)(x)
            if name in ("Mixed_5d", "Mixed_6e", "Mixed_7c"):
                found.append(x)
        return found

    def _load(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f'There are no Inception weights at "{path}". Expected is the file '
                            "pt_inception-2015-12-05-6726825d.pth of pytorch-fid.")
        state = load_torch(path)
        state = state if isinstance(state, dict) else {}
        ours = self.state_dict()
        # The file has a classifier too, and some have no counters of batches; neither matters here.
        wrong = [name for name, tensor in ours.items() if not name.endswith("num_batches_tracked")
                 and getattr(state.get(name), "shape", None) != tensor.shape]
        if wrong:
            raise UserError(f'"{path}" is not the file pt_inception-2015-12-05-6726825d.pth of pytorch-fid: '
                            f"{wrong[0]} is missing or has another shape.")
        self.load_state_dict({name: state.get(name, tensor) for name, tensor in ours.items()})


def extractor(inception: Path | None = None, device: torch.device | str = "cpu") -> Extractor:
    """The judge, EfficientNet-Lite2, or Inception where the path of its weights is given."""
    return (EfficientNetLite2() if inception is None else Inception(inception)).to(device)
