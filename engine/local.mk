# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
engine_parts = \
	%D%/family_albert.c \
	%D%/family_bart.c \
	%D%/family_bert.c \
	%D%/family_bloom.c \
	%D%/family_distilbert.c \
	%D%/family_falcon.c \
	%D%/family_gemma.c \
	%D%/family_gpt2.c \
	%D%/family_gptneox.c \
	%D%/family_llama.c \
	%D%/family_marian.c \
	%D%/family_mpt.c \
	%D%/family_opt.c \
	%D%/family_phi2.c \
	%D%/family_qwen2.c \
	%D%/family_qwen3.c \
	%D%/family_roberta.c \
	%D%/family_stablelm.c \
	%D%/family_starcoder.c \
	%D%/family_t5.c \
	%D%/format_gguf.c \
	%D%/format_hf.c \
	%D%/kernel_avx2.c \
	%D%/kernel_avx512.c \
	%D%/kernel_plain.c \
	%D%/quant_bf16.c \
	%D%/quant_f16.c \
	%D%/quant_f32.c \
	%D%/quant_q2_k.c \
	%D%/quant_q3_k.c \
	%D%/quant_q4_0.c \
	%D%/quant_q4_1.c \
	%D%/quant_q4_k.c \
	%D%/quant_q5_0.c \
	%D%/quant_q5_1.c \
	%D%/quant_q5_k.c \
	%D%/quant_q6_k.c \
	%D%/quant_q8_0.c \
	%D%/sampler_penalties.c \
	%D%/sampler_temperature.c \
	%D%/sampler_top_k.c \
	%D%/sampler_top_p.c \
	%D%/sampler_min_p.c \
	%D%/sampler_typical.c \
	%D%/sampler_bias.c

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = $(engine_parts) \
	%D%/ablate.c \
	%D%/ablate.h \
	%D%/arena.c \
	%D%/arena.h \
	%D%/attend.c \
	%D%/attend.h \
	%D%/attention.c \
	%D%/bind.c \
	%D%/bind.h \
	%D%/candidates.c \
	%D%/chain_text.c \
	%D%/checkpoint.c \
	%D%/checkpoint.h \
	%D%/context.c \
	%D%/context.h \
	%D%/digest.c \
	%D%/dist.c \
	%D%/dist.h \
	%D%/error.c \
	%D%/family.c \
	%D%/family.h \
	%D%/forward.c \
	%D%/gemm.c \
	%D%/gemm.h \
	%D%/generate.c \
	%D%/gguf.c \
	%D%/gguf.h \
	%D%/gguf_write.c \
	%D%/gguf_write.h \
	%D%/hub.c \
	%D%/hub.h \
	%D%/json_error.c \
	%D%/json_error.h \
	%D%/head_list.c \
	%D%/head_list.h \
	%D%/heads.c \
	%D%/kernels.c \
	%D%/kernels.h \
	%D%/kernels_body.inc \
	%D%/kernels_unpacked.inc \
	%D%/late.c \
	%D%/late.h \
	%D%/mapping.c \
	%D%/mapping.h \
	%D%/model.c \
	%D%/model.h \
	%D%/output.c \
	%D%/pool.c \
	%D%/pool.h \
	%D%/product.c \
	%D%/product.h \
	%D%/quant.c \
	%D%/quant.h \
	%D%/quant_fit.c \
	%D%/quantize.c \
	%D%/quantize.h \
	%D%/recipe.h \
	%D%/rng.c \
	%D%/sampler.c \
	%D%/sampler.h \
	%D%/settings.c \
	%D%/settings.h \
	%D%/stops.c \
	%D%/stops.h \
	%D%/task.c \
	%D%/task.h \
	%D%/task_head.c \
	%D%/task_mask.c \
	%D%/task_vector.c \
	%D%/team.c \
	%D%/team.h \
	%D%/tensors.c \
	%D%/trace.c

# Tokenizers.
engine_parts += \
	%D%/tokenizer_bpe.c \
	%D%/tokenizer_spm.c \
	%D%/tokenizer_unigram.c \
	%D%/tokenizer_wordpiece.c
libengine_a_SOURCES += \
	%D%/gzip.c \
	%D%/gzip.h \
	%D%/regex.c \
	%D%/regex.h \
	%D%/tokenizer.c \
	%D%/tokenizer.h \
	%D%/tokenizer_added.c \
	%D%/tokenizer_bytes.c \
	%D%/tokenizer_charsmap.c \
	%D%/tokenizer_decode.c \
	%D%/tokenizer_forms.c \
	%D%/tokenizer_gguf.c \
	%D%/tokenizer_folder.c \
	%D%/tokenizer_json.c \
	%D%/tokenizer_old.c \
	%D%/tokenizer_roles.c \
	%D%/tokenizer_lists.c \
	%D%/tokenizer_lists.h \
	%D%/tokenizer_merge.c \
	%D%/tokenizer_merge.h \
	%D%/tokenizer_normalize.c \
	%D%/tokenizer_parts.h \
	%D%/tokenizer_pieces.c \
	%D%/tokenizer_post.c \
	%D%/tokenizer_pretype.c \
	%D%/tokenizer_split.c \
	%D%/tokenizer_steps.c \
	%D%/tokenizer_steps.h \
	%D%/tokenizer_text.h \
	%D%/tokenizer_vocab.c \
	%D%/tokenizer_vocab.h \
	%D%/unicode.c \
	%D%/unicode.h \
	%D%/unicode_bert.c

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(engine_parts) >$@
