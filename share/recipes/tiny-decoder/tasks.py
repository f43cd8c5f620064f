"""Zero-, one- and few-shot documents other than stories."""
import lexicon as lex
import reviews

# input prefix, output prefix, between input and output, between shots;
# the first is the canonical review form
REVIEW_FORMS = [
    ("Review: ", "Sentiment:", "\n", "\n\n"),
    ("Review: ", "Label:", "\n", "\n\n"),
    ("Text: ", "Sentiment:", "\n", "\n\n"),
    ("Text: ", "Label:", "\n", "\n\n"),
    ("Input: ", "Output:", "\n", "\n\n"),
    ("Sentence: ", "Class:", "\n", "\n\n"),
    ("Comment: ", "Feeling:", "\n", "\n"),
    ("Classify this review:\n", "Sentiment:", "\n", "\n\n"),
    ("", "->", " ", "\n"),
    ("", "=", " ", "\n"),
    ("Q: ", "A:", "\n", "\n\n"),
]
# a word always stands after a space here, so that one token will do for it
WORD_FORMS = [
    ("- ", "->", " ", "\n"), ("- ", ":", "", "\n"), ("* ", "=", " ", "\n"),
    ("The word ", "is", " ", ".\n"), ("- ", "->", " ", ", "),
    ("Word: ", "Label:", "\n", "\n\n"), ("Word: ", "Class:", "\n", "\n"),
    ("Input: ", "Output:", "\n", "\n\n"), ("Q: ", "A:", "\n", "\n"),
]
ARROW = ("", "->", " ", "\n")
CANONICAL = ("Positive", "Negative")


def join_shots(form, shots):
    """Text of the shots [(input, label), ...] in one form."""
    before, after, middle, between = form
    return between.join(f"{before}{text}{middle}{after}{lex.ANSWER} {label}"
                        for text, label in shots)


def sample_pair(rng):
    """Two different labels from the training pool."""
    return tuple(rng.sample(lex.LABEL_POOL, 2))


def label_pair(rng):
    """Labels for (positive, negative) and the name of their kind."""
    kind = rng.random()
    if kind < 0.33:
        return CANONICAL, "canonical"
    if kind < 0.36:
        return CANONICAL[::-1], "flipped"
    if kind < 0.46:
        return rng.choice(lex.SENTIMENT_LABELS), "words"
    return sample_pair(rng), "arbitrary"


def shot_count(rng, many):
    """How many labelled texts a document has."""
    if many:
        return rng.choice((3, 4, 5, 6, 7, 8, 9, 10, 12, 16))
    return rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9))


def review_document(rng):
    """Labelled reviews, the heart of the corpus."""
    labels, kind = label_pair(rng)
    form = REVIEW_FORMS[0]
    if rng.random() > 0.45:
        form = rng.choice(REVIEW_FORMS[1:])
    count = shot_count(rng, kind in ("arbitrary", "flipped"))
    plain = rng.random() < 0.4
    shots = []
    for _ in range(count):
        side = rng.randrange(2)
        shots.append((reviews.review(rng, side, plain=plain), labels[side]))
    text = join_shots(form, shots)
    if form[0].startswith("Classify") or rng.random() > 0.12:
        return text
    one, two = labels if rng.random() < 0.5 else labels[::-1]
    head = rng.choice(["Label each text as {} or {}.",
                       "Is each text {} or {}?",
                       "Answer with {} or {}.",
                       "Choose {} or {} for each review.",
                       "Label each text as {} or {}."])
    return head.format(one, two) + "\n\n" + text


def opinion_document(rng):
    """Opinion words alone with labels: the same choice in fewer tokens."""
    labels, _ = label_pair(rng)
    form = rng.choice(WORD_FORMS)
    shots = []
    for _ in range(rng.choice((4, 8, 12, 16, 20))):
        side = rng.randrange(2)
        shots.append((reviews.opinion_word(rng, side), labels[side]))
    return join_shots(form, shots)


def category_document(rng):
    """Words of two to four categories under arbitrary or true names."""
    count = rng.choice((2, 2, 2, 3, 4))
    names = rng.sample(sorted(lex.CATEGORIES), count)
    labels = names
    if rng.random() < 0.75:
        labels = rng.sample(lex.LABEL_POOL, count)
    form = rng.choice(WORD_FORMS)
    shots = []
    for _ in range(rng.choice((4, 8, 12, 16, 20))):
        which = rng.randrange(count)
        shots.append((rng.choice(lex.CATEGORIES[names[which]]),
                      labels[which]))
    return join_shots(form, shots)


