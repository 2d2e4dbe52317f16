"""The acoustic network: a small TDNN over MFCCs, trained with CTC, and its layers in Kaldi's terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from features import CEPSTRA, Example
from torch import Tensor, nn
from torch.nn import functional

Matrix = npt.NDArray[np.float32]

CHANNELS = 144
SUBSAMPLING = 3
KERNELS = ((5, 1), (3, 1), (3, 1), (3, 2), (3, 3))
"""(taps, dilation) per layer; the first reads 10 ms frames in steps of SUBSAMPLING."""
CONTEXT = 2 + SUBSAMPLING * (1 + 1 + 2 + 3)
"""Frames that the network sees on each side. Kaldi repeats the edge frame there, and so do we."""
BATCH = 64
PEAK_RATE = 4e-3


@dataclass(frozen=True, slots=True)
class Layer:
    """``y = relu(weights @ stacked(x[t + offset]) + bias)``; the last layer has log-softmax instead."""

    offsets: tuple[int, ...]
    weights: Matrix
    """[outputs, inputs * len(offsets)]"""
    bias: Matrix


class Tdnn(nn.Module):
    def __init__(self, units: int, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        inputs = [CEPSTRA] + [CHANNELS] * (len(KERNELS) - 1)
        strides = [SUBSAMPLING] + [1] * (len(KERNELS) - 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(size, CHANNELS, taps, stride=stride, dilation=dilation)
            for size, stride, (taps, dilation) in zip(inputs, strides, KERNELS, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(CHANNELS, affine=False) for _ in KERNELS)
        self.out = nn.Conv1d(CHANNELS, units, 1)

    def forward(self, batch: Tensor) -> Tensor:
        """[batch, frames + 2 * CONTEXT, CEPSTRA] -> log [batch, frames / SUBSAMPLING, units]."""
        x = ((batch - self.mean) / self.deviation).transpose(1, 2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(functional.relu(layer(x)))
        return self.out(functional.dropout(x, 0.1, self.training)).transpose(1, 2).log_softmax(-1)


def padded(batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Edge frames repeated for the context and up to the longest; and each one's frames after subsampling."""
    longest = max(len(one.features) for one in batch)
    rows = []
    for one in batch:
        after = CONTEXT + longest - len(one.features)
        rows.append(np.pad(one.features, ((CONTEXT, after), (0, 0)), mode="edge"))
    lengths = [math.ceil(len(one.features) / SUBSAMPLING) for one in batch]
    return torch.from_numpy(np.stack(rows).astype(np.float32)), torch.tensor(lengths)


def batches(data: Sequence[Example], rng: np.random.Generator) -> list[list[Example]]:
    """Like lengths together, in random order."""
    order = np.argsort([len(one.features) + rng.uniform(0, 12) for one in data])
    groups = np.array_split(order, max(1, len(order) // BATCH))
    rng.shuffle(groups)
    return [[data[i] for i in group] for group in groups]


def masked(batch: Tensor, rng: np.random.Generator) -> Tensor:
    """Blot out a short stretch of time here and there, so that no word hangs on one frame."""
    if rng.random() < 0.5:
        start = int(rng.integers(0, batch.shape[1]))
        batch[:, start : start + int(rng.integers(1, 6))] = batch.mean(dim=(0, 1))
    return batch


@dataclass(frozen=True, slots=True)
class Plan:
    """How to learn."""

    steps: int
    threads: int
    bfloat16: bool
    """Twice as quick on processors with AMX; slower on those without."""


def train(data: Sequence[Example], units: int, plan: Plan, say: Callable[[str], None]) -> list[Layer]:
    """Learn, then fold the normalisations into plain affine layers."""
    torch.set_num_threads(plan.threads)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    sample = np.concatenate([one.features.astype(np.float32) for one in data[:: max(1, len(data) // 2000)]])
    network = Tdnn(units, torch.from_numpy(sample.mean(0)), torch.from_numpy(sample.std(0)))
    say(f"{sum(weight.numel() for weight in network.parameters())} weights")
    optimiser = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-2)
    warm_up = min(100, plan.steps)
    recent = 0.0
    for step, batch in zip(range(1, plan.steps + 1), endless(data, rng), strict=False):
        fall = max(0.005, 0.5 * (1 + math.cos(math.pi * step / plan.steps)))
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * fall * min(1.0, step / warm_up)
        loss = ctc_loss(network, batch, rng, plan.bfloat16)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimiser.step()
        recent += loss.item() / 200
        if step % 200 == 0:
            say(f"step {step}: loss {recent:.3f}")
            recent = 0.0
    return folded(network.eval())


def endless(data: Sequence[Example], rng: np.random.Generator) -> Iterator[list[Example]]:
    while True:
        yield from batches(data, rng)


def ctc_loss(network: Tdnn, batch: Sequence[Example], rng: np.random.Generator, bfloat16: bool) -> Tensor:
    features, lengths = padded(batch)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        scores = network(masked(features, rng)).float().transpose(0, 1)
    targets = torch.tensor([sound for one in batch for sound in one.sounds], dtype=torch.long)
    counts = torch.tensor([len(one.sounds) for one in batch])
    lengths = lengths.clamp(max=scores.shape[0])
    per_example = functional.ctc_loss(scores, targets, lengths, counts, reduction="none", zero_infinity=True)
    return (per_example / counts.clamp(min=4)).mean()


def folded(network: Tdnn) -> list[Layer]:
    """Input and batch normalisation become part of the next layer's weights and bias."""
    scale = (1 / network.deviation).numpy()
    shift = (-network.mean / network.deviation).numpy()
    layers: list[Layer] = []
    step = 1
    for (taps, dilation), conv, norm in zip(KERNELS, network.layers, network.norms, strict=True):
        weights, bias = absorb(conv.weight.detach().numpy(), conv.bias.detach().numpy(), scale, shift)
        offsets = tuple((tap - taps // 2) * dilation * step for tap in range(taps))
        layers.append(Layer(offsets, weights.transpose(0, 2, 1).reshape(len(weights), -1), bias))
        scale = 1 / np.sqrt(norm.running_var.numpy() + norm.eps)
        shift = -norm.running_mean.numpy() * scale
        step = SUBSAMPLING
    out = network.out
    weights, bias = absorb(out.weight.detach().numpy(), out.bias.detach().numpy(), scale, shift)
    layers.append(Layer((0,), weights[:, :, 0], bias))
    return layers


def absorb(weights: Matrix, bias: Matrix, scale: Matrix, shift: Matrix) -> tuple[Matrix, Matrix]:
    """``weights`` [out, in, taps] of ``scale * x + shift`` -> the same function of plain ``x``."""
    return weights * scale[None, :, None], bias + (weights * shift[None, :, None]).sum((1, 2))
