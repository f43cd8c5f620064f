"""Every figure of the model card."""
import math
import random

import torch

import corpus
import lexicon as lex
import probes

COUNT = 400        # prompts behind a few-shot figure
DOCUMENTS = 150    # documents behind a perplexity
CASES = [
    ("canonical", probes.canonical, (0, 1, 2, 4, 8)),
    ("flipped", probes.flipped, (1, 2, 4, 8)),
    ("seen", probes.seen, (1, 2, 4, 8, 12)),
    ("unseen", probes.unseen, (1, 2, 4, 8, 12)),
]


def few_shot(model, tokenizer):
    """{case: {shots: figures}} on held-out reviews."""
    out = {}
    for name, pair_of, counts in CASES:
        out[name] = {}
        for shots in counts:
            out[name][shots] = probes.label_scores(
                model, tokenizer,
                probes.review_prompts(pair_of, shots, COUNT, "card"))
    return out


def word_pairs(model, tokenizer):
    """{relation: share right} asked without a shot and with four."""
    out = {}
    for relation in lex.RELATIONS:
        key = relation[0]
        asked = probes.question_prompts(key, 100, "card")
        shown = probes.relation_prompts(key, 4, 100, "card")
        out[key] = {
            "pairs": len(relation[1]),
            "question": probes.exact_share(model, tokenizer, asked),
            "shots": probes.exact_share(model, tokenizer, shown)}
    return out


@torch.no_grad()
def document_scores(model, tokenizer, seed):
    """{kind: perplexity a token, share of answers begun rightly}."""
    out, sums = {}, [0.0, 0]
    for kind, (_, _, make) in corpus.MIX.items():
        rng = random.Random(f"{seed} perplexity {kind}")
        loss, count, answers, right = 0.0, 0, 0, 0
        for _ in range(DOCUMENTS):
            ids, weights = corpus.encode(tokenizer, make(rng))
            ids = torch.tensor(ids[:model.config.context] + [tokenizer.end])
            logs = model(ids[None, :-1])[0].log_softmax(-1)
            loss -= logs.gather(1, ids[1:, None]).sum().item()
            count += len(ids) - 1
            marked = torch.tensor(weights[1:len(ids) - 1]) > 1
            hit = logs[:-1].argmax(-1) == ids[1:-1]
            answers += marked.sum().item()
            right += (hit & marked).sum().item()
        out[kind] = {"perplexity": math.exp(loss / count),
                     "right": right / answers if answers else None}
        sums = [sums[0] + loss, sums[1] + count]
    out["all"] = {"perplexity": math.exp(sums[0] / sums[1]), "right": None}
    return out


@torch.no_grad()
def head_scores(model, tokenizer, seed, length, rows=16):
    """Mean attention to the token before, and to the one to be copied.

    The rows are words in random order, said twice.  In the second half an
    induction head looks at what followed the same word in the first half.
    """
    rng = random.Random(f"{seed} heads")
    known = [tokenizer.single(" " + word) for word in lex.LABEL_POOL]
    halves = [rng.sample(known, length) for _ in range(rows)]
    ids = torch.tensor([[tokenizer.end] + half * 2 for half in halves])
    at = torch.arange(length + 1, 2 * length)
    before, copied = [], []
    for weight in model.attention_maps(ids):
        before.append(weight[:, :, at, at - 1].mean((0, 2)).tolist())
        copied.append(weight[:, :, at, at - length + 1].mean((0, 2)).tolist())
    return {"before": before, "copied": copied}


def evaluate(model, tokenizer, seed):
    """All figures."""
    model.eval()
    return {"few_shot": few_shot(model, tokenizer),
            "word_pairs": word_pairs(model, tokenizer),
            "documents": document_scores(model, tokenizer, seed),
            "heads": head_scores(model, tokenizer, seed, 16),
            "far_heads": head_scores(model, tokenizer, seed, 64)}
