/* Reference models that come with ids alone, given a tokenizer of a few words, so that what is about texts
 * can be tested on them. */
#ifndef ATTUNE_TESTS_SPOKEN_H
#define ATTUNE_TESTS_SPOKEN_H

#include "folder.h"

enum spoken_kind {
    SPOKEN_BERT,    /* [CLS] text [SEP] pair [SEP], types 0 and 1 */
    SPOKEN_ROBERTA, /* <s> text </s></s> pair </s>, one type */
    SPOKEN_T5,      /* text </s>, <extra_id_0> to <extra_id_3> */
    SPOKEN_KIND_COUNT
};

/* The golden's weights and configuration in a folder, with config (if not NULL) in place of its
 * config.json. folder_remove takes it away; the path is f->path. */
void spoken_make(struct folder *f, const char *golden, enum spoken_kind kind, const char *config);

#endif
