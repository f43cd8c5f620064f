"""WordPiece as BERT has it, lowercase: learning a vocabulary, using it.

Text loses its case and accents and is cut at white space and around every
punctuation mark.  A word is then covered from the left, each time by the
longest piece that the vocabulary has; pieces inside a word begin with `##`.
A word that cannot be covered is [UNK] as a whole.
"""
import unicodedata
from collections import Counter, defaultdict

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNKNOWN, CLS, SEP, MASK = range(5)
INNER = "##"
LONGEST_WORD = 100


def split_words(text):
    """Lowercase words and punctuation marks of a text."""
    text = unicodedata.normalize("NFD", text.lower())
    out = []
    for part in text.split():
        word = ""
        for char in part:
            category = unicodedata.category(char)
            if category == "Mn":
                continue
            if category[0] in "PS" and (category[0] == "P" or char < "\x7f"):
                out += [word, char] if word else [char]
                word = ""
            else:
                word += char
        if word:
            out.append(word)
    return out


class Tokenizer:
    """Text to ids and back."""

    def __init__(self, tokens):
        self.tokens = list(tokens)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self._cache = {}

    def __len__(self):
        return len(self.tokens)

    def word_ids(self, word):
        """The pieces of one word."""
        if word not in self._cache:
            self._cache[word] = self._cover(word)
        return self._cache[word]

    def _cover(self, word):
        out, start = [], 0
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = (INNER if start else "") + word[start:end]
                if piece in self.ids:
                    out.append(self.ids[piece])
                    start = end
                    break
            else:
                return [UNKNOWN]
        return out

    def encode(self, text):
        """Ids of a text, without [CLS] and [SEP]; [MASK] is one token."""
        out = []
        for i, part in enumerate(text.split(SPECIALS[MASK])):
            out += [MASK] if i else []
            for word in split_words(part):
                out += self.word_ids(word)
        return out

    def single(self, word):
        """The one id of a word, None if it takes several or none."""
        ids = self.encode(word)
        return ids[0] if len(ids) == 1 and ids[0] != UNKNOWN else None

    def decode(self, ids):
        """Text of ids: pieces joined, words apart."""
        text = " ".join(self.tokens[i] for i in ids)
        return text.replace(" " + INNER, "")


def train(texts, size, kept, alphabet, whole=40):
    """Learn a vocabulary of `size` tokens at most.

    Words that occur `whole` times, and those in `kept`, are one token.  Rarer
    ones are covered by pieces that come from merging the neighbours that
    stand together most often; pieces that this does not use are dropped.
    """
    counts = Counter(word for text in texts for word in split_words(text))
    letters = {f for c in alphabet for f in (
        [c, INNER + c] if c.isalnum() else [c])}
    common = {w for w, n in counts.items() if n >= whole} | set(kept)
    rare = set(counts) - common
    draft = Tokenizer(SPECIALS + sorted(
        letters | common | set(_merged(counts)) - rare))
    used = Counter()
    for word, n in counts.items():
        for token in draft.word_ids(word):
            used[draft.tokens[token]] += n
    fixed = letters | set(kept)
    rest = sorted((p for p in draft.tokens[len(SPECIALS):]
                   if p not in fixed and used[p]),
                  key=lambda p: (-used[p], p))
    room = size - len(SPECIALS) - len(fixed)
    return Tokenizer(SPECIALS + sorted(fixed | set(rest[:room])))


def _merged(counts, least=10):
    """Pieces that come from merging, as far as a pair occurs `least` times."""
    rows = [([word[0]] + [INNER + c for c in word[1:]], n)
            for word, n in sorted(counts.items()) if n >= least]
    pairs, where, out = Counter(), defaultdict(set), []
    for index, (row, n) in enumerate(rows):
        for pair in zip(row, row[1:]):
            pairs[pair] += n
            where[pair].add(index)
    while pairs:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < least:
            break
        new = best[0] + best[1][len(INNER):]
        out.append(new)
        for index in sorted(where[best]):
            row, n = rows[index]
            for pair in zip(row, row[1:]):
                pairs[pair] -= n
            i = 0
            while i < len(row) - 1:
                if (row[i], row[i + 1]) == best:
                    row[i:i + 2] = [new]
                i += 1
            for pair in zip(row, row[1:]):
                pairs[pair] += n
                where[pair].add(index)
        del pairs[best]
    return out
