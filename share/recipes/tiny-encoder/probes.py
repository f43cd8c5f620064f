"""Sentences with known answers, none of which the training text has."""
import itertools

import torch

import corpus
import wordpiece

MASK = wordpiece.MASK

FILLS = [
    "The teacher taught the [MASK] with the book.",
    "The [MASK] taught the student with the book.",
    "The cat [MASK] the mouse.",
    "The [MASK] chased the [MASK] into the garden.",
    "The doctor helped the [MASK] in the [MASK].",
    "The capital of France is [MASK].",
    "The opposite of hot is [MASK].",
    "The king gave the [MASK] a [MASK] of gold.",
    "The cat sat on the [MASK].",
    "The man put his money in the [MASK].",
    "The boat lay on the [MASK] of the river.",
    "[MASK] played the piano for her friends.",
]

# two uses of `bank` by a river, and one with money
BANK = [["He sat on the bank of the river.",
         "We stood on the bank and looked at the water."],
        ["She put her savings in the bank."]]

# word: for each of its two senses, sentences that are not lines of the
# corpus; the word occurs once in each
SENSES = {
    "bank": [
        ["He sat on the bank of the river.",
         "The duck slept on the bank in the green grass.",
         "We walked along the bank and looked at the water."],
        ["She put her savings in the bank.",
         "The bank gave the baker money for a new shop.",
         "You can get coins and notes at the bank."]],
    "bat": [
        ["At night a bat flew around the old house.",
         "The wings of the bat were very thin.",
         "The cat caught a bat in the dark garden."],
        ["The boy hit the ball hard with his bat.",
         "The bat was made of wood and the ball was red.",
         "The player held the bat and looked at the ball."]],
    "spring": [
        ["The flowers are beautiful in spring.",
         "In the spring the snow is gone and the birds sing.",
         "The winter was long, but the spring was warm."],
        ["The horse drank from the spring near the stones.",
         "There is a spring of clear water in the forest.",
         "The soldier washed his hands in the cold spring."]],
    "light": [
        ["The light of the moon was white.",
         "She turned off the light and went to sleep.",
         "There was a light in the dark house."],
        ["The box was light and the boy carried it.",
         "She had a light bag on her back.",
         "The chair is light and not heavy at all."]],
    "match": [
        ["The team won the match on Sunday.",
         "The players lost the match in the rain.",
         "The children watched a match in the park."],
        ["She lit the fire with a match.",
         "The match burned his finger in the dark.",
         "The last match in the box was wet."]],
    "bark": [
        ["The bark of the big dog was very loud.",
         "The girl heard a bark behind the gate.",
         "The cat ran away from the bark of the puppy."],
        ["The bark of the old oak is brown.",
         "There were insects under the dry bark of the tree.",
         "The boy cut a letter into the bark of a pine."]],
    "ring": [
        ["The queen has a gold ring on her hand.",
         "He gave his wife a ring with a blue stone.",
         "The princess lost her ring in the castle."],
        ["The ring of the telephone was very loud.",
         "At the ring of the bell the children ran home.",
         "We heard the ring of the clock in the morning."]],
    "letter": [
        ["My brother sent me a letter from Paris.",
         "The postman put the letter under the door.",
         "She read the letter of her mother again."],
        ["The letter B comes after A in the alphabet.",
         "The boy could not write the letter S.",
         "The last letter of the word is T."]],
    "seal": [
        ["The seal swam under the ice and ate a fish.",
         "The young seal was wet and grey.",
         "The children fed the seal on the beach."],
        ["The seal of wax on the envelope was red.",
         "The queen put her seal on the message.",
         "He opened the paper and broke the seal of the king."]],
    "crane": [
        ["The crane has long legs and a long neck.",
         "A crane ate the frog in the wet grass.",
         "The white crane flew over the lake to its nest."],
        ["The crane put the steel on the ship.",
         "The workers put the roof on the house with a crane.",
         "The driver of the crane moved the heavy box."]],
    "wave": [
        ["A high wave came over the ship in the storm.",
         "The wave threw the sailor on the sand.",
         "The girl swam through the cold wave."],
        ["He said goodbye with a wave of his hand.",
         "The king gave the people a wave and a smile.",
         "With a wave from the window she was gone."]],
    "trunk": [
        ["The elephant has a long grey trunk.",
         "It put the banana in its mouth with its trunk.",
         "The elephant threw water with the trunk."],
        ["The trunk of the oak is a hundred years old.",
         "The man cut the trunk of the pine with his saw.",
         "The squirrel lived in the hollow trunk."]],
    "palm": [
        ["The coin was in the palm of my hand.",
         "She had a small stone in her palm and closed her fingers.",
         "The palm of his right hand was red."],
        ["The palm on the island has long leaves.",
         "The monkey threw a coconut from the palm.",
         "We sat in the shade of a palm on the warm beach."]],
    "nail": [
        ["The nail of my finger is too long.",
         "She painted every nail on her left hand.",
         "The baby broke a nail of its thumb."],
        ["The father hit the long nail with his hammer.",
         "The picture hung from a nail.",
         "He pulled a rusty nail from the old door."]],
}


