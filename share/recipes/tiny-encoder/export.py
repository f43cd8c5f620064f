"""The trained model as a directory in Hugging Face's form."""
import json
import os

import numpy as np
import torch

import safetensors
import wordpiece


@torch.no_grad()
def round_weights(model):
    """Round the weights to the half precision that the file holds."""
    for weight in model.parameters():
        weight.copy_(weight.half().float())


def config(shape):
    """config.json."""
    return {
        "architectures": ["BertForPreTraining"],
        "attention_probs_dropout_prob": 0.0,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.ffn,
        "layer_norm_eps": shape.eps,
        "max_position_embeddings": shape.context,
        "model_type": "bert",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "pad_token_id": wordpiece.PAD,
        "position_embedding_type": "absolute",
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "type_vocab_size": 2,
        "vocab_size": shape.vocab,
    }


def tokenizer_file(tokenizer):
    """tokenizer.json."""
    def special(name, kind):
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def sequence(name, kind):
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True}
            for i, token in enumerate(wordpiece.SPECIALS)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True,
                       "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": single + [sequence("B", 1), special("[SEP]", 1)],
            "special_tokens": {
                token: {"id": token, "ids": [i], "tokens": [token]}
                for token, i in (("[CLS]", wordpiece.CLS),
                                 ("[SEP]", wordpiece.SEP))}},
        "decoder": {"type": "WordPiece", "prefix": wordpiece.INNER,
                    "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]",
                  "continuing_subword_prefix": wordpiece.INNER,
                  "max_input_chars_per_word": wordpiece.LONGEST_WORD,
                  "vocab": tokenizer.ids},
    }


def tensors(model):
    """Weights under the names of BertForPreTraining."""
    out = {}

    def put(name, part):
        for kind, weight in part.named_parameters():
            out[f"{name}.{kind}"] = weight

    base = "bert.embeddings"
    put(f"{base}.word_embeddings", model.embed)
    put(f"{base}.position_embeddings", model.position)
    put(f"{base}.token_type_embeddings", model.segment)
    put(f"{base}.LayerNorm", model.embed_norm)
    for i, block in enumerate(model.blocks):
        base = f"bert.encoder.layer.{i}"
        for name, weight, bias in zip(("query", "key", "value"),
                                      block.qkv.weight.chunk(3),
                                      block.qkv.bias.chunk(3)):
            out[f"{base}.attention.self.{name}.weight"] = weight
            out[f"{base}.attention.self.{name}.bias"] = bias
        put(f"{base}.attention.output.dense", block.out)
        put(f"{base}.attention.output.LayerNorm", block.attn_norm)
        put(f"{base}.intermediate.dense", block.up)
        put(f"{base}.output.dense", block.down)
        put(f"{base}.output.LayerNorm", block.ffn_norm)
    put("bert.pooler.dense", model.pooler)
    out["cls.predictions.bias"] = model.bias
    put("cls.predictions.transform.dense", model.transform)
    put("cls.predictions.transform.LayerNorm", model.transform_norm)
    put("cls.seq_relationship", model.next)
    return {name: weight.detach().numpy().astype(np.float16)
            for name, weight in out.items()}


def export(model, tokenizer, folder):
    """Write config.json, tokenizer.json and model.safetensors."""
    for name, value in (("config.json", config(model.config)),
                        ("tokenizer.json", tokenizer_file(tokenizer))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)
            file.write("\n")
    safetensors.write(os.path.join(folder, "model.safetensors"),
                      tensors(model), {"format": "pt"})
