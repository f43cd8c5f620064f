"""Clauses: a subject, a verb in some tense, what belongs to it."""
from dataclasses import dataclass, field

import nouns
import phrases
import verbs
from surface import OPEN, agree

STATE = {"see", "like", "love", "hate", "want", "have", "know", "hear",
         "understand", "fear"}
NEGATED = {"does": "doesn't", "do": "don't", "did": "didn't",
           "is": "isn't", "are": "aren't", "was": "wasn't",
           "were": "weren't", "has": "hasn't", "have": "haven't",
           "will": "won't", "can": "can't"}
SHORT = {("I", "am"): "I'm", ("he", "is"): "he's", ("she", "is"): "she's",
         ("it", "is"): "it's", ("we", "are"): "we're",
         ("they", "are"): "they're", ("you", "are"): "you're"}
TENSES = ["present", "progressive", "past", "perfect", "will", "going",
          "can", "want", "must"]
SHARES = [24, 12, 42, 5, 5, 2, 4, 3, 3]
MODAL = {"will": verbs.ALLER, "going": verbs.ALLER, "can": verbs.POUVOIR,
         "want": verbs.VOULOIR, "must": verbs.DEVOIR}

NEAR = [("in", "dans"), ("near", "près de|d'"), ("behind", "derrière"),
        ("in front of", "devant"), ("next to", "à côté de|d'"),
        ("far from", "loin de|d'")]
UPON = [("on", "sur"), ("under", "sous"), ("behind", "derrière"),
        ("near", "près de|d'"), ("in front of", "devant"),
        ("next to", "à côté de|d'"), ("against", "contre")]
TIMES = {
    "past": [("yesterday", "hier"), ("this morning", "ce matin"),
             ("last night", "hier soir"), ("on Monday", "lundi"),
             ("on Sunday", "dimanche")],
    "present": [("every day", "tous les jours"), ("now", "maintenant"),
                ("today", "aujourd'hui"), ("in the evening", "le soir"),
                ("in the morning", "le matin")],
    "future": [("tomorrow", "demain"), ("tonight", "ce soir"),
               ("today", "aujourd'hui"), ("on Friday", "vendredi")],
}
OFTEN = [("often", "souvent"), ("always", "toujours"), ("never", "jamais"),
         ("sometimes", "parfois")]
MANNER = [("slowly", "lentement"), ("quickly", "rapidement"),
          ("quietly", "doucement"), ("here", "ici"), ("there", "là"),
          ("again", "encore"), ("a lot", "beaucoup"), ("well", "bien"),
          ("at home", "à la maison")]
# be hungry: avoir faim
HAVING = [("hungry", "faim"), ("thirsty", "soif"), ("afraid", "peur"),
          ("cold", "froid"), ("hot", "chaud"), ("sleepy", "sommeil"),
          ("right", "raison"), ("wrong", "tort")]


@dataclass
class Clause:
    """Words of both languages in several orders, and what is held out."""

    subject: phrases.Phrase
    english: list          # all but the subject: [words before not, after]
    french: list
    time: str
    auxiliary: list = field(default_factory=list)
    pairs: list = field(default_factory=list)

    def statement(self, contract=False):
        """English and French of the plain statement."""
        front = self.subject.english
        words = self.auxiliary + self.english
        pair = (front[0][0], words[0][0])
        if contract and len(front) == 1 and pair in SHORT:
            front, words = [(SHORT[pair], None)], words[1:]
        return front + words, self.subject.french + self.french

    def question(self):
        """A question with yes or no for an answer."""
        return (self.auxiliary[:1] + self.subject.english
                + self.auxiliary[1:] + self.english,
                [("Est-ce", None), ("que|qu'", None)] + self.subject.french
                + self.french)


def spread(text, key=None):
    """The words of a short text; the last one carries the key."""
    words = [(word, None) for word in text.split()]
    words[-1] = (words[-1][0], key)
    return words


def to_be(form, past):
    """am, is, are, was, were."""
    if past:
        return "was" if form in (0, 2) else "were"
    return {0: "am", 2: "is"}.get(form, "are")


def english_verb(verb, form, tense, negated, asked, key):
    """(auxiliaries, the rest) in one tense."""
    third = form == 2
    base = (verb.base, key)
    if tense == "progressive":
        aux, rest = [to_be(form, False)], [(verb.ing, key)]
    elif tense == "perfect":
        aux, rest = ["has" if third else "have"], [(verb.part, key)]
    elif tense == "going":
        aux = [to_be(form, False)]
        rest = [("going", None), ("to", None), base]
    elif tense in ("will", "can", "must"):
        aux, rest = [tense], [base]
    else:
        want = tense == "want"
        do = "did" if tense == "past" else "does" if third else "do"
        rest = [("want", None), ("to", None), base] if want else [base]
        if negated or asked:
            aux = [do]
        else:
            aux = []
            if want:
                rest[0] = ("wants" if third else "want", None)
            else:
                rest = [(verb.past if tense == "past" else
                         verb.third if third else verb.base, key)]
    if verb.particle:
        rest = rest + spread(verb.particle)
    return [(word, None) for word in aux], rest


