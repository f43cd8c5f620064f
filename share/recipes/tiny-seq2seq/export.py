"""The trained model as a directory in Hugging Face's form."""
import json
import os

import numpy as np
import torch

import pieces
import safetensors


@torch.no_grad()
def round_weights(model):
    """Round the weights to the half precision that the file holds."""
    for weight in model.parameters():
        weight.copy_(weight.half().float())


def config(shape):
    """config.json."""
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "d_ff": shape.ffn,
        "d_kv": shape.head_dim,
        "d_model": shape.width,
        "decoder_start_token_id": pieces.PAD,
        "dense_act_fn": "gelu_new",
        "dropout_rate": 0.0,
        "eos_token_id": pieces.END,
        "feed_forward_proj": "gated-gelu",
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        "is_gated_act": True,
        "layer_norm_epsilon": shape.eps,
        "model_type": "t5",
        "num_decoder_layers": shape.decoder_layers,
        "num_heads": shape.heads,
        "num_layers": shape.encoder_layers,
        "pad_token_id": pieces.PAD,
        "relative_attention_max_distance": shape.distance,
        "relative_attention_num_buckets": shape.buckets,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        "vocab_size": shape.vocab,
    }


GENERATION = {"decoder_start_token_id": pieces.PAD, "do_sample": False,
              "eos_token_id": pieces.END, "max_length": 128,
              "pad_token_id": pieces.PAD}


def tokenizer_file(tokenizer):
    """tokenizer.json: Unigram between white space, as T5 has it."""
    added = pieces.SPECIALS + [
        pieces.sentinel(i) for i in reversed(range(pieces.SENTINELS))]
    single = [{"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    space = {"type": "Metaspace", "replacement": pieces.MARK,
             "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": tokenizer.ids[token], "content": token,
             "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for token in added],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"String": "\u2019"},
             "content": "'"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, space]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": single + [{"Sequence": {"id": "B", "type_id": 0}},
                              {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [pieces.END],
                                        "tokens": ["</s>"]}}},
        "decoder": space,
        "model": {"type": "Unigram", "unk_id": pieces.UNKNOWN,
                  "vocab": [list(row) for row in tokenizer.scored],
                  "byte_fallback": False},
    }


def attention(out, base, part):
    """The four matrices of an attention."""
    for name in "qkvo":
        out[f"{base}.{name}.weight"] = getattr(part, name).weight


def tensors(model):
    """Weights under the names of T5ForConditionalGeneration."""
    if not model.folded:
        raise ValueError("the scales are not in the weights yet")
    out = {"shared.weight": model.embed.weight}
    stacks = [("encoder", model.encoder_blocks, model.encoder_bias,
               model.encoder_norm),
              ("decoder", model.decoder_blocks, model.decoder_bias,
               model.decoder_norm)]
    for stack, blocks, bias, norm in stacks:
        for i, block in enumerate(blocks):
            base = f"{stack}.block.{i}.layer"
            attention(out, f"{base}.0.SelfAttention", block.self_attn)
            if i == 0:
                out[f"{base}.0.SelfAttention.relative_attention_bias"
                    ".weight"] = bias.weight
            out[f"{base}.0.layer_norm.weight"] = block.self_norm.weight
            last = 1
            if stack == "decoder":
                attention(out, f"{base}.1.EncDecAttention", block.cross_attn)
                out[f"{base}.1.layer_norm.weight"] = block.cross_norm.weight
                last = 2
            for name, weight in (("wi_0", block.gate), ("wi_1", block.up),
                                 ("wo", block.down)):
                out[f"{base}.{last}.DenseReluDense.{name}.weight"] = (
                    weight.weight)
            out[f"{base}.{last}.layer_norm.weight"] = block.ffn_norm.weight
        out[f"{stack}.final_layer_norm.weight"] = norm.weight
    return {name: weight.detach().numpy().astype(np.float16)
            for name, weight in out.items()}


def export(model, tokenizer, folder):
    """Write the configurations, tokenizer.json and model.safetensors."""
    for name, value in (("config.json", config(model.config)),
                        ("generation_config.json", GENERATION)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
    with open(os.path.join(folder, "tokenizer.json"), "w",
              encoding="utf-8") as file:
        json.dump(tokenizer_file(tokenizer), file, ensure_ascii=False,
                  separators=(",", ":"))
        file.write("\n")
    safetensors.write(os.path.join(folder, "model.safetensors"),
                      tensors(model), {"format": "pt"})