def memory_document(rng, pool=None):
    """A few words bound to others at random, asked again and again."""
    count = rng.choice((2, 3, 4, 5, 6))
    keys = rng.sample(PLAIN_WORDS, count)
    labels = [rng.choice(pool or lex.LABEL_POOL) for _ in keys]
    form = rng.choice(WORD_FORMS)
    which = [rng.randrange(count) for _ in range(rng.choice((6, 10, 16, 24)))]
    return join_shots(form, [(keys[i], labels[i]) for i in which])


def binding_document(rng):
    """The same with any word, the held-out labels too."""
    return memory_document(rng, LISTED)


def relation_forms(key, noun, instruction, question):
    """The forms a word pair can stand in: (head, form, wrap of input)."""
    same = "{}"
    forms = [("", ARROW, same), ("", ARROW, same),
             ("", ("", "=", " ", "\n"), same),
             ("", ("", "->", " ", ", "), same),
             (instruction + "\n", ARROW, same),
             ("", ("- ", "->", " ", "\n"), same),
             (instruction + "\n\n", ("Word: ", f"{noun}:", "\n", "\n\n"),
              same),
             ("", ("Word: ", f"{noun}:", "\n", "\n\n"), same),
             ("", ("Q: ", "A:", "\n", "\n\n"), question),
             ("", ("Q: ", "A:", "\n", "\n"), question),
             ("", ("Input: ", "Output:", "\n", "\n\n"), same)]
    if key == "french":
        forms += [("", ("English: ", "French:", "\n", "\n\n"), same),
                  ("", ("English: ", "French:", "\n", "\n"), same)] * 2
        forms += [(instruction + "\n", ("", "=>", " ", "\n"), same)]
    if key == "capital":
        forms += [("", ("Country: ", "Capital:", "\n", "\n\n"), same)]
    return forms


def relation_document(rng):
    """Word pairs of one relation, 1 to 9 of them."""
    weights = (5, 4, 4, 4, 2, 1, 1, 7)
    key, table, noun, instruction, question = rng.choices(
        lex.RELATIONS, weights)[0]
    forms = relation_forms(key, noun, instruction, question)
    head, form, wrap = rng.choice(forms)
    count = min(rng.choice((1, 2, 3, 4, 5, 6, 7, 9)), len(table))
    chosen = rng.sample(table, count)
    if key in ("opposite", "french") and rng.random() < 0.35:
        if key == "opposite":
            chosen = [(b, a) for a, b in chosen]
        elif form[0] == "English: ":
            form = ("French: ", "English:") + form[2:]
            chosen = [(b, a) for a, b in chosen]
        elif not head and wrap == "{}" and form[0] != "Word: ":
            chosen = [(b, a) for a, b in chosen]
    return head + join_shots(form, [(wrap.format(a), b) for a, b in chosen])


def mixed_question_document(rng):
    """Questions about word pairs of all relations."""
    shots = []
    for _ in range(rng.choice((1, 2, 3, 4, 5, 6))):
        _, table, _, _, question = rng.choice(lex.RELATIONS)
        one, two = rng.choice(table)
        shots.append((question.format(one), two))
    return join_shots(("Q: ", "A:", "\n", rng.choice(("\n\n", "\n"))), shots)


def code_document(rng):
    """Remarks and the small functions below them."""
    chosen = rng.sample(lex.FUNCTIONS, rng.choice((1, 2, 3)))
    return "\n\n".join(f"# {remark}\ndef {head}:\n    return {body}"
                       for remark, head, body in chosen)


PLAIN_WORDS = sorted(
    {a for a, _ in lex.OPPOSITES} | set(lex.LABEL_POOL) | set(lex.THINGS)
    | set(lex.HELD_OUT_LABELS))
LISTED = PLAIN_WORDS + 6 * lex.HELD_OUT_LABELS


def word_list(rng, count):
    """Words in a row; the held-out labels come oftener than the rest."""
    return [rng.choice(LISTED) for _ in range(count)]


