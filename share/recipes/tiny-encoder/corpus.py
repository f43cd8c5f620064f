"""Texts, pairs of segments, and what a step of training learns from."""
import random
import re

import numpy as np

import lexicon as lex
import reviews
import scenes
import stories
import wordpiece
from grammar import FIXED, fit_articles, held_out
from senses import SENSES

# rows of a step: tokens a row at most, rows, share with a single segment
ROWS = [(24, 56, 0.7), (40, 30, 0.2), (64, 14, 0.1), (128, 6, 0.1)]
STEP_ROWS = sum(rows for _, rows, _ in ROWS)
PART_TOKENS = 480  # rows of like length are worked on together
# share of the words to be foretold; a row draws one of them
MASK_SHARES = (0.15, 0.15, 0.2, 0.3)
SENTENCE_END = re.compile(r'(?<=[.!?]) (?=[A-Z"])|(?<=[.!?]") (?=[A-Z"])')
NOTHING = -100     # no loss here


def scene_text(rng, count, allowed=True):
    """People and animals of one topic."""
    return rng.choice(scenes.TOPICS).text(rng, count, allowed)


def gloss(rng, word, meaning):
    """What the word means here."""
    return rng.choice([f"Here {word} means {meaning}.",
                       f"Here {word} means {meaning}.",
                       f"This {word} is {meaning}.",
                       f"In this text a {word} is {meaning}."])


def sense_text(rng, count, allowed=True, word=None, which=None):
    """A word of two senses in one of them, now and then explained."""
    word = word or rng.choice(sorted(SENSES))
    which = rng.randrange(2) if which is None else which
    meaning, topic = SENSES[word][which]
    out = topic.text(rng, count, allowed)
    if len(out) > 1 and rng.random() < 0.45:
        line = gloss(rng, word, meaning)
        if not (allowed and held_out(line)):
            out[1] = line
    return out


def story_text(rng, count, allowed=True):
    """A story of the kind that the decoder knows, without held-out parts."""
    text = SENTENCE_END.split(stories.story(rng))
    if allowed:
        text = [line for line in text if not held_out(line)]
    start = rng.randrange(max(1, len(text) - count + 1))
    return text[start:start + count]


def review_text(rng, count, allowed=True):
    """Clauses of one mind about one thing; `reviews` holds out its own."""
    side, out = rng.randrange(2), []
    while len(out) < count:
        out += [line for line in SENTENCE_END.split(reviews.review(rng, side))
                if not (allowed and held_out(line))]
    return out[:count]


CATEGORY = "{} is a {}."
FACTS = [
    (lex.CAPITALS, "The capital of {} is {}."),
    (lex.CAPITALS, "{1} is the capital of {0}."),
    (lex.OPPOSITES, "The opposite of {} is {}."),
    (lex.COLOURS_OF, "The colour of {} is {}."),
    (lex.YOUNG, "A young {} is called a {}."),
    (lex.SOUNDS, "The {} {}."),
    (lex.PLURALS, "One {}, two {}."),
    (lex.PAST, "Today I {}, yesterday I {}."),
    ([(w, name) for name in ("animal", "fruit", "country", "city")
      for w in lex.CATEGORIES[name]], CATEGORY),
]


def fact(form, one, two):
    """A word pair as a sentence."""
    if form == CATEGORY and one[0].islower():
        form = "A " + form
    return fit_articles(form.format(one, two))


# facts are there to be learned: none is held out
FIXED.update(fact(form, *row) for table, form in FACTS for row in table)


def fact_text(rng, count, allowed=True):
    """Word pairs of one relation, as sentences."""
    table, form = rng.choice(FACTS)
    rows = rng.sample(table, min(count, len(table)))
    return [fact(form, *row) for row in rows]


def question_text(rng, count, allowed=True):
    """Who has what, asked and answered."""
    known = stories.facts(rng, max(2, min(4, count - 2)))
    out = [f"{n} has {reviews.article(c)} {c} {t}." for n, t, c in known]
    name, thing, colour = rng.choice(known)
    out += rng.choice([
        [f"Who has the {thing}?", f"{name} has the {thing}."],
        [f"What does {name} have?", f"{name} has the {colour} {thing}."],
        [f"What colour is the {thing}?", f"The {thing} is {colour}."]])
    return out


MIX = {"scene": (46, scene_text), "sense": (30, sense_text),
       "story": (8, story_text), "review": (6, review_text),
       "fact": (6, fact_text),
       "question": (4, question_text)}


