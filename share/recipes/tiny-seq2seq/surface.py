"""From rows of words to the text of a sentence, with what stands for what.

A word is (text, key); words of both languages with one key translate each
other.  French writes `a|b` where a word has a form before a vowel.
"""
import re

VOWELS = "aàâeéèêëiîïoôuùûœyhAEIOUÉ"
ASPIRATED = {"hibou", "hiboux", "hache", "haches", "huit"}
CONTRACTED = {("de", "le"): "du", ("de", "les"): "des",
              ("à", "le"): "au", ("à", "les"): "aux"}
OPEN = "de|d'"     # de, d'


def opens_with_vowel(text):
    """Whether le becomes l' before the word."""
    return text[0] in VOWELS and text not in ASPIRATED


def french(words):
    """Choose forms, contract articles: words without a `|`."""
    out = []
    for text, key in reversed(words):
        if text == OPEN and out and out[0][0] == "des":
            del out[0]          # de + des = de
        before, _, elided = text.partition("|")
        if elided and out and opens_with_vowel(out[0][0]):
            before = elided
        joined = CONTRACTED.get((before, out[0][0])) if out else None
        if joined:
            out[0] = (joined, key)
        else:
            out.insert(0, (before, key))
    return out


def join(words):
    """The text, and [(start, end, key)] of the words that have a key."""
    text, spans = "", []
    for word, key in words:
        glued = word in (".", ",", "'s") or text.endswith("'")
        if text and not glued:
            text += " "
        if key is not None:
            spans.append((len(text), len(text) + len(word), key))
        text += word
    return text, spans


def capital(words):
    """The words with a capital letter at the front."""
    text, key = words[0]
    return [(text[:1].upper() + text[1:], key)] + list(words[1:])


def agree(word, female, plural):
    """A participle with its endings."""
    word += "e" if female else ""
    return word + "s" if plural and not word.endswith("s") else word


UNITS = re.compile(r"'s\b|\w+(?:-\w+)*'|\w+(?:-\w+)*|[^\w\s]")
