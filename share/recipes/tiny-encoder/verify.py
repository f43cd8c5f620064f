"""A second, independent forward pass: NumPy on what the directory holds."""
import json
import math
import os

import numpy as np
import torch

import corpus
import safetensors
import wordpiece

erf = np.vectorize(math.erf)


class FolderModel:
    """The model of a Hugging Face directory, in double precision."""

    def __init__(self, folder):
        with open(os.path.join(folder, "config.json"),
                  encoding="utf-8") as file:
            self.config = json.load(file)
        with open(os.path.join(folder, "tokenizer.json"),
                  encoding="utf-8") as file:
            self.vocab = json.load(file)["model"]["vocab"]
        self.weight = {
            name: values.astype(np.float64) for name, values in
            safetensors.read(os.path.join(folder,
                                          "model.safetensors")).items()}

    def tokenizer(self):
        """The tokenizer, built from the file's vocabulary."""
        return wordpiece.Tokenizer(sorted(self.vocab, key=self.vocab.get))

    def linear(self, x, name):
        return x @ self.weight[name + ".weight"].T + self.weight[
            name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True)
                        + self.config["layer_norm_eps"])
        return x * self.weight[name + ".weight"] + self.weight[name + ".bias"]

    def gelu(self, x):
        return x * (1 + erf(x / math.sqrt(2))) / 2

    def attention(self, x, base):
        """What attention adds to [T, width]."""
        heads = self.config["num_attention_heads"]
        length, width = x.shape
        q, k, v = (self.linear(x, f"{base}.attention.self.{name}")
                   .reshape(length, heads, -1)
                   for name in ("query", "key", "value"))
        out = np.empty_like(q)
        for head in range(heads):
            score = q[:, head] @ k[:, head].T / math.sqrt(width // heads)
            weight = np.exp(score - score.max(-1, keepdims=True))
            weight /= weight.sum(-1, keepdims=True)
            out[:, head] = weight @ v[:, head]
        return self.linear(out.reshape(length, width),
                           f"{base}.attention.output.dense")

    def logits(self, ids, types):
        """Logits of the words [T, vocab] and of the next sentence [2]."""
        table = "bert.embeddings.{}.weight"
        words = self.weight[table.format("word_embeddings")]
        x = (words[ids] + self.weight[table.format("token_type_embeddings")]
             [types] + self.weight[table.format("position_embeddings")]
             [:len(ids)])
        x = self.norm(x, "bert.embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            base = f"bert.encoder.layer.{layer}"
            x = self.norm(x + self.attention(x, base),
                          f"{base}.attention.output.LayerNorm")
            inner = self.gelu(self.linear(x, f"{base}.intermediate.dense"))
            x = self.norm(x + self.linear(inner, f"{base}.output.dense"),
                          f"{base}.output.LayerNorm")
        pooled = np.tanh(self.linear(x[0], "bert.pooler.dense"))
        base = "cls.predictions.transform"
        y = self.norm(self.gelu(self.linear(x, f"{base}.dense")),
                      f"{base}.LayerNorm")
        return (y @ words.T + self.weight["cls.predictions.bias"],
                self.linear(pooled, "cls.seq_relationship"))


@torch.no_grad()
def compare(folder, model, tokenizer, texts):
    """Largest difference between the files' logits and the model's."""
    other = FolderModel(folder)
    same = other.tokenizer()
    worst = 0.0
    for one, two in texts:
        ids, types = corpus.join(tokenizer, one, two)
        if (ids, types) != corpus.join(same, one, two):
            raise ValueError(f"the file's tokenizer differs on {one!r}")
        hidden = model.hidden_states(torch.tensor([ids]),
                                     torch.tensor([types]))[-1]
        words, after = other.logits(ids, types)
        worst = max(worst,
                    np.abs(model.words(hidden)[0].numpy() - words).max(),
                    np.abs(model.follows(hidden)[0].numpy() - after).max())
    return worst
