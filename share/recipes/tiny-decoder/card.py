"""The model card: its text, with the measured figures filled in."""
import lexicon as lex
from tables import table

LICENCE = "GPL-3.0-or-later"
DESCRIPTION = ("A small English decoder that shows what zero-, one- and "
               "few-shot prompts do.")
LIMITS = ("Knows only the small English of its generator: no facts beyond "
          "its word lists, no dialogue, no safety training; words outside "
          "its corpus mean nothing to it.")

TEXT = """\
# tiny-decoder

{description}

## What it is

A decoder in LLaMA's shape with {parameters:,} parameters.
It has {layers} layers of {heads} query heads and {kv_heads} key and value \
heads, width {width}, a feed-forward width of {ffn}, RMS norms, SwiGLU, \
rotary positions and a context of {context} tokens.
The embedding and the output share one matrix.
Matrices are stored in half precision, norms in single precision.
The vocabulary is byte-level BPE of {vocab} tokens with GPT-2's pattern, \
trained on the same corpus.
`<|endoftext|>` begins and ends every text.

## Data

All text comes from a generator written for this model: `share/recipes/\
tiny-decoder`.
It holds reviews with labels, opinion words and words of categories with \
labels, word pairs (opposites, plurals, capitals, past tenses, colours, \
young animals, animal sounds, English and French), questions about them, \
copying, patterns, rows of numbers, small stories with questions, names and \
summaries, plain sentences, sentences in English and French, and a few \
small functions.
Nearly all of it stands as zero-, one- and few-shot text in several forms.
About a third of the labelled reviews carry `Positive` and `Negative`; one \
in thirty carries them the wrong way round; most others carry two words \
drawn from a pool of {pool} words.
So the same `Review: ... Sentiment:` goes on in very many ways, and only the \
shots before it tell which.
The first {first_steps} steps hold more labels, the later ones more of \
everything else.

## Training

{steps:,} steps of {step_tokens:,} tokens, {tokens:.1f} million tokens in \
all, none of them twice except by chance.
Rows have 128, 256 and 512 tokens; one step in eight has the full context.
The first token of an answer counts {answer_weight:g} times in the loss.
Muon trains the matrices of the blocks, AdamW the rest; the rate falls over \
the last {decay:.0%} of the steps.
The seed is {seed}.
It takes less than an hour on two cores.

```
cd share/recipes/tiny-decoder && python3 make.py
```

The command needs Python 3 with PyTorch and NumPy, goes on where it was \
stopped, and leaves the model and this card beside its checkpoints.
Another processor or library may round otherwise, so the weights come out \
alike but not bit for bit the same.

## Figures

All figures are of the shipped weights and come from `evaluate.py`.

### Reviews

{review_count} prompts stand behind each figure.
Every review, in the shots too, joins nouns with opinion words that the \
training text never joins (one combination in eight).
The shots are half positive, half negative, in random order; one shot has a \
random side.
p is the mean probability of the right label; two-way is the share of \
prompts where it is likelier than the wrong one; top is the share where it \
is the likeliest of all tokens.

{few_shot_table}

`unseen` are pairs of words that label nothing in the training text, neither \
review nor opinion word nor category: {held_out}.
There they stand in stories, lists and word pairs, and bound to other words \
at random.

### Word pairs

The share answered right, greedily and exactly: asked as a question without \
a shot, and as `hot -> cold` lines after four shots.
All pairs occur in the training text, so this measures memory and the \
choice of the task, not knowledge of new words.

{pairs_table}

### Documents

Perplexity per token, and the share of answers whose first token is the \
likeliest, on {documents} newly made documents a kind.
The first labels of a document cannot be known, so no model reaches 1 there; \
in `listing` and `period` every word that can be foretold counts as an answer.

{documents_table}

### Heads

On 16 words in random order, said twice, the share of attention that goes \
to the token before (a previous-token head) and to what followed the same \
word the first time (an induction head); layers and heads count from 0.

{heads_table}

With 64 words the best induction head gives {far:.2f}: the rows that the \
corpus repeats have 16 words at most.

## Limits

{limits}
It repeats itself after a sentence or two of free text.
Its reviews are short and plain; irony, long sentences and mixed feelings \
are beyond it.
Questions about a text that it was given it often answers wrongly (`question` \
above); it falls back on the likeliest words of the corpus.
Its French is a list of words and one form of sentence.
Prompts should look like those in `share/prompts`.

## Licence

{licence}, as the rest of attune.
"""

CASES = {"canonical": "Positive, Negative",
         "flipped": "the same, the wrong way round",
         "seen": "two words of the training pool",
         "unseen": "two unseen words"}
RELATIONS = {"opposite": "opposites", "plural": "plurals",
             "capital": "capitals", "past": "past tenses",
             "colour": "colours", "young": "young animals",
             "sound": "animal sounds", "french": "English to French"}


def few_shot_table(figures):
    rows = [[CASES[name], shots, f"{s['p']:.3f}", f"{s['two_way']:.3f}",
             f"{s['top']:.3f}"]
            for name, case in figures.items() for shots, s in case.items()]
    return table(["labels", "shots", "p", "two-way", "top"], rows)


def pairs_table(figures):
    rows = [[RELATIONS[key], s["pairs"], f"{s['question']:.2f}",
             f"{s['shots']:.2f}"] for key, s in figures.items()]
    return table(["relation", "pairs", "question", "four shots"], rows)


def documents_table(figures):
    rows = []
    for kind, s in figures.items():
        right = "" if s["right"] is None else f"{s['right']:.2f}"
        rows.append([kind, f"{s['perplexity']:.2f}", right])
    return table(["kind", "perplexity", "answers"], rows)


def heads_table(figures, count=4):
    """The strongest heads of both kinds."""
    rows = []
    for kind, name in (("before", "previous token"),
                       ("copied", "induction")):
        all_heads = [(score, layer, head)
                     for layer, scores in enumerate(figures[kind])
                     for head, score in enumerate(scores)]
        for score, layer, head in sorted(all_heads, reverse=True)[:count]:
            rows.append([name, layer, head, f"{score:.2f}"])
    return table(["kind", "layer", "head", "share"], rows)


def training_sentence(facts):
    """One sentence for the metadata of the model file."""
    return (f"{facts['tokens']:.1f} million tokens of generated English in "
            f"{facts['steps']} steps of {facts['step_tokens']}, seed "
            f"{facts['seed']}, with share/recipes/tiny-decoder.")


def card(facts, figures):
    """The text of the card."""
    held_out = ", ".join(f"{a}/{b}" for a, b in lex.HELD_OUT_PAIRS)
    return TEXT.format(
        description=DESCRIPTION, limits=LIMITS, licence=LICENCE,
        pool=len(lex.LABEL_POOL), held_out=held_out,
        few_shot_table=few_shot_table(figures["few_shot"]),
        pairs_table=pairs_table(figures["word_pairs"]),
        documents_table=documents_table(figures["documents"]),
        heads_table=heads_table(figures["heads"]),
        far=max(map(max, figures["far_heads"]["copied"])), **facts)
