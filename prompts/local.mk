# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
prompts_parts =

noinst_LIBRARIES += libprompts.a
libprompts_a_SOURCES = $(prompts_parts) \
	%D%/library.c

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(prompts_parts) >$@
