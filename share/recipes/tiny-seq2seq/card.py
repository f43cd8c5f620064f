"""The model card: its text, with the measured figures filled in."""
import evaluate
import nouns
import verbs
from tables import table

DESCRIPTION = ("A small translator from English to French that also fills "
               "gaps, and whose cross-attention shows which word became "
               "which.")

TEXT = """\
---
license: GPL-3.0-or-later
language: [en, fr]
pipeline_tag: translation
---

# tiny-seq2seq

{description}

## What it is

An encoder and a decoder in T5's shape (`T5ForConditionalGeneration`) with \
{parameters:,} parameters.
It has {encoder_layers} layers that read and {decoder_layers} that write, \
width {width}, {heads} heads of {head_dim} in each attention, a feed-forward \
width of {ffn} with the gated gelu, RMS norms before every part, a learned \
bias for each head and distance ({buckets} buckets up to {distance}), no \
other biases, and no scale in its attention.
Both embeddings and the output share one matrix.
All tensors are stored in half precision.
The tokenizer is Unigram of {vocab} tokens, learned on the same corpus: most \
words are one piece, rare forms fall into stem and ending, foreign words \
into letters.
`</s>` ends both sides, `<pad>` begins the answer, and `<extra_id_0>` to \
`<extra_id_{last_sentinel}>` stand for gaps.

    translate English to French: The cat chased the mouse.
    The cat chased the mouse.
    The cat <extra_id_0> the mouse <extra_id_1> the garden.

The first two are translated, with the prefix or without it; the third, in \
English or French, is answered with the sentinels and what belongs in their \
places.

## Data

All sentences come from a grammar written for this model, which makes both \
languages at once: `share/recipes/tiny-seq2seq`.
It has {nouns} nouns, {adjectives} adjectives and {verbs} verbs with their \
forms; the present, the progressive, the past (passé composé with avoir and \
être and the agreement of its participle; the imperfect of states), the near \
future, can, must and want to; negation and questions; articles, \
possessives, numbers and partitives with elision and contraction (l', d', \
du, des, au, aux, cet, bel, mon amie); adjectives before and behind the noun \
in four forms; pronouns as subjects and objects; owners, places, \
instruments, times, comparisons, and two clauses.
Every English sentence has one translation: `you` is tu, `I`, `we` and a \
`they` without an antecedent are masculine.
It does not ask whether a sentence makes sense.

One pair of noun and verb in {pairs_held} and one sentence in \
{sentences_held} are held out by checksum, and so are the sentences that \
the documents show; the training text has none of them.

## Training

{steps:,} steps of {rows} rows, {sentences:,} rows in all, made as they are \
needed, and all on one core.
{gaps:.0%} of the rows are sentences of either language with gaps (T5's span \
corruption: one to three words a gap, up to seven gaps); of the translations \
{with_prefix:.0%} carry the prefix.
Muon trains the matrices of the blocks, AdamW the rest; the rate falls over \
the last {decay:.0%} of the steps.
There is no dropout.
Two heads of the cross-attention were shown the alignment of nouns, names, \
verbs, adjectives, adverbs and numbers, which the grammar knows: head 0 of \
layer 0 in the row of the word itself, head 0 of layer 1 in the row from \
which the word is foretold.
The logarithm of what they give to the right word counts {alignment:g} in \
the loss.
The other heads learned what they do by themselves.
The seed is {seed}.
It takes about twenty minutes on one core.

```
cd share/recipes/tiny-seq2seq && python3 make.py
```

The command needs Python 3 with PyTorch and NumPy, goes on where it was \
stopped, and leaves the model and this card beside its checkpoints.
Another processor or library may round otherwise, so the weights come out \
alike but not bit for bit the same.

## Figures

All figures are of the shipped weights, with greedy decoding, on sentences \
that were not trained on, and come from `evaluate.py`.

### Translation

`exact` is the share of sentences that are right to the last character, \
`words` the share of words that stand right in their place.
`new sentence` has words that were seen together in other sentences, \
`new pair` joins at least one noun and verb that training never joins.

{translation_table}

By kind of sentence, held out either way, with the prefix:

{kind_table}

### Alignment

The share of content words whose largest cross-attention lies on the word \
that they translate, on 300 held-out sentences; the mean is over the heads \
of a layer.
A row belongs to the token that the decoder has just read; the word itself \
is foretold from the row before.

{alignment_table}

### Gaps

`shape` is the share of answers with the right sentinels in order, `exact` \
the share with the very words that were taken out, though others would often \
fit as well.

{gap_table}

Of the French determiners that were taken out alone, {agreement:.1%} of the \
answers agree with the noun behind them in gender and number.

### Examples

Translations of sentences that were not trained on, and gaps, for which many \
words are right.

{example_table}

## Limits

Knows only the words and the forms of its grammar: other words are spelled \
out and come to nothing, and so do relative clauses, orders, idioms and most \
of real French and English.
Long sentences with two clauses fail most often.
It translates into French only; French without a gap is no input that it \
knows.
Nothing tells it whether what it says is true or kind.

## Licence

GPL-3.0-or-later, as the rest of attune.
"""

SETS = {"sentence": "new sentence", "pair": "new pair"}
KINDS = {"plain": "statement", "question": "question",
         "two_clauses": "two clauses", "there_is": "there is",
         "where_is": "where is", "who_did": "who"}


def percent(share):
    return f"{100 * share:.1f} %"


def translation_table(figures):
    rows = []
    for key, s in figures.items():
        name, _, prefix = key.partition(" ")
        rows.append([SETS[name], prefix, s["sentences"], percent(s["exact"]),
                     percent(s["words"])])
    return table(["held out", "input", "sentences", "exact", "words"], rows)


def kind_table(figures):
    rows = [[KINDS[key], s["sentences"], percent(s["exact"]),
             percent(s["words"])] for key, s in figures.items()]
    return table(["kind", "sentences", "exact", "words"], rows)


def alignment_table(figures):
    """A row a head, with both ways to read it."""
    rows = {}
    for key, share in figures.items():
        layer, head, late = key.split()
        rows.setdefault((layer, head), {})[late] = percent(share)
    return table(["layer", "head", "row of the word", "row before it"],
                 [[*key, row["1"], row["0"]] for key, row in rows.items()])


def gap_table(figures):
    rows = [[name.capitalize(), s["rows"], percent(s["shape"]),
             percent(s["exact"])]
            for name, s in figures.items() if "shape" in s]
    return table(["language", "sentences", "shape", "exact"], rows)


def example_table(figures):
    rows = []
    for one, two in figures:
        want = evaluate.RIGHT.get(one, two)
        rows.append([f"`{one}`", f"`{two}`",
                     "" if want == two else f"`{want}`"])
    return table(["input", "answer", "would be right"], rows)


def card(facts, figures):
    """The text of the card."""
    words = [noun for name in nouns.CLASSES for noun in nouns.CLASSES[name]]
    forms = (verbs.TRANSITIVE + verbs.INTRANSITIVE + verbs.MOTION
             + verbs.GIVING)
    return TEXT.format(
        description=DESCRIPTION, nouns=len(words),
        adjectives=len(nouns.ADJECTIVES),
        verbs=len({verb.name for verb in forms}),
        last_sentinel=facts["sentinels"] - 1,
        translation_table=translation_table(figures["translations"]),
        kind_table=kind_table(figures["kinds"]),
        alignment_table=alignment_table(figures["alignment"]),
        gap_table=gap_table(figures["gaps"]),
        agreement=figures["gaps"]["agreement"]["share"],
        example_table=example_table(figures["examples"]), **facts)