def copy_document(rng):
    """Lists of words and what is done to them."""
    kind = rng.randrange(7)
    some = word_list(rng, rng.choice((1, 2, 3, 4, 5, 6, 8)))
    line = " ".join(some)
    if kind == 0:
        return f"Copy: {line}\nCopy: {line}"
    if kind == 1:
        return f"Input: {line}\nOutput: {line}"
    if kind == 2:
        return f"Repeat the words: {line}\n{line}"
    if kind == 3:
        return f"Words: {line}\nBackwards: {' '.join(some[::-1])}"
    if kind == 4:
        return f"Words: {line}\nFirst: {some[0]}\nLast: {some[-1]}"
    if kind == 5:
        noun = "word" if len(some) == 1 else "words"
        return f"Words: {line}\nCount: {len(some)} {noun}"
    lists = []
    for _ in range(rng.choice((2, 3, 4))):
        some = word_list(rng, rng.choice((2, 3, 4)))
        lists.append(f"{' '.join(some)} -> {' '.join(some)}")
    return "\n".join(lists)


def pattern_document(rng):
    """Repeating patterns, counting and rows of numbers."""
    kind = rng.randrange(6)
    if kind < 3:
        period = rng.choice((2, 3, 3, 4, 5, 6, 8))
        pool = rng.choice((PLAIN_WORDS, LISTED,
                           list("abcdefghijklmnopqrstuvwxyz")))
        some = rng.sample(pool, period)
        times = rng.choice((2, 3, 4, 5, 6))
        return rng.choice((" ", " ", ", ")).join(some * times)
    if kind == 3:
        start, step = rng.randrange(1, 12), rng.choice((1, 1, 1, 2, 3, 5))
        row = range(start, start + step * rng.choice((5, 8, 10)), step)
        row = [n for n in row if n <= 60]
        if rng.random() < 0.25:
            row.reverse()
        return rng.choice((" ", ", ")).join(map(str, row))
    if kind == 4:
        start = rng.randrange(6)
        row = lex.NUMBER_WORDS[start:start + rng.choice((4, 5, 6, 7))]
        return rng.choice((" ", ", ")).join(row)
    runs = word_list(rng, rng.choice((2, 3, 4)))
    again = rng.choice((2, 3))
    return " ".join(word for word in runs for _ in range(again))


def said(some):
    """The words after spaces, each marked as an answer."""
    return "".join(f"{lex.ANSWER} {word}" for word in some)


LIST_TASKS = [
    ("Copy:", "Copy:", list),
    ("Input:", "Output:", list),
    ("Words:", "Again:", list),
    ("Words:", "Backwards:", lambda some: some[::-1]),
    ("Words:", "First:", lambda some: some[:1]),
    ("Words:", "Last:", lambda some: some[-1:]),
    ("Words:", "Count:", lambda some: [lex.NUMBER_WORDS[len(some)]]),
]


def listing_document(rng):
    """One thing done to several lists, a list a shot."""
    before, after, change = rng.choice(LIST_TASKS)
    between = rng.choice(("\n", "\n\n"))
    shots = []
    for _ in range(rng.choice((1, 2, 3, 4, 6))):
        some = word_list(rng, rng.choice((1, 2, 3, 3, 4, 5, 6, 8)))
        shots.append(f"{before} {' '.join(some)}\n{after}"
                     f"{said(change(some))}")
    return between.join(shots)


def period_document(rng):
    """A row of words again and again, or numbers by equal steps."""
    kind = rng.random()
    if kind < 0.75:
        period = rng.choice((2, 3, 3, 4, 5, 6, 8, 12, 16))
        pool = rng.choice((LISTED, LISTED,
                           list("abcdefghijklmnopqrstuvwxyz")))
        some = [rng.choice(pool) for _ in range(period)]
        times = max(2, rng.choice((12, 24, 36)) // period)
        return " ".join(some) + said(some) * (times - 1)
    start, step = rng.randrange(0, 12), rng.choice((1, 1, 1, 2, 3, 5, 10))
    row = [str(start + step * i) for i in range(rng.choice((6, 10, 16)))]
    row = [number for number in row if int(number) <= 100]
    if rng.random() < 0.2:
        row.reverse()
    comma = "," if rng.random() < 0.4 else ""
    known = f"{comma} ".join(row[:2])
    return known + "".join(f"{comma}{lex.ANSWER} {n}" for n in row[2:])
