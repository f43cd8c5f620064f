"""Sentences in English and French, with what stands for what."""
import zlib
from dataclasses import dataclass

import clauses
import nouns
import phrases
import surface
import verbs

# The sentences that the documents show: none of them is trained on.
SHOWN = [
    "The cat chased the mouse.", "The boy saw the dog.",
    "The girl found the bird.", "The horse followed the pig.",
    "The teacher taught the student with the book.",
    "The old woman is reading a letter in the garden.",
    "The girls went to the market yesterday.",
    "She did not see the small black cat.",
    "The children are playing near the river.",
    "My friend's sister arrived at the station.",
    "Does the man have a dog?",
    "There are two white horses in the field.",
]
FIXED = [("Hello.", "Bonjour."), ("Good evening.", "Bonsoir."),
         ("Good night.", "Bonne nuit."), ("Thank you.", "Merci."),
         ("Yes.", "Oui."), ("No.", "Non."), ("Please.", "S'il vous plaît."),
         ("It is raining.", "Il pleut."), ("It is snowing.", "Il neige."),
         ("How are you?", "Comment allez-vous ?"), ("Goodbye.", "Au revoir."),
         ("See you tomorrow.", "À demain."), ("It is late.", "Il est tard."),
         ("Good morning.", "Bonjour.")]
LINKS = [("because", "parce que|qu'"), ("and", "et"), ("but", "mais"),
         ("when", "quand"), ("while", "pendant que|qu'")]
# what a sentence that begins with a small letter may begin with
LOWER = (set(phrases.DETERMINERS) | {"he", "she", "we", "they", "you"}
         | {"these", "those", "some", "does", "did", "is", "are", "who"})
PAIRS_HELD, SENTENCES_HELD = 10, 12   # one in so many


@dataclass
class Sentence:
    """A sentence, its translation, and the places of its content words."""

    english: str
    french: str
    english_spans: list   # (start, end, key) of the content words
    french_spans: list
    pairs: list           # 'noun verb' and 'verb noun'

    def new_pair(self):
        """Whether it joins a noun and a verb that training never joins."""
        return any(held(pair, PAIRS_HELD) for pair in self.pairs)

    def reserved(self):
        """Whether the sentence as such is kept out of training."""
        plain = self.english.rstrip(".").lower()
        return (held(plain, SENTENCES_HELD)
                or plain in {s.rstrip(".").lower() for s in SHOWN})


def held(text, share):
    """A fixed choice of one text in so many, the same everywhere."""
    return zlib.crc32(text.encode()) % share == 0


def build(english, french, pairs, end, upper=True):
    """The sentence of two rows of words."""
    french = surface.french(french)
    if upper:
        english, french = surface.capital(english), surface.capital(french)
    one, one_spans = surface.join(english)
    two, two_spans = surface.join(french)
    return Sentence(one + end, two + (" ?" if end == "?" else end), one_spans,
                    two_spans, pairs)


def clause(rng, keys, subject=None, asked=False, simple=False):
    """Any kind of clause with a verb."""
    while True:
        kind = rng.choices(("do", "state", "be", "move", "give"),
                           (50, 20, 12, 10, 0 if simple else 8))[0]
        table = {"do": verbs.TRANSITIVE, "be": verbs.INTRANSITIVE,
                 "move": verbs.MOTION, "give": verbs.GIVING}.get(kind)
        verb = rng.choice(table) if table else None
        who = subject
        if who is None:
            if rng.random() < 0.24:
                who = phrases.pronoun(rng)
            elif verb is None and rng.random() < 0.4:
                who = phrases.noun_phrase(rng, keys, rng.choice(
                    phrases.all_nouns(["thing"])))
            else:
                who = phrases.somebody(
                    rng, keys, verb.subjects if verb else ["living"])
        if verb is None:
            out = clauses.state(rng, keys, who, simple)
        else:
            out = clauses.predicate(rng, keys, who, verb, asked, simple)
        if out is not None:
            return out


def there_is(rng, keys):
    """There is a cat in the garden."""
    noun = rng.choice(phrases.all_nouns(["living", "handy", "vehicle"]))
    what = phrases.noun_phrase(rng, keys, noun)
    negated = rng.random() < 0.15 and bool(what.open)
    if not what.open and what.french[0][0] not in phrases.NUMBERS.values():
        return there_is(rng, keys)
    where = clauses.place(rng, keys) if rng.random() < 0.8 else ([], [])
    english = [("There", None), ("are" if what.plural else "is", None)]
    if negated:
        inner = what.english[1:]
        return build(english + [("no", None)] + inner + where[0],
                     [("Il", None), ("n'y", None), ("a", None),
                      ("pas", None)] + list(what.open) + where[1], [], ".")
    return build(english + what.english + where[0],
                 [("Il", None), ("y", None), ("a", None)] + what.french
                 + where[1], [], ".")


