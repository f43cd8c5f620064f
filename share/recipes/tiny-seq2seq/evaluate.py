"""Every figure of the model card."""
import random
from collections import Counter

import torch

import corpus
import grammar
import phrases
from pieces import END, SENTINELS, sentinel

COUNT = 1000      # sentences behind a figure
KIND_COUNT = 300  # behind the figure of a kind
GROUP = 50


def answers(model, tokenizer, texts):
    """The greedy answer to each text."""
    rows = [tokenizer.encode(text)[0] + [END] for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = [""] * len(rows)
    for at in range(0, len(order), GROUP):
        some = order[at:at + GROUP]
        for i, ids in zip(some, model.greedy([rows[i] for i in some], 80)):
            out[i] = tokenizer.decode(ids)
    return out


def translated(model, tokenizer, some, prefix):
    """Exact sentences and words of the right translation in their place."""
    head = corpus.PREFIX if prefix else ""
    given = answers(model, tokenizer, [head + s.english for s in some])
    exact = sum(g == s.french for g, s in zip(given, some))
    words = right = 0
    for one, s in zip(given, some):
        want = s.french.split()
        words += len(want)
        right += sum(a == b for a, b in zip(one.split(), want))
    return {"sentences": len(some), "exact": exact / len(some),
            "words": right / words}


def sample(make, count, *seed):
    """So many sentences from a function of a generator."""
    rng = random.Random(" ".join(map(str, seed)))
    return [make(rng) for _ in range(count)]


def translations(model, tokenizer, seed):
    """{what: figures} of held-out sentences, with prefix and without."""
    sets = {
        "sentence": lambda rng: grammar.heldout(rng, False),
        "pair": lambda rng: grammar.heldout(rng, True),
    }
    out = {}
    for name, make in sets.items():
        some = sample(make, COUNT, seed, "card", name)
        for prefix in (True, False):
            key = f"{name} {'with' if prefix else 'without'} prefix"
            out[key] = translated(model, tokenizer, some, prefix)
    return out


def of_kind(make):
    """A held-out sentence of one kind."""
    def find(rng):
        while True:
            out = make(rng, phrases.Keys())
            if out.reserved() or out.new_pair():
                return out
    return find


def kinds(model, tokenizer, seed):
    """{kind of sentence: figures} of held-out sentences."""
    out = {}
    for make, _ in grammar.KINDS:
        if make is grammar.small:
            continue
        some = sample(of_kind(make), KIND_COUNT, seed, "kind", make.__name__)
        out[make.__name__] = translated(model, tokenizer, some, True)
    return out


@torch.no_grad()
def alignment(model, tokenizer, seed, count=300):
    """{'layer head late': share of content words at their source word}.

    `late` 1 takes the row of the word itself, 0 the row before it, from
    which the word is foretold.  A head is right where the source token
    with the largest weight belongs to the word that the token translates;
    `mean` is the mean over the heads of a layer.
    """
    right, total = Counter(), Counter()
    for s in sample(lambda rng: grammar.heldout(rng, False), count, seed,
                    "alignment"):
        row = corpus.translation(tokenizer, s, False)
        inputs = [0] + row.target[:-1]
        _, maps = model(torch.tensor([row.source]), torch.tensor([inputs]))
        want = {}
        for t, place in row.pairs:
            want.setdefault(t, set()).add(place)
        for layer, weight in enumerate(maps):
            heads = list(weight[0]) + [weight[0].mean(0)]
            for head, table in enumerate(heads):
                name = "mean" if head == len(heads) - 1 else str(head)
                best = table.argmax(-1).tolist()
                for late in (0, 1):
                    key = f"{layer} {name} {late}"
                    for t, places in want.items():
                        if t + late < len(best):
                            right[key] += best[t + late] in places
                            total[key] += 1
    return {key: right[key] / total[key] for key in total}


# French determiners that fit one gender or number only
FITTING = {"ms": "le un ce cet mon ton son chaque notre votre leur du au",
           "fs": "la une cette ma ta sa chaque notre votre leur",
           "p": "les des ces mes tes ses nos vos leurs deux trois quatre cinq "
                "six sept huit neuf dix plusieurs aux de"}
FITTING = {key: set(words.split()) for key, words in FITTING.items()}


def gaps(model, tokenizer, seed, count=400):
    """How sentences with gaps are filled, in English and French."""
    out = {}
    for language in ("english", "french"):
        rng = random.Random(f"{seed} gaps {language}")
        texts, wants = [], []
        while len(texts) < count:
            s = grammar.heldout(rng, False)
            text = getattr(s, language)
            if text.count(" ") < 3:
                continue
            source, want = corpus.with_gaps(text,
                                            corpus.gap_places(rng, text))
            texts.append(source)
            wants.append(want)
        given = answers(model, tokenizer, texts)
        shape = sum(marks(g) == marks(w) for g, w in zip(given, wants))
        exact = sum(g == w for g, w in zip(given, wants))
        out[language] = {"rows": count, "shape": shape / count,
                         "exact": exact / count}
    out["agreement"] = determiners(model, tokenizer, seed, count)
    return out


def marks(text):
    """The sentinels of a text, in order."""
    return [word for word in text.split() if word.startswith("<extra_id_")]


def determiners(model, tokenizer, seed, count):
    """Share of French determiners that agree with the noun behind them."""
    rng = random.Random(f"{seed} determiners")
    nouns = {}
    for noun in phrases.all_nouns(sorted(phrases.nouns.CLASSES)):
        nouns[noun.french] = noun.gender + "s"
        nouns[noun.french_plural] = (
            "p" if noun.french != noun.french_plural else None)
    texts, wants = [], []
    while len(texts) < count:
        words = grammar.heldout(rng, False).french.split()
        places = [i for i in range(len(words) - 1)
                  if words[i].lower() in FITTING["ms"] | FITTING["fs"]
                  | FITTING["p"]
                  and nouns.get(words[i + 1].rstrip(".,"))]
        if places:
            at = rng.choice(places)
            wants.append(nouns[words[at + 1].rstrip(".,")])
            words[at] = sentinel(0)
            texts.append(" ".join(words))
    good = 0
    for given, want in zip(answers(model, tokenizer, texts), wants):
        inner = given.replace(sentinel(0), "").split(sentinel(1))[0].split()
        good += bool(inner) and inner[-1].lower() in FITTING[want]
    return {"rows": count, "share": good / count}


# the right translations of what the documents show
RIGHT = dict(zip(grammar.SHOWN, [
    "Le chat a poursuivi la souris.", "Le garçon a vu le chien.",
    "La fille a trouvé l'oiseau.", "Le cheval a suivi le cochon.",
    "Le professeur a instruit l'élève avec le livre.",
    "La vieille femme lit une lettre dans le jardin.",
    "Les filles sont allées au marché hier.",
    "Elle n'a pas vu le petit chat noir.",
    "Les enfants jouent près de la rivière.",
    "La sœur de mon ami est arrivée à la gare.",
    "Est-ce que l'homme a un chien ?",
    "Il y a deux chevaux blancs dans le champ."]))
EXAMPLES = grammar.SHOWN + [
    "Le chat <extra_id_0> la souris.",
    "The cat <extra_id_0> the mouse <extra_id_1> the garden.",
    "Les petites <extra_id_0> sont arrivées à <extra_id_1>.",
]


def evaluate(model, tokenizer, seed):
    """All figures."""
    return {"translations": translations(model, tokenizer, seed),
            "kinds": kinds(model, tokenizer, seed),
            "alignment": alignment(model, tokenizer, seed),
            "gaps": gaps(model, tokenizer, seed),
            "sentinels": SENTINELS,
            "examples": list(zip(EXAMPLES, answers(model, tokenizer,
                                                   EXAMPLES)))}
