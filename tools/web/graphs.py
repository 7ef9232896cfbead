"""A generator as three ONNX graphs, cut where an edit of one part needs only a little computed anew.

    mapping.onnx     z [1, S] -> w [1, S]
    part.onnx        number of a part, its codes [L, S], positions [2, M] -> pseudo-depths [M], features [O, M]
    render.onnx      features [1, O, Hc, Hc], coarse mask [1, P, Hc, Hc] -> image [1, 3, R, R], scores [1, P, R, R]

Between the last two lies the fusion, a softmax over P maps and a weighted sum, which the page does itself
(front/network.js). It keeps depths and features of every part, so an edit of one part costs one run of part.onnx
instead of P, and one of render.onnx. Weights are stored as float16, the rest is float32; what the render net makes of
its weights before it sees any feature (modulation, demodulation) is done here, once.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator
from ssgan_lite.model.layers import DEMODULATION_EPS, SQRT2

OPSET = 17              # of ONNX; all operators here are in every runtime that reads it
IR = 8
LARGEST = 256           # pixels; a picture of more would take the page seconds


class Graph:
    """An ONNX graph under construction: `g("Add", a, b)` adds a node and returns the name of its result."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str, name: str | None = None, outputs: int = 1, **attributes):
        names = [name or f"{kind}_{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, dtype=np.float32) -> str:
        """Numbers that stay as they are."""
        array = np.asarray(value.detach().cpu().numpy() if isinstance(value, Tensor) else value, dtype)
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def half(self, value: Tensor) -> str:
        """Weights, stored as float16 and used as float32."""
        return self("Cast", self.constant(value, np.float16), to=TensorProto.FLOAT)

    def gathered(self, value: Tensor, part: str, half: bool = True) -> str:
        """Of a tensor [P, ...] the entry of one part: [...]."""
        chosen = self("Gather", self.constant(value, np.float16 if half else np.float32), part, axis=0)
        return self("Cast", chosen, to=TensorProto.FLOAT) if half else chosen

    def finish(self, inputs: dict[str, tuple[int, list]], outputs: dict[str, list]) -> bytes:
        """The file. inputs: name -> (type, shape); outputs: name -> shape, all float32."""
        graph = helper.make_graph(
            self.nodes, "ssgan_lite",
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR,
                                  producer_name="ssgan-lite")
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


@torch.no_grad()
def graphs_of(generator: SemanticGenerator) -> dict[str, bytes]:
    """The three files of a generator, by their names without the ending."""
    config = generator.config
    if config.architecture != "semantic" or config.fusion != "soft" or config.size > LARGEST:
        what = ("has no parts" if config.architecture != "semantic" else "fuses its parts with hard edges"
                if config.fusion != "soft" else f"makes pictures of {config.size} pixels")
        raise UserError(f'The web editor is for models with parts, soft fusion and at most {LARGEST} pixels; this '
                        f'one {what}. Choose another: make web WEIGHTS=lite64')
    return dict(mapping=_mapping(generator), part=_part(generator), render=_render(generator))


def _mapping(generator: SemanticGenerator) -> bytes:
    g, s = Graph(), generator.config.style_dim
    mean = g("ReduceMean", g("Mul", "z", "z"), axes=[1], keepdims=1)
    x = g("Div", "z", g("Sqrt", g("Add", mean, g.constant(1e-8))))
    for i, layer in enumerate(generator.mapping.layers):
        x = g("MatMul", x, g("Mul", g.half(layer.weight.T), g.constant(layer.weight_scale)))
        x = g("LeakyRelu", g("Add", x, g.constant(layer.bias * layer.bias_scale)), alpha=0.2)
        x = g("Mul", x, g.constant(SQRT2), name="w" if i == len(generator.mapping.layers) - 1 else None)
    return g.finish({"z": (TensorProto.FLOAT, [1, s])}, {"w": [1, s]})


def _part(generator: SemanticGenerator) -> bytes:
    """`LocalBank.run_part` and the two heads; see there for the formulas."""
    g, config, bank = Graph(), generator.config, generator.local
    layers, c, s, o = config.local_layers, config.local_channels, config.style_dim, config.feature_channels
    # Positions to Fourier features to the embedding, [C, M].
    waves = [f for band in range(generator.embedding.bands)
             for x in [g("Mul", "positions", g.constant(2.0**band))] for f in (g("Sin", x), g("Cos", x))]
    features = g("Concat", "positions", *waves, axis=0)
    x = g("MatMul", g("Mul", g.half(generator.embedding.weight), g.constant(generator.embedding.scale)), features)
    # Weights of all layers, modulated and demodulated, [L, out, in].
    style = g("MatMul", g.gathered(bank.style_weight, "part"), g("Unsqueeze", "codes", g.constant([2], np.int64)))
    style = g("Add", g("Mul", style, g.constant(1 / math.sqrt(s))),
              g("Unsqueeze", g.gathered(bank.style_bias, "part"), g.constant([2], np.int64)))        # [L, C, 1]
    weight = g("Mul", g("Mul", g.gathered(bank.weight, "part"), g.constant(1 / math.sqrt(c))),
               g("Transpose", style, perm=[0, 2, 1]))
    square = g("ReduceSum", g("Mul", weight, weight), g.constant([2], np.int64), keepdims=1)
    weight = g("Mul", weight, g("Div", g.constant(SQRT2), g("Sqrt", g("Add", square, g.constant(DEMODULATION_EPS)))))
    bias = g("Mul", g("Unsqueeze", g.gathered(bank.bias, "part"), g.constant([2], np.int64)), g.constant(SQRT2))
    middle = x
    for layer in range(layers):
        at = g.constant(layer, np.int64)
        x = g("Add", g("MatMul", g("Gather", weight, at, axis=0), x), g("Gather", bias, at, axis=0))
        x = g("LeakyRelu", x, alpha=0.2)
        if layer == config.depth_layers - 1:
            middle = x
    heads, depth_bias = bank.depth_heads()
    if config.depth_layers == 0:                # there is nothing to read a depth from
        heads, depth_bias = torch.zeros_like(heads), torch.zeros_like(depth_bias)
    # In float32: depths go through a softmax, and where two parts compete, small errors count.
    depth = g("MatMul", g.gathered(heads, "part", half=False), middle)
    g("Add", depth, g.gathered(depth_bias, "part", half=False), name="depth")
    feature_bias = g("Unsqueeze", g.gathered(bank.feature_bias, "part", half=False), g.constant([1], np.int64))
    g("Add", g("MatMul", g.gathered(bank.feature_heads(), "part"), x), feature_bias, name="features")
    return g.finish({"part": (TensorProto.INT64, []), "codes": (TensorProto.FLOAT, [layers, s]),
                     "positions": (TensorProto.FLOAT, [2, "M"])}, {"depth": ["M"], "features": [o, "M"]})


def _render(generator: SemanticGenerator) -> bytes:
    g, config, net = Graph(), generator.config, generator.render
    p, hc, r = config.n_parts, config.coarse_size, config.size
    step, size = net.coarse_size // net.start_size, net.start_size
    x = g("AveragePool", "features", kernel_shape=[step, step], strides=[step, step])
    image = mask = None
    for i, stage in enumerate(net.stages):
        if size == hc:
            x = g("Concat", x, "features", axis=1)
        last, size = i == len(net.stages) - 1, 2 * size
        x = _conv(g, stage.up, x, net.stored_noise[2 * i])
        x = _conv(g, stage.conv, x, net.stored_noise[2 * i + 1])
        residual = config.mask_residual and size == hc
        image = _head(g, stage.to_image, x, image, "image" if last else None)
        mask = _head(g, stage.to_mask, x, mask, "scores" if last and not residual else None)
        if residual:
            mask = g("Add", mask, "coarse_mask", name="scores" if last else None)
    shapes = {"features": [1, config.feature_channels, hc, hc], "coarse_mask": [1, p, hc, hc]}
    return g.finish({name: (TensorProto.FLOAT, shape) for name, shape in shapes.items()},
                    {"image": [1, 3, r, r], "scores": [1, p, r, r]})


def _conv(g: Graph, conv: torch.nn.Module, x: str, noise: Tensor) -> str:
    """A `FixedStyledConv`; the noise, which is fixed, becomes one constant map together with the bias."""
    weight = conv.prepare()
    if conv.blur is None:
        x = g("Conv", x, g.half(weight), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    else:
        # Every second row and column is new, so the filter's sum is 4.
        x = g("ConvTranspose", x, g.half(4 * weight.transpose(0, 1)), kernel_shape=[3, 3], strides=[2, 2])
        x = _filtered(g, x)
    x = g("Add", x, g.half(SQRT2 * conv.bias[:, None, None]))
    x = g("Add", x, g.half(SQRT2 * conv.noise_strength * noise))
    return g("LeakyRelu", x, alpha=0.2)


def _filtered(g: Graph, x: str) -> str:
    """The FIR filter [1, 3, 3, 1] / 8 down and across: [1, C, size + 1, size + 1] -> [1, C, size, size].

    It is the mean of two neighbors, taken three times; a runtime has that ready, and a filter per channel is slow.
    """
    for pad in (1, 0, 0):
        x = g("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1], pads=[pad] * 4, count_include_pad=1)
    return x


def _head(g: Graph, head: torch.nn.Module, x: str, skip: str | None, name: str | None) -> str:
    """An `OutputHead`: a 1 x 1 convolution, and the sum of the stages before, enlarged."""
    weight = (head.weight * (head.scale * head.modulation))[:, :, None, None]
    y = g("Conv", x, g.half(weight), g.constant(head.bias), kernel_shape=[1, 1], name=None if skip else name)
    if skip is None:
        return y
    channels = len(weight)
    kernel = head.upsample.kernel.expand(channels, 1, 4, 4)
    up = g("ConvTranspose", skip, g.constant(kernel), kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1],
           group=channels)
    return g("Add", y, up, name=name)
