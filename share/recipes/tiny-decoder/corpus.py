"""The mixture of documents, as text and as batches of tokens."""
import random

import numpy as np

import lexicon as lex
import stories
import tasks

# kind: (share of the documents in the first steps, share later, function);
# labels and what they hang on come first, since all else is learnt faster
# by a model that already looks back at its shots
MIX = {
    "review": (30, 18, tasks.review_document),
    "opinion": (12, 4, tasks.opinion_document),
    "category": (7, 5, tasks.category_document),
    "memory": (6, 3, tasks.memory_document),
    "relation": (16, 18, tasks.relation_document),
    "mixed": (3, 5, tasks.mixed_question_document),
    "code": (1, 1, tasks.code_document),
    "copy": (9, 3, tasks.copy_document),
    "pattern": (7, 4, tasks.pattern_document),
    "story": (12, 14, stories.story),
    "sentences": (3, 4, stories.sentences_document),
    "question": (3, 6, stories.question_document),
    "entity": (2, 3, stories.entity_document),
    "summary": (2, 3, stories.summary_document),
    "translation": (2, 3, stories.translation_document),
    "binding": (0, 4, tasks.binding_document),
    "listing": (0, 14, tasks.listing_document),
    "period": (0, 12, tasks.period_document),
}
FIRST_STEPS = 600
END = "<|endoftext|>"


# Row lengths of a cycle of steps; every step has STEP_TOKENS tokens.
LENGTHS = (128, 128, 256, 128, 128, 256, 128, 512)
STEP_TOKENS = 4096
ANSWER_WEIGHT = 5.0


def documents(rng, later=False):
    """Yield (kind, text) for ever."""
    kinds = list(MIX)
    shares = [MIX[kind][later] for kind in kinds]
    while True:
        kind = rng.choices(kinds, shares)[0]
        yield kind, MIX[kind][2](rng)


def encode(tokenizer, text):
    """Tokens of a document and the weight of each in the loss."""
    ids, weights = [tokenizer.end], [1.0]
    for i, part in enumerate(text.split(lex.ANSWER)):
        new = tokenizer.encode(part)
        ids += new
        weights += [ANSWER_WEIGHT if i else 1.0] + [1.0] * (len(new) - 1)
    return ids, weights


def batch(tokenizer, seed, step):
    """What a step learns from: token ids and weights, [rows, length + 1].

    They depend on the seed and the step alone, so that nothing is kept on
    disk, nothing repeats, and training can stop and go on anywhere.  A row
    begins with the end token and a whole document; documents follow until
    the row is full, and the last one is cut off there.
    """
    source = documents(random.Random(f"{seed} {step}"), step >= FIRST_STEPS)
    length = LENGTHS[step % len(LENGTHS)]
    shape = (STEP_TOKENS // length, length + 1)
    rows, weights = np.empty(shape, np.int64), np.empty(shape, np.float32)
    for i in range(shape[0]):
        ids, counts = [], []
        while len(ids) <= length:
            more = encode(tokenizer, next(source)[1])
            ids += more[0]
            counts += more[1]
        rows[i], weights[i] = ids[:length + 1], counts[:length + 1]
    return rows, weights
