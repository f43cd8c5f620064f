# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
engine_parts = \
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
	%D%/quant_q8_0.c

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = $(engine_parts) \
	%D%/digest.c \
	%D%/error.c \
	%D%/gguf.c \
	%D%/gguf.h \
	%D%/mapping.c \
	%D%/mapping.h \
	%D%/model.h \
	%D%/quant.c \
	%D%/quant.h \
	%D%/recipe.h \
	%D%/sampler.c \
	%D%/sampler.h \
	%D%/tokenizer.h

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(engine_parts) >$@
