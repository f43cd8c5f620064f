# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
prompts_parts =

noinst_LIBRARIES += libprompts.a
libprompts_a_SOURCES = $(prompts_parts) \
	%D%/budget.c \
	%D%/json.c \
	%D%/json.h \
	%D%/library.c \
	%D%/prompt.c \
	%D%/prompt_json.c \
	%D%/shots.c \
	%D%/template.c \
	%D%/text.c \
	%D%/text.h

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(prompts_parts) >$@
