/* The whole library, in reading order. */
#ifndef ATTUNE_ATTUNE_H
#define ATTUNE_ATTUNE_H

#include <attune/error.h>
#include <attune/progress.h>
#include <attune/digest.h>
#include <attune/rng.h>
#include <attune/tensors.h>
#include <attune/tokenizer.h>
#include <attune/model.h>
#include <attune/quantize.h>
#include <attune/machine.h>
#include <attune/context.h>
#include <attune/ablate.h>
#include <attune/attention.h>
#include <attune/mix.h>
#include <attune/heads.h>
#include <attune/why.h>
#include <attune/dist.h>
#include <attune/shift.h>
#include <attune/lens.h>
#include <attune/near.h>
#include <attune/sampler.h>
#include <attune/constraint.h>
#include <attune/generate.h>
#include <attune/lookahead.h>
#include <attune/task.h>
#include <attune/labels.h>
#include <attune/beams.h>

#include <attune/library.h>
#include <attune/pool.h>
#include <attune/prompt.h>
#include <attune/budget.h>
#include <attune/ladder.h>
#include <attune/store.h>
#include <attune/llm.h>
#include <attune/mark.h>
#include <attune/pin.h>
#include <attune/journal.h>
#include <attune/diff.h>
#include <attune/compare.h>
#include <attune/export.h>
#include <attune/upkeep.h>
#include <attune/run.h>
#include <attune/version.h>

#endif
