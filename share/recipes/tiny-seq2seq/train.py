"""Training, with checkpoints to go on from."""
import os
import random
import time

import torch
from torch.nn import functional as F

import corpus
import grammar
from memory import keep_memory
from model import Config, Seq2Seq
from optimizer import optimizers

MATRIX_LR = 0.02
OTHER_LR = 0.004
WARM_UP = 100
DECAY = 0.5        # share of the steps in which the rate falls to nothing
ALIGNMENT = 0.1    # weight of each aligned head in the loss
# (decoder layer, head, by how much the row is late): the first head looks
# from a word of the answer to what it translates, the second one from the
# place where that word is about to come
ALIGNED = [(0, 0, 1), (1, 0, 0)]


def rate(step, steps):
    """Factor of the learning rate: up, level, down."""
    fall = DECAY * steps
    return min((step + 1) / WARM_UP, 1.0, max(steps - step, 1) / fall)


def shifted(target):
    """What the decoder reads: the padding token, then all but the last."""
    return F.pad(target, (1, 0))[:, :-1]


def loss_of(model, rows):
    """(loss with the alignment, cross-entropy per token)."""
    source, target, pairs = map(torch.from_numpy, corpus.padded(rows))
    logits, maps = model(source, shifted(target))
    weight = (target != 0).float().flatten()
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(),
                           reduction="none")
    loss = total = (each * weight).sum() / weight.sum()
    marked = pairs.sum(-1) > 0
    for layer, head, late in ALIGNED:
        seen = maps[layer][:, head]
        want, rows_ = pairs, marked
        if late:
            seen, want = seen[:, 1:], pairs[:, :-1]
            rows_ = marked[:, :-1]
        mass = (seen * want).sum(-1)[rows_]
        if len(mass):
            total = total - ALIGNMENT * (mass + 1e-6).log().mean()
    return total, loss.item()


def save(path, model, optims, step):
    """Write a checkpoint in one move."""
    torch.save({"model": model.state_dict(), "step": step,
                "config": model.config.as_dict(),
                "optims": [o.state_dict() for o in optims]}, path + ".new")
    os.replace(path + ".new", path)


def load(path):
    """The model of a checkpoint and the checkpoint itself."""
    state = torch.load(path)
    model = Seq2Seq(Config(**state["config"]))
    model.load_state_dict(state["model"])
    return model, state


def glance(model, tokenizer, count=192):
    """The share of held-out sentences translated exactly."""
    out = []
    for new_pair in (False, True):
        rng = random.Random(f"glance {new_pair}")
        some = [grammar.heldout(rng, new_pair) for _ in range(count)]
        rows = [corpus.translation(tokenizer, s, i % 2).source
                for i, s in enumerate(some)]
        right = sum(tokenizer.decode(ids) == s.french for ids, s in
                    zip(model.greedy(rows), some))
        out.append(f"{right / count:.3f}")
    shown = tokenizer.encode(grammar.SHOWN[0])[0] + [1]
    out.append(tokenizer.decode(model.greedy([shown])[0]))
    return "  ".join(out)


def train(tokenizer, path, steps, seed, every=500):
    """Train up to `steps`, from the checkpoint at `path` if there is one."""
    keep_memory()
    torch.manual_seed(seed)
    model = Seq2Seq(Config(vocab=len(tokenizer)))
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
    batches = corpus.Batches(tokenizer, seed)
    print(f"{model.parameter_count()} parameters, step {start} of {steps}",
          flush=True)
    total, plain, since = 0.0, 0.0, time.time()
    for step in range(start, steps):
        factor = rate(step, steps)
        for optim, lrs in zip(optims, base):
            for group, lr in zip(optim.param_groups, lrs):
                group["lr"] = lr * factor
            optim.zero_grad(set_to_none=True)
        loss, each = loss_of(model, batches.step(step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
        total, plain = total + loss.item(), plain + each
        if (step + 1) % 50 == 0:
            speed = 50 / (time.time() - since)
            print(f"step {step + 1}  loss {plain / 50:.4f}  with alignment "
                  f"{total / 50:.4f}  {speed:.2f} steps/s", flush=True)
            total, plain, since = 0.0, 0.0, time.time()
        if (step + 1) % every == 0 or step + 1 == steps:
            save(path, model, optims, step + 1)
            print(f"  {glance(model, tokenizer)}", flush=True)
            since = time.time()
    return model
