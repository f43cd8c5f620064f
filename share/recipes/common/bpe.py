"""Byte-level byte-pair encoding as GPT-2 has it: training and use.

Text is cut into pieces by GPT-2's pattern; each piece is a row of bytes, and
merges join neighbouring tokens, the earliest learnt first.
"""
import json
import re
from collections import Counter, defaultdict

# GPT-2's pattern with the classes that Python's re knows: letters are word
# characters that are neither digits nor the underscore.
PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+"
                     r"| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_alphabet():
    """GPT-2's printable character for each of the 256 bytes."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, spare = {b: chr(b) for b in keep}, 256
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(spare)
            spare += 1
    return table


class Tokenizer:
    """Vocabulary: 256 bytes, one token per merge, then special tokens."""

    def __init__(self, merges, specials):
        self.merges = [tuple(m) for m in merges]
        self.specials = list(specials)
        self.ranks = {m: i for i, m in enumerate(self.merges)}
        self.pieces = [bytes([b]) for b in _byte_order()]
        first = {piece: i for i, piece in enumerate(self.pieces)}
        self.byte_ids = [first[bytes([b])] for b in range(256)]
        for left, right in self.merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.end = len(self.pieces)
        self._cache = {}

    def __len__(self):
        return len(self.pieces) + len(self.specials)

    def _piece_ids(self, piece):
        ids = [self.byte_ids[b] for b in piece.encode()]
        while len(ids) > 1:
            rank, at = min((self.ranks.get(p, len(self.ranks)), i)
                           for i, p in enumerate(zip(ids, ids[1:])))
            if rank == len(self.ranks):
                break
            ids[at:at + 2] = [256 + rank]
        return ids

    def encode(self, text):
        """Token ids of plain text; special tokens are not looked for."""
        ids, cache = [], self._cache
        for piece in PATTERN.findall(text):
            if piece not in cache:
                cache[piece] = self._piece_ids(piece)
            ids += cache[piece]
        return ids

    def decode(self, ids):
        """Text of token ids; special tokens are left out."""
        data = b"".join(self.pieces[i] for i in ids if i < self.end)
        return data.decode("utf-8", "replace")

    def single(self, text):
        """The one id of a text, None if it takes several."""
        ids = self.encode(text)
        return ids[0] if len(ids) == 1 else None

    def token_texts(self):
        """The vocabulary as GGUF and tokenizer.json write it."""
        table = byte_alphabet()
        return ["".join(table[b] for b in piece)
                for piece in self.pieces] + self.specials

    def merge_texts(self):
        """The merges as 'left right'."""
        texts = self.token_texts()
        return [f"{texts[a]} {texts[b]}" for a, b in self.merges]

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"merges": self.merges, "specials": self.specials},
                      file)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        return cls(state["merges"], state["specials"])


def _byte_order():
    """Bytes in GPT-2's order: the printable ones first."""
    return sorted(range(256), key=lambda b: ord(byte_alphabet()[b]))


def train(texts, size, specials):
    """Learn merges until the vocabulary has `size` tokens."""
    counts = Counter(p for text in texts for p in PATTERN.findall(text))
    base = Tokenizer([], specials)
    rows = [([base.byte_ids[b] for b in piece.encode()], n)
            for piece, n in sorted(counts.items())]
    pair_counts, where = Counter(), defaultdict(set)
    for index, (ids, n) in enumerate(rows):
        for pair in zip(ids, ids[1:]):
            pair_counts[pair] += n
            where[pair].add(index)
    merges = []
    while 256 + len(merges) + len(specials) < size and pair_counts:
        best = max(pair_counts, key=lambda p: (pair_counts[p], -p[0], -p[1]))
        if pair_counts[best] < 2:
            break
        new = 256 + len(merges)
        merges.append(best)
        for index in sorted(where[best]):
            ids, n = rows[index]
            for pair in zip(ids, ids[1:]):
                pair_counts[pair] -= n
            _merge(ids, best, new)
            for pair in zip(ids, ids[1:]):
                pair_counts[pair] += n
                where[pair].add(index)
        del pair_counts[best]
    return Tokenizer(merges, specials)


def _merge(ids, pair, new):
    """Replace every occurrence of the pair in the list, left to right."""
    i = 0
    while i < len(ids) - 1:
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            ids[i:i + 2] = [new]
        i += 1