def text(rng, count, allowed=True):
    """A text of at most `count` sentences: (kind, sentences)."""
    while True:
        kind = rng.choices(list(MIX), [share for share, _ in MIX.values()])[0]
        out = MIX[kind][1](rng, count, allowed)
        if out:
            return kind, out


NEXT, OTHER_TEXT, OTHER_SENSE = "next", "another text", "another sense"


def pair(rng, count, allowed=True):
    """(first segment, second, where that is from), segments as lists.

    Half of the second segments follow the first.  The others come from
    another text; where the word of two senses is the same, often from a text
    of its other sense.
    """
    follows = rng.random() < 0.5
    while True:
        kind, one = text(rng, count, allowed)
        if len(one) < 2:
            continue
        cut = rng.randrange(1, len(one))
        if follows:
            return one[:cut], one[cut:], NEXT
        need, origin = len(one) - cut, OTHER_TEXT
        if kind == "sense" and rng.random() < 0.75:
            word, which = rng.choice(sorted(SENSES)), rng.randrange(2)
            one = sense_text(rng, cut, allowed, word, which)
            other = sense_text(rng, count, allowed, word, 1 - which)
            origin = OTHER_SENSE
        else:
            other = text(rng, count, allowed)[1]
        if len(other) > need:
            start = rng.randrange(1, len(other) - need + 1)
            return one[:cut], other[start:start + need], origin


def join(tokenizer, one, two=None):
    """Ids and segments of [CLS] one [SEP], and of two [SEP] after it."""
    ids = [wordpiece.CLS] + tokenizer.encode(one) + [wordpiece.SEP]
    types = [0] * len(ids)
    if two is not None:
        more = tokenizer.encode(two) + [wordpiece.SEP]
        ids += more
        types += [1] * len(more)
    return ids, types


def row(tokenizer, rng, length, alone):
    """(ids, segments, whether the second follows) within `length` tokens."""
    count = max(1, round(length / 10))
    while True:
        if rng.random() < alone:
            _, one = text(rng, rng.choice((1, count)) if length < 30
                          else count)
            ids, types = join(tokenizer, " ".join(one))
            mark = NOTHING
        else:
            one, two, origin = pair(rng, max(2, count))
            ids, types = join(tokenizer, " ".join(one), " ".join(two))
            mark = 0 if origin == NEXT else 1
        if len(ids) <= length:
            return ids, types, mark


def cover(tokenizer, rng, ids):
    """BERT's game: (what the model sees, what it has to say).

    Four in five of the chosen words are covered, one in ten becomes any
    word, one in ten stays.
    """
    share = rng.choice(MASK_SHARES)
    seen, wanted = list(ids), [NOTHING] * len(ids)
    places = [i for i, token in enumerate(ids)
              if token not in (wordpiece.CLS, wordpiece.SEP)]
    for i in rng.sample(places, max(1, round(share * len(places)))):
        wanted[i] = ids[i]
        draw = rng.random()
        if draw < 0.8:
            seen[i] = wordpiece.MASK
        elif draw < 0.9:
            seen[i] = rng.randrange(len(wordpiece.SPECIALS), len(tokenizer))
    return seen, wanted


def batches(tokenizer, seed, step):
    """The parts of a step: (ids, segments, present, wanted, follows) each.

    They depend on the seed and the step alone, so that nothing is kept on
    disk and training can stop and go on anywhere.
    """
    rng = random.Random(f"{seed} {step}")
    made = [row(tokenizer, rng, length, alone)
            for length, rows, alone in ROWS for _ in range(rows)]
    made.sort(key=lambda one: -len(one[0]))
    out = []
    while made:
        wide = len(made[0][0])
        rows = max(1, PART_TOKENS // wide)
        out.append(part(tokenizer, rng, made[:rows], wide))
        made = made[rows:]
    return out


def part(tokenizer, rng, rows, wide):
    """Rows below each other, padded to one width."""
    fields = np.zeros((4, len(rows), wide), np.int64)
    fields[3] = NOTHING
    for i, (ids, types, _) in enumerate(rows):
        seen, wanted = cover(tokenizer, rng, ids)
        for field, values in zip(fields, (seen, types, [1] * len(ids),
                                          wanted)):
            field[i, :len(values)] = values
    return (*fields, np.array([mark for _, _, mark in rows]))
