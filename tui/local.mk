# Parts: KIND_NAME.c, one line each; the list is the registry (see tables.inc).
tui_parts = \
	%D%/cmd_probs.c \
	%D%/cmd_quantize.c \
	%D%/cmd_run.c \
	%D%/cmd_score.c
tui_parts += \
	%D%/panel_ablation.c \
	%D%/panel_why.c \
	%D%/panel_attention.c \
	%D%/panel_card.c \
	%D%/panel_chain.c \
	%D%/panel_compare.c \
	%D%/panel_dist.c \
	%D%/panel_heads.c \
	%D%/panel_knobs.c \
	%D%/panel_ladder.c \
	%D%/panel_lens.c \
	%D%/panel_library.c \
	%D%/panel_output.c \
	%D%/panel_prompt.c \
	%D%/panel_sessions.c \
	%D%/panel_shift.c \
	%D%/panel_tokens.c \
	%D%/panel_tree.c \
	%D%/panel_versions.c \
	%D%/panel_walk.c
tui_parts += \
	%D%/cmd_attention.c \
	%D%/cmd_bench.c \
	%D%/cmd_card.c \
	%D%/cmd_classify.c \
	%D%/cmd_detokenize.c \
	%D%/cmd_embed.c \
	%D%/cmd_fill.c \
	%D%/cmd_hidden.c \
	%D%/cmd_ladder.c \
	%D%/cmd_lens.c \
	%D%/cmd_logits.c \
	%D%/cmd_mark.c \
	%D%/cmd_models.c \
	%D%/cmd_note.c \
	%D%/cmd_pin.c \
	%D%/cmd_nsp.c \
	%D%/cmd_qa.c \
	%D%/cmd_tag.c \
	%D%/cmd_tokenize.c
tui_parts += \
	%D%/cmd_library.c \
	%D%/cmd_versions.c \
	%D%/cmd_compose.c \
	%D%/cmd_db.c \
	%D%/cmd_diff.c \
	%D%/cmd_export.c \
	%D%/cmd_import.c \
	%D%/cmd_replay.c \
	%D%/cmd_rm.c \
	%D%/cmd_sessions.c \
	%D%/cmd_shift.c \
	%D%/cmd_tree.c \
	%D%/cmd_show.c

tui_parts += \
	%D%/map_ansi.c \
	%D%/map_csv.c \
	%D%/map_html.c \
	%D%/map_json.c \
	%D%/map_npy.c \
	%D%/map_pdf.c \
	%D%/map_png.c \
	%D%/map_safetensors.c \
	%D%/map_svg.c \
	%D%/map_txt.c

noinst_LIBRARIES += libtui.a
libtui_a_SOURCES = $(tui_parts) \
	%D%/cli.c \
	%D%/cli.h \
	%D%/cli_context.c \
	%D%/cli_progress.c \
	%D%/cli_fork.c \
	%D%/cli_fork.h \
	%D%/cli_input.c \
	%D%/cli_beams.c \
	%D%/cli_beams.h \
	%D%/cli_labels.c \
	%D%/cli_labels.h \
	%D%/cli_sampling.c \
	%D%/cli_logits.c \
	%D%/cli_logits.h \
	%D%/cli_spread.c \
	%D%/cli_spread.h \
	%D%/cli_task.c \
	%D%/cli_task.h \
	%D%/cli_token.c \
	%D%/edit.c \
	%D%/forest.c \
	%D%/forest.h \
	%D%/edit.h \
	%D%/job.c \
	%D%/job_attention.c \
	%D%/job_tree.c \
	%D%/job_deep.c \
	%D%/job_fork.c \
	%D%/job_ladder.c \
	%D%/job_pick.c \
	%D%/job_task.c \
	%D%/job_store.c \
	%D%/job_walk.c \
	%D%/panel.h \
	%D%/workbench.c \
	%D%/workbench.h \
	%D%/task.c \
	%D%/task_view.c \
	%D%/task_view.h \
	%D%/task_words.c \
	%D%/task.h \
	%D%/workbench_event.c \
	%D%/workbench_event.h \
	%D%/workbench_journal.c \
	%D%/workbench_knob.c \
	%D%/cli_saved.c \
	%D%/job_why.c \
	%D%/cli_saved.h \
	%D%/cli_why.c \
	%D%/cli_why.h \
	%D%/workbench_ablate.c \
	%D%/workbench_origin.c \
	%D%/workbench_look.c \
	%D%/workbench_pin.c \
	%D%/workbench_runs.c \
	%D%/workbench_side.c \
	%D%/workbench_task.c \
	%D%/worker.c \
	%D%/worker.h

