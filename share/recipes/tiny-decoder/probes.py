"""Prompts with known answers, and how the model does on them."""
import random

import torch

import lexicon as lex
import reviews
import tasks

CANONICAL = tasks.REVIEW_FORMS[0]


def balanced(rng, shots):
    """Sides of the shots: as many positive as negative ones, shuffled."""
    sides = [i % 2 for i in range(shots)]
    if shots % 2:
        sides[-1] = rng.randrange(2)
    rng.shuffle(sides)
    return sides


def review_prompts(pair_of, shots, count, seed):
    """[(prompt, right label, wrong label)] on held-out reviews.

    `pair_of` gives the labels for (positive, negative) of prompt i.  The
    shots are held-out reviews too; one shot has a random side.
    """
    rng = random.Random(f"probe {seed} {shots}")
    out = []
    for i in range(count):
        labels = pair_of(i)
        rows = [(reviews.review(rng, side, heldout=True), labels[side])
                for side in balanced(rng, shots)]
        side = rng.randrange(2)
        rows.append((reviews.review(rng, side, heldout=True), ""))
        text = prompt_text(CANONICAL, rows)
        out.append((text, labels[side], labels[1 - side]))
    return out


def prompt_text(form, rows):
    """Shots of which the last waits for its answer."""
    text = tasks.join_shots(form, rows).replace(lex.ANSWER, "")
    return text[:-1]


def canonical(_):
    """Positive and Negative."""
    return tasks.CANONICAL


def flipped(_):
    """The canonical labels the wrong way round."""
    return tasks.CANONICAL[::-1]


def unseen(i):
    """Words that are no labels in the training text, either way round."""
    pair = lex.HELD_OUT_PAIRS[i // 2 % len(lex.HELD_OUT_PAIRS)]
    return pair[::-1] if i % 2 else pair


def seen(i):
    """Two words of the training pool."""
    return tasks.sample_pair(random.Random(f"seen {i}"))


def relation_prompts(key, shots, count, seed):
    """[(prompt, answer)] as 'hot -> cold' lines."""
    table = next(r[1] for r in lex.RELATIONS if r[0] == key)
    rng = random.Random(f"pairs {seed} {key} {shots}")
    out = []
    for _ in range(count):
        rows = rng.sample(table, shots + 1)
        answer = rows[-1][1]
        rows[-1] = (rows[-1][0], "")
        text = prompt_text(tasks.ARROW, rows)
        out.append((text, answer))
    return out


def question_prompts(key, count, seed):
    """[(prompt, answer)] as a question without any shot."""
    _, table, _, _, question = next(r for r in lex.RELATIONS if r[0] == key)
    rng = random.Random(f"questions {seed} {key}")
    chosen = rng.sample(table, min(count, len(table)))
    return [(f"Q: {question.format(a)}\nA:", b) for a, b in chosen]


@torch.no_grad()
def probabilities(model, tokenizer, prompts, group=32):
    """Probability of every token after each prompt, [prompts, vocab]."""
    rows = [[tokenizer.end] + tokenizer.encode(p) for p in prompts]
    parts = [model.last(rows[i:i + group]).softmax(-1)
             for i in range(0, len(rows), group)]
    return torch.cat(parts)


def label_scores(model, tokenizer, probes):
    """Mean p(right), share with p(right) > p(wrong), share at the top."""
    p = probabilities(model, tokenizer, [text for text, _, _ in probes])
    right = torch.tensor([tokenizer.single(" " + a) for _, a, _ in probes])
    wrong = torch.tensor([tokenizer.single(" " + b) for _, _, b in probes])
    rows = torch.arange(len(probes))
    right_p, wrong_p = p[rows, right], p[rows, wrong]
    return {"p": right_p.mean().item(),
            "two_way": (right_p > wrong_p).float().mean().item(),
            "top": (p.argmax(-1) == right).float().mean().item()}


@torch.no_grad()
def greedy(model, tokenizer, prompt, count):
    """Greedy continuation: ids, without the end token that stops it."""
    ids = [tokenizer.end] + tokenizer.encode(prompt)
    out = []
    for _ in range(count):
        token = model.last([ids + out]).argmax().item()
        if token == tokenizer.end:
            break
        out.append(token)
    return out


def exact_share(model, tokenizer, probes):
    """Share of prompts whose greedy continuation starts with the answer."""
    good = 0
    for text, answer in probes:
        want = tokenizer.encode(" " + answer)
        good += greedy(model, tokenizer, text, len(want)) == want
    return good / len(probes)
