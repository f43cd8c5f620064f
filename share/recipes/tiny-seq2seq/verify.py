"""A second, independent forward pass: NumPy on what the files hold."""
import json
import os

import numpy as np
import torch

import pieces
import safetensors


def read_json(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return json.load(file)


class FileModel:
    """The model of a directory, in double precision, after T5's paper."""

    def __init__(self, folder):
        self.config = read_json(folder, "config.json")
        self.weight = {name: values.astype(np.float64) for name, values in
                       safetensors.read(os.path.join(
                           folder, "model.safetensors")).items()}
        vocab = read_json(folder, "tokenizer.json")["model"]["vocab"]
        first = len(pieces.SPECIALS)
        self.tokenizer = pieces.Tokenizer(
            [tuple(row) for row in vocab[first:-pieces.SENTINELS]])

    def norm(self, x, name):
        mean = (x * x).mean(-1, keepdims=True)
        eps = self.config["layer_norm_epsilon"]
        return x / np.sqrt(mean + eps) * self.weight[name + ".weight"]

    def bias(self, stack, length):
        """[heads, queries, keys] by distance."""
        table = self.weight[f"{stack}.block.0.layer.0.SelfAttention"
                            ".relative_attention_bias.weight"]
        count = self.config["relative_attention_num_buckets"]
        far = self.config["relative_attention_max_distance"]
        key_before = np.subtract.outer(np.arange(length), np.arange(length))
        start = np.zeros((length, length), int)
        if stack == "encoder":
            count //= 2
            start[key_before < 0] = count
            key_before = abs(key_before)
        key_before = np.maximum(key_before, 0)
        near = count // 2
        log = np.log(np.maximum(key_before, 1) / near) / np.log(far / near)
        rest = np.minimum(near + (log * (count - near)).astype(int),
                          count - 1)
        return table[start + np.where(key_before < near, key_before,
                                      rest)].transpose(2, 0, 1)

    def attention(self, x, y, base, bias):
        """(what attention adds, its weights [heads, T, S])."""
        dim = self.config["d_kv"]
        q, k, v = ((z @ self.weight[f"{base}.{n}.weight"].T)
                   .reshape(len(z), -1, dim).transpose(1, 0, 2)
                   for n, z in (("q", x), ("k", y), ("v", y)))
        score = q @ k.transpose(0, 2, 1) + bias
        weight = np.exp(score - score.max(-1, keepdims=True))
        weight /= weight.sum(-1, keepdims=True)
        mixed = (weight @ v).transpose(1, 0, 2).reshape(len(x), -1)
        return mixed @ self.weight[f"{base}.o.weight"].T, weight

    def feed_forward(self, x, base):
        gate, up, down = (self.weight[f"{base}.{n}.weight"]
                          for n in ("wi_0", "wi_1", "wo"))
        g = x @ gate.T
        g = g / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (g + 0.044715 * g**3)))
        return (g * (x @ up.T)) @ down.T

    def stack(self, name, ids, layers, memory=None):
        """(final states [T, width], cross-attention of each layer)."""
        x, maps = self.weight["shared.weight"][ids], []
        bias = self.bias(name, len(ids))
        if memory is not None:
            bias = bias + np.triu(np.full(bias.shape[1:], -np.inf), 1)
        for i in range(layers):
            base = f"{name}.block.{i}.layer"
            y = self.norm(x, f"{base}.0.layer_norm")
            x = x + self.attention(y, y, f"{base}.0.SelfAttention", bias)[0]
            last = 1
            if memory is not None:
                y = self.norm(x, f"{base}.1.layer_norm")
                more, weight = self.attention(
                    y, memory, f"{base}.1.EncDecAttention", 0.0)
                x, last = x + more, 2
                maps.append(weight)
            y = self.norm(x, f"{base}.{last}.layer_norm")
            x = x + self.feed_forward(y, f"{base}.{last}.DenseReluDense")
        return self.norm(x, f"{name}.final_layer_norm"), maps

    def logits(self, source, inputs):
        """(logits [T, vocab], cross-attention of each layer)."""
        memory, _ = self.stack("encoder", source, self.config["num_layers"])
        x, maps = self.stack("decoder", inputs,
                             self.config["num_decoder_layers"], memory)
        return (x * self.config["d_model"] ** -0.5
                @ self.weight["shared.weight"].T), maps


def compare(folder, model, tokenizer, texts):
    """Largest difference between the logits of the files and the model."""
    other, worst = FileModel(folder), 0.0
    for text in texts:
        source = tokenizer.encode(text)[0] + [pieces.END]
        if source[:-1] != other.tokenizer.encode(text)[0]:
            raise ValueError(f"the file's tokenizer differs on {text!r}")
        inputs = [pieces.PAD] + model.greedy([source])[0]
        with torch.no_grad():
            logits, maps = model(torch.tensor([source]),
                                 torch.tensor([inputs]))
        logits_, maps_ = other.logits(source, inputs)
        worst = max(worst, np.abs(logits[0].numpy() - logits_).max())
        worst = max([worst] + [np.abs(a[0].numpy() - b).max()
                               for a, b in zip(maps, maps_)])
    return worst
