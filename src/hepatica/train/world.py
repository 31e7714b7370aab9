"""Where a training runs: one process, or several that torchrun started.

``torchrun --nproc-per-node 4 -m hepatica train ...`` starts four; each learns from its own
share of the samples of a step, and gradients are averaged.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import distributed, nn

from hepatica.model.engines.torch_engine import available, has_bfloat16


@dataclass(frozen=True)
class World:
    """One of `size` processes, on `device`."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def parallel(self, network: nn.Module) -> nn.Module:
        """`network`, with gradients averaged over all processes."""
        if self.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def mean(self, value: float) -> float:
        """Mean of what each process has."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        return float(tensor) / self.size

    def agree(self, value: float) -> float:
        """What the leading process has: a clock or a signal must mean the same to all."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, 0)
        return float(tensor)

    def autocast(self, precision: str) -> AbstractContextManager[object]:
        """Computing in bfloat16, or as it is: see :meth:`computes_in`."""
        if self.computes_in(precision) == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def computes_in(self, precision: str) -> str:
        """`precision`, or ``"fp32"`` where the device has no instructions for bfloat16.

        There it would be emulated: on a processor with AVX2 alone, a step takes 25 times
        as long as in fp32.
        """
        return precision if has_bfloat16(self.device) else "fp32"


def join(device: str = "auto") -> World:
    """Join the other processes that torchrun started, if it did.

    Raises
    ------
    ResourceError
        If the device is not there.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_RANK", 0))
    where = available(device)
    if where == torch.device("cuda") and size > 1:
        where = available(f"cuda:{local}")
    if size > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    return World(rank, size, where)
