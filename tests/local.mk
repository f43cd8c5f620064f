# One test program a source file: FOLDER/NAME_test.c, one line here. They print TAP through cmocka.
if TESTS_BUILD
check_PROGRAMS += \
	%D%/engine/digest_test \
	%D%/engine/dist_test \
	%D%/engine/error_test \
	%D%/engine/generate_test \
	%D%/engine/gguf_test \
	%D%/engine/quant_test \
	%D%/engine/quantize_test \
	%D%/engine/rng_test \
	%D%/engine/sampler_test \
	%D%/engine/sampling_golden_test \
	%D%/engine/stacks_test \
	%D%/engine/stops_test \
	%D%/engine/tensors_test \
	%D%/engine/draws_test \
	%D%/engine/trace_test \
	%D%/tui/cli_sampling_test \
	%D%/tui/cmd_probs_test \
	%D%/tui/cmd_run_test \
	%D%/tui/cmd_score_test

check_PROGRAMS += \
	%D%/engine/family_test \
	%D%/engine/model_damage_test \
	%D%/engine/model_fault_test \
	%D%/engine/model_test

check_PROGRAMS += \
	%D%/tui/cmd_attention_test \
	%D%/tui/cmd_bench_test \
	%D%/engine/ablate_test \
	%D%/engine/mix_test \
	%D%/engine/why_test \
	%D%/engine/shift_test \
	%D%/engine/activations_test \
	%D%/engine/attention_test \
	%D%/engine/cache_test \
	%D%/engine/context_test \
	%D%/engine/convert_test \
	%D%/engine/forward_test \
	%D%/engine/gemm_test \
	%D%/engine/heads_test \
	%D%/engine/task_test \
	%D%/engine/tiny_encoder_test \
	%D%/engine/task_text_test \
	%D%/engine/integer_test \
	%D%/engine/kernel_test \
	%D%/engine/team_test

check_PROGRAMS += \
	%D%/prompts/budget_test \
	%D%/prompts/ladder_test \
	%D%/prompts/compare_test \
	%D%/prompts/diff_test \
	%D%/prompts/export_test \
	%D%/prompts/json_test \
	%D%/prompts/pin_test \
	%D%/prompts/prompt_json_test \
	%D%/prompts/prompt_test \
	%D%/prompts/query_test \
	%D%/prompts/record_test \
	%D%/prompts/replay_test \
	%D%/prompts/run_test \
	%D%/prompts/sha256_test \
	%D%/prompts/shots_test \
	%D%/prompts/store_check_test \
	%D%/prompts/store_disk_test \
	%D%/prompts/store_export_test \
	%D%/prompts/store_find_test \
	%D%/prompts/store_journal_test \
	%D%/prompts/store_llm_test \
	%D%/prompts/store_mark_test \
	%D%/prompts/store_node_test \
	%D%/prompts/store_read_test \
	%D%/prompts/store_remove_test \
	%D%/prompts/store_test \
	%D%/prompts/store_two_test \
	%D%/prompts/store_write_test \
	%D%/prompts/template_test \
	%D%/prompts/text_test

check_PROGRAMS += \
	%D%/tui/cmd_classify_test \
	%D%/tui/cmd_embed_test \
	%D%/tui/cmd_fill_test \
	%D%/tui/cmd_nsp_test \
	%D%/tui/cmd_qa_test \
	%D%/tui/cmd_tag_test \
	%D%/tui/seq2seq_test

check_PROGRAMS += \
	%D%/tui/cmd_models_test

check_PROGRAMS += \
	%D%/engine/tokenizer_fault_test \
	%D%/engine/tokenizer_golden_test \
	%D%/engine/tokenizer_steps_test \
	%D%/engine/tokenizer_test \
	%D%/tui/cmd_tokenize_test

check_PROGRAMS += \
	%D%/tui/canvas_test \
	%D%/tui/clipboard_test \
	%D%/tui/conf_test \
	%D%/tui/input_test \
	%D%/tui/keymap_test \
	%D%/tui/layout_test \
	%D%/tui/palette_test

check_PROGRAMS += \
	%D%/tui/edit_test \
	%D%/tui/task_test \
	%D%/tui/forest_test \
	%D%/tui/workbench_test

