"""A Unigram vocabulary as SentencePiece has it (Kudo 2018), and its use.

Words begin with the mark `▁`.  A text is cut into the pieces whose scores
(logarithms of probabilities) have the greatest sum.  Learning starts with
all substrings and drops those whose loss costs least, while expectation
maximisation fits the scores of the rest.
"""
import json
import math
import re
from collections import Counter, defaultdict

from surface import UNITS

MARK = "▁"
PAD, END, UNKNOWN = 0, 1, 2
SPECIALS = ["<pad>", "</s>", "<unk>"]
SENTINELS = 8
LONGEST = 14       # characters of a piece
LETTERS = ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
           "àâçéèêëîïôùûüœÀÉÊ.,;:!?'\"-()" + MARK)
PENALTY = 10.0     # of an unknown character, below the lowest score


def sentinel(index):
    """The text of a sentinel."""
    return f"<extra_id_{index}>"


class Tokenizer:
    """Vocabulary: three specials, the pieces, the sentinels downwards."""

    def __init__(self, pieces):
        self.scored = [(s, 0.0) for s in SPECIALS] + [
            (piece, score) for piece, score in pieces] + [
            (sentinel(i), 0.0) for i in reversed(range(SENTINELS))]
        self.scores = dict(pieces)
        self.ids = {piece: i for i, (piece, _) in enumerate(self.scored)}
        self.lowest = min(self.scores.values())
        self._cache = {}

    def __len__(self):
        return len(self.scored)

    def sentinel_id(self, index):
        return self.ids[sentinel(index)]

    def _word(self, word):
        """[(id, characters)] of a word with its mark."""
        if word not in self._cache:
            self._cache[word] = [
                (self.ids.get(piece, UNKNOWN), len(piece))
                for piece in best_cut(word, self.scores,
                                      self.lowest - PENALTY)[0]]
        return self._cache[word]

    def encode(self, text):
        """([ids], [(start, end)]) of a text, sentinels included."""
        ids, spans = [], []
        for part in re.finditer(r"<extra_id_\d>|(?:(?!<extra_id_\d>)\S)+",
                                text):
            if part[0] in self.ids and part[0].startswith("<extra_id_"):
                ids.append(self.ids[part[0]])
                spans.append(part.span())
                continue
            at = part.start() - 1
            for token, size in self._word(MARK + part[0]):
                ids.append(token)
                spans.append((max(at, part.start()), at + size))
                at += size
        return ids, spans

    def decode(self, ids):
        """Text of token ids; `<pad>` and `</s>` are left out."""
        text = "".join(
            f" {self.scored[i][0]}" if self.scored[i][0].startswith("<extra")
            else self.scored[i][0] for i in ids if i not in (PAD, END))
        return text.replace(MARK, " ").strip()

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(list(self.scores.items()), file, ensure_ascii=False)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls([tuple(row) for row in json.load(file)])


def best_cut(word, scores, unknown, without=None):
    """(pieces, score) of the best way to cut a word (Viterbi)."""
    best = [0.0] + [-math.inf] * len(word)
    back = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - LONGEST), end):
            piece = word[start:end]
            score = scores.get(piece)
            if score is None and end - start == 1:
                score = unknown
            if score is None or piece == without:
                continue
            if best[start] + score > best[end]:
                best[end], back[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end:
        pieces.append(word[back[end]:end])
        end = back[end]
    return pieces[::-1], best[-1]


def units(texts):
    """The root of how often each unit occurs that no piece may cross.

    Under the root a word of content weighs more against those of grammar,
    and more of them become one piece.
    """
    counts = Counter()
    for text in texts:
        for word in text.split():
            mark = MARK
            for unit in UNITS.findall(word):
                counts[mark + unit] += 1
                mark = ""
    return {unit: math.sqrt(count) for unit, count in counts.items()}


def expected(counts, scores):
    """How often each piece is used, over all ways to cut the units."""
    use = defaultdict(float)
    for word, count in counts.items():
        size = len(word)
        cuts = [[(start, scores[word[start:end]])
                 for start in range(max(0, end - LONGEST), end)
                 if word[start:end] in scores] for end in range(size + 1)]
        before = [0.0] * (size + 1)
        before[0] = 1.0
        for end in range(1, size + 1):
            before[end] = sum(before[s] * math.exp(v) for s, v in cuts[end])
        after = [0.0] * (size + 1)
        after[size] = 1.0
        for end in range(size, 0, -1):
            for start, value in cuts[end]:
                part = math.exp(value) * after[end]
                after[start] += part
                use[word[start:end]] += (
                    count * before[start] * part / before[size])
    return use


def fit(counts, scores, rounds=2):
    """Scores after some rounds of expectation maximisation."""
    for _ in range(rounds):
        use = expected(counts, scores)
        total = sum(use.values()) + len(scores)
        # one use more for each, so that no letter is lost
        scores = {piece: math.log((use.get(piece, 0.0)
                                   + (1.0 if len(piece) == 1 else 1e-3))
                                  / total) for piece in scores}
    return scores


def prune(counts, scores, size):
    """Keep the pieces whose loss would cost most, and all letters."""
    used = Counter()
    for word, count in counts.items():
        for piece in best_cut(word, scores, -100.0)[0]:
            used[piece] += count
    cost = {piece: used[piece] * (score - best_cut(piece, scores, -100.0,
                                                   piece)[1])
            for piece, score in scores.items() if len(piece) > 1}
    letters = [piece for piece in scores if len(piece) == 1]
    kept = sorted(cost, key=lambda p: (-cost[p], p))[:size - len(letters)]
    return {piece: scores[piece] for piece in letters + kept}


def train(texts, size):
    """Learn a vocabulary of `size` tokens, specials and all."""
    counts = units(texts)
    size -= len(SPECIALS) + SENTINELS
    seeds = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + LONGEST, len(word)) + 1):
                seeds[word[start:end]] += count
    chosen = {p: n for p, n in seeds.items() if len(p) == 1 or n > 2}
    for letter in LETTERS:
        chosen.setdefault(letter, 1.0)
    total = sum(chosen.values())
    scores = {p: math.log(n / total) for p, n in sorted(chosen.items())}
    while len(scores) > size:
        scores = fit(counts, scores)
        scores = prune(counts, scores, max(size, int(0.7 * len(scores))))
    scores = fit(counts, scores, 4)
    # rounded, so that every reader of the file has the same numbers
    return Tokenizer(sorted(((p, round(s, 6)) for p, s in scores.items()),
                            key=lambda row: (-row[1], row[0])))
