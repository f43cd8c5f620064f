#!/usr/bin/env python3
"""Make the bundled encoder: vocabulary, training, evaluation, export.

    python3 make.py [--work DIR] [STAGE ...]

Without a stage all of them run in order; what a stage left in the work
directory is used again, and training goes on from its last checkpoint.
"""
import argparse
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "common"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402

import card  # noqa: E402
import corpus  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import lexicon as lex  # noqa: E402
import probes  # noqa: E402
import train  # noqa: E402
import verify  # noqa: E402
import wordpiece  # noqa: E402

SEED = 20240611
VOCABULARY = 2048
SAMPLE = 40000    # texts that the vocabulary is learnt from
STEPS = 1600
STAGES = ["vocab", "train", "export", "evaluate", "card"]
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-_+*/=<>&%$#@[]{}"


def make_vocabulary(path):
    """Learn the vocabulary; every word of the lists is one token."""
    rng = random.Random(f"{SEED} vocabulary")
    texts = [" ".join(corpus.text(rng, 6)[1]) for _ in range(SAMPLE)]
    kept = sorted({word.lower() for word in (
        lex.LABEL_POOL + lex.PEOPLE + lex.THINGS + lex.PLACES + lex.GIRLS
        + lex.BOYS) if word.isalpha() and len(word) > 1})
    tokenizer = wordpiece.train(texts, VOCABULARY, kept, ALPHABET)
    broken = [word for word in probes.SENSES
              if tokenizer.single(word) is None]
    if broken:
        sys.exit(f"words of several tokens: {broken}")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tokenizer.tokens, file)


def facts_of(model, steps):
    """What the card says besides the figures."""
    return {**model.config.as_dict(),
            "parameters": model.parameter_count(), "steps": steps,
            "rows": corpus.STEP_ROWS, "all_rows": steps * corpus.STEP_ROWS,
            "decay": train.DECAY, "seed": SEED,
            "next_weight": train.NEXT_WEIGHT}


def export_model(folder, model, tokenizer):
    """Write the directory and hold it against the model."""
    export.export(model, tokenizer, folder)
    texts = [(text.replace("[MASK]", "house"), None)
             for text in probes.FILLS]
    texts += [(text, None) for text in probes.FILLS]
    texts += [tuple(two[:2]) for two in probes.SENSES["bank"]]
    worst = verify.compare(folder, model, tokenizer, texts)
    print(f"{folder}: logits differ by {worst:.2g} at most")
    if worst > 1e-3:
        sys.exit("the files do not hold the model")


def main():
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help=", ".join(STAGES))
    parser.add_argument("--work", default="tiny-encoder.work")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    stages = args.stages or STAGES
    if set(stages) - set(STAGES):
        parser.error(f"stages are {', '.join(STAGES)}")
    vocab, checkpoint, figures, folder = (
        os.path.join(args.work, name) for name in
        ("vocab.json", "checkpoint.pt", "figures.json", "tiny-encoder"))
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(args.threads)
    if "vocab" in stages and not os.path.exists(vocab):
        make_vocabulary(vocab)
    with open(vocab, encoding="utf-8") as file:
        tokenizer = wordpiece.Tokenizer(json.load(file))
    if "train" in stages:
        train.train(tokenizer, checkpoint, args.steps, SEED)
    if not set(stages) & {"export", "evaluate", "card"}:
        return
    model, state = train.load(checkpoint)
    export.round_weights(model)
    model.eval()
    if "export" in stages:
        export_model(folder, model, tokenizer)
    if "evaluate" in stages:
        with open(figures, "w", encoding="utf-8") as file:
            json.dump(evaluate.evaluate(model, tokenizer, SEED), file,
                      indent=1)
    if "card" in stages:
        with open(figures, encoding="utf-8") as file:
            text = card.card(facts_of(model, state["step"]), json.load(file))
        with open(os.path.join(folder, "README.md"), "w",
                  encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