check_PROGRAMS += %D%/tui/workbench_look_test %D%/engine/lens_test %D%/tui/cmd_lens_test
check_PROGRAMS += %D%/tui/panel_lens_test
check_PROGRAMS += %D%/engine/near_test
check_PROGRAMS += %D%/engine/lookahead_test %D%/tui/cmd_tree_test
check_PROGRAMS += %D%/tui/panel_shift_test %D%/tui/cmd_shift_test
check_PROGRAMS += %D%/tui/cmd_ladder_test

check_PROGRAMS += \
	%D%/prompts/browse_test \
	%D%/prompts/cut_test \
	%D%/tui/prompt_vi_test \
	%D%/prompts/pick_test \
	%D%/tui/panel_library_test \
	%D%/prompts/variable_test \
	%D%/prompts/version_test

check_PROGRAMS += \
	%D%/tui/compose_test \
	%D%/tui/panel_attention_test \
	%D%/tui/panel_compare_test \
	%D%/tui/panel_dist_test \
	%D%/tui/panel_heads_test \
	%D%/tui/panel_prompt_test \
	%D%/tui/panel_run_test \
	%D%/tui/panel_test \
	%D%/tui/panel_walk_test

check_PROGRAMS += \
	%D%/engine/beams_test \
	%D%/engine/constraint_test \
	%D%/engine/sampler_presets_test \
	%D%/tui/panel_chain_test

check_PROGRAMS += \
	%D%/engine/tokenizer_forms_test \
	%D%/engine/tokenizer_lists_test \
	%D%/engine/tokenizer_old_test \
	%D%/engine/tokenizer_options_test \
	%D%/engine/tokenizer_roles_test
endif

%C%_engine_draws_test_SOURCES = %D%/engine/draws_test.c %D%/engine/applied.h
%C%_engine_trace_test_SOURCES = %D%/engine/trace_test.c %D%/engine/applied.h
made_sources = %D%/engine/made.c %D%/engine/made.h
%C%_engine_model_damage_test_SOURCES = %D%/engine/model_damage_test.c $(made_sources) \
	%D%/engine/wreck.c %D%/engine/wreck.h
%C%_engine_model_fault_test_SOURCES = %D%/engine/model_fault_test.c $(made_sources)
%C%_engine_model_test_SOURCES = %D%/engine/model_test.c $(made_sources)
%C%_engine_tokenizer_fault_test_SOURCES = %D%/engine/tokenizer_fault_test.c $(made_sources)
%C%_engine_tokenizer_steps_test_SOURCES = %D%/engine/tokenizer_steps_test.c $(made_sources)
%C%_engine_tokenizer_test_SOURCES = %D%/engine/tokenizer_test.c $(made_sources)

folder_sources = %D%/engine/folder.c %D%/engine/folder.h
spoken_sources = %D%/engine/spoken.c %D%/engine/spoken.h $(folder_sources)
%C%_engine_tokenizer_old_test_SOURCES = %D%/engine/tokenizer_old_test.c $(folder_sources)
%C%_engine_tokenizer_forms_test_SOURCES = %D%/engine/tokenizer_forms_test.c $(made_sources)
%C%_engine_tokenizer_lists_test_SOURCES = %D%/engine/tokenizer_lists_test.c $(made_sources)
%C%_engine_tokenizer_options_test_SOURCES = %D%/engine/tokenizer_options_test.c $(made_sources)
%C%_engine_tokenizer_roles_test_SOURCES = %D%/engine/tokenizer_roles_test.c $(folder_sources)
made_rows_sources = %D%/engine/made_rows.c %D%/engine/made_rows.h
%C%_engine_integer_test_SOURCES = %D%/engine/integer_test.c $(made_rows_sources)
%C%_engine_kernel_test_SOURCES = %D%/engine/kernel_test.c $(made_rows_sources)

