"""What a step learns from: translations and sentences with gaps."""
import random
from dataclasses import dataclass

import numpy as np

import grammar
from pieces import END, PAD, SENTINELS, sentinel
from surface import UNITS

PREFIX = "translate English to French: "
ROWS = 128          # of a step
GROUP = 8           # steps that share their rows out by length
GAPS = 0.2          # share of rows with gaps
TWO = 0.04          # share of rows with two sentences
WITH_PREFIX = 0.5   # share of the translations


@dataclass
class Row:
    """Token ids of both sides, and which tokens stand for which."""

    source: list
    target: list
    pairs: list     # (target position, source position)


def aligned(spans, marks, shift=0):
    """{key: [positions]} of the tokens that lie in marked places."""
    out = {}
    for place, (start, end) in enumerate(spans):
        for first, last, key in marks:
            if first + shift < end and start < last + shift:
                out.setdefault(key, []).append(place)
    return out


def translation(tokenizer, sentence, prefix):
    """The row of a sentence and its translation."""
    head = PREFIX if prefix else ""
    source, spans = tokenizer.encode(head + sentence.english)
    target, others = tokenizer.encode(sentence.french)
    here = aligned(spans, sentence.english_spans, len(head))
    there = aligned(others, sentence.french_spans)
    pairs = [(t, s) for key, places in there.items() for t in places
             for s in here.get(key, [])]
    return Row(source + [END], target + [END], pairs)


def gap_places(rng, text):
    """Some places of whole words, [(start, end)] of characters."""
    words = [m.span() for m in UNITS.finditer(text)]
    begins = [i for i, (start, _) in enumerate(words)
              if start == 0 or text[start - 1] == " "]
    ends = {i for i, (_, end) in enumerate(words)
            if end == len(text) or text[end] in " .,?"}
    count = rng.choices(range(1, SENTINELS), (45, 28, 14, 6, 4, 2, 1))[0]
    count = min(count, max(1, len(begins) // 3))
    out, last = [], -1
    for first in sorted(rng.sample(begins, count)):
        stop = first + rng.choices((1, 2, 3), (60, 27, 13))[0] - 1
        while stop not in ends and stop < len(words) - 1:
            stop += 1
        stop = min(stop, len(words) - 1)
        if first > last:
            out.append((words[first][0], words[stop][1]))
            last = stop + 1    # two gaps never touch
    return out


def with_gaps(text, places):
    """The text with sentinels for the places, and what they stand for."""
    source, target, at = "", "", 0
    for i, (start, end) in enumerate(places):
        source += text[at:start] + sentinel(i)
        target += f"{sentinel(i)} {text[start:end]} "
        at = end
    return source + text[at:], target + sentinel(len(places))


def gap_row(tokenizer, rng, text):
    """The row of a sentence with gaps."""
    source, target = with_gaps(text, gap_places(rng, text))
    return Row(tokenizer.encode(source)[0] + [END],
               tokenizer.encode(target)[0] + [END], [])


def joined(one, two):
    """Two sentences as one."""
    def moved(spans, by, keys):
        return [(a + by, b + by, k + keys) for a, b, k in spans]
    keys = 1000
    return grammar.Sentence(
        f"{one.english} {two.english}", f"{one.french} {two.french}",
        one.english_spans + moved(two.english_spans, len(one.english) + 1,
                                  keys),
        one.french_spans + moved(two.french_spans, len(one.french) + 1, keys),
        one.pairs + two.pairs)


def row(tokenizer, rng):
    """Any row."""
    sentence = grammar.training(rng)
    if rng.random() < GAPS:
        text = sentence.english if rng.random() < 0.5 else sentence.french
        if text.count(" ") > 1:
            return gap_row(tokenizer, rng, text)
    if rng.random() < TWO and sentence.english[-1] in ".?":
        sentence = joined(sentence, grammar.training(rng))
    return translation(tokenizer, sentence, rng.random() < WITH_PREFIX)


class Batches:
    """The rows of each step, by length, so that little is padded.

    They depend on the seed and the step alone: nothing is kept on disk,
    and training can stop and go on anywhere.
    """

    def __init__(self, tokenizer, seed):
        self.tokenizer, self.seed = tokenizer, seed
        self.group, self.parts = None, []

    def step(self, step):
        """The rows of a step."""
        group, place = divmod(step, GROUP)
        if group != self.group:
            rng = random.Random(f"{self.seed} {group}")
            rows = [row(self.tokenizer, rng) for _ in range(ROWS * GROUP)]
            rows.sort(key=lambda r: (len(r.source) + len(r.target),
                                     len(r.source)))
            self.parts = [rows[i:i + ROWS] for i in range(0, len(rows), ROWS)]
            rng.shuffle(self.parts)
            self.group = group
        return self.parts[place]


def padded(rows):
    """Arrays: source [B, S], target [B, T], pairs [B, T, S] of 0 and 1."""
    width = max(len(r.source) for r in rows)
    height = max(len(r.target) for r in rows)
    source = np.full((len(rows), width), PAD, np.int64)
    target = np.full((len(rows), height), PAD, np.int64)
    pairs = np.zeros((len(rows), height, width), np.float32)
    for i, r in enumerate(rows):
        source[i, :len(r.source)] = r.source
        target[i, :len(r.target)] = r.target
        for t, s in r.pairs:
            pairs[i, t, s] = 1.0
    return source, target, pairs
