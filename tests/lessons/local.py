"""Right and wrong answers to the exercises on local generators, and what the notebook builds."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

import ssgan_lite as sg
from ssgan_lite.course.local.checks import all_parts, composed, one_part

CONFIG = sg.preset("nano32").replace(detach_texture=True)
S, C = CONFIG.style_dim, CONFIG.local_channels
SQRT2 = math.sqrt(2)


def one_stub(x, weights, biases, depth_head, depth_layers):
    ...  # your lines here; return hidden, depth


def one_with_factors_inside(x, weights, biases, depth_head, depth_layers):
    for layer in range(len(weights)):
        x = F.leaky_relu(SQRT2 * weights[layer] @ x + SQRT2 * biases[layer].unsqueeze(1), 0.2)
        if layer + 1 == depth_layers:
            depth = (depth_head[None] @ x) / x.shape[0] ** 0.5
    return x, depth


def activated_depth(*args):
    hidden, depth = one_part(*args)
    return hidden, F.leaky_relu(depth, 0.2)


def detached_depth(*args):
    hidden, depth = one_part(*args)
    return hidden, depth.detach()


def depth_of_input(x, weights, biases, depth_head, depth_layers):
    return one_part(x, weights, biases, depth_head, depth_layers)[0], one_part(x, weights, biases, depth_head, 0)[1]


def layer_stub(x, weights, bias):
    ...  # your lines here


def layer_by_baddbmm(x, weights, bias):
    n, p, c, m = x.shape
    bias = bias[..., None].expand(n, p, c, 1).reshape(n * p, c, 1)
    y = torch.baddbmm(bias, weights.reshape(n * p, c, c), x.reshape(n * p, c, m))
    return SQRT2 * F.leaky_relu(y, 0.2).view(n, p, c, m)


def layer_by_einsum(x, weights, bias):
    y = torch.einsum("npoi,npim->npom", weights, x) + bias[None, :, :, None]
    return torch.where(y > 0, y, 0.2 * y) * SQRT2


def layer_by_loop(x, weights, bias):
    rows = [[SQRT2 * F.leaky_relu(weights[i, p] @ x[i, p] + bias[p][:, None], 0.2) for p in range(x.shape[1])]
            for i in range(len(x))]
    return torch.stack([torch.stack(row) for row in rows])


def biases_by_sample(x, weights, bias):
    n, p, c, _ = x.shape
    return all_parts(x, weights, bias.repeat_interleave(n, dim=0).view(n, p, c))


def compose_stub(heads, biases, hidden, weights):
    ...  # your lines here


def compose_by_matrix(heads, biases, hidden, weights):
    p, o, c = heads.shape
    n, size = len(hidden), hidden.shape[-2:]
    tall = (hidden * weights[:, :, None]).reshape(n, p * c, -1)
    wide = heads.transpose(0, 1).reshape(o, p * c)
    return (wide @ tall + biases.T @ weights.flatten(2)).unflatten(2, size)


def compose_one_after_another(heads, biases, hidden, weights):
    total = 0.0
    for p, head in enumerate(heads):
        a = weights[:, p, None]
        total = total + torch.einsum("oc,nchw->nohw", head, a * hidden[:, p]) + a * biases[p][:, None, None]
    return total


def compose_literally(heads, biases, hidden, weights):
    maps = torch.einsum("poc,npchw->npohw", heads, hidden) + biases[:, :, None, None]
    return (weights[:, :, None] * maps).sum(1)


def compose_mixed_up(heads, biases, hidden, weights):
    p, o, c = heads.shape
    tall = (hidden * weights[:, :, None]).flatten(1, 2)
    return torch.einsum("oi,nihw->nohw", heads.reshape(o, p * c), tall) + torch.einsum(
                        "po,nphw->nohw", biases, weights)


def compose_with_all_of_bias(heads, biases, hidden, weights):
    return composed(heads, 0 * biases, hidden, weights) + biases.sum(0)[:, None, None]


def compose_with_mean_bias(heads, biases, hidden, weights):
    return composed(heads, 0 * biases, hidden, weights) + biases.mean(0)[:, None, None]


def compose_normalized(heads, biases, hidden, weights):
    return composed(heads, biases, hidden, weights / weights.sum(1, keepdim=True))


def transposed(x, weights, *rest):
    return one_part(x, weights.mT, *rest)


def too_short(x, weights, biases, depth_head, depth_layers):
    return one_part(x, weights[:depth_layers], biases[:depth_layers], depth_head, depth_layers)


def sliced(bank, codes, embedding, parts):
    """One part after the other, from the slices of its tensors."""
    layers, (c, h, w), found = bank.weight.shape[1], embedding.shape, []
    for part in parts:
        x = embedding.flatten(1)
        for layer in range(layers):
            style = codes[:, part, layer] @ bank.style_weight[part, layer].T / codes.shape[-1]**0.5
            weight = bank.weight[part, layer] / c**0.5 * (style + bank.style_bias[part, layer])[:, None]
            weight = weight * torch.rsqrt(weight.square().sum(-1, keepdim=True) + 1e-8)
            x = 2**0.5 * F.leaky_relu(weight @ x + bank.bias[part, layer][:, None], 0.2)
            if layer == bank.depth_layers - 1:
                depth = torch.zeros(len(codes), h * w)
                if part:
                    head = bank.depth_weight[part - 1] * bank.depth_modulation[part - 1] / c**0.5
                    depth = head @ x + bank.depth_bias[part - 1]
        found.append((x.view(-1, c, h, w), depth.view(-1, h, w)))
    return tuple(torch.stack(column, 1) for column in zip(*found, strict=True))


ANSWERS = {
    "predict_shape_layers": dict(
        stub=(..., ...), right=[(4, 6), (4.0, torch.tensor(6))],
        wrong=[((6, 4), "wrong way round"), ((6, 6), "its shape code begins after them"),
               ((8, 6), "belong to the texture code"), ((5, 6), "for the foreground part"),
               ((4, 4), "who steers its first two layers"), ((4, 10), "no depth head"),
               ((4, 5), "for the background, count"), (("four", 6), "one number")]),
    "run_one_part": dict(
        stub=one_stub, right=[one_part, one_with_factors_inside],
        wrong=[(lambda *a: one_part(*a, gain=1.0), "sqrt(2)"),
               (lambda *a: one_part(*a, slope=0.01), "slope 0.01"),
               (lambda *a: one_part(*a, slope=0.0), "plain relu"),
               (lambda *a: one_part(*a, skip_bias=True), "biases are not added"),
               (transposed, "transposed"),
               (too_short, "stop where the depth is read"),
               (lambda *a: one_part(*a[:4], len(a[1])), "from the last layer"),
               (lambda *a: one_part(*a, early=-1 if a[4] < len(a[1]) else 0), "one layer too late"),
               (lambda *a: one_part(*a, early=1), "one layer too early"),
               (lambda *a: one_part(*a, scale=1.0), "1 / sqrt(C)"),
               (activated_depth, "no activation"),
               (depth_of_input, "times the features after"),
               (lambda *a: one_part(*a)[0], "return two tensors"),
               (lambda *a: one_part(*a)[::-1], "hidden first"),
               (lambda *a: one_part(*a[:4], 3 if len(a[1]) > 3 else a[4]), "4 layers and the depth after 4"),
               (detached_depth, "gradients")]),
    "layer_of_all_parts": dict(
        stub=layer_stub, right=[layer_by_baddbmm, all_parts, layer_by_einsum],
        wrong=[(lambda x, w, b: w @ x + b[..., None], "the activation is missing"),
               (lambda x, w, b: all_parts(x, w, b, gain=1.0), "the factor sqrt(2) of the activation"),
               (lambda x, w, b: F.leaky_relu(SQRT2 * w @ x + b[..., None], 0.2), "not into the bias"),
               (lambda x, w, b: all_parts(x, w.mT, b), "transposed"),
               (lambda x, w, b: all_parts(x, w, 0 * b), "the bias is not added"),
               (biases_by_sample, "the biases went to the wrong parts"),
               (lambda x, w, b: all_parts(x, w[:1], b), "weights of its own"),
               (lambda x, w, b: all_parts(x, w, b).flatten(0, 1), "split the axis"),
               (lambda x, w, b: all_parts(x, w, b, slope=0.01), "for every sample and part"),
               (layer_by_loop, "in a loop"),
               (lambda x, w, b: all_parts(x, w, b.detach()), "gradients")]),
    "compose_at_once": dict(
        stub=compose_stub, right=[compose_by_matrix, composed, compose_one_after_another],
        wrong=[(lambda h, b, x, a: composed(h, 0 * b, x, a), "the biases are missing"),
               (compose_with_all_of_bias, "added in full"),
               (compose_with_mean_bias, "you average"),
               (lambda h, b, x, a: composed(h, b, x, torch.ones_like(a)), "without their weights"),
               (compose_mixed_up, "mixed up"),
               (compose_normalized, "sum over parts"),
               (lambda h, b, x, a: composed(h / h.shape[2] ** 0.5, b, x, a), "leave 1 / sqrt(C) out"),
               (compose_literally, "on the way you build"),
               (lambda h, b, x, a: composed(h, b, x, a).flatten(2), "it should have [2, 5, 3, 6]"),
               (lambda h, b, x, a: composed(h, b, x, a.detach()), "gradients")]),
    "choose_what_detached_layers_learn": dict(
        stub=..., right=["abd", "A, B, D", "(a), (b), (d)", ["d", "a", "b"]],
        wrong=[("abc", "the way that is cut"), ("ab", "something is missing"), ("e", "not among them")]),
    "some_parts": dict(stub=..., right=[sliced], wrong=[
        (lambda bank, codes, embedding, parts: bank(codes, embedding)[0][:, parts], "two tensors"),
        (lambda bank, codes, embedding, parts: bank(codes, embedding), "hidden features have the shape"),
        (lambda bank, codes, embedding, parts: tuple(x[:, parts[::-1]] for x in bank(codes, embedding)),
         "another order"),
        (lambda bank, codes, embedding, parts: (bank(codes, embedding)[0][:, parts],
                                                bank(codes, embedding)[1][:, parts] + torch.tensor(
                                                    [p == 0 for p in parts])[:, None, None]),
         "the background, part 0"),
        (lambda bank, codes, embedding, parts: (0.9 * bank(codes, embedding)[0][:, parts],
                                                bank(codes, embedding)[1][:, parts]), "are not those of the whole"),
        (lambda bank, codes, embedding, parts: (bank(codes, embedding)[0][:, parts],
                                                1.2 * bank(codes, embedding)[1][:, parts]), "their depths are not"),
        (lambda bank, codes, embedding, parts: tuple(x[:, parts] for x in bank(codes, embedding)),
         "of the arithmetic"),
    ]),
}

DEFINITIONS = [
    dict(name="LocalBank", library="ssgan_lite.model.local:LocalBank", build=lambda cls: cls(CONFIG), atol=1e-4,
         inputs=lambda: (torch.randn(2, CONFIG.n_parts, CONFIG.local_layers, S), torch.randn(C, 3, 5))),
]