golden_sources = %D%/engine/golden.c %D%/engine/golden.h
%C%_engine_why_test_SOURCES = %D%/engine/why_test.c $(golden_sources)
%C%_engine_mix_test_SOURCES = %D%/engine/mix_test.c $(golden_sources)
%C%_engine_ablate_test_SOURCES = %D%/engine/ablate_test.c $(golden_sources)
%C%_engine_activations_test_SOURCES = %D%/engine/activations_test.c $(golden_sources)
%C%_engine_attention_test_SOURCES = %D%/engine/attention_test.c $(golden_sources)
%C%_engine_convert_test_SOURCES = %D%/engine/convert_test.c $(golden_sources) $(made_sources)
%C%_engine_cache_test_SOURCES = %D%/engine/cache_test.c $(golden_sources)
%C%_engine_context_test_SOURCES = %D%/engine/context_test.c $(golden_sources)
%C%_engine_near_test_SOURCES = %D%/engine/near_test.c $(golden_sources)
%C%_engine_lookahead_test_SOURCES = %D%/engine/lookahead_test.c $(golden_sources)
%C%_tui_cmd_tree_test_SOURCES = %D%/tui/cmd_tree_test.c $(verb_sources)
%C%_engine_lens_test_SOURCES = %D%/engine/lens_test.c $(golden_sources)
%C%_engine_heads_test_SOURCES = %D%/engine/heads_test.c $(golden_sources)
%C%_engine_task_test_SOURCES = %D%/engine/task_test.c $(golden_sources)
%C%_engine_task_text_test_SOURCES = %D%/engine/task_text_test.c $(golden_sources) $(spoken_sources)
%C%_engine_forward_test_SOURCES = %D%/engine/forward_test.c $(golden_sources)
%C%_engine_stacks_test_SOURCES = %D%/engine/stacks_test.c $(golden_sources)

noinst_HEADERS += %D%/prompts/live.h %D%/prompts/made.h
panel_fixture = %D%/tui/fixture.c %D%/tui/fixture.h
%C%_tui_panel_attention_test_SOURCES = %D%/tui/panel_attention_test.c $(panel_fixture)
%C%_tui_panel_chain_test_SOURCES = %D%/tui/panel_chain_test.c $(panel_fixture)
%C%_tui_panel_compare_test_SOURCES = %D%/tui/panel_compare_test.c $(panel_fixture)
%C%_tui_panel_dist_test_SOURCES = %D%/tui/panel_dist_test.c $(panel_fixture)
%C%_tui_panel_shift_test_SOURCES = %D%/tui/panel_shift_test.c $(panel_fixture)
%C%_tui_cmd_shift_test_SOURCES = %D%/tui/cmd_shift_test.c $(verb_sources)
%C%_tui_panel_lens_test_SOURCES = %D%/tui/panel_lens_test.c $(panel_fixture)
%C%_tui_panel_heads_test_SOURCES = %D%/tui/panel_heads_test.c $(panel_fixture)
%C%_tui_panel_prompt_test_SOURCES = %D%/tui/panel_prompt_test.c $(panel_fixture)
%C%_tui_panel_run_test_SOURCES = %D%/tui/panel_run_test.c $(panel_fixture)
%C%_tui_prompt_vi_test_SOURCES = %D%/tui/prompt_vi_test.c $(panel_fixture)
%C%_tui_panel_library_test_SOURCES = %D%/tui/panel_library_test.c $(panel_fixture)
%C%_tui_panel_walk_test_SOURCES = %D%/tui/panel_walk_test.c $(panel_fixture)
%C%_tui_panel_test_SOURCES = %D%/tui/panel_test.c $(panel_fixture)
verb_sources = %D%/tui/verb.c %D%/tui/verb.h
%C%_tui_cmd_attention_test_SOURCES = %D%/tui/cmd_attention_test.c $(verb_sources)
%C%_tui_cmd_bench_test_SOURCES = %D%/tui/cmd_bench_test.c $(verb_sources)
%C%_tui_cmd_classify_test_SOURCES = %D%/tui/cmd_classify_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_embed_test_SOURCES = %D%/tui/cmd_embed_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_ladder_test_SOURCES = %D%/tui/cmd_ladder_test.c $(verb_sources)
%C%_tui_cmd_lens_test_SOURCES = %D%/tui/cmd_lens_test.c $(verb_sources)
%C%_tui_cmd_fill_test_SOURCES = %D%/tui/cmd_fill_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_nsp_test_SOURCES = %D%/tui/cmd_nsp_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_qa_test_SOURCES = %D%/tui/cmd_qa_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_tag_test_SOURCES = %D%/tui/cmd_tag_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_probs_test_SOURCES = %D%/tui/cmd_probs_test.c $(verb_sources)
%C%_tui_cmd_run_test_SOURCES = %D%/tui/cmd_run_test.c $(verb_sources)
%C%_tui_cmd_score_test_SOURCES = %D%/tui/cmd_score_test.c $(verb_sources)
%C%_tui_seq2seq_test_SOURCES = %D%/tui/seq2seq_test.c $(verb_sources) $(spoken_sources)
%C%_tui_cmd_tokenize_test_SOURCES = %D%/tui/cmd_tokenize_test.c $(verb_sources)

