# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
engine_parts =

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = $(engine_parts) \
	%D%/digest.c \
	%D%/error.c \
	%D%/gguf.c \
	%D%/gguf.h \
	%D%/mapping.c \
	%D%/mapping.h \
	%D%/model.h \
	%D%/recipe.h \
	%D%/sampler.c \
	%D%/sampler.h

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(engine_parts) >$@
