# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
prompts_parts = \
	%D%/export_json.c \
	%D%/export_markdown.c \
	%D%/export_html.c \
	%D%/export_asciicast.c

noinst_LIBRARIES += libprompts.a
libprompts_a_SOURCES = $(prompts_parts) \
	%D%/browse.c \
	%D%/budget.c \
	%D%/cut.c \
	%D%/compare.c \
	%D%/diff.c \
	%D%/diff.h \
	%D%/export.c \
	%D%/export.h \
	%D%/json.c \
	%D%/json.h \
	%D%/fragment.c \
	%D%/ladder.c \
	%D%/library.c \
	%D%/pick.c \
	%D%/pack.c \
	%D%/pack.h \
	%D%/pin.c \
	%D%/prompt.c \
	%D%/prompt_json.c \
	%D%/query.c \
	%D%/record.c \
	%D%/record.h \
	%D%/replay.c \
	%D%/run.c \
	%D%/sha256.c \
	%D%/sha256.h \
	%D%/shots.c \
	%D%/store.c \
	%D%/store.h \
	%D%/step_json.c \
	%D%/step_json.h \
	%D%/store_check.c \
	%D%/store_export.c \
	%D%/store_file.c \
	%D%/store_find.c \
	%D%/store_forget.c \
	%D%/store_hash.c \
	%D%/store_import.c \
	%D%/store_journal.c \
	%D%/store_llm.c \
	%D%/store_mark.c \
	%D%/store_node.c \
	%D%/store_pin.c \
	%D%/store_read.c \
	%D%/store_remove.c \
	%D%/store_write.c \
	%D%/template.c \
	%D%/text.c \
	%D%/text_diff.c \
	%D%/text.h \
	%D%/variable.c \
	%D%/variable.h \
	%D%/version.c

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(prompts_parts) >$@

# schema.sql as C: a row {number, "sql"} for every "-- version N" in it.
BUILT_SOURCES += %D%/schema.inc
CLEANFILES += %D%/schema.inc
EXTRA_DIST += %D%/schema.sql
%D%/schema.inc: %D%/schema.sql
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(AWK) '/^-- version [0-9]+/ { if (n) print "},"; n = $$3 + 0; print "{" n "," } \
		n { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
		END { print "}," }' $(srcdir)/%D%/schema.sql >$@