# The terminal, the screen and the loop.
libtui_a_SOURCES += \
	%D%/canvas.c \
	%D%/canvas.h \
	%D%/cells.c \
	%D%/cells.h \
	%D%/action.c \
	%D%/action_knob.c \
	%D%/actions.def \
	%D%/app.c \
	%D%/app.h \
	%D%/bars.c \
	%D%/bars.h \
	%D%/clipboard.c \
	%D%/clipboard.h \
	%D%/help.c \
	%D%/line.c \
	%D%/line.h \
	%D%/pager.c \
	%D%/pager.h \
	%D%/verb.c \
	%D%/verb.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/keymap.c \
	%D%/keymap.h \
	%D%/layout.c \
	%D%/layout.h \
	%D%/options.def \
	%D%/input.c \
	%D%/input.h \
	%D%/palette.c \
	%D%/term.c \
	%D%/term.h

libtui_a_SOURCES += \
	%D%/attention_lines.c \
	%D%/attention_map.c \
	%D%/attention_text.c \
	%D%/attention_turn.c \
	%D%/attention_turn.h \
	%D%/attention_view.c \
	%D%/attention_view.h \
	%D%/compose.c \
	%D%/compose.h \
	%D%/dist_view.c \
	%D%/dist_view.h \
	%D%/flow.c \
	%D%/flow.h \
	%D%/panel.c \
	%D%/prompt_act.c \
	%D%/prompt_cut.c \
	%D%/prompt_pool.c \
	%D%/prompt_vi.c \
	%D%/prompt_act.h \
	%D%/prompt_view.c \
	%D%/sessions_act.c \
	%D%/sessions_act.h \
	%D%/prompt_view.h \
	%D%/measure.c \
	%D%/measure.h \
	%D%/strip.c \
	%D%/strip.h \
	%D%/view.c \
	%D%/view.h \
	%D%/walk_draw.c \
	%D%/walk_draw.h \
	%D%/walk_view.c \
	%D%/walk_view.h

libtui_a_SOURCES += \
	%D%/heads_view.c \
	%D%/heads_view.h \
	%D%/figure.c \
	%D%/figure.h \
	%D%/map.c \
	%D%/map.h \
	%D%/scale.c \
	%D%/scale.h

# The shipped configuration as strings: what people read is what is built in.
# Verbs on saved work.
libtui_a_SOURCES += \
	%D%/cli_store.c \
	%D%/cli_store.h

BUILT_SOURCES += %D%/conf.inc
CLEANFILES += %D%/conf.inc
%D%/conf.inc: $(top_srcdir)/share/attune.conf
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(AWK) '{ gsub(/[\\"]/, "\\\\&"); printf "\"%s\",\n", $$0 }' $(top_srcdir)/share/attune.conf >$@

BUILT_SOURCES += %D%/tables.inc
CLEANFILES += %D%/tables.inc
EXTRA_DIST += %D%/README.md
%D%/tables.inc: %D%/local.mk
	@$(MKDIR_P) $(@D)
	$(MKTABLE) $(tui_parts) >$@

bin_PROGRAMS += attune
attune_SOURCES = %D%/main.c
attune_LDADD = $(TUI_LIBS)

# Terminals that say so in COLORTERM get 24-bit colour through an entry of our own; without tic they get 256.
EXTRA_DIST += %D%/attune-direct.ti
if HAVE_TIC
noinst_DATA = terminfo/a/attune-direct
terminfo/a/attune-direct: $(top_srcdir)/%D%/attune-direct.ti
	@$(MKDIR_P) terminfo
	$(AM_V_GEN)$(TIC) -x -o terminfo $(top_srcdir)/%D%/attune-direct.ti && touch $@
install-data-local: terminfo/a/attune-direct
	$(MKDIR_P) '$(DESTDIR)$(pkgdatadir)/terminfo/a'
	$(INSTALL_DATA) terminfo/a/attune-direct '$(DESTDIR)$(pkgdatadir)/terminfo/a/attune-direct'
uninstall-local:
	rm -f '$(DESTDIR)$(pkgdatadir)/terminfo/a/attune-direct'
	-rmdir '$(DESTDIR)$(pkgdatadir)/terminfo/a' '$(DESTDIR)$(pkgdatadir)/terminfo' 2>/dev/null
clean-local:
	rm -rf terminfo
endif