def french_verb(verb, subject, tense, negation, clitic, adverb, key):
    """The finite verb with all that clings to it.

    `negation` is pas, jamais or nothing; `clitic` is (word, female, plural)
    of an object pronoun; the adverb stands behind the finite verb.
    """
    before = [("ne|n'", None)] if negation else []
    after = [(negation, None)] if negation else []
    if adverb:
        after = after + [adverb]
    pronoun = [(clitic[0], None)] if clitic else []
    if tense in MODAL:
        finite = [(MODAL[tense][subject.form], None)]
        return before + finite + after + pronoun + [(verb.french, key)]
    if tense in ("past", "perfect") and not verb.imperfect:
        helper = verbs.ETRE if verb.etre else verbs.AVOIR
        of = (subject.female, subject.plural) if verb.etre else clitic[1:]
        done = agree(verb.participle, *of) if of else verb.participle
        return (before + pronoun + [(helper[subject.form], None)] + after
                + [(done, key)])
    forms = verb.imperfect if tense in ("past", "perfect") else verb.present
    return before + pronoun + [(forms[subject.form], key)] + after


def pick_tense(rng, verb, subject):
    """A tense that the verb can stand in, not `they read` as a present."""
    while True:
        tense = rng.choices(TENSES, SHARES)[0]
        if tense == "progressive" and verb.base in STATE:
            continue
        if (tense == "present" and subject.form != 2
                and verb.base == verb.past):
            continue
        if tense == "perfect" and verb.imperfect:
            continue
        if tense in ("want", "can") and verb.base in ("want", "die"):
            continue
        return tense


def time_of(tense):
    """Past, present or future, for adverbs of time."""
    if tense in ("past", "perfect"):
        return "past"
    return "future" if tense in ("will", "going") else "present"


def negate(auxiliary, rng):
    """does not, or doesn't."""
    if not auxiliary:
        return auxiliary
    word = auxiliary[0][0]
    if word in NEGATED and rng.random() < 0.45:
        return [(NEGATED[word], None)] + auxiliary[1:]
    if word == "can":
        return [("cannot", None)]
    return [auxiliary[0], ("not", None)] + auxiliary[1:]


def place(rng, keys):
    """Where: (English words, French words)."""
    if rng.random() < 0.3:
        noun = rng.choice(nouns.FURNITURE)
        english, french = rng.choice(UPON)
    else:
        noun = rng.choice(nouns.ROOMS + nouns.SCENERY)
        english, french = rng.choice(NEAR)
        if noun in nouns.SCENERY and english == "in":
            english, french = "near", "près de|d'"
        if noun.english in nouns.AT and rng.random() < 0.4:
            if noun.english == "school":
                return (spread("at school", keys.last + 1),
                        [("à", None), ("la|l'", None), ("école", keys())])
            english, french = "at", "à"
    where = phrases.noun_phrase(rng, keys, noun, rng.random() < 0.7)
    return spread(english) + where.english, spread(french) + where.french


def tail(rng, keys, verb, tense, free):
    """What may follow: manner, instrument, place, time."""
    english, french = [], []
    if free and rng.random() < 0.22:
        key, (one, two) = keys(), rng.choice(MANNER)
        english, french = spread(one, key), spread(two, key)
    chance = rng.random()
    if chance < 0.1 and not free:
        with_, avec = rng.choice((("with", "avec"), ("with", "avec"),
                                  ("without", "sans")))
        pool = ["tool", "readable", "object"] if with_ == "with" else ["tool"]
        what = phrases.noun_phrase(
            rng, keys, rng.choice(phrases.all_nouns(pool)), True)
        if with_ == "with" or not what.open:
            english = english + [(with_, None)] + what.english
            french = french + [(avec, None)] + what.french
    elif chance < 0.28:
        one, two = place(rng, keys)
        english, french = english + one, french + two
    if rng.random() < 0.11:
        key, (one, two) = keys(), rng.choice(TIMES[time_of(tense)])
        english, french = english + spread(one, key), french + spread(two, key)
    return english, french


def objects_of(rng, keys, subject, verb, negated):
    """(English, French, clitic, pairs) of the object of a verb."""
    if rng.random() < 0.11:
        it = phrases.pronoun(rng, subject)
        them, direct, indirect = it.clitic
        if not verb.preposition and (
                set(verb.objects) & {"living", "person", "animal"}):
            return [(them, None)], [], (direct, it.female, it.plural), []
        if verb.preposition == "à" and verb.base != "think":
            return [(them, None)], [], (indirect, False, False), []
    noun = rng.choice(phrases.all_nouns([rng.choice(verb.objects)]))
    what = phrases.noun_phrase(rng, keys, noun)
    french = what.french
    if negated and what.open and not verb.preposition:
        french = list(what.open)
    if verb.preposition:
        word = OPEN if verb.preposition == "de" else verb.preposition
        french = [(word, None)] + french
    return what.english, french, (), [f"{verb.name} {noun.english}"]


