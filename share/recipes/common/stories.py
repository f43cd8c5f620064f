"""Small stories and what can be asked about them."""
import lexicon as lex
from reviews import article

ADVERB = lex.words("slowly quickly quietly happily gently bravely")
FEELINGS = lex.words("happy sad tired hungry afraid proud surprised glad")
MEALS = lex.words("bread cheese soup cake rice honey pie fruit fish")


def person(rng):
    """A name and its pronouns: (name, he/she, his/her, him/her)."""
    if rng.random() < 0.5:
        return rng.choice(lex.GIRLS), "she", "her", "her"
    return rng.choice(lex.BOYS), "he", "his", "him"


def noun_phrase(rng, noun=None, traits=lex.TRAITS):
    """'the farmer', 'the old farmer'."""
    noun = noun or rng.choice(lex.PEOPLE + lex.ANIMALS)
    if rng.random() < 0.25:
        return f"the {rng.choice(traits)} {noun}"
    return f"the {noun}"


def thing_phrase(rng, thing):
    """'a red ball'."""
    trait = rng.choice(lex.THING_TRAITS)
    return f"{article(trait)} {trait} {thing}"


def where(place):
    """'in the garden', 'on the hill'."""
    return f"{lex.PREPOSITIONS.get(place, 'in')} the {place}"


def sentence(rng):
    """A plain sentence: somebody did something to somebody."""
    one, two = rng.sample(lex.PEOPLE + lex.ANIMALS, 2)
    verb = rng.choice(lex.TRANSITIVE)
    text = f"{noun_phrase(rng, one)} {verb} {noun_phrase(rng, two)}"
    kind = rng.random()
    if kind < 0.3:
        text += f" with the {rng.choice(lex.THINGS)}"
    elif kind < 0.5:
        text += f" {where(rng.choice(lex.PLACES))}"
    elif kind < 0.6:
        text += f" because {noun_phrase(rng, one)} was {rng.choice(FEELINGS)}"
    return text[0].upper() + text[1:] + "."


def opening(rng, name, sub):
    """How a story begins."""
    trait, who = rng.choice(lex.TRAITS), rng.choice(("girl", "boy"))
    who = {"she": "girl", "he": "boy"}[sub]
    if rng.random() < 0.25:
        who = rng.choice(lex.ANIMALS)
    place = rng.choice(lex.PLACES)
    art = article(trait)
    return rng.choice([
        f"Once upon a time there was {art} {trait} {who} named {name}.",
        f"{name} was {art} {trait} {who}.",
        f"There was once {art} {trait} {who} called {name}.",
        f"{name} lived near the {place}.",
        f"In a house by the {place} lived {art} {trait} {who} named {name}.",
    ])


def scene(rng):
    """A sentence about the weather or the place."""
    nature = rng.choice(lex.NATURE)
    return rng.choice([
        f"It was a {rng.choice(lex.WEATHER[:4])} day.",
        f"The {nature} was {rng.choice(('bright', 'quiet', 'cold', 'far'))}.",
        f"The day was {rng.choice(lex.WEATHER)}.",
    ])


def story(rng):
    """A story of five to nine sentences."""
    name, sub, pos, obj = person(rng)
    cap = sub.capitalize()
    thing, place = rng.choice(lex.THINGS), rng.choice(lex.PLACES)
    phrase = thing_phrase(rng, thing)
    other = rng.choice(lex.PEOPLE + lex.ANIMALS)
    friend, fsub, _, _ = person(rng)
    while friend == name:
        friend, fsub, _, _ = person(rng)
    when = rng.choice(lex.TIMES)
    helper = f"the {other}"
    out = [opening(rng, name, sub)]
    if rng.random() < 0.5:
        out.append(scene(rng))
    plot = rng.randrange(5)
    if plot == 0:
        out += [f"{name} had {phrase}.",
                f"{when} {sub} lost the {thing} {where(place)}.",
                f"{name} was very sad and looked for it.",
                f"Then {sub} met {article(other)} {other}.",
                f'"Can you help me find my {thing}?" asked {name}.',
                f"{helper.capitalize()} helped {obj} look.",
                f"They found the {thing} under a {rng.choice(UNDER)}."]
    elif plot == 1:
        out += [f"{when} {name} went to the {place} with {friend}.",
                f"They saw {phrase}.",
                f'"Look at the {thing}!" said {friend}.',
                f"{name} gave the {thing} to {friend}.",
                f'"Thank you," said {friend}.']
    elif plot == 2:
        meal = rng.choice(MEALS)
        out += [f"{when} {name} was hungry.",
                f"{cap} wanted to eat some {meal}.",
                f"{cap} walked {rng.choice(ADVERB)} to the {place}.",
                f"There {sub} saw {article(other)} {other} with {meal}.",
                f'"Please give me some {meal}," said {name}.',
                f"{helper.capitalize()} smiled and gave {obj} the {meal}."]
    elif plot == 3:
        out += [f"{when} {name} heard a loud noise {where(place)}.",
                f"{cap} was afraid, but {sub} went to look.",
                f"It was only {article(other)} {other}.",
                f"{helper.capitalize()} was {rng.choice(FEELINGS)}.",
                f'{name} said, "Do not be afraid."',
                f"They sat together until the {rng.choice(lex.NATURE[:5])} "
                "was gone."]
    else:
        out += [f"{name} wanted to learn to "
                f"{rng.choice(('swim', 'sing', 'read', 'dance', 'paint'))}.",
                f"{when} {helper} taught {obj} {where(place)}.",
                "At first it was very difficult.",
                f"{name} tried again and again.",
                f"In the end {sub} could do it."]
    if rng.random() < 0.4:
        out.insert(rng.randrange(2, len(out)), sentence(rng))
    out.append(ending(rng, name, sub, pos, friend))
    return " ".join(out)


