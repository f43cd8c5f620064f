"""An encoder in BERT's shape, with its two heads of pre-training.

Token, position and segment are added and normed; every block norms after it
has added (post-norm); the feed-forward part has the exact gelu.  The masked
words come out of a dense layer, gelu, a norm and the embedding again; whether
the second segment follows the first comes out of the pooled [CLS].
"""
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    """The shape of the model."""

    vocab: int = 2304
    context: int = 128
    width: int = 128
    layers: int = 4
    heads: int = 4
    ffn: int = 512
    eps: float = 1e-12

    @property
    def head_dim(self):
        return self.width // self.heads

    def as_dict(self):
        return asdict(self)


class Block(nn.Module):
    """Attention and feed-forward part, each added and then normed."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.map = None    # True here keeps the attention weights
        width = config.width
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.attn_norm = nn.LayerNorm(width, config.eps)
        self.up = nn.Linear(width, config.ffn)
        self.down = nn.Linear(config.ffn, width)
        self.ffn_norm = nn.LayerNorm(width, config.eps)

    def attend(self, x, mask):
        """What attention adds to [batch, T, width]."""
        c = self.config
        batch, length, _ = x.shape
        q, k, v = (part.view(batch, length, c.heads, c.head_dim)
                   .transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        score = q @ (k.transpose(-1, -2) * c.head_dim ** -0.5) + mask
        weight = score.softmax(-1)
        if self.map is not None:
            self.map = weight
        return self.out((weight @ v).transpose(1, 2)
                        .reshape(batch, length, -1))

    def forward(self, x, mask):
        x = self.attn_norm(x + self.attend(x, mask))
        return self.ffn_norm(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    """Token ids and segments [batch, T] to hidden states and both heads."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Embedding(config.vocab, width)
        self.position = nn.Embedding(config.context, width)
        self.segment = nn.Embedding(2, width)
        self.embed_norm = nn.LayerNorm(width, config.eps)
        self.blocks = nn.ModuleList(Block(config)
                                    for _ in range(config.layers))
        self.pooler = nn.Linear(width, width)
        self.next = nn.Linear(width, 2)
        self.transform = nn.Linear(width, width)
        self.transform_norm = nn.LayerNorm(width, config.eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab))
        self.initialise()

    def initialise(self):
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                std = 0.5 * weight.shape[1] ** -0.5
                nn.init.normal_(weight, std=std)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def hidden_states(self, ids, types, present=None):
        """[layers + 1] of [batch, T, width]; `present` is 0 on padding."""
        mask = torch.zeros(ids.shape[0], 1, 1, ids.shape[1])
        if present is not None:
            mask.masked_fill_(present[:, None, None, :] == 0, float("-inf"))
        place = self.position.weight[:ids.shape[1]]
        x = self.embed_norm(self.embed(ids) + place + self.segment(types))
        out = [x]
        for block in self.blocks:
            x = block(x, mask)
            out.append(x)
        return out

    def words(self, hidden):
        """Logits of the vocabulary for hidden states [..., width]."""
        x = self.transform_norm(F.gelu(self.transform(hidden)))
        return F.linear(x, self.embed.weight, self.bias)

    def follows(self, hidden):
        """Logits of (is next, is not) for hidden states [batch, T, width]."""
        return self.next(torch.tanh(self.pooler(hidden[:, 0])))

    def attention_maps(self, ids, types):
        """The weights of every layer, [layers] of [batch, heads, T, T]."""
        for block in self.blocks:
            block.map = True
        self.hidden_states(ids, types)
        maps = [block.map for block in self.blocks]
        for block in self.blocks:
            block.map = None
        return maps

    def parameter_count(self):
        return sum(p.numel() for p in self.parameters())
