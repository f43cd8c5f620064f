noinst_HEADERS += \
	%D%/attune/ablate.h \
	%D%/attune/attention.h \
	%D%/attune/attune.h \
	%D%/attune/budget.h \
	%D%/attune/constraint.h \
	%D%/attune/context.h \
	%D%/attune/diff.h \
	%D%/attune/digest.h \
	%D%/attune/dist.h \
	%D%/attune/error.h \
	%D%/attune/export.h \
	%D%/attune/generate.h \
	%D%/attune/heads.h \
	%D%/attune/library.h \
	%D%/attune/mark.h \
	%D%/attune/model.h \
	%D%/attune/quantize.h \
	%D%/attune/progress.h \
	%D%/attune/prompt.h \
	%D%/attune/rng.h \
	%D%/attune/run.h \
	%D%/attune/sampler.h \
	%D%/attune/store.h \
	%D%/attune/task.h \
	%D%/attune/tensors.h \
	%D%/attune/tokenizer.h \
	%D%/attune/upkeep.h
