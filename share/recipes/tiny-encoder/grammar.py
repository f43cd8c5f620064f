"""Templates with typed slots, filled so that a text stays with its people.

A topic has people, things and lines.  `{a}` is the one whom a text is about,
`{b}` the other; `{A}`, `{B}` begin a sentence.  Pronouns follow them: `{s}`
he, `{o}` him, `{p}` his, `{S}` He of a; `{bs}`, `{bo}`, `{bp}`, `{BS}` of b.
`{b_was}` is was or were.  Any other slot is a list of words of the topic; it
keeps its word for the whole text.

A sentence of six words or more is held out if its checksum says so: one in
eight of all that the grammar can make, but for lines without a slot.
Training text has none of them.
"""
import re
import zlib

import lexicon as lex
from lexicon import words

SLOT = re.compile(r"{(\w+)}")
HELD_OUT = 8
LONG = 6
FIXED = set()      # lines without a slot, of all topics
SHE = set(words("""girl queen mother sister aunt daughter grandmother woman
    wife lady actress hen cow princess"""))
HE = set(words("""boy king father brother uncle son man husband fisherman
    prince postman policeman"""))
PLURAL = set(words("""students pupils children boys girls players friends
    sheep people parents workers guests visitors soldiers"""))
ANIMALS = set(lex.ANIMALS) | set(words("""puppy kitten hen goat calf monkey
    seal bat elephant camel crane eagle whale dolphin squirrel"""))
KIN = set(words("""friend friends brother sister uncle aunt neighbour son
    daughter mother father"""))
PRONOUNS = {"she": ("her", "her"), "he": ("him", "his"),
            "it": ("it", "its"), "they": ("them", "their")}
SHARED = {
    "when": lex.TIMES + words("""Today Then Later Soon Often""") + [
        "In the morning", "At night", "In the afternoon", "In the evening",
        "On Tuesday", "On Saturday", "In the spring", "In the autumn"],
    "weather": lex.WEATHER,
    "feeling": words("happy sad tired hungry afraid proud surprised glad"),
    "colour": words("red blue green yellow white black brown grey"),
    "day": words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "number": words("two three four five six seven eight nine ten"),
    "name": lex.GIRLS + lex.BOYS,
}


def held_out(sentence):
    """True if the training text must not have this sentence."""
    return (len(sentence.split()) >= LONG and sentence not in FIXED
            and zlib.crc32(sentence.encode()) % HELD_OUT == 0)


class Actor:
    """Somebody in a text: how to name them, and their pronouns."""

    def __init__(self, rng, noun, named=0.0):
        name = rng.random() < named and noun not in PLURAL | ANIMALS
        girls = noun in SHE or (noun not in HE and rng.random() < 0.5)
        if noun in PLURAL:
            self.sub = "they"
        elif noun in ANIMALS:
            self.sub = "it"
        else:
            self.sub = "she" if girls else "he"
        self.word = noun
        self.obj, self.pos = PRONOUNS[self.sub]
        self.noun = f"the {noun}"
        self.first = self.noun
        if name:
            self.first = rng.choice(lex.GIRLS if girls else lex.BOYS)
            if rng.random() < 0.5:
                self.noun = self.first
        elif noun not in PLURAL and rng.random() < 0.2:
            trait = rng.choice(lex.TRAITS)
            self.first = f"the {trait} {noun}"

    def slots(self, mark):
        """The slots that this actor fills."""
        base = {mark: self.noun, mark.upper(): self.noun,
                mark + "_was": "were" if self.sub == "they" else "was"}
        before = "" if mark == "a" else mark
        base.update({before + "s": self.sub, before + "o": self.obj,
                     before + "p": self.pos,
                     (before + "s").upper(): self.sub.capitalize(),
                     (before + "p").upper(): self.pos.capitalize()})
        return base


class Topic:
    """People, things and lines of one subject."""

    def __init__(self, first, then, a="", b="", pairs="", named=0.12, **lists):
        self.first = [line.strip() for line in first.strip().split("\n")]
        self.then = [line.strip() for line in then.strip().split("\n")
                     ] if then.strip() else []
        FIXED.update(line for line in self.first + self.then
                     if "{" not in line)
        self.pairs = [tuple(p.split(":")) for p in pairs.split()]
        self.a, self.b, self.named = words(a), words(b), named
        self.lists = {**SHARED, **{
            key: [w.strip() for w in text.split(",")] if "," in text
            else words(text) for key, text in lists.items()}}

    def actors(self, rng):
        """The two of a text."""
        if self.pairs:
            one, two = rng.choice(self.pairs)
        else:
            one = rng.choice(self.a or PEOPLE)
            two = one
            while two == one:
                two = rng.choice(self.b or PEOPLE)
        return Actor(rng, one, self.named), Actor(rng, two)

    def text(self, rng, count, allowed=True):
        """A text of up to `count` sentences, as a list."""
        return Filler(self, rng, allowed).sentences(count)


PEOPLE = words("""teacher farmer doctor baker boy girl sailor painter nurse
    singer writer driver cook soldier man woman grandmother neighbour mother
    father brother sister uncle aunt""")


class Filler:
    """One text of a topic: who is in it and what the slots hold."""

    def __init__(self, topic, rng, allowed):
        self.topic, self.rng, self.allowed = topic, rng, allowed
        one, two = topic.actors(rng)
        if two.word in KIN and one.sub != "it":
            two.noun = two.first = f"{one.pos} {two.word}"
        self.fresh = {"a": one.first, "b": two.first}
        self.held = {**one.slots("a"), **two.slots("b")}
        self.one, self.two = one, two

    def _slot(self, match, kept):
        key = match.group(1)
        if key in ("a", "A", "b", "B"):
            who = self.one if key in "aA" else self.two
            kept[key.lower()] = who.noun
            return self.fresh.get(key.lower(), who.noun)
        if key in self.held:
            return self.held[key]
        if key not in kept:
            kept[key] = self.rng.choice(self.topic.lists[key])
        return kept[key]

    def fill(self, line):
        """The line as a sentence; None if it is held out."""
        for _ in range(3):
            kept = {}
            text = SLOT.sub(lambda match: self._slot(match, kept), line)
            text = fit_articles(text[0].upper() + text[1:])
            if self.allowed and held_out(text):
                continue
            for key in kept:
                if key in self.fresh:
                    del self.fresh[key]
                elif key not in ("a", "b", "when"):
                    self.held[key] = kept[key]
            return text
        return None

    def sentences(self, count):
        """A first line, then others in random order."""
        rng, text = self.rng, None
        while text is None:
            text = self.fill(rng.choice(self.topic.first))
            if text and rng.random() < 0.2:
                text = self.dated(text)
                if self.allowed and held_out(text):
                    text = None
        out, rest = [text], list(self.topic.then)
        rng.shuffle(rest)
        for line in rest:
            if len(out) >= count:
                break
            text = self.fill(line)
            if text:
                out.append(text)
        return out

    def dated(self, text):
        """The sentence with a time before it."""
        when = self.rng.choice(SHARED["when"])
        first = text.split()[0]
        if first not in lex.GIRLS + lex.BOYS:
            text = text[0].lower() + text[1:]
        return f"{when} {text}"


def fit_articles(text):
    """'a egg' becomes 'an egg'."""
    return re.sub(r"\b([Aa]) (?=[aeiou])(?!use|uni|one)", r"\1n ", text)
