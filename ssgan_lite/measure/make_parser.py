"""Training the parser: ten minutes of one core on the heads' training split.

    python -m ssgan_lite.measure.make_parser --out data/measure/parser64

writes `parser64.safetensors` and beside it what it is and how well it does on the validation split, at the three
sizes at which it is used. It must be made again when the heads change; then `python -m ssgan_lite.assets` lists it.
With --data a parser of other parts is made, for `ssgan-lite measure --parser`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.data.registry import SHIPPED
from ssgan_lite.errors import UserError
from ssgan_lite.measure.masks import parser_accuracy
from ssgan_lite.measure.parser import SIZE, Parser, save_parser
from ssgan_lite.parts import vocabulary


def train_parser(data: Dataset, images: int = 60_000, batch: int = 32, lr: float = 4e-3, seed: int = 0,
                 quiet: bool = False) -> Parser:
    """Cross-entropy on batches of augmented faces; AdamW with a rising and falling learning rate.

    Rare and thin parts would hardly count among so many pixels, so a part's weight is (its share of pixels)^(-1/4).
    """
    generator = torch.Generator().manual_seed(seed)
    share = torch.bincount(data.masks.flatten().long(), minlength=len(data.parts)).double() + 1
    weight = (share / share.sum()).pow(-0.25).float()
    weight /= weight.mean()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parser = Parser(vocabulary(data.parts)).to(memory_format=torch.channels_last).train()
    steps = images // batch
    optimizer = torch.optim.AdamW(parser.parameters(), lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.15)
    order = torch.cat([torch.randperm(len(data), generator=generator) for _ in range(images // len(data) + 1)])
    bar = tqdm(range(steps), desc="parser", unit="step", disable=quiet)
    for step in bar:
        flip = torch.rand(batch, generator=generator) < 0.5
        rows = order[step * batch:(step + 1) * batch]
        image = augment(data.image_batch(rows, flip), generator)
        mask = torch.where(flip[:, None, None], data.masks[rows].flip(-1), data.masks[rows]).long()
        loss = F.cross_entropy(parser(image.contiguous(memory_format=torch.channels_last)), mask, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
    return parser.to(memory_format=torch.contiguous_format).eval()


def augment(image: Tensor, generator: torch.Generator) -> Tensor:
    """Generated faces are blurred, tinted and grained in their own ways: none of that may confuse the parser.

    Brightness, contrast and colour are changed a little, a third of the faces lose the details that 32 pixels cannot
    show, and some get grain. image: [n, 3, 64, 64] in [-1, 1].
    """
    n = len(image)

    def draw(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    blurred = F.interpolate(F.avg_pool2d(image, 2), scale_factor=2, mode="bilinear")
    image = torch.where(draw(1, 1, 1) < 0.33, blurred, image)
    image = image * draw(3, 1, 1, low=0.85, high=1.15) * draw(1, 1, 1, low=0.8, high=1.2)
    image = image + draw(3, 1, 1, low=-0.1, high=0.1)
    grain = torch.randn(image.shape, generator=generator) * (draw(1, 1, 1) < 0.3) * draw(1, 1, 1, high=0.08)
    return (image + grain).clamp(-1, 1)


def main(arguments: list[str] | None = None) -> int:
    """Train, measure on the validation split, write `OUT.safetensors` and `OUT.json`."""
    options = argparse.ArgumentParser(description="Train the parser on the heads' training split.")
    options.add_argument("--out", type=Path, required=True, help="where to write, without an ending")
    options.add_argument("--data", default="heads", help="what to learn from, at 64 px (default: %(default)s)")
    options.add_argument("--images", type=int, default=60_000, help="faces shown (default: %(default)s)")
    options.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    options.add_argument("--force", action="store_true", help="replace files that exist")
    chosen = options.parse_args(arguments)
    try:
        if chosen.out.with_suffix(".safetensors").exists() and not chosen.force:
            raise UserError(f'"{chosen.out}.safetensors" exists. Choose another --out, or add --force to replace it.')
        if chosen.images < 32:
            raise UserError(f"--images must be at least one batch of 32, not {chosen.images}.")
        data = open_dataset(chosen.data, SIZE, "train")
        data.require_masks("A parser")
        began = time.process_time()
        parser = train_parser(data, chosen.images, seed=chosen.seed)
        seconds = time.process_time() - began
        parser.half().float()             # measured as it is stored
        sizes = (128, 64, 32) if chosen.data.partition(":")[0] in SHIPPED else (64, 32)
        accuracy = {str(size): parser_accuracy(parser, open_dataset(chosen.data, size, "val")) for size in sizes}
        record = dict(trained_on=f"{chosen.data}, train, {len(data)} faces", images=chosen.images, seed=chosen.seed,
                      cpu_seconds=round(seconds), torch=torch.__version__, validation=accuracy)
        save_parser(parser, chosen.out, record)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for size, values in accuracy.items():
        print(f"{size:>4} px, {values['faces']} validation faces: mIoU large {values['large']:.3f}, small "
              f"{values['small']:.3f}, pixels {values['pixels']:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
