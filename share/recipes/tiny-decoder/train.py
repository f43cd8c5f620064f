"""Training, with checkpoints to go on from."""
import os
import time

import torch
from torch.nn import functional as F

import corpus
import probes
from memory import keep_memory
from model import Config, Decoder
from optimizer import optimizers

MATRIX_LR = 0.02
OTHER_LR = 0.003
WARM_UP = 100
DECAY = 0.35      # share of the steps in which the rate falls to nothing


def rate(step, steps):
    """Factor of the learning rate: up, level, down."""
    fall = DECAY * steps
    return min((step + 1) / WARM_UP, 1.0, max(steps - step, 1) / fall)


def loss_of(model, rows, weights):
    """Weighted mean cross-entropy of the next token."""
    ids = torch.from_numpy(rows)
    weight = torch.from_numpy(weights)[:, 1:].flatten()
    logits = model(ids[:, :-1])
    each = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(),
                           reduction="none")
    return (each * weight).sum() / weight.sum()


def save(path, model, optims, step):
    """Write a checkpoint in one move."""
    torch.save({"model": model.state_dict(), "step": step,
                "config": model.config.as_dict(),
                "optims": [o.state_dict() for o in optims]}, path + ".new")
    os.replace(path + ".new", path)


def load(path):
    """The model of a checkpoint and the checkpoint itself."""
    state = torch.load(path)
    model = Decoder(Config(**state["config"]))
    model.load_state_dict(state["model"])
    return model, state


def glance(model, tokenizer, count=96):
    """A quick look at the few-shot figures."""
    model.eval()
    out = []
    for name, pair, shots in (("can", probes.canonical, 0),
                              ("can", probes.canonical, 1),
                              ("can", probes.canonical, 4),
                              ("flip", probes.flipped, 4),
                              ("seen", probes.seen, 4),
                              ("new", probes.unseen, 4),
                              ("new", probes.unseen, 8)):
        s = probes.label_scores(model, tokenizer, probes.review_prompts(
            pair, shots, count, "glance"))
        out.append(f"{name}{shots} {s['p']:.2f}/{s['two_way']:.2f}")
    model.train()
    return "  ".join(out)


def train(tokenizer, path, steps, seed, every=200):
    """Train up to `steps`, from the checkpoint at `path` if there is one."""
    keep_memory()
    torch.manual_seed(seed)
    model = Decoder(Config(vocab=len(tokenizer)))
    optims = optimizers(model, MATRIX_LR, OTHER_LR)
    start = 0
    if os.path.exists(path):
        model, state = load(path)
        optims = optimizers(model, MATRIX_LR, OTHER_LR)
        for optim, saved in zip(optims, state["optims"]):
            optim.load_state_dict(saved)
        start = state["step"]
    base = [[g["lr"] for g in o.param_groups] for o in (
        optimizers(model, MATRIX_LR, OTHER_LR))]
    print(f"{model.parameter_count()} parameters, step {start} of {steps}",
          flush=True)
    total, since = 0.0, time.time()
    for step in range(start, steps):
        factor = rate(step, steps)
        for optim, lrs in zip(optims, base):
            for group, lr in zip(optim.param_groups, lrs):
                group["lr"] = lr * factor
            optim.zero_grad(set_to_none=True)
        loss = loss_of(model, *corpus.batch(tokenizer, seed, step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
        total += loss.item()
        if (step + 1) % 40 == 0:
            speed = 40 * corpus.STEP_TOKENS / (time.time() - since)
            print(f"step {step + 1}  loss {total / 40:.3f}  "
                  f"{speed:.0f} tokens/s", flush=True)
            total, since = 0.0, time.time()
        if (step + 1) % every == 0 or step + 1 == steps:
            save(path, model, optims, step + 1)
            print(f"  {glance(model, tokenizer)}", flush=True)
            since = time.time()
    return model
