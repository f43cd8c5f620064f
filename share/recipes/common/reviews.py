"""A small grammar of reviews, each with its sentiment.

A review is one or two clauses.  Every clause joins a noun of one domain with
an opinion word.  One (noun, opinion) combination in eight is held out: the
training text never joins the two, the evaluation uses nothing else.
"""
import zlib

from lexicon import words

POSITIVE, NEGATIVE = 0, 1

DOMAINS = {
    "film": words("""movie film story plot acting cast music ending script
        dialogue direction show actor actress comedy drama scene camera"""),
    "book": words("""book novel story plot ending writing style chapter hero
        poem author beginning"""),
    "food": words("""food meal soup pizza dessert coffee cake bread lunch
        dinner breakfast salad fish wine pie sandwich tea"""),
    "hotel": words("""hotel room bed bath restaurant house kitchen cafe
        garden pool place"""),
    "service": words("""service staff waiter driver guide owner cook
        doctor teacher"""),
    "product": words("""chair phone lamp table camera car toy game watch
        radio screen price shoe quality sound design"""),
    "music": words("""song album concert band singer voice music guitar
        melody show sound"""),
}

# opinion words by polarity: any noun takes these
ADJECTIVES = [
    words("""good great wonderful excellent fantastic amazing brilliant
        superb lovely perfect beautiful delightful charming awesome
        marvellous splendid enjoyable pleasant terrific outstanding
        impressive nice fine magnificent memorable exciting special
        remarkable incredible stunning fabulous fresh clever
        interesting"""),
    words("""bad terrible awful horrible poor boring dull disappointing
        dreadful weak mediocre stupid ugly lousy painful annoying
        forgettable nasty pathetic miserable tedious unpleasant horrid
        disgusting ridiculous lame bland useless worthless
        tiresome messy flat"""),
]
FILM_ADJECTIVES = [
    words("""funny moving touching thrilling gripping witty original tender
        warm smart"""),
    words("""slow silly predictable confusing empty noisy shallow pointless
        cold endless"""),
]
FOOD_ADJECTIVES = [
    words("tasty delicious warm sweet tender juicy"),
    words("cold greasy stale salty burnt dry tasteless"),
]
HOTEL_ADJECTIVES = [
    words("clean comfortable quiet cosy bright warm"),
    words("dirty noisy dark cold smelly shabby"),
]
SERVICE_ADJECTIVES = [
    words("friendly helpful kind polite generous patient"),
    words("rude slow lazy unfriendly careless unhelpful"),
]
PRODUCT_ADJECTIVES = [
    words("useful solid strong reliable comfortable handy"),
    words("broken fragile faulty slow noisy unreliable"),
]
EXTRA = {"film": FILM_ADJECTIVES, "book": FILM_ADJECTIVES,
         "music": FILM_ADJECTIVES, "food": FOOD_ADJECTIVES,
         "hotel": HOTEL_ADJECTIVES, "service": SERVICE_ADJECTIVES,
         "product": PRODUCT_ADJECTIVES}

VERBS = [words("loved enjoyed liked adored admired recommend love like"),
         words("hated disliked regretted despised detested hate dislike")]
DENIALS = [["can't fault", "do not regret", "don't regret", "won't forget"],
           ["do not like", "don't like", "can't recommend", "won't finish"]]
MASS = set(words("""acting music dialogue direction writing bread wine tea
    coffee soup food service staff sound quality design"""))
ADVERBS = words("very really truly so quite simply just absolutely")

# whole clauses that carry an opinion without a noun of their own
REMARKS = [
    ["I loved every minute.", "I want more.", "Highly recommended.",
     "I would go again.", "It made me smile.", "I was so happy.",
     "Everyone should try it.", "It was worth every penny.",
     "I could not stop smiling.", "What a joy!", "I am very pleased.",
     "Five stars.", "It made my day.", "A real treat.", "I was thrilled.",
     "We had a great time.", "Well done!", "Simply the best."],
    ["I hated every minute.", "I want my money back.", "Never again.",
     "I would not go again.", "It made me angry.", "I was so bored.",
     "Nobody should try it.", "It was a waste of money.",
     "I could not wait to leave.", "What a mess!", "I am very upset.",
     "One star.", "It ruined my day.", "A real shame.", "I was furious.",
     "We had a terrible time.", "Avoid it!", "Simply the worst."],
]


def held_out(noun, opinion):
    """True if the training text must never join these two words."""
    return zlib.crc32(f"{noun} {opinion}".encode()) % 8 == 0


def _pick(rng, nouns, opinions, heldout):
    """A (noun, opinion) combination from the wanted side of the split."""
    while True:
        noun, opinion = rng.choice(nouns), rng.choice(opinions)
        if held_out(noun, opinion) == heldout:
            return noun, opinion


