/* The address of everything that is kept once: a hash over content and, in the tree, the parent's.
 *
 *   text   SHA-256(the byte `searched`, the bytes)[0..16)
 *   node   SHA-256(kind, hash(parent), content)[0..16)      content, little-endian:
 *     given    tokens int32 each | length u64 of the bytes | the bytes
 *     step     its chain's hash | the fields of struct attune_step in the order of put_content
 * below | stages | candidates
 *
 * Timings are no content: the same step computed twice is the same node. */
#include <config.h>

#include "store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

enum { TOKEN_BYTES = 4 };

/* Doubles as the file gives them back: one zero, one NaN. */
static double settled(double x)
{
    return isnan(x) ? (double)NAN : x + 0.0;
}

static void put_int(struct text *out, int64_t x)
{
    text_add(out, &x, sizeof x);
}

static void put_real(struct text *out, double x)
{
    double y = settled(x);
    uint64_t bits = 0x7ff8000000000000u;

    if (!isnan(y)) {
        memcpy(&bits, &y, sizeof bits);
    }
    text_add(out, &bits, sizeof bits);
}

static int hash_of(uint8_t out[STORE_HASH], struct text *content, struct attune_error *err)
{
    uint8_t full[32];

    if (content->failed) {
        return text_no_memory(err);
    }
    sha256(full, content->data, content->len);
    memcpy(out, full, STORE_HASH);
    return ATTUNE_OK;
}

static void pack_stages(struct text *out, const struct attune_step *step)
{
    for (size_t i = 0; i < step->n_stages && i < ATTUNE_MAX_STAGES; i++) {
        text_add(out, &step->stage[i].survivors, 4);
        text_add(out, &step->stage[i].mass, 4);
        text_add(out, &step->stage[i].entropy_bits, 4);
    }
}

static void pack_top(struct text *out, const struct attune_step *step)
{
    for (size_t i = 0; i < step->n_top && i < ATTUNE_STEP_TOP; i++) {
        text_add(out, &step->top[i].id, 4);
        text_add(out, &step->top[i].logit, 4);
        text_add(out, &step->top[i].p, 8);
    }
}

static void put_content(struct text *out, const struct attune_step *step)
{
    const double real[] = {step->draw.u,   step->draw.low, step->draw.high,    step->p,
                           step->p_raw,    step->logit,    step->entropy_bits, step->logsumexp,
                           step->kept_mass};
    const int64_t whole[] = {(int64_t)step->index,  step->id,     step->draw.id, step->rank,
                             (int64_t)step->digest, step->n_kept, step->n_bytes};

    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        put_int(out, whole[i]);
    }
    text_add(out, step->bytes, step->n_bytes);
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        put_real(out, real[i]);
    }
}

void store_pack_step(struct text *stages, struct text *top, const struct attune_step *step)
{
    pack_stages(stages, step);
    pack_top(top, step);
}

int store_hash_text(uint8_t hash[STORE_HASH], bool searched, const char *bytes, size_t len,
                    struct attune_error *err)
{
    struct text content = {0};
    char flag = searched;
    int status;

    text_add(&content, &flag, 1);
    text_add(&content, bytes, len);
    status = hash_of(hash, &content, err);
    text_done(&content);
    return status;
}

int store_hash_given(uint8_t hash[STORE_HASH], const uint8_t parent[STORE_HASH],
                     enum node_kind kind, const attune_token *ids, size_t n, const char *bytes,
                     size_t len, struct attune_error *err)
{
    struct text content = {0};
    int status;

    put_int(&content, kind);
    text_add(&content, parent, STORE_HASH);
    text_add(&content, ids, n * TOKEN_BYTES);
    put_int(&content, (int64_t)len);
    text_add(&content, bytes, len);
    status = hash_of(hash, &content, err);
    text_done(&content);
    return status;
}

int store_hash_step(uint8_t hash[STORE_HASH], const uint8_t parent[STORE_HASH],
                    const uint8_t chain[STORE_HASH], const struct attune_step *step,
                    struct attune_error *err)
{
    struct text content = {0};
    int status;

    put_int(&content, NODE_STEP);
    text_add(&content, parent, STORE_HASH);
    text_add(&content, chain, STORE_HASH);
    put_content(&content, step);
    store_pack_step(&content, &content, step);
    status = hash_of(hash, &content, err);
    text_done(&content);
    return status;
}
