"""Noun phrases and pronouns in both languages at once."""
from dataclasses import dataclass, field

import nouns
from surface import OPEN

# English: French (masculine, feminine, plural)
DETERMINERS = {
    "the": ("le|l'", "la|l'", "les"), "a": ("un", "une", "des"),
    "this": ("ce|cet", "cette", "ces"), "that": ("ce|cet", "cette", "ces"),
    "my": ("mon", "ma|mon", "mes"), "your": ("ton", "ta|ton", "tes"),
    "his": ("son", "sa|son", "ses"), "her": ("son", "sa|son", "ses"),
    "our": ("notre", "notre", "nos"), "their": ("leur", "leur", "leurs"),
    "every": ("chaque", "chaque", None),
}
MANY = {"this": "these", "that": "those", "a": "some"}
POSSESSIVE = ["my", "your", "his", "her", "our", "their"]
NUMBERS = {"two": "deux", "three": "trois", "four": "quatre",
           "five": "cinq", "six": "six", "seven": "sept", "eight": "huit",
           "nine": "neuf", "ten": "dix"}
# English subject and object, French subject, direct and indirect object,
# form of the verb, female, plural
PRONOUNS = [
    ("I", "me", "je|j'", "me|m'", "me|m'", 0, False, False),
    ("you", "you", "tu", "te|t'", "te|t'", 1, False, False),
    ("he", "him", "il", "le|l'", "lui", 2, False, False),
    ("she", "her", "elle", "la|l'", "lui", 2, True, False),
    ("we", "us", "nous", "nous", "nous", 3, False, True),
    ("they", "them", "ils", "les", "leur", 5, False, True),
    ("it", "it", "il", "le|l'", "lui", 2, False, False),
]
BEASTS = {noun.english for noun in nouns.ANIMALS}
INTENSIVE = {"very": "très", "too": "trop", "so": "si"}


@dataclass
class Phrase:
    """Somebody or something, as words of both languages."""

    english: list
    french: list
    form: int = 2            # which form of the verb goes with it
    female: bool = False
    plural: bool = False
    names: list = field(default_factory=list)  # nouns, for what is held out
    clitic: tuple = ()       # French direct and indirect object pronoun
    open: tuple = ()         # French words when the article turns into de
    living: bool = True


class Keys:
    """Numbers for words that translate each other."""

    def __init__(self):
        self.last = -1

    def __call__(self):
        self.last += 1
        return self.last


def pronoun(rng, subject=None):
    """A personal pronoun, as an object not that of the same subject."""
    while True:
        row = rng.choices(PRONOUNS, (5, 4, 8, 8, 4, 6, 3 if subject else 1))[0]
        if subject is None or row[5] in (2, 5) or row[5] != subject.form:
            return pronoun_of(row)


def pronoun_of(row):
    """The phrase of a row of the table."""
    return Phrase([(row[0], None)], [(row[2], None)], row[5], row[6], row[7],
                  [], (row[1], row[3], row[4]))


def pronoun_for(rng, phrase):
    """He, she, it, they: whom or what the phrase means."""
    if phrase.form not in (2, 5):
        return pronoun_of(next(r for r in PRONOUNS if r[5] == phrase.form))
    animal = phrase.names and phrase.names[0] in BEASTS
    if phrase.plural:
        english, french = "they", "elles" if phrase.female else "ils"
    else:
        french = "elle" if phrase.female else "il"
        english = "she" if phrase.female else "he"
        if not phrase.living or animal and rng.random() < 0.5:
            english = "it"
    return Phrase([(english, None)], [(french, None)], phrase.form,
                  phrase.female, phrase.plural, living=phrase.living)


def name(rng, keys):
    """A first name."""
    female = rng.random() < 0.5
    word = (rng.choice(nouns.GIRLS if female else nouns.BOYS), keys())
    return Phrase([word], [word], 2, female, False, [word[0]])


def inflect(adjective, female, plural):
    """The French form of an adjective."""
    return adjective.forms[2 * plural + female]


def pick_adjectives(rng, living, keys):
    """None, one or two adjectives: at most one before and one behind."""
    chance = rng.random()
    if chance > 0.3:
        return []
    fit = [a for a in nouns.ADJECTIVES
           if (a.of_living if living else a.of_things)]
    some = [rng.choice(fit)]
    if chance < 0.04:
        other = [a for a in fit if a.before != some[0].before]
        some = sorted(some + [rng.choice(other)], key=lambda a: not a.before)
    return [(a, keys()) for a in some]