UNDER = lex.words("tree stone chair table bed leaf bridge cloud blanket")


def ending(rng, name, sub, pos, friend):
    """How a story ends."""
    cap = sub.capitalize()
    return rng.choice([
        f"{name} was very happy.",
        f"{cap} went home and told {pos} mother.",
        f"{name} and {friend} were friends.",
        f"From that day on {name} was never {rng.choice(FEELINGS[1:5])}.",
        f"Then {name} went to sleep.",
        "They lived happily ever after.",
        "The end.",
    ])


def sentences_document(rng):
    """A handful of plain sentences."""
    return " ".join(sentence(rng) for _ in range(rng.choice((1, 2, 3, 4, 5))))


def facts(rng, count):
    """[(name, thing, colour)] of different people and things."""
    names = rng.sample(lex.GIRLS + lex.BOYS, count)
    things = rng.sample(lex.THINGS, count)
    colours = [rng.choice(lex.words("red blue green yellow white black"))
               for _ in names]
    return list(zip(names, things, colours))


def question_document(rng):
    """A few facts, then questions with answers."""
    known = facts(rng, rng.choice((2, 2, 3, 4)))
    text = " ".join(f"{n} has {article(c)} {c} {t}." for n, t, c in known)
    lines = [f"Context: {text}" if rng.random() < 0.4 else text]
    for _ in range(rng.choice((1, 2, 3, 4))):
        name, thing, colour = rng.choice(known)
        question, answer = rng.choice([
            (f"Who has the {thing}?", name),
            (f"What does {name} have?", thing),
            (f"What colour is the {thing}?", colour)])
        lines.append(f"Q: {question}\nA:{lex.ANSWER} {answer}")
    return "\n".join(lines)


def entity_document(rng):
    """Names and places taken out of sentences, shot by shot."""
    shots, places = [], rng.random() < 0.5
    cities = [c for _, c in lex.CAPITALS]
    for _ in range(rng.choice((1, 2, 3, 4))):
        one, two = rng.sample(lex.GIRLS + lex.BOYS, 2)
        city = rng.choice(cities)
        text, people = rng.choice([
            (f"{one} went to {city} with {two}.", f"{one}, {two}"),
            (f"{one} met {two} in {city}.", f"{one}, {two}"),
            (f"{one} lives in {city}.", one),
            (f"In {city} {one} saw the king.", one)])
        shot = f"Text: {text}\nPeople:{lex.ANSWER} {people}"
        if places:
            shot += f"\nPlace:{lex.ANSWER} {city}"
        shots.append(shot)
    return "\n\n".join(shots)


def summary_document(rng):
    """A text of three sentences and one that says it again."""
    shots = []
    for _ in range(rng.choice((1, 2, 3))):
        name, sub, _, _ = person(rng)
        thing = rng.choice(lex.THINGS + lex.ANIMALS)
        place = rng.choice(lex.PLACES)
        phrase = thing_phrase(rng, thing)
        verb = rng.choice(("found", "lost", "saw", "bought", "made"))
        extra = rng.choice([scene(rng), f"{name} was very happy.",
                            sentence(rng)])
        text = rng.choice([
            f"{name} went to the {place}. {extra} There {sub} {verb} "
            f"{phrase}.",
            f"{extra} {name} was {where(place)}. {sub.capitalize()} {verb} "
            f"{phrase}."])
        shots.append(f"Text: {text}\nSummary:{lex.ANSWER} {name} {verb} "
                     f"{article(thing)} {thing}.")
    return "\n\n".join(shots)


TRANSLATED = {
    "cat": "le chat", "dog": "le chien", "bird": "l'oiseau",
    "mouse": "la souris", "horse": "le cheval", "cow": "la vache",
    "boy": "le garçon", "girl": "la fille", "king": "le roi",
    "queen": "la reine", "fish": "le poisson", "child": "l'enfant",
    "man": "l'homme", "woman": "la femme", "teacher": "le professeur",
    "rabbit": "le lapin", "pig": "le cochon", "friend": "l'ami"}
TRANSLATED_VERBS = {
    "chased": "a poursuivi", "saw": "a vu", "found": "a trouvé",
    "loved": "a aimé", "heard": "a entendu", "followed": "a suivi",
    "washed": "a lavé", "called": "a appelé"}


def translation_document(rng):
    """Sentences of three words and articles, English and French."""
    shots = []
    for _ in range(rng.choice((1, 2, 3, 4))):
        one, two = rng.sample(sorted(TRANSLATED), 2)
        verb = rng.choice(sorted(TRANSLATED_VERBS))
        french = f"{TRANSLATED[one]} {TRANSLATED_VERBS[verb]} " \
                 f"{TRANSLATED[two]}."
        shots.append(f"English: The {one} {verb} the {two}.\nFrench:"
                     f"{lex.ANSWER} {french[0].upper()}{french[1:]}")
    head = "Translate English to French:\n\n" if rng.random() < 0.3 else ""
    return head + "\n\n".join(shots)
