"""The model card: its text, with the measured figures filled in."""
import corpus
import probes
from senses import SENSES
from tables import table

DESCRIPTION = ("A small English encoder that fills covered words, says "
               "whether two sentences belong together, and shows how a word "
               "takes its meaning from the words around it.")

TEXT = """\
---
license: GPL-3.0-or-later
language: en
pipeline_tag: fill-mask
---

# tiny-encoder

{description}

## What it is

An encoder in BERT's shape (`BertForPreTraining`) with {parameters:,} \
parameters.
It has {layers} layers of {heads} heads, width {width}, a feed-forward width \
of {ffn} with the exact gelu, norms after each addition, learned positions, \
two segments and a context of {context} tokens.
Its heads are those of BERT's pre-training: covered words, over the same \
matrix as the embedding, and next sentence, over the pooled `[CLS]`.
All tensors are stored in half precision.
The tokenizer is WordPiece of {vocab} tokens, lowercase, learned on the same \
corpus; a rare word falls into pieces, and a foreign one into letters.

## Data

All text comes from a generator written for this model: `share/recipes/\
tiny-encoder`.
It holds texts about {topics} kinds of scenes (school, farm, kitchen, sea, \
hospital and so on), words of two senses ({words}) with texts of either \
sense, small stories, reviews, word pairs as sentences (capitals, opposites, \
colours, plurals, past tenses), and facts with questions and answers.
The shares are {mix}.
A sentence of six words or more is held out if its checksum says so: the \
training text has none of that eighth of all the sentences that the grammar \
can make, and every figure below on covered words and next sentences is of \
that eighth.

## Training

{steps:,} steps of {rows} rows of 24 to 128 tokens, {all_rows:,} rows in \
all, made as they are needed and none twice except by chance.
Of the words of a row 15, 20 or 30% are to be foretold; of these four in \
five are covered, one in ten is replaced by any token and one in ten stays.
Half of the pairs follow each other; the others come from another text, \
with a word of two senses often from a text of its other sense.
Muon trains the matrices of the blocks, AdamW the rest; the rate falls over \
the last {decay:.0%} of the steps; next sentence counts {next_weight:g} \
beside the covered words.
There is no dropout.
The seed is {seed}.
It takes less than an hour on one core.

```
cd share/recipes/tiny-encoder && python3 make.py
```

The command needs Python 3 with PyTorch and NumPy, goes on where it was \
stopped, and leaves this directory beside its checkpoints.
Another processor or library may round otherwise, so the weights come out \
alike but not bit for bit the same.
These very weights come from one such run, stopped and gone on with once.

## Figures

All figures are of the shipped weights and come from `evaluate.py`.

### Covered words

Each word of a held-out sentence is covered alone, marks are not counted; \
`in its text` gives the sentences around it too.
Much cannot be foretold: which of the many people, things and places it is.

{masked_table}

### Next sentence

On {pairs:,} pairs with a held-out sentence in each segment; always saying \
the commoner answer would reach {chance:.2f}.

{next_table}

### Fills

{fills_table}

### Words of two senses

The cosine between two uses of a word, after the embedding (0) and after \
each layer.
The sentences are in `probes.py`, three for each sense, and are not lines of \
the corpus; `nearer` is the share of uses that are nearer to the others of \
their own sense than to those of the other sense.

{senses_table}

`bank` in "He sat on the bank of the river." against two other uses:

{bank_table}

### Heads

The strongest head for each relation and its mean weight, on held-out \
sentences such as "The teacher taught the student with the book."; layers \
and heads count from 0.

{heads_table}

## Limits

Knows only the small English of its generator, about {vocab} words and \
pieces: no facts beyond its word lists, and words outside its corpus mean \
nothing to it.
Sentences are short and plain and mostly tell what somebody did; long ones, \
irony and abstract matters are beyond it.
It has hardly learned the word pairs: as the capital of France it names any \
capital.
Who is a `he` and who a `she` is drawn at random for most people, but what \
people and animals do follows the clichés of the generator.
Next sentence mostly looks for the same people, pronouns and subject.
It has no head for classes, tags or answers.

## Licence

GPL-3.0-or-later, as the rest of attune.
"""

KINDS = {"scene": "scenes", "sense": "words of two senses",
         "story": "stories", "question": "facts and questions",
         "fact": "word pairs", "review": "reviews"}
ORIGINS = {corpus.NEXT: "the next", corpus.OTHER_TEXT: "of another text",
           corpus.OTHER_SENSE: "of the word's other sense",
           "all": "all"}


def masked_table(figures):
    rows = []
    for kind, s in figures.items():
        for way, name in (("alone", "alone"), ("text", "in its text")):
            f = s[way]
            rows.append([KINDS[kind], name, f["words"], f"{f['first']:.2f}",
                         f"{f['five']:.2f}", f"{f['perplexity']:.2f}"])
    return table(["kind", "sentence", "words", "first", "first five",
                  "pseudo-perplexity"], rows)


def next_table(figures):
    return table(["second segment", "pairs", "right"],
                 [[ORIGINS[key], figures[key]["pairs"],
                   f"{figures[key]['right']:.3f}"]
                  for key in ORIGINS if key in figures])


def fills_table(figures):
    rows = []
    for text, masks in figures:
        said = "; ".join(", ".join(f"{word} {p:.2f}" for word, p in row)
                         for row in masks)
        rows.append([text, said])
    return table(["text", "likeliest"], rows)


def senses_table(figures):
    """Cosine in one sense / across senses, a layer."""
    layers = len(figures["mean"][0])
    rows = []
    for word in [*sorted(key for key in figures if key != "mean"), "mean"]:
        same, other, nearer = figures[word]
        rows.append([word] + [f"{a:.2f} / {b:.2f}"
                              for a, b in zip(same, other)]
                    + [f"{nearer[-1]:.2f}"])
    return ("Same sense / other sense:\n\n"
            + table(["word"] + list(range(layers)) + ["nearer"], rows))


def bank_table(figures):
    names = [f'"{side[-1]}"' for side in probes.BANK]
    return table(["against"] + list(range(len(figures[0]))),
                 [[name] + [f"{c:.2f}" for c in row]
                  for name, row in zip(names, figures)])


def heads_table(figures):
    rows = []
    for relation, scores in figures.items():
        best, layer, head = max(
            (score, layer, head) for layer, row in enumerate(scores)
            for head, score in enumerate(row))
        rows.append([relation, layer, head, f"{best:.2f}"])
    return table(["relation", "layer", "head", "weight"], rows)


def card(facts, figures):
    """The text of the card."""
    following = figures["next"]
    share = following[corpus.NEXT]["pairs"] / following["all"]["pairs"]
    total = sum(part for part, _ in corpus.MIX.values())
    mix = ", ".join(f"{KINDS[kind]} {part / total:.0%}"
                    for kind, (part, _) in corpus.MIX.items())
    return TEXT.format(
        description=DESCRIPTION, mix=mix, words=", ".join(sorted(SENSES)),
        topics=len(set(map(id, corpus.scenes.TOPICS))),
        chance=max(share, 1 - share), pairs=following["all"]["pairs"],
        masked_table=masked_table(figures["masked"]),
        next_table=next_table(following),
        fills_table=fills_table(figures["fills"]),
        senses_table=senses_table(figures["senses"]),
        bank_table=bank_table(figures["bank"]),
        heads_table=heads_table(figures["heads"]), **facts)
