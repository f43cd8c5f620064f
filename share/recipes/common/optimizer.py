"""Muon for the matrices inside the blocks, AdamW for the rest.

Muon makes the momentum of a matrix orthogonal before it is added, so that
all directions of the update weigh the same.  A small model learns from fewer
tokens that way than with AdamW alone.
"""
import torch


def orthogonal(g, steps=5):
    """Nearest orthogonal matrix, roughly, by a quintic iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    for _ in range(steps):
        y = x @ x.t()
        x = a * x + (b * y + c * (y @ y)) @ x
    return x.t() if tall else x


class Muon(torch.optim.Optimizer):
    """Orthogonal momentum with weight decay."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum,
                                  "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["mean"] = torch.zeros_like(p)
                mean = state["mean"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(mean, group["momentum"])
                scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonal(update), alpha=-group["lr"] * scale)


def optimizers(model, matrix_lr, other_lr):
    """[Muon, AdamW] for a model."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    others = [p for p in model.parameters()
              if all(p is not m for m in matrices)]
    return [Muon(matrices, matrix_lr, weight_decay=0.05),
            torch.optim.AdamW(others, other_lr, betas=(0.9, 0.95),
                              weight_decay=0.0)]