# Whole folders: reference numbers and databases.
EXTRA_DIST += %D%/golden/gguf %D%/golden/hf %D%/golden/sampling %D%/golden/store %D%/golden/tokens

# Scripts of keys and screens, run in an emulated terminal.
EXTRA_DIST += \
	%D%/screens/ablation.test \
	%D%/screens/ascii.test \
	%D%/screens/vi.test \
	%D%/screens/settings.test \
	%D%/screens/quit.test \
	%D%/screens/whole.test \
	%D%/screens/direct.test \
	%D%/screens/mouse.test \
	%D%/screens/escapes.test \
	%D%/screens/editor.test \
	%D%/screens/bytes.test \
	%D%/screens/command.test \
	%D%/screens/dumb.test \
	%D%/screens/attention.test \
	%D%/screens/attention-8.test \
	%D%/screens/heads.test \
	%D%/screens/heads-mono.test \
	%D%/screens/help.test \
	%D%/screens/keys.test \
	%D%/screens/mono.test \
	%D%/screens/run.test \
	%D%/screens/signals.test \
	%D%/screens/sizes.test \
	%D%/screens/start.test \
	%D%/screens/term-linux.test \
	%D%/screens/term-screen256color.test \
	%D%/screens/term-tmux256color.test \
	%D%/screens/term-vt100.test \
	%D%/screens/term-xterm.test \
	%D%/screens/term-xterm256color.test \
	%D%/screens/fill.test \
	%D%/screens/fork.test \
	%D%/screens/ladder.test \
	%D%/screens/lens.test \
	%D%/screens/shift.test \
	%D%/screens/lookahead.test \
	%D%/screens/follows.test \
	%D%/screens/question.test \
	%D%/screens/classify.test \
	%D%/screens/tag.test \
	%D%/screens/compare.test \
	%D%/screens/compare-runs.test \
	%D%/screens/tree.test \
	%D%/screens/undo.test \
	%D%/screens/seq2seq.test \
	%D%/screens/models.test \
	%D%/screens/variants.test \
	%D%/screens/marian.test \
	%D%/screens/typing.test

if SCREEN_TESTS
check_PROGRAMS += %D%/screens/screen_test
%C%_screens_screen_test_SOURCES = \
	%D%/screens/emulator.c \
	%D%/screens/emulator.h \
	%D%/screens/screen_test.c \
	%D%/screens/script.c \
	%D%/screens/script.h
%C%_screens_screen_test_CFLAGS = $(AM_CFLAGS) $(VTERM_CFLAGS)
%C%_screens_screen_test_LDADD = $(TUI_LIBS) $(CMOCKA_LIBS) $(VTERM_LIBS) $(PTY_LIBS)
EXTRA_%C%_screens_screen_test_DEPENDENCIES = attune$(EXEEXT)
endif

# A picture of the screen: tests/shot -s 24x80 -o x.png -- ./attune
if SHOTS
noinst_PROGRAMS += %D%/shot
%C%_shot_SOURCES = \
	%D%/screens/emulator.c \
	%D%/screens/emulator.h \
	%D%/shot.c
%C%_shot_CFLAGS = $(AM_CFLAGS) $(VTERM_CFLAGS) $(CAIRO_CFLAGS)
%C%_shot_LDADD = $(TUI_LIBS) $(VTERM_LIBS) $(CAIRO_LIBS) $(PTY_LIBS)
endif