def _clause(rng, domain, side, heldout):
    """One opinion as a sentence without its final mark."""
    nouns = DOMAINS[domain]
    kind = rng.random()
    if kind < 0.14:
        noun, verb = _pick(rng, nouns, VERBS[side], heldout)
        adverb = rng.choice(["", "", "really ", "absolutely "])
        return f"I {adverb}{verb} {rng.choice(['this', 'the'])} {noun}"
    if kind < 0.18:
        noun, verb = _pick(rng, nouns, DENIALS[side], heldout)
        return f"I {verb} {rng.choice(['this', 'the'])} {noun}"
    pool = ADJECTIVES[side]
    if rng.random() < 0.25:
        pool = EXTRA[domain][side]
    if kind < 0.24:
        other = ADJECTIVES[1 - side][:12]
        noun, adj = _pick(rng, nouns, other, heldout)
        no = rng.choice(["was not", "was never", "is not", "wasn't"])
        return f"The {noun} {no} {adj}"
    noun, adj = _pick(rng, nouns, pool, heldout)
    if kind < 0.32:
        return _joined(rng, nouns, side, heldout, pool, noun, adj)
    adverb = rng.choice(ADVERBS[:3]) + " " if rng.random() < 0.25 else ""
    if kind < 0.70:
        if rng.random() < 0.15:
            adverb = rng.choice(ADVERBS) + " "
        return (f"{rng.choice(['The', 'The', 'The', 'This'])} {noun} "
                f"{rng.choice(['was', 'was', 'was', 'is'])} {adverb}{adj}")
    if kind < 0.78:
        return f"I {rng.choice(['found', 'thought'])} the {noun} {adj}"
    phrase = f"{adverb}{adj} {noun}"
    if noun not in MASS:
        phrase = f"{article(phrase)} {phrase}"
    if kind < 0.86:
        return f"What {phrase}"
    if kind < 0.93:
        return phrase[0].upper() + phrase[1:]
    return f"It was {phrase}"


def _joined(rng, nouns, side, heldout, pool, noun, adj):
    """A clause with two opinions or two nouns."""
    kind = rng.random()
    if kind < 0.5:
        if sum(held_out(noun, word) == heldout for word in pool) < 2:
            return f"The {noun} was {adj}"
        other = adj
        while other == adj:
            _, other = _pick(rng, [noun], pool, heldout)
        return f"The {noun} was {adj} and {other}"
    other, more = _pick(rng, nouns, ADJECTIVES[side], heldout)
    if kind < 0.7 or other == noun or {noun, other} & MASS:
        return f"The {noun} was {adj} and the {other} was {more}"
    start = f"{article(adj)} {adj} {noun}"
    return f"{start[0].upper()}{start[1:]} with {article(more)} {more} {other}"


def article(word):
    """'a' or 'an'."""
    return "an" if word[0] in "aeiou" and word[:3] != "use" else "a"


def _finish(rng, clause):
    if clause.startswith("What "):
        return clause + "!"
    return clause + ("!" if rng.random() < 0.08 else ".")


def review(rng, side, heldout=False, plain=None):
    """One review of the given side.  `plain` asks for a single clause."""
    domain = rng.choice(("film", "film", "film") + tuple(DOMAINS))
    first = _clause(rng, domain, side, heldout)
    kind = 0.0 if plain else rng.random()
    if heldout:
        kind *= 0.82
    if kind < 0.62:
        return _finish(rng, first)
    if kind < 0.82:
        second = _clause(rng, domain, side, heldout)
        if kind < 0.74 or "What" in first:
            return _finish(rng, first) + " " + _finish(rng, second)
        return f"{first} and {_lower(second)}."
    if kind < 0.88:
        before = _clause(rng, domain, 1 - side, False)
        return f"{before.replace('What ', 'It was ')}, but {_lower(first)}."
    remark = rng.choice(REMARKS[side])
    if kind < 0.93:
        return remark
    return _finish(rng, first) + " " + remark


def _lower(clause):
    """The clause as it stands after 'and' or 'but'."""
    if clause.startswith("I "):
        return clause
    if clause.startswith("What "):
        return "it was " + clause[len("What "):]
    clause = clause[0].lower() + clause[1:]
    if clause.startswith(("the ", "this ", "it ")):
        return clause
    return "it was " + clause


def opinion_word(rng, side):
    """A bare opinion word, for the short forms."""
    pool = ADJECTIVES[side]
    if rng.random() < 0.25:
        pool = EXTRA[rng.choice(tuple(EXTRA))][side]
    return rng.choice(pool)