def batch(tokenizer, texts):
    """Ids, segments and presence of texts (or pairs of them)."""
    made = [corpus.join(tokenizer, *((t,) if isinstance(t, str) else t))
            for t in texts]
    wide = max(len(ids) for ids, _ in made)
    out = torch.zeros(3, len(made), wide, dtype=torch.long)
    for i, (ids, types) in enumerate(made):
        for field, values in zip(out, (ids, types, [1] * len(ids))):
            field[i, :len(values)] = torch.tensor(values)
    return out


@torch.no_grad()
def fill(model, tokenizer, text, count=5):
    """For each mask of a text the likeliest words: [[(word, p)]]."""
    ids, types, _ = batch(tokenizer, [text])
    hidden = model.hidden_states(ids, types)[-1]
    p = model.words(hidden[ids == MASK]).softmax(-1)
    best = p.topk(count)
    return [[(tokenizer.tokens[i], value.item())
             for i, value in zip(row, values)]
            for row, values in zip(best.indices, best.values)]


@torch.no_grad()
def one_at_a_time(model, tokenizer, one, two=None, places=None):
    """Log probabilities of each token with it alone covered: (ids, logs).

    logs is [places, vocab]; the places of one and two are all tokens but
    [CLS] and [SEP], unless `places` picks some.
    """
    ids, types = map(torch.tensor, corpus.join(tokenizer, one, two))
    if places is None:
        places = [i for i, token in enumerate(ids.tolist())
                  if token not in (wordpiece.CLS, wordpiece.SEP)]
    seen = ids.repeat(len(places), 1)
    rows = torch.arange(len(places))
    seen[rows, places] = MASK
    hidden = model.hidden_states(seen, types.expand_as(seen))[-1]
    return ids[places], model.words(hidden[rows, places]).log_softmax(-1)


@torch.no_grad()
def word_vectors(model, tokenizer, word, sentences):
    """What stands for the word after each layer: [layers + 1, n, width]."""
    ids, types, present = batch(tokenizer, sentences)
    token = tokenizer.single(word)
    states = model.hidden_states(ids, types, present)
    return torch.stack([state[ids == token] for state in states])


def sense_cosines(model, tokenizer, word):
    """Mean cosine in one sense and across senses, a layer: two lists.

    The third value is the share of sentences that lie nearer to the other
    sentences of their own sense than to those of the other one.
    """
    one, two = SENSES[word]
    vectors = word_vectors(model, tokenizer, word, one + two)
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    cosine = unit @ unit.transpose(1, 2)
    side = [0] * len(one) + [1] * len(two)
    places = range(len(side))
    same = [(i, j) for i, j in itertools.combinations(places, 2)
            if side[i] == side[j]]
    other = [(i, j) for i, j in itertools.combinations(places, 2)
             if side[i] != side[j]]

    def mean(pairs):
        return torch.stack([cosine[:, i, j] for i, j in pairs]).mean(0)

    nearer = []
    for i in places:
        own = mean([(i, j) for j in places if j != i and side[j] == side[i]])
        far = mean([(i, j) for j in places if side[j] != side[i]])
        nearer.append((own > far).float())
    return (mean(same).tolist(), mean(other).tolist(),
            torch.stack(nearer).mean(0).tolist())


def glance(model, tokenizer):
    """A quick look: a few masks and the cosines of `bank`."""
    words = [" ".join(f"{w} {p:.2f}" for w, p in row[:3])
             for text in FILLS[:2] + FILLS[8:9]
             for row in fill(model, tokenizer, text)]
    same, other, _ = sense_cosines(model, tokenizer, "bank")
    return " | ".join(words) + " | bank " + " ".join(
        f"{a:.2f}/{b:.2f}" for a, b in zip(same, other))