def predicate(rng, keys, subject, verb, asked, simple=False):
    """A clause around one verb."""
    tense = pick_tense(rng, verb, subject)
    negated = rng.random() < 0.14
    key = keys()
    adverb = None
    if not negated and rng.random() < 0.07:
        adverb = rng.choice(OFTEN)
    never = bool(adverb) and adverb[0] == "never"
    english, french, clitic, pairs = [], [], (), []
    if verb in verbs.MOTION:
        noun = rng.choice(phrases.all_nouns(["place"]))
        if verb.particle.endswith(("at", "to")):
            noun = rng.choice([n for n in phrases.all_nouns(["place"])
                               if n.english in nouns.AT]
                              + phrases.all_nouns(["room"]))
        where = phrases.noun_phrase(rng, keys, noun, rng.random() < 0.8)
        word = OPEN if verb.preposition == "de" else verb.preposition
        english, french = where.english, [(word, None)] + where.french
    elif verb.objects:
        english, french, clitic, pairs = objects_of(
            rng, keys, subject, verb, negated or never)
    if verb in verbs.GIVING:
        whom = phrases.noun_phrase(rng, keys, rng.choice(nouns.PERSONS),
                                   rng.random() < 0.7)
        if clitic:
            return None
        french = french[1:] + [("à", None)] + whom.french
        if (negated or never) and french[0][0] in ("un", "une", "des"):
            french[0] = (OPEN, None)
        english = english + [("to", None)] + whom.english
    if not simple:
        one, two = tail(rng, keys, verb, tense, not verb.objects)
        english, french = english + one, french + two
    mark = keys() if adverb else None
    aux, rest = english_verb(verb, subject.form, tense, negated, asked, key)
    if negated:
        aux = negate(aux, rng)
    if adverb:
        rest = [(adverb[0], mark)] + rest
    negation = "pas" if negated else ""
    marked = None
    if never:
        negation = "jamais"
    elif adverb:
        marked = (adverb[1], mark)
    finite = french_verb(verb, subject, tense, negation, clitic, marked, key)
    if never:
        finite = [(w, mark if w == "jamais" else k) for w, k in finite]
    pairs += [f"{noun} {verb.name}" for noun in subject.names]
    return Clause(subject, rest + english, finite + french, time_of(tense),
                  aux, pairs)


def state(rng, keys, subject, simple=False):
    """The cat is black, is hungry, is near the house, is bigger than..."""
    past = rng.random() < 0.35
    negated = rng.random() < 0.15
    key = keys()
    forms = verbs.WAS if past else verbs.ETRE
    chance = rng.random()
    names = [f"{noun} be" for noun in subject.names]
    if chance < 0.2 and subject.living:
        word, french = rng.choice(HAVING)
        rest = [(word, key)]
        forms = verbs.HAD if past else verbs.AVOIR
        behind = [(french, key)]
    elif chance < 0.4:
        rest, behind = place(rng, keys)
    elif chance < 0.5 and not simple and subject.form in (2, 5):
        word, plain = rng.choice(sorted(nouns.COMPARED.items()))
        adjective = next(a for a in nouns.ADJECTIVES if a.english == plain)
        pool = ["living"] if subject.living else ["thing"]
        other = phrases.somebody(rng, keys, pool)
        if other.open or not (adjective.of_living if subject.living
                              else adjective.of_things):
            return None
        rest = [(word, key), ("than", None)] + other.english
        form = phrases.inflect(adjective, subject.female, subject.plural)
        behind = ([("plus", None), (form, key), ("que|qu'", None)]
                  + other.french)
    else:
        adjective = rng.choice([a for a in nouns.ADJECTIVES if (
            a.of_living if subject.living else a.of_things)])
        form = phrases.inflect(adjective, subject.female, subject.plural)
        rest, behind = [(adjective.english, key)], [(form, key)]
        if rng.random() < 0.2:
            mark, word = keys(), rng.choice(sorted(phrases.INTENSIVE))
            rest = [(word, mark)] + rest
            behind = [(phrases.INTENSIVE[word], mark)] + behind
    aux = [(to_be(subject.form, past), None)]
    if negated:
        aux = negate(aux, rng)
        if aux[0][0] == "am":
            aux = [("am", None), ("not", None)]
    finite = [(forms[subject.form], None)]
    if negated:
        finite = [("ne|n'", None)] + finite + [("pas", None)]
    return Clause(subject, rest, finite + behind,
                  "past" if past else "present", aux, names)
