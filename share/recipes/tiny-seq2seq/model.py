"""An encoder and a decoder in T5's shape.

RMS norms before every part, a learnt bias for each head and distance, gated
GELU, no biases elsewhere, and one matrix for both embeddings and the output.

T5 divides its scores by nothing and multiplies the last state by width^-0.5.
Here the usual scales are in the formulas, where they suit the optimizer;
`fold` moves them into the weights, after which `folded` is true and the
arithmetic is T5's own.
"""
import math
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    """The shape of the model."""

    vocab: int = 1600
    width: int = 128
    encoder_layers: int = 3
    decoder_layers: int = 2
    heads: int = 4
    head_dim: int = 24
    ffn: int = 256
    buckets: int = 32
    distance: int = 64
    eps: float = 1e-6

    def as_dict(self):
        return asdict(self)


class Norm(nn.Module):
    """Divide by the root of the mean square, then scale."""

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.width))
        self.eps = config.eps

    def forward(self, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x * scale * self.weight


def bucket(distance, both_ways, config):
    """The bucket of key position minus query position (T5, section 2.1).

    Half of the buckets are exact distances, the rest grow with their
    logarithm up to the largest distance; the encoder has a half for each
    direction.
    """
    count, first = config.buckets, 0
    if both_ways:
        count //= 2
        first = count if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(-distance, 0)
    exact = count // 2
    if distance < exact:
        return first + distance
    grown = exact + int(math.log(distance / exact)
                        / math.log(config.distance / exact)
                        * (count - exact))
    return first + min(grown, count - 1)


class Bias(nn.Module):
    """What distance adds to the scores of each head."""

    def __init__(self, config, both_ways):
        super().__init__()
        self.config, self.both_ways = config, both_ways
        self.weight = nn.Parameter(torch.zeros(config.buckets, config.heads))
        self.rows = {}

    def forward(self, length):
        """[heads, length, length]."""
        if length not in self.rows:
            self.rows[length] = torch.tensor(
                [[bucket(key - query, self.both_ways, self.config)
                  for key in range(length)] for query in range(length)])
        return self.weight[self.rows[length]].permute(2, 0, 1)


class Attention(nn.Module):
    """Attention of x over y, the same or another row of states."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        inner = config.heads * config.head_dim
        self.scale = config.head_dim ** -0.5
        self.q = nn.Linear(config.width, inner, bias=False)
        self.k = nn.Linear(config.width, inner, bias=False)
        self.v = nn.Linear(config.width, inner, bias=False)
        self.o = nn.Linear(inner, config.width, bias=False)

    def heads(self, x):
        batch, length, _ = x.shape
        return x.view(batch, length, self.config.heads, -1).transpose(1, 2)

    def forward(self, x, y, bias):
        """(result, weights [B, heads, T, S])."""
        q = self.heads(self.q(x) * self.scale)
        k, v = self.heads(self.k(y)), self.heads(self.v(y))
        weight = (q @ k.transpose(-1, -2) + bias).softmax(-1)
        mixed = (weight @ v).transpose(1, 2).flatten(2)
        return self.o(mixed), weight


class Block(nn.Module):
    """Attention to itself, perhaps to the encoder, and gated GELU."""

    def __init__(self, config, crossed):
        super().__init__()
        self.self_norm, self.self_attn = Norm(config), Attention(config)
        if crossed:
            self.cross_norm, self.cross_attn = Norm(config), Attention(config)
        self.ffn_norm = Norm(config)
        self.gate = nn.Linear(config.width, config.ffn, bias=False)
        self.up = nn.Linear(config.width, config.ffn, bias=False)
        self.down = nn.Linear(config.ffn, config.width, bias=False)

    def forward(self, x, bias, memory=None, memory_bias=None):
        """(x, cross-attention weights or None)."""
        y = self.self_norm(x)
        x = x + self.self_attn(y, y, bias)[0]
        weight = None
        if memory is not None:
            more, weight = self.cross_attn(self.cross_norm(x), memory,
                                           memory_bias)
            x = x + more
        y = self.ffn_norm(x)
        gate = F.gelu(self.gate(y), approximate="tanh")
        return x + self.down(gate * self.up(y)), weight


class Seq2Seq(nn.Module):
    """Source and target ids to logits [batch, T, vocab]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.folded = config, False
        self.embed = nn.Embedding(config.vocab, config.width)
        self.encoder_bias = Bias(config, True)
        self.decoder_bias = Bias(config, False)
        self.blocks = nn.ModuleList(
            Block(config, i >= config.encoder_layers)
            for i in range(config.encoder_layers + config.decoder_layers))
        self.encoder_norm, self.decoder_norm = Norm(config), Norm(config)
        self.initialise()

    @property
    def encoder_blocks(self):
        return self.blocks[:self.config.encoder_layers]

    @property
    def decoder_blocks(self):
        return self.blocks[self.config.encoder_layers:]

    def initialise(self):
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and "bias" not in name:
                std = weight.shape[1] ** -0.5
                if name.endswith(("o.weight", "down.weight")):
                    std *= (2 * len(self.blocks)) ** -0.5
                nn.init.normal_(weight, std=0.5 * std)

    def embedded(self, ids):
        scale = 1.0 if self.folded else self.config.width ** 0.5
        return self.embed(ids) * scale

    def encode(self, source, hidden):
        """States [B, S, width]; `hidden` is the bias of the padding."""
        x = self.embedded(source)
        bias = self.encoder_bias(source.shape[1]) + hidden
        for block in self.encoder_blocks:
            x, _ = block(x, bias)
        return self.encoder_norm(x)

    def decode(self, inputs, memory, hidden):
        """(logits, [cross-attention of each layer])."""
        length = inputs.shape[1]
        later = torch.full((length, length), float("-inf")).triu(1)
        bias = self.decoder_bias(length) + later
        x, maps = self.embedded(inputs), []
        for block in self.decoder_blocks:
            x, weight = block(x, bias, memory, hidden)
            maps.append(weight)
        x = self.decoder_norm(x)
        if self.folded:
            x = x * self.config.width ** -0.5
        return F.linear(x, self.embed.weight), maps

    def forward(self, source, inputs):
        hidden = padding(source)
        return self.decode(inputs, self.encode(source, hidden), hidden)

    @torch.no_grad()
    def fold(self):
        """Move the scales into the weights, as T5 has them."""
        if self.folded:
            return
        self.embed.weight *= self.config.width ** 0.5
        for block in self.blocks:
            parts = [block.self_attn, getattr(block, "cross_attn", None)]
            for part in filter(None, parts):
                part.q.weight *= part.scale
                part.scale = 1.0
        self.folded = True

    @torch.no_grad()
    def greedy(self, sources, limit=64):
        """The likeliest continuation of each source, token by token."""
        width = max(map(len, sources))
        source = torch.zeros(len(sources), width, dtype=torch.long)
        for i, ids in enumerate(sources):
            source[i, :len(ids)] = torch.tensor(ids)
        hidden = padding(source)
        memory = self.encode(source, hidden)
        out = torch.zeros(len(sources), 1, dtype=torch.long)
        for _ in range(limit):
            logits, _ = self.decode(out, memory, hidden)
            out = torch.cat([out, logits[:, -1].argmax(-1, True)], 1)
            if (out == 1).any(1).all():
                break
        rows = [row[1:] for row in out.tolist()]
        return [row[:row.index(1)] if 1 in row else row for row in rows]

    def parameter_count(self):
        return sum(p.numel() for p in self.parameters())


def padding(source):
    """Minus infinity where the source is padded: [B, 1, 1, S]."""
    none = torch.zeros(source.shape)
    return none.masked_fill(source == 0, float("-inf"))[:, None, None]
