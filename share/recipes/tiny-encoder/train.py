"""Training, with checkpoints to go on from."""
import os
import time

import torch
from torch.nn import functional as F

import corpus
import probes
from memory import keep_memory
from model import Config, Encoder
from optimizer import optimizers

MATRIX_LR = 0.02
OTHER_LR = 0.003
WARM_UP = 60
DECAY = 0.5       # share of the steps in which the rate falls to nothing
NEXT_WEIGHT = 0.5  # of the next-sentence loss beside the masked words'


def rate(step, steps):
    """Factor of the learning rate: up, level, down."""
    fall = DECAY * steps
    return min((step + 1) / WARM_UP, 1.0, max(steps - step, 1) / fall)


def losses(model, part):
    """Summed loss of the masked words and of the pairs, and their counts."""
    ids, types, present, wanted, follows = map(torch.from_numpy, part)
    hidden = model.hidden_states(ids, types, present)[-1]
    chosen = wanted != corpus.NOTHING
    words = F.cross_entropy(model.words(hidden[chosen]), wanted[chosen],
                            reduction="sum")
    after = F.cross_entropy(model.follows(hidden), follows, reduction="sum",
                            ignore_index=corpus.NOTHING)
    return (words, chosen.sum().item(),
            after, (follows != corpus.NOTHING).sum().item())


def learn(model, parts):
    """Gradients of a step; mean losses (words, next sentence)."""
    words = sum((part[3] != corpus.NOTHING).sum() for part in parts)
    pairs = max(1, sum((part[4] != corpus.NOTHING).sum() for part in parts))
    sums = [0.0, 0.0]
    for part in parts:
        word_loss, _, pair_loss, _ = losses(model, part)
        (word_loss / words + NEXT_WEIGHT * pair_loss / pairs).backward()
        sums[0] += word_loss.item() / words
        sums[1] += pair_loss.item() / pairs
    return sums


def save(path, model, optims, step):
    """Write a checkpoint in one move."""
    torch.save({"model": model.state_dict(), "step": step,
                "config": model.config.as_dict(),
                "optims": [o.state_dict() for o in optims]}, path + ".new")
    os.replace(path + ".new", path)


def load(path):
    """The model of a checkpoint and the checkpoint itself."""
    state = torch.load(path)
    model = Encoder(Config(**state["config"]))
    model.load_state_dict(state["model"])
    return model, state


def train(tokenizer, path, steps, seed, every=200):
    """Train up to `steps`, from the checkpoint at `path` if there is one."""
    keep_memory()
    torch.manual_seed(seed)
    model = Encoder(Config(vocab=len(tokenizer)))
    optims = optimizers(model, MATRIX_LR, OTHER_LR)
    start = 0
    if os.path.exists(path):
        model, state = load(path)
        optims = optimizers(model, MATRIX_LR, OTHER_LR)
        for optim, saved in zip(optims, state["optims"]):
            optim.load_state_dict(saved)
        start = state["step"]
    base = [MATRIX_LR, OTHER_LR]
    print(f"{model.parameter_count()} parameters, step {start} of {steps}",
          flush=True)
    total, since = [0.0, 0.0], time.time()
    for step in range(start, steps):
        factor = rate(step, steps)
        for optim, lr in zip(optims, base):
            for group in optim.param_groups:
                group["lr"] = lr * factor
            optim.zero_grad(set_to_none=True)
        sums = learn(model, corpus.batches(tokenizer, seed, step))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
        total = [a + b for a, b in zip(total, sums)]
        if (step + 1) % 40 == 0:
            print(f"step {step + 1}  words {total[0] / 40:.3f}  "
                  f"next {total[1] / 40:.3f}  "
                  f"{40 / (time.time() - since):.2f} steps/s", flush=True)
            total, since = [0.0, 0.0], time.time()
        if (step + 1) % every == 0 or step + 1 == steps:
            save(path, model, optims, step + 1)
            print(f"  {probes.glance(model, tokenizer)}", flush=True)
            since = time.time()
    return model
