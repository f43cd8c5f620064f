"""The trained model as a GGUF file."""
import numpy as np
import torch

import gguf

NORMAL, CONTROL = 1, 3


def metadata(config, tokenizer, count, card):
    """Everything but the weights."""
    tokens = tokenizer.token_texts()
    types = [NORMAL] * (len(tokens) - 1) + [CONTROL]
    return {
        "general.architecture": gguf.text("llama"),
        "general.name": gguf.text("tiny-decoder"),
        "general.description": gguf.text(card["description"]),
        "general.license": gguf.text("GPL-3.0-or-later"),
        "general.size_label": gguf.text(f"{count / 1e6:.1f}M"),
        "general.file_type": gguf.u32(1),
        "attune.card.training": gguf.text(card["training"]),
        "attune.card.limits": gguf.text(card["limits"]),
        "llama.context_length": gguf.u32(config.context),
        "llama.embedding_length": gguf.u32(config.width),
        "llama.block_count": gguf.u32(config.layers),
        "llama.feed_forward_length": gguf.u32(config.ffn),
        "llama.attention.head_count": gguf.u32(config.heads),
        "llama.attention.head_count_kv": gguf.u32(config.kv_heads),
        "llama.attention.layer_norm_rms_epsilon": gguf.f32(config.eps),
        "llama.rope.dimension_count": gguf.u32(config.head_dim),
        "llama.rope.freq_base": gguf.f32(config.theta),
        "llama.vocab_size": gguf.u32(config.vocab),
        "tokenizer.ggml.model": gguf.text("gpt2"),
        "tokenizer.ggml.pre": gguf.text("gpt-2"),
        "tokenizer.ggml.tokens": gguf.array(gguf.STRING, tokens),
        "tokenizer.ggml.token_type": gguf.array(gguf.INT32, types),
        "tokenizer.ggml.merges": gguf.array(gguf.STRING,
                                            tokenizer.merge_texts()),
        "tokenizer.ggml.bos_token_id": gguf.u32(tokenizer.end),
        "tokenizer.ggml.eos_token_id": gguf.u32(tokenizer.end),
        "tokenizer.ggml.add_bos_token": gguf.flag(True),
        "tokenizer.ggml.add_eos_token": gguf.flag(False),
    }


@torch.no_grad()
def round_matrices(model):
    """Round the matrices to the half precision that the file holds."""
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.copy_(weight.half().float())


def tensors(model):
    """Weights under GGUF's names, matrices in half precision.

    The rotary embedding was trained on neighbouring pairs, as GGUF has it,
    so the rows of the queries and keys stay where they are.
    """
    def half(weight):
        return weight.detach().numpy().astype(np.float16)

    def full(weight):
        return weight.detach().numpy().astype(np.float32)

    out = {"token_embd.weight": half(model.embed.weight),
           "output_norm.weight": full(model.norm.weight)}
    for i, block in enumerate(model.blocks):
        q, k, v = block.attn.qkv.weight.split(block.attn.widths)
        gate, up = block.gate_up.weight.chunk(2)
        matrices = {"attn_q": q, "attn_k": k, "attn_v": v,
                    "attn_output": block.attn.out.weight,
                    "ffn_gate": gate, "ffn_up": up,
                    "ffn_down": block.down.weight}
        norms = {"attn_norm": block.attn_norm.weight,
                 "ffn_norm": block.ffn_norm.weight}
        for name, weight in norms.items():
            out[f"blk.{i}.{name}.weight"] = full(weight)
        for name, weight in matrices.items():
            out[f"blk.{i}.{name}.weight"] = half(weight)
    return out


def export(model, tokenizer, path, card):
    """Write the file."""
    gguf.write(path, metadata(model.config, tokenizer,
                              model.parameter_count(), card),
               tensors(model))