LDADD = $(TUI_LIBS) $(CMOCKA_LIBS)
TESTS += $(check_PROGRAMS) $(dist_check_SCRIPTS)
EXTRA_DIST += %D%/cli/tap.sh
dist_check_SCRIPTS += %D%/cli/ablate.sh
dist_check_SCRIPTS += %D%/cli/kv_type.sh
dist_check_SCRIPTS += %D%/cli/compose.sh %D%/cli/replay.sh %D%/cli/saved.sh
dist_check_SCRIPTS += %D%/cli/translate.sh
dist_check_SCRIPTS += %D%/cli/library.sh
dist_check_SCRIPTS += %D%/docs.sh %D%/layers.sh %D%/headers.sh

AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	ATTUNE_BIN='$(abs_top_builddir)/attune'; export ATTUNE_BIN; \
	ATTUNE_DATADIR='$(abs_top_srcdir)/share'; export ATTUNE_DATADIR; \
	ATTUNE_GOLDEN='$(abs_top_srcdir)/tests/golden'; export ATTUNE_GOLDEN; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC; AWK='$(AWK)'; export AWK; \
	LC_ALL=C.UTF-8; export LC_ALL; INPUTRC=/dev/null; export INPUTRC; \
	OPENBLAS_NUM_THREADS=1; export OPENBLAS_NUM_THREADS;
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
TEST_EXTENSIONS = .sh

# Micro benchmarks: built and run by `make bench` alone.
bench_programs = \
	%D%/bench/attention_bench \
	%D%/bench/cancel_bench \
	%D%/bench/decode_bench \
	%D%/bench/gemm_bench \
	%D%/bench/heads_bench \
	%D%/bench/integer_bench \
	%D%/bench/knob_bench \
	%D%/bench/tokenizer_bench \
	%D%/bench/store_bench
bench_sources = %D%/bench/bench.c %D%/bench/bench.h
EXTRA_PROGRAMS = $(bench_programs)
if SCREEN_TESTS
EXTRA_PROGRAMS += %D%/bench/screen_bench
%C%_bench_screen_bench_SOURCES = %D%/bench/screen_bench.c %D%/screens/emulator.c %D%/screens/emulator.h
%C%_bench_screen_bench_CFLAGS = $(AM_CFLAGS) $(VTERM_CFLAGS)
%C%_bench_screen_bench_LDADD = $(TUI_LIBS) $(VTERM_LIBS) $(PTY_LIBS)
endif
CLEANFILES += $(bench_programs) %D%/bench/screen_bench
%C%_bench_attention_bench_SOURCES = %D%/bench/attention_bench.c $(bench_sources)
%C%_bench_cancel_bench_SOURCES = %D%/bench/cancel_bench.c $(bench_sources)
%C%_bench_decode_bench_SOURCES = %D%/bench/decode_bench.c $(bench_sources)
%C%_bench_gemm_bench_SOURCES = %D%/bench/gemm_bench.c $(bench_sources)
%C%_bench_heads_bench_SOURCES = %D%/bench/heads_bench.c $(bench_sources)
%C%_bench_integer_bench_SOURCES = %D%/bench/integer_bench.c $(bench_sources)
%C%_bench_knob_bench_SOURCES = %D%/bench/knob_bench.c $(bench_sources)
%C%_bench_tokenizer_bench_SOURCES = %D%/bench/tokenizer_bench.c $(bench_sources)
%C%_bench_store_bench_SOURCES = %D%/bench/store_bench.c $(bench_sources)
EXTRA_DIST += %D%/bench/peers.sh
bench: $(bench_programs)
	@top_srcdir='$(top_srcdir)'; export top_srcdir; \
	for program in $(bench_programs); do ./$$program || exit 1; done
.PHONY: bench

# Every golden model cut at 200 places, with 10,000 flips: some twenty minutes of one core, more than
# an hour under sanitizers. FUZZ='name ...' takes those alone.
fuzz: %D%/engine/model_damage_test$(EXEEXT)
	@$(AM_TESTS_ENVIRONMENT) ATTUNE_FUZZ=all ./$< $(FUZZ)
.PHONY: fuzz

# A program that records, killed 200 times; make check does a dozen.
crash: %D%/prompts/record_test$(EXEEXT) %D%/prompts/store_two_test$(EXEEXT)
	@$(AM_TESTS_ENVIRONMENT) ATTUNE_KILLS=200 ./%D%/prompts/record_test && ./%D%/prompts/store_two_test
.PHONY: crash
EXTRA_DIST += %D%/README.md
