"""Every figure of the model card."""
import math
import random
import re

import torch

import corpus
import probes
import wordpiece
from grammar import held_out

SENTENCES = 250   # held-out sentences a kind
PAIRS = 1500      # held-out pairs of segments
KINDS = ("scene", "sense", "story")
FRAME = re.compile(r"The (\w+) (\w+) the (\w+) (?:with|in) the (\w+)\.")
PRONOUN = re.compile(r"(?:He|She|It|They) ")

# relation: (place that looks, place looked at) in a sentence of FRAME:
# [CLS] the A verb the B with the C . [SEP]
RELATIONS = {
    "the token before": [(i, i - 1) for i in range(2, 9)],
    "the token after": [(i, i + 1) for i in range(1, 8)],
    "article to its noun": [(1, 2), (4, 5), (7, 8)],
    "noun to its article": [(2, 1), (5, 4), (8, 7)],
    "verb to its subject": [(3, 2)],
    "verb to its object": [(3, 5)],
    "subject to its verb": [(2, 3)],
    "object to its verb": [(5, 3)],
    "object to the subject": [(5, 2)],
    "tool or place to the verb": [(8, 3)],
    "tool or place to the object": [(8, 5)],
    "any word to [CLS]": [(i, 0) for i in range(1, 9)],
    "any word to [SEP]": [(i, 10) for i in range(1, 9)],
}


def is_word(token):
    """True unless the token is a mark or special."""
    return token.removeprefix(wordpiece.INNER).isalnum()


def held_out_sentences(rng, kind, count):
    """[(sentence, the text around it)]; None of that if there are too few."""
    out, seen = [], set()
    for _ in range(200 * count):
        text = corpus.MIX[kind][1](rng, 5, False)
        for line in text:
            if held_out(line) and line not in seen:
                out.append((line, text))
                seen.add(line)
                break
        if len(out) == count:
            break
    return out


def score(model, tokenizer, before, line, after):
    """(log probability, rank) of each word of the line, covered alone."""
    start = 1 + len(tokenizer.encode(before))
    ids = tokenizer.encode(line)
    places = [start + i for i, token in enumerate(ids)
              if is_word(tokenizer.tokens[token])]
    whole = " ".join(part for part in (before, line, after) if part)
    wanted, logs = probes.one_at_a_time(model, tokenizer, whole,
                                        places=places)
    own = logs.gather(1, wanted[:, None])
    return own[:, 0].tolist(), (logs > own).sum(1).tolist()


def masked(model, tokenizer, seed):
    """{kind: {alone, in its text: share right, in five, perplexity}}."""
    out = {}
    for kind in KINDS:
        rng = random.Random(f"{seed} masked {kind}")
        lines = held_out_sentences(rng, kind, SENTENCES)
        out[kind] = {"sentences": len(lines)}
        for way in ("alone", "text"):
            logs, ranks = [], []
            for line, text in lines:
                at = text.index(line)
                around = [" ".join(text[:at]), " ".join(text[at + 1:])]
                more = score(model, tokenizer,
                             around[0] if way == "text" else "", line,
                             around[1] if way == "text" else "")
                logs += more[0]
                ranks += more[1]
            out[kind][way] = {
                "words": len(ranks),
                "first": sum(r == 0 for r in ranks) / len(ranks),
                "five": sum(r < 5 for r in ranks) / len(ranks),
                "perplexity": math.exp(-sum(logs) / len(logs))}
    return out


@torch.no_grad()
def next_sentence(model, tokenizer, seed):
    """{origin of the second segment: pairs, share right}."""
    rng = random.Random(f"{seed} next")
    counts = {}
    total = 0
    while total < PAIRS:
        one, two, origin = corpus.pair(rng, rng.choice((2, 3, 4)), False)
        if not (any(map(held_out, one)) and any(map(held_out, two))):
            continue
        ids, types, present = probes.batch(
            tokenizer, [(" ".join(one), " ".join(two))])
        logits = model.follows(model.hidden_states(ids, types, present)[-1])
        right = (logits[0, 0] > logits[0, 1]).item() == (
            origin == corpus.NEXT)
        pairs, hits = counts.get(origin, (0, 0))
        counts[origin] = pairs + 1, hits + right
        total += 1
    counts["all"] = total, sum(hits for _, hits in counts.values())
    return {origin: {"pairs": pairs, "right": hits / pairs}
            for origin, (pairs, hits) in counts.items()}


def senses(model, tokenizer):
    """{word: [same sense, other sense, nearer to its own] a layer}."""
    out = {word: probes.sense_cosines(model, tokenizer, word)
           for word in probes.SENSES}
    columns = list(zip(*out.values()))
    out["mean"] = [[sum(layer) / len(layer) for layer in zip(*rows)]
                   for rows in columns]
    return out


def frames(rng, tokenizer, count):
    """Held-out sentences of FRAME, each word a single token."""
    out = set()
    while len(out) < count:
        for line in corpus.scene_text(rng, 1, False):
            if held_out(line) and FRAME.fullmatch(line) and len(
                    tokenizer.encode(line)) == 9:
                out.add(line)
    return sorted(out)


def followed(rng, tokenizer, count):
    """(pair, place of the noun, place of its pronoun) of two sentences."""
    out = []
    while len(out) < count:
        text = corpus.scene_text(rng, 2, False)
        if len(text) < 2 or not held_out(text[0]):
            continue
        start = re.match(r"The (\w+) ", text[0])
        if start and PRONOUN.match(text[1]) and tokenizer.single(
                start.group(1)):
            out.append((tuple(text), 2, len(tokenizer.encode(text[0])) + 2))
    return out


@torch.no_grad()
def heads(model, tokenizer, seed, count=100):
    """{relation: [layers][heads] mean weight}."""
    rng = random.Random(f"{seed} heads")
    ids, types, _ = probes.batch(tokenizer, frames(rng, tokenizer, count))
    maps = torch.stack(model.attention_maps(ids, types)).mean(1)
    out = {name: torch.stack([maps[:, :, i, j] for i, j in places])
           .mean(0).tolist() for name, places in RELATIONS.items()}
    found = []
    for two, noun, pronoun in followed(rng, tokenizer, count):
        ids, types, _ = probes.batch(tokenizer, [two])
        maps = torch.stack(model.attention_maps(ids, types))[:, 0]
        found.append(maps[:, :, pronoun, noun])
    out["pronoun to the subject of the sentence before"] = torch.stack(
        found).mean(0).tolist()
    return out


def evaluate(model, tokenizer, seed):
    """All figures."""
    return {"masked": masked(model, tokenizer, seed),
            "next": next_sentence(model, tokenizer, seed),
            "senses": senses(model, tokenizer),
            "heads": heads(model, tokenizer, seed),
            "fills": [[text, probes.fill(model, tokenizer, text)]
                      for text in probes.FILLS],
            "bank": bank(model, tokenizer)}


def bank(model, tokenizer):
    """The example of `bank`: cosines a layer, [same sense, other sense]."""
    river, money = probes.BANK
    vectors = probes.word_vectors(model, tokenizer, "bank", river + money)
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    cosine = unit @ unit.transpose(1, 2)
    return [cosine[:, 0, 1].tolist(), cosine[:, 0, 2].tolist()]
