# Everything here is installed below $(pkgdatadir) under the same relative names.

prompt_templatesdir = $(pkgdatadir)/prompts/templates
dist_prompt_templates_DATA = \
	%D%/prompts/templates/capital.txt \
	%D%/prompts/templates/classify.txt \
	%D%/prompts/templates/code.txt \
	%D%/prompts/templates/entities.txt \
	%D%/prompts/templates/instruct.txt \
	%D%/prompts/templates/opposite.txt \
	%D%/prompts/templates/plain.txt \
	%D%/prompts/templates/plural.txt \
	%D%/prompts/templates/question.txt \
	%D%/prompts/templates/review.txt \
	%D%/prompts/templates/summary.txt \
	%D%/prompts/templates/translate.txt

prompt_shotsdir = $(pkgdatadir)/prompts/shots
dist_prompt_shots_DATA = \
	%D%/prompts/shots/capitals.jsonl \
	%D%/prompts/shots/code.jsonl \
	%D%/prompts/shots/entities.jsonl \
	%D%/prompts/shots/french.jsonl \
	%D%/prompts/shots/opposites.jsonl \
	%D%/prompts/shots/plurals.jsonl \
	%D%/prompts/shots/questions.jsonl \
	%D%/prompts/shots/reviews.jsonl \
	%D%/prompts/shots/sentences-french.jsonl \
	%D%/prompts/shots/summaries.jsonl

prompt_examplesdir = $(pkgdatadir)/prompts/examples
dist_prompt_examples_DATA = \
	%D%/prompts/examples/answer-few-shot.json \
	%D%/prompts/examples/answer-one-shot.json \
	%D%/prompts/examples/answer-zero-shot.json \
	%D%/prompts/examples/capitals.json \
	%D%/prompts/examples/classify-few-shot.json \
	%D%/prompts/examples/classify-one-shot.json \
	%D%/prompts/examples/classify-zero-shot.json \
	%D%/prompts/examples/code.json \
	%D%/prompts/examples/continue-story-few-shot.json \
	%D%/prompts/examples/continue-story-one-shot.json \
	%D%/prompts/examples/continue-story-zero-shot.json \
	%D%/prompts/examples/entities.json \
	%D%/prompts/examples/extract-few-shot.json \
	%D%/prompts/examples/extract-one-shot.json \
	%D%/prompts/examples/extract-zero-shot.json \
	%D%/prompts/examples/opposites.json \
	%D%/prompts/examples/questions.json \
	%D%/prompts/examples/sentiment-few-shot.json \
	%D%/prompts/examples/sentiment-one-shot.json \
	%D%/prompts/examples/sentiment-zero-shot.json \
	%D%/prompts/examples/start.json \
	%D%/prompts/examples/story.json \
	%D%/prompts/examples/summarise-few-shot.json \
	%D%/prompts/examples/summarise-one-shot.json \
	%D%/prompts/examples/summarise-zero-shot.json \
	%D%/prompts/examples/summary.json \
	%D%/prompts/examples/translate-few-shot.json \
	%D%/prompts/examples/translate-one-shot.json \
	%D%/prompts/examples/translate-sentence.json \
	%D%/prompts/examples/translate-words.json \
	%D%/prompts/examples/translate-zero-shot.json \
	%D%/prompts/examples/write-code-few-shot.json \
	%D%/prompts/examples/write-code-one-shot.json \
	%D%/prompts/examples/write-code-zero-shot.json

# The configuration: installed to be read, compiled in to be used.
dist_pkgdata_DATA = %D%/attune.conf

modelsdir = $(pkgdatadir)/models
dist_models_DATA = \
	%D%/models/tiny-decoder.gguf \
	%D%/models/tiny-decoder.md

encoderdir = $(modelsdir)/tiny-encoder
dist_encoder_DATA = \
	%D%/models/tiny-encoder/README.md \
	%D%/models/tiny-encoder/config.json \
	%D%/models/tiny-encoder/model.safetensors \
	%D%/models/tiny-encoder/tokenizer.json

seq2seqdir = $(modelsdir)/tiny-seq2seq
dist_seq2seq_DATA = \
	%D%/models/tiny-seq2seq/README.md \
	%D%/models/tiny-seq2seq/config.json \
	%D%/models/tiny-seq2seq/generation_config.json \
	%D%/models/tiny-seq2seq/model.safetensors \
	%D%/models/tiny-seq2seq/tokenizer.json

# How the models were made: shipped with the source, not installed.
EXTRA_DIST += \
	%D%/recipes/README.md \
	%D%/recipes/common/bpe.py \
	%D%/recipes/common/gguf.py \
	%D%/recipes/common/lexicon.py \
	%D%/recipes/common/memory.py \
	%D%/recipes/common/optimizer.py \
	%D%/recipes/common/reviews.py \
	%D%/recipes/common/safetensors.py \
	%D%/recipes/common/stories.py \
	%D%/recipes/common/tables.py \
	%D%/recipes/common/wordpiece.py \
	%D%/recipes/tiny-decoder/card.py \
	%D%/recipes/tiny-decoder/corpus.py \
	%D%/recipes/tiny-decoder/evaluate.py \
	%D%/recipes/tiny-decoder/export.py \
	%D%/recipes/tiny-decoder/make.py \
	%D%/recipes/tiny-decoder/model.py \
	%D%/recipes/tiny-decoder/probes.py \
	%D%/recipes/tiny-decoder/tasks.py \
	%D%/recipes/tiny-decoder/train.py \
	%D%/recipes/tiny-decoder/verify.py \
	%D%/recipes/tiny-encoder/card.py \
	%D%/recipes/tiny-encoder/corpus.py \
	%D%/recipes/tiny-encoder/evaluate.py \
	%D%/recipes/tiny-encoder/export.py \
	%D%/recipes/tiny-encoder/grammar.py \
	%D%/recipes/tiny-encoder/make.py \
	%D%/recipes/tiny-encoder/model.py \
	%D%/recipes/tiny-encoder/probes.py \
	%D%/recipes/tiny-encoder/scenes.py \
	%D%/recipes/tiny-encoder/senses.py \
	%D%/recipes/tiny-encoder/train.py \
	%D%/recipes/tiny-encoder/verify.py \
	%D%/recipes/tiny-seq2seq/card.py \
	%D%/recipes/tiny-seq2seq/clauses.py \
	%D%/recipes/tiny-seq2seq/corpus.py \
	%D%/recipes/tiny-seq2seq/evaluate.py \
	%D%/recipes/tiny-seq2seq/export.py \
	%D%/recipes/tiny-seq2seq/grammar.py \
	%D%/recipes/tiny-seq2seq/make.py \
	%D%/recipes/tiny-seq2seq/model.py \
	%D%/recipes/tiny-seq2seq/nouns.py \
	%D%/recipes/tiny-seq2seq/phrases.py \
	%D%/recipes/tiny-seq2seq/pieces.py \
	%D%/recipes/tiny-seq2seq/surface.py \
	%D%/recipes/tiny-seq2seq/train.py \
	%D%/recipes/tiny-seq2seq/verbs.py \
	%D%/recipes/tiny-seq2seq/verify.py \
	%D%/pictures/cross.png \
	%D%/pictures/heads-cross.png \
	%D%/pictures/heads-decoder.png \
	%D%/pictures/heads-encoder.png \
	%D%/pictures/ladder.png \
	%D%/pictures/translator.png \
	%D%/pictures/workbench.png
