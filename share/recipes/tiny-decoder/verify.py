"""A second, independent forward pass: NumPy on what the GGUF file holds."""
import numpy as np

import bpe
import gguf


class FileModel:
    """The model of a GGUF file, in double precision."""

    def __init__(self, path):
        reader = gguf.Reader(path)
        self.meta = reader.metadata
        self.weight = {name: values.astype(np.float64)
                       for name, values in reader.tensors.items()}

    def number(self, key):
        return self.meta["llama." + key]

    def tokenizer(self):
        """The tokenizer, built from the file's tokens and merges."""
        tokens = self.meta["tokenizer.ggml.tokens"]
        ids = {token: i for i, token in enumerate(tokens)}
        merges = [tuple(ids[part] for part in merge.split(" "))
                  for merge in self.meta["tokenizer.ggml.merges"]]
        types = self.meta["tokenizer.ggml.token_type"]
        return bpe.Tokenizer(merges, [t for t, kind in zip(tokens, types)
                                      if kind == 3])

    def norm(self, x, name):
        mean = (x * x).mean(-1, keepdims=True)
        eps = self.number("attention.layer_norm_rms_epsilon")
        return x / np.sqrt(mean + eps) * self.weight[name]

    def rotate(self, x):
        """[T, heads, dim] with each pair turned by its angle."""
        length, _, dim = x.shape
        base = self.number("rope.freq_base")
        angle = np.outer(np.arange(length),
                         base ** (-np.arange(0, dim, 2) / dim))
        turn = np.exp(1j * angle)[:, None, :]
        turned = (x[..., 0::2] + 1j * x[..., 1::2]) * turn
        return np.stack((turned.real, turned.imag), -1).reshape(x.shape)

    def attention(self, x, layer):
        """What attention adds to the stream of [T, width]."""
        heads = self.number("attention.head_count")
        kv_heads = self.number("attention.head_count_kv")
        length, width = x.shape
        dim = width // heads
        q, k, v = (
            (x @ self.weight[f"blk.{layer}.attn_{name}.weight"].T)
            .reshape(length, -1, dim) for name in "qkv")
        q, k = self.rotate(q), self.rotate(k)
        out = np.empty_like(q)
        later = np.triu(np.ones((length, length), bool), 1)
        for head in range(heads):
            shared = head * kv_heads // heads
            score = q[:, head] @ k[:, shared].T / np.sqrt(dim)
            score[later] = -np.inf
            weight = np.exp(score - score.max(-1, keepdims=True))
            weight /= weight.sum(-1, keepdims=True)
            out[:, head] = weight @ v[:, shared]
        out = out.reshape(length, width)
        return out @ self.weight[f"blk.{layer}.attn_output.weight"].T

    def feed_forward(self, x, layer):
        """What the feed-forward part adds."""
        gate, up, down = (self.weight[f"blk.{layer}.ffn_{name}.weight"]
                          for name in ("gate", "up", "down"))
        g = x @ gate.T
        return (g / (1 + np.exp(-g)) * (x @ up.T)) @ down.T

    def logits(self, ids):
        """Logits at every position, [T, vocab]."""
        embedding = self.weight["token_embd.weight"]
        x = embedding[ids]
        for layer in range(self.number("block_count")):
            name = f"blk.{layer}.attn_norm.weight"
            x = x + self.attention(self.norm(x, name), layer)
            name = f"blk.{layer}.ffn_norm.weight"
            x = x + self.feed_forward(self.norm(x, name), layer)
        return self.norm(x, "output_norm.weight") @ embedding.T


def compare(path, logits_of, tokenizer, texts):
    """Largest difference between the file's logits and `logits_of(ids)`."""
    other = FileModel(path)
    same = other.tokenizer()
    worst = 0.0
    for text in texts:
        ids = [tokenizer.end] + tokenizer.encode(text)
        if ids != [same.end] + same.encode(text):
            raise ValueError(f"the file's tokenizer differs on {text!r}")
        worst = max(worst, np.abs(logits_of(ids) - other.logits(ids)).max())
    return worst