def article(word):
    """a or an."""
    sounds = word[0] in "aeiou" and not word.startswith(("uni", "use"))
    return "an" if sounds else "a"


def determiner(rng, noun):
    """(English words, French words, plural, indefinite)."""
    if noun in nouns.NO_PLURAL:
        plural = False
        kind = rng.choices(["the", "some", "own"], (5, 4, 1))[0]
        if kind == "some":
            front = rng.choice(([], [("some", None)]))
            return front, [("de", None), ("l", None)], False, True
    else:
        plural = (noun.english != noun.english_plural
                  and rng.random() < 0.27)
        kind = rng.choices(["the", "a", "own", "this", "that", "every",
                            "number", "many"],
                           (52, 18, 10, 3, 2, 0 if plural else 2,
                            6 if plural else 0, 3 if plural else 0))[0]
    if kind == "own":
        kind = rng.choice(POSSESSIVE)
    if kind == "many":
        return rng.choice([
            ([("many", None)], [("beaucoup", None), (OPEN, None)]),
            ([("several", None)], [("plusieurs", None)]),
            ([("all", None), ("the", None)], [("tous", None), ("les", None)]),
        ]) + (True, False)
    if kind == "number":
        return "number", None, True, False
    french = DETERMINERS[kind][2 if plural else noun.gender == "f"]
    word = MANY.get(kind, kind) if plural else kind
    return [(word, None)], [(french, None)], plural, kind == "a"


def noun_phrase(rng, keys, noun, plain=False):
    """A determiner, a noun, and perhaps adjectives or an owner."""
    living = noun in nouns.PERSONS or noun in nouns.ANIMALS
    female = noun.gender == "f"
    english, french, plural, indefinite = determiner(rng, noun)
    if english == "number":
        word, key = rng.choice(sorted(NUMBERS)), keys()
        english, french = [(word, key)], [(NUMBERS[word], key)]
    if french[0][0] == "tous" and female:
        french = [("toutes", None), ("les", None)]
    if french[-1][0] == "l":
        french = [french[0], ("la|l'" if female else "le|l'", None)]
    some = [] if plain else pick_adjectives(rng, living, keys)
    key = keys()
    before = [(inflect(a, female, plural), k) for a, k in some if a.before]
    behind = [(inflect(a, female, plural), k)
              for a, k in some if not a.before]
    core = (before
            + [(noun.french_plural if plural else noun.french, key)] + behind)
    inner = [(a.english, k) for a, k in some]
    inner += [(noun.english_plural if plural else noun.english, key)]
    if english == [("a", None)]:
        english = [(article(inner[0][0]), None)]
    if french == [("des", None)] and before:
        french = [(OPEN, None)]
    out = Phrase(english + inner, french + core, 5 if plural else 2, female,
                 plural, [noun.english], (), (), living)
    if indefinite:
        out.open = tuple([(OPEN, None)] + core)
    if not plain and english == [("the", None)] and rng.random() < 0.09:
        add_owner(rng, keys, out, inner)
    return out


def add_owner(rng, keys, phrase, inner):
    """The cat of the teacher, or the teacher's cat."""
    if rng.random() < 0.3:
        owner = name(rng, keys)
    else:
        owner = noun_phrase(rng, keys, rng.choice(nouns.PERSONS), True)
    if owner.open:
        return
    phrase.french += [(OPEN, None)] + owner.french
    if not owner.plural and rng.random() < 0.6:
        phrase.english = owner.english + [("'s", None)] + inner
    else:
        phrase.english += [("of", None)] + owner.english


def all_nouns(names):
    """The nouns of classes and groups of classes."""
    out = []
    for name_ in names:
        for inner in nouns.GROUPS.get(name_, [name_]):
            out += nouns.CLASSES[inner]
    return out


def somebody(rng, keys, classes):
    """A phrase that can be a subject: also names and two at once."""
    pool = all_nouns(classes)
    chance = rng.random()
    if chance < 0.09 and nouns.PERSONS[0] in pool:
        first = name(rng, keys)
    else:
        first = noun_phrase(rng, keys, rng.choice(pool))
    if rng.random() > 0.05:
        return first
    second = noun_phrase(rng, keys, rng.choice(pool), True)
    return Phrase(first.english + [("and", None)] + second.english,
                  first.french + [("et", None)] + second.french, 5,
                  first.female and second.female, True,
                  first.names + second.names, (), (), first.living)
