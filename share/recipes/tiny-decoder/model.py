"""A decoder in LLaMA's shape.

RMS norms, rotary positions on neighbouring pairs (GGUF's layout, so that the
export needs no permutation), grouped-query attention, a SwiGLU feed-forward
part, and one matrix for the embedding and the output.
"""
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

BLOCK = 128  # queries that are worked on together


@dataclass
class Config:
    """The shape of the model."""

    vocab: int = 2048
    context: int = 512
    width: int = 128
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    ffn: int = 384
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.width // self.heads

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


def rotary_tables(config):
    """Cosine and sine of position times frequency: [context, head_dim/2]."""
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float64)
    frequency = config.theta ** (-half / config.head_dim)
    angle = torch.arange(config.context, dtype=torch.float64)[:, None]
    angle = angle * frequency
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """Turn the pairs (x0, x1), (x2, x3), ... of [..., T, head_dim]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    return turned.flatten(-2)


class Attention(nn.Module):
    """Causal self-attention; neighbouring query heads share keys."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.maps = None   # a list here keeps the attention weights
        kv_width = config.kv_heads * config.head_dim
        self.widths = [config.width, kv_width, kv_width]
        self.qkv = nn.Linear(config.width, sum(self.widths), bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x, cos, sin, mask):
        c = self.config
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).split(self.widths, -1)
        q = q.view(batch, length, c.heads, c.head_dim).transpose(1, 2)
        k = k.view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        v = v.view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        q = rotate(q, cos, sin) * c.head_dim ** -0.5
        k = rotate(k, cos, sin)
        mixed = torch.cat([self.rows(q, k, v, mask, start)
                           for start in range(0, length, BLOCK)], 2)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1))

    def rows(self, q, k, v, mask, start):
        """The result for a block of queries, looking at no later keys."""
        batch, heads, length, dim = q.shape
        end = min(start + BLOCK, length)
        # query heads of one key head lie one below the other
        q = q[:, :, start:end].reshape(batch, k.shape[1], -1, dim)
        score = q @ k[:, :, :end].transpose(-1, -2)
        score = score.view(batch, heads, end - start, end)
        score += mask[start:end, :end]
        weight = score.softmax(-1)
        if self.maps is not None:
            self.maps.append(F.pad(weight, (0, length - end)))
        weight = weight.view(batch, k.shape[1], -1, end)
        return (weight @ v[:, :, :end]).view(batch, heads, -1, dim)


class Block(nn.Module):
    """Attention and feed-forward part, each added to the stream."""

    def __init__(self, config):
        super().__init__()
        self.attn_norm = Norm(config)
        self.attn = Attention(config)
        self.ffn_norm = Norm(config)
        self.gate_up = nn.Linear(config.width, 2 * config.ffn, bias=False)
        self.down = nn.Linear(config.ffn, config.width, bias=False)

    def forward(self, x, cos, sin, mask):
        x = x + self.attn(self.attn_norm(x), cos, sin, mask)
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Decoder(nn.Module):
    """Token ids [batch, T] to logits [batch, T, vocab]."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.blocks = nn.ModuleList(Block(config)
                                    for _ in range(config.layers))
        self.norm = Norm(config)
        cos, sin = rotary_tables(config)
        mask = torch.full((config.context, config.context), float("-inf"))
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("mask", mask.triu(1), persistent=False)
        self.initialise()

    def initialise(self):
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                std = weight.shape[1] ** -0.5
                if name.endswith(("out.weight", "down.weight")):
                    std *= (2 * self.config.layers) ** -0.5
                nn.init.normal_(weight, std=0.5 * std)

    def hidden(self, ids):
        """What leaves the last norm, [batch, T, width]."""
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        mask = self.mask[:length, :length]
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.embed.weight)

    def last(self, rows):
        """Logits after the last token of each row of ids, [rows, vocab]."""
        length = max(map(len, rows))
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, :len(row)] = torch.tensor(row)
        ends = torch.tensor([len(row) - 1 for row in rows])
        hidden = self.hidden(ids)[torch.arange(len(rows)), ends]
        return F.linear(hidden, self.embed.weight)

    def attention_maps(self, ids):
        """The weights of every layer, [layers] of [batch, heads, T, T]."""
        for block in self.blocks:
            block.attn.maps = []
        self.hidden(ids)
        maps = [torch.cat(block.attn.maps, 2) for block in self.blocks]
        for block in self.blocks:
            block.attn.maps = None
        return maps

    def parameter_count(self):
        return sum(p.numel() for p in self.parameters())
