#!/usr/bin/env python3
"""Make the bundled translator: vocabulary, training, evaluation, export.

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
import grammar  # noqa: E402
import pieces  # noqa: E402
import train  # noqa: E402
import verify  # noqa: E402

SEED = 20240915
VOCABULARY = 2048
SAMPLE = 30000    # sentence pairs that the vocabulary is learnt from
STEPS = 2000
STAGES = ["vocab", "train", "export", "evaluate", "card"]


def make_vocabulary(path):
    """Learn the vocabulary from sentences that may be trained on."""
    rng = random.Random(f"{SEED} vocabulary")
    texts = [corpus.PREFIX] * (SAMPLE // 100)
    for _ in range(SAMPLE):
        sentence = grammar.training(rng)
        texts += [sentence.english, sentence.french]
    pieces.train(texts, VOCABULARY).save(path)


def facts_of(model, steps):
    """What the card says besides the figures."""
    return {**model.config.as_dict(),
            "parameters": model.parameter_count(), "steps": steps,
            "rows": corpus.ROWS, "sentences": steps * corpus.ROWS,
            "gaps": corpus.GAPS, "with_prefix": corpus.WITH_PREFIX,
            "alignment": train.ALIGNMENT, "decay": train.DECAY,
            "sentinels": pieces.SENTINELS, "seed": SEED,
            "pairs_held": grammar.PAIRS_HELD,
            "sentences_held": grammar.SENTENCES_HELD}


def export_model(folder, model, tokenizer):
    """Write the directory and hold it against the model."""
    export.export(model, tokenizer, folder)
    worst = verify.compare(folder, model, tokenizer, grammar.SHOWN[:6])
    print(f"{folder}: logits differ by {worst:.2g} at most")
    if worst > 1e-3:
        sys.exit("the files do not hold the model")


def write_card(folder, figures_path, facts):
    """Write the model card from the stored figures."""
    with open(figures_path, encoding="utf-8") as file:
        figures = json.load(file)
    with open(os.path.join(folder, "README.md"), "w",
              encoding="utf-8") as file:
        file.write(card.card(facts, figures))


def main():
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help=", ".join(STAGES))
    parser.add_argument("--work", default="tiny-seq2seq.work")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    stages = args.stages or STAGES
    if set(stages) - set(STAGES):
        parser.error(f"stages are {', '.join(STAGES)}")
    folder = os.path.join(args.work, "tiny-seq2seq")
    os.makedirs(folder, exist_ok=True)
    vocab, checkpoint, figures = (
        os.path.join(args.work, name) for name in
        ("vocab.json", "checkpoint.pt", "figures.json"))
    torch.set_num_threads(args.threads)
    if "vocab" in stages and not os.path.exists(vocab):
        make_vocabulary(vocab)
    tokenizer = pieces.Tokenizer.load(vocab)
    if "train" in stages:
        train.train(tokenizer, checkpoint, args.steps, SEED)
    if not set(stages) & {"export", "evaluate", "card"}:
        return
    model, state = train.load(checkpoint)
    model.eval()
    model.fold()
    export.round_weights(model)
    if "export" in stages:
        export_model(folder, model, tokenizer)
    if "evaluate" in stages:
        with open(figures, "w", encoding="utf-8") as file:
            json.dump(evaluate.evaluate(model, tokenizer, SEED), file,
                      indent=1, ensure_ascii=False)
    if "card" in stages:
        write_card(folder, figures, facts_of(model, state["step"]))


if __name__ == "__main__":
    main()