def where_is(rng, keys):
    """Where is the cat?"""
    noun = rng.choice(phrases.all_nouns(["living", "handy"]))
    what = phrases.noun_phrase(rng, keys, noun)
    if what.open:
        return where_is(rng, keys)
    be = ("are", "sont") if what.plural else ("is", "est")
    return build([("Where", None), (be[0], None)] + what.english,
                 [("Où", None), (be[1], None)] + what.french, [], "?")


def who_did(rng, keys):
    """Who chased the mouse?"""
    who = phrases.Phrase([("Who", None)], [("Qui", None)])
    some = clause(rng, keys, who)
    return build(*some.statement(), some.pairs, "?")


def two_clauses(rng, keys):
    """The cat slept because it was tired."""
    first = clause(rng, keys, simple=True)
    if rng.random() < 0.7:
        who = phrases.pronoun_for(rng, first.subject)
        second = None
        while second is None:
            second = (clause(rng, keys, who, simple=True) if who.living
                      else clauses.state(rng, keys, who, simple=True))
    else:
        second = clause(rng, keys, simple=True)
    one, two = rng.choice(LINKS)
    left, right = first.statement(), second.statement()
    return build(left[0] + [(one, None)] + right[0],
                 left[1] + clauses.spread(two) + right[1],
                 first.pairs + second.pairs, ".")


def countable():
    """All nouns that have a plural."""
    return [noun for noun in phrases.all_nouns(sorted(nouns.CLASSES))
            if noun not in nouns.NO_PLURAL]


def small(rng, keys):
    """A word or a phrase without a sentence around it."""
    chance = rng.random()
    if chance < 0.15:
        one, two = rng.choice(FIXED)
        return Sentence(one, two, [], [], [])
    if chance < 0.55:
        what = phrases.noun_phrase(rng, keys, rng.choice(
            countable()))
        return build(what.english, what.french, [], "", rng.random() < 0.2)
    key = keys()
    if chance < 0.8:
        noun = rng.choice(phrases.all_nouns(sorted(nouns.CLASSES)))
        words = (noun.english, noun.french)
        if (rng.random() < 0.3 and noun not in nouns.NO_PLURAL
                and noun.english != noun.english_plural):
            words = (noun.english_plural, noun.french_plural)
    elif chance < 0.9:
        adjective = rng.choice(nouns.ADJECTIVES)
        words = (adjective.english, adjective.forms[0].split("|")[0])
    else:
        verb = rng.choice(verbs.TRANSITIVE + verbs.INTRANSITIVE)
        if verb.particle or verb.french == "quitter":
            return small(rng, keys)
        words = ("to " + verb.base, verb.french)
        return build(clauses.spread(words[0], key), [(words[1], key)], [], "",
                     False)
    return build([(words[0], key)], [(words[1], key)], [], "", False)


def plain(rng, keys):
    """A statement with one clause."""
    some = clause(rng, keys)
    english, french = some.statement(rng.random() < 0.3)
    if rng.random() < 0.03:
        key = keys()
        one, two = rng.choice(clauses.TIMES[some.time])
        english = clauses.spread(one, key) + [(",", None)] + english
        french = clauses.spread(two, key) + [(",", None)] + french
    return build(english, french, some.pairs, ".")


def question(rng, keys):
    """A question with yes or no for an answer."""
    while True:
        some = clause(rng, keys, asked=True)
        negative = any(w == "not" or w.endswith("n't") or w == "cannot"
                       for w, _ in some.auxiliary)
        if not negative:
            return build(*some.question(), some.pairs, "?")


KINDS = [(plain, 70), (question, 6), (two_clauses, 9), (there_is, 4),
         (where_is, 2), (who_did, 3), (small, 6)]


def sentence(rng):
    """Any sentence of the grammar."""
    make = rng.choices([k for k, _ in KINDS], [n for _, n in KINDS])[0]
    out = make(rng, phrases.Keys())
    if out.english.endswith(".") and rng.random() < 0.06:
        out.english, out.french = out.english[:-1], out.french[:-1]
    if rng.random() < 0.04 and out.english.split()[0].lower() in LOWER:
        out.english = out.english[0].lower() + out.english[1:]
        out.french = out.french[0].lower() + out.french[1:]
    return out


def training(rng):
    """A sentence that may be trained on."""
    while True:
        out = sentence(rng)
        if not out.new_pair() and not out.reserved():
            return out


def heldout(rng, new_pair):
    """A sentence that is not trained on; with a new pair of words or not."""
    while True:
        out = sentence(rng)
        if out.pairs and (out.new_pair() if new_pair else
                          out.reserved() and not out.new_pair()):
            return out
