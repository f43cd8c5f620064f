#!/usr/bin/env python3
"""Make the bundled decoder: vocabulary, training, evaluation, export.

    python3 make.py [--work DIR] [STAGE ...]

Without a stage all of them run in order; what a stage left in the work
directory is used again, and training goes on from its last checkpoint.
"""
import argparse
import itertools
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "common"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402

import bpe  # noqa: E402
import card  # noqa: E402
import corpus  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import lexicon as lex  # noqa: E402
import probes  # noqa: E402
import tasks  # noqa: E402
import train  # noqa: E402
import verify  # noqa: E402

SEED = 20240607
VOCABULARY = 2432
SAMPLE = 30000    # documents that the vocabulary is learnt from
STEPS = 2160
STAGES = ["vocab", "train", "export", "evaluate", "card"]


def label_words():
    """Every word that has to be one token after a space."""
    pairs = lex.SENTIMENT_LABELS + [tasks.CANONICAL]
    return (lex.LABEL_POOL + lex.HELD_OUT_LABELS
            + [label for pair in pairs for label in pair])


def make_vocabulary(path):
    """Learn the vocabulary and check that each label is one token."""
    source = corpus.documents(random.Random(f"{SEED} vocabulary"))
    texts = [text.replace(lex.ANSWER, "")
             for _, text in itertools.islice(source, SAMPLE)]
    answers = {b for _, table, *_ in lex.RELATIONS for _, b in table}
    answers |= {a for a, _ in lex.OPPOSITES}
    for need, times in ((label_words(), 300), (sorted(answers), 150)):
        texts += ["".join(f" {word}" for word in need)] * times
    tokenizer = bpe.train(texts, VOCABULARY, [corpus.END])
    broken = [w for w in label_words() if tokenizer.single(" " + w) is None]
    if broken:
        sys.exit(f"labels of several tokens: {broken}")
    tokenizer.save(path)


def facts_of(model, steps):
    """What the card says besides the figures."""
    return {**model.config.as_dict(),
            "parameters": model.parameter_count(),
            "steps": steps, "step_tokens": corpus.STEP_TOKENS,
            "tokens": steps * corpus.STEP_TOKENS / 1e6,
            "answer_weight": corpus.ANSWER_WEIGHT,
            "first_steps": corpus.FIRST_STEPS,
            "decay": train.DECAY, "seed": SEED,
            "review_count": evaluate.COUNT,
            "documents": evaluate.DOCUMENTS}


def export_model(path, model, tokenizer, steps):
    """Write the GGUF file and hold it against the model."""
    export.export(model, tokenizer, path, {
        "description": card.DESCRIPTION, "limits": card.LIMITS,
        "training": card.training_sentence(facts_of(model, steps))})
    texts = [probe[0] for probe in
             probes.review_prompts(probes.unseen, 4, 4, "verify")]
    texts += [text for text, _ in
              probes.relation_prompts("french", 4, 4, "verify")]

    def logits_of(ids):
        with torch.no_grad():
            return model(torch.tensor([ids]))[0].numpy()

    worst = verify.compare(path, logits_of, tokenizer, texts)
    print(f"{path}: logits differ by {worst:.2g} at most")
    if worst > 1e-3:
        sys.exit("the file does not hold the model")


def write_card(path, figures_path, facts):
    """Write the model card from the stored figures."""
    with open(figures_path, encoding="utf-8") as file:
        figures = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        file.write(card.card(facts, figures))


def main():
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help=", ".join(STAGES))
    parser.add_argument("--work", default="tiny-decoder.work")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    stages = args.stages or STAGES
    if set(stages) - set(STAGES):
        parser.error(f"stages are {', '.join(STAGES)}")
    os.makedirs(args.work, exist_ok=True)
    vocab, checkpoint, figures, model_file, card_file = (
        os.path.join(args.work, name) for name in
        ("vocab.json", "checkpoint.pt", "figures.json",
         "tiny-decoder.gguf", "tiny-decoder.md"))
    torch.set_num_threads(args.threads)
    if "vocab" in stages and not os.path.exists(vocab):
        make_vocabulary(vocab)
    tokenizer = bpe.Tokenizer.load(vocab)
    if "train" in stages:
        train.train(tokenizer, checkpoint, args.steps, SEED)
    if not set(stages) & {"export", "evaluate", "card"}:
        return
    model, state = train.load(checkpoint)
    export.round_matrices(model)
    if "export" in stages:
        export_model(model_file, model, tokenizer, state["step"])
    if "evaluate" in stages:
        with open(figures, "w", encoding="utf-8") as file:
            json.dump(evaluate.evaluate(model, tokenizer, SEED), file,
                      indent=1)
    if "card" in stages:
        write_card(card_file, figures, facts_of(model, state["step"]))


if __name__ == "__main__":
    main()
