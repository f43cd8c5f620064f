/* Pins in the database: a row a step and kind, on the node. */
#include <config.h>

#include <attune/pin.h>

#include <attune/digest.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "store.h"

/* Floats of a pin at most: what a row claims is not believed past this. */
#define MOST ((uint64_t)1 << 28)

static const char *const kind_names[] = {"logits", "hidden", "attention"};
_Static_assert(sizeof kind_names / sizeof *kind_names == ATTUNE_PIN_KIND_COUNT,
               "a name for every kind of pin");

const char *attune_pin_kind_text(enum attune_pin_kind kind)
{
    return kind < ATTUNE_PIN_KIND_COUNT ? kind_names[kind] : "";
}

void attune_pin_done(struct attune_pin *pin)
{
    if (pin) {
        free(pin->values);
        memset(pin, 0, sizeof *pin);
    }
}

void attune_pins_free(struct attune_pin *pins, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        attune_pin_done(&pins[i]);
    }
    free(pins);
}

/* "6 4 33"; false: no shape, or a larger one than is believed. */
static bool read_shape(struct attune_pin *pin, const char *text)
{
    uint64_t n = 1;

    pin->n_dims = 0;
    while (*text && pin->n_dims < ATTUNE_PIN_DIMS) {
        char *end;
        unsigned long long x;

        errno = 0;
        x = strtoull(text, &end, 10);
        if (errno || end == text || x == 0 || x > MOST / n) {
            return false;
        }
        n *= x;
        pin->shape[pin->n_dims++] = x;
        text = end + (*end == ' ');
    }
    pin->n = (size_t)n;
    return pin->n_dims > 0 && !*text;
}

bool store_read_pin_head(struct attune_pin *pin, const char *kind, const char *shape)
{
    int i = 0;

    while (i < ATTUNE_PIN_KIND_COUNT && strcmp(kind_names[i], kind) != 0) {
        i++;
    }
    pin->kind = (enum attune_pin_kind)i;
    return i < ATTUNE_PIN_KIND_COUNT && read_shape(pin, shape);
}

static bool check_shape(struct attune_pin *pin)
{
    uint64_t n = 1;

    for (int i = 0; i < pin->n_dims && i < ATTUNE_PIN_DIMS; i++) {
        if (pin->shape[i] == 0 || pin->shape[i] > MOST / n) {
            return false;
        }
        n *= pin->shape[i];
    }
    return pin->n_dims > 0 && pin->n_dims <= ATTUNE_PIN_DIMS && n == pin->n;
}

static void write_shape(char out[64], const struct attune_pin *pin)
{
    size_t used = 0;

    for (int i = 0; i < pin->n_dims; i++) {
        used += (size_t)snprintf(out + used, 64 - used, i ? " %llu" : "%llu",
                                 (unsigned long long)pin->shape[i]);
    }
}

/* The node of a run's own step, and the digest of its logits. */
static int find_node(int64_t *node, uint64_t *digest, struct attune_store *store, int64_t run,
                     uint64_t step, struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store,
                            "SELECT node.id, node.digest FROM run_step JOIN node ON node.id = "
                            "run_step.node WHERE run_step.run = ? AND node.step = ?",
                            err),
        got;

    if (status == ATTUNE_OK) {
        query_int(&q, run);
        query_int(&q, (int64_t)step);
        got = query_step(&q, err);
        *node = got > 0 ? query_get_int(&q, 0) : 0;
        *digest = got > 0 ? (uint64_t)query_get_int(&q, 1) : 0;
        status = got > 0   ? ATTUNE_OK
                 : got < 0 ? -got
                           : attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                              "database %s: run %lld has no step %llu", store->path,
                                              (long long)run, (unsigned long long)step);
    }
    query_close(&q);
    return status;
}

/* Within the caller's transaction. */
int store_put_pin(struct attune_store *store, int64_t run, const struct attune_pin *pin,
                  struct attune_error *err)
{
    struct attune_pin own = *pin;
    struct query q = {0};
    void *bytes = NULL;
    uint64_t digest = 0, wanted = 0;
    int64_t node = 0;
    char shape[64], now[32];
    size_t len = 0;
    int status = check_shape(&own) ? find_node(&node, &wanted, store, run, pin->step, err)
                                   : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                                      "a pin's shape does not fit its values");

    if (status == ATTUNE_OK) {
        digest = attune_digest_of(pin->values, pin->n * sizeof *pin->values, 0);
        if (pin->kind == ATTUNE_PIN_LOGITS && digest != wanted) {
            status =
                attune_error_set(err, ATTUNE_FORMAT, 0,
                                 "run %lld, step %llu: these logits are not those of the step: "
                                 "their digest is another one",
                                 (long long)run, (unsigned long long)pin->step);
        }
    }
    if (status == ATTUNE_OK) {
        status = pack_floats(&bytes, &len, pin->values, pin->n, err);
    }
    if (status == ATTUNE_OK) {
        status = query_open(&q, store,
                            "INSERT INTO pin (node, kind, shape, digest, created, bytes) VALUES "
                            "(?, ?, ?, ?, ?, ?) ON CONFLICT (node, kind) DO UPDATE SET shape = "
                            "excluded.shape, digest = excluded.digest, bytes = excluded.bytes",
                            err);
    }
    if (status == ATTUNE_OK) {
        write_shape(shape, pin);
        store_now(now);
        query_int(&q, node);
        query_text(&q, kind_names[pin->kind]);
        query_text(&q, shape);
        query_int(&q, (int64_t)digest);
        query_text(&q, now);
        query_bytes(&q, bytes, len);
        status = query_run(&q, err);
    }
    if (q.store) {
        query_close(&q);
    }
    free(bytes);
    return status;
}

int attune_store_put_pin(struct attune_store *store, int64_t run, const struct attune_pin *pin,
                         struct attune_error *err)
{
    int status = store_begin(store, err);

    return status == ATTUNE_OK ? store_end(store, store_put_pin(store, run, pin, err), err)
                               : status;
}

int attune_store_unpin(struct attune_store *store, int64_t run, uint64_t step,
                       enum attune_pin_kind kind, struct attune_error *err)
{
    struct query q = {0};
    int64_t node = 0;
    uint64_t digest;
    size_t n = 0;
    int got = 0, status = find_node(&node, &digest, store, run, step, err);

    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    status = query_open(
        &q, store, "DELETE FROM pin WHERE node = ? AND (? = '' OR kind = ?3) RETURNING 1", err);
    if (status == ATTUNE_OK) {
        const char *name = kind < ATTUNE_PIN_KIND_COUNT ? kind_names[kind] : "";

        query_int(&q, node);
        query_text(&q, name);
        query_text(&q, name);
        while ((got = query_step(&q, err)) > 0) {
            n++;
        }
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    if (status == ATTUNE_OK && n == 0) {
        status =
            attune_error_set(err, ATTUNE_NOT_FOUND, 0, "run %lld, step %llu: nothing is pinned",
                             (long long)run, (unsigned long long)step);
    }
    return store_end(store, status, err);
}

static int damaged(const struct attune_store *store, int64_t run, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_FORMAT, 0, "database %s: a pin of run %lld is damaged",
                            store->path, (long long)run);
}

/* Columns: step, kind, shape, length of the bytes. */
static int read_head(struct attune_pin *out, const struct query *q, int64_t run,
                     struct attune_error *err)
{
    char *kind = query_get_text(q, 1), *shape = query_get_text(q, 2);
    int status;

    memset(out, 0, sizeof *out);
    out->step = (uint64_t)query_get_int(q, 0);
    out->bytes = (uint64_t)query_get_int(q, 3);
    status = !kind || !shape                         ? text_no_memory(err)
             : store_read_pin_head(out, kind, shape) ? ATTUNE_OK
                                                     : damaged(q->store, run, err);
    free(kind);
    free(shape);
    return status;
}

int attune_store_load_pin(struct attune_store *store, int64_t run, uint64_t step,
                          enum attune_pin_kind kind, struct attune_pin *out,
                          struct attune_error *err)
{
    struct query q;
    int status =
            query_open(&q, store,
                       "SELECT node.step, pin.kind, pin.shape, length(pin.bytes), pin.bytes, "
                       "pin.digest FROM run_step JOIN node ON node.id = run_step.node JOIN pin "
                       "ON pin.node = node.id WHERE run_step.run = ? AND node.step = ? AND "
                       "pin.kind = ?",
                       err),
        got;

    memset(out, 0, sizeof *out);
    if (status != ATTUNE_OK) {
        return status;
    }
    query_int(&q, run);
    query_int(&q, (int64_t)step);
    query_text(&q, attune_pin_kind_text(kind));
    got = query_step(&q, err);
    status = got > 0 ? read_head(out, &q, run, err)
             : got == 0
                 ? attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                    "run %lld, step %llu: its %s are not pinned", (long long)run,
                                    (unsigned long long)step, attune_pin_kind_text(kind))
                 : -got;
    if (status == ATTUNE_OK) {
        size_t len;
        const void *bytes = query_get_bytes(&q, 4, &len);

        status = unpack_floats(&out->values, out->n, bytes, len, err);
    }
    if (status == ATTUNE_OK && attune_digest_of(out->values, out->n * sizeof *out->values, 0) !=
                                   (uint64_t)query_get_int(&q, 5)) {
        status = damaged(store, run, err);
    }
    query_close(&q);
    if (status != ATTUNE_OK) {
        attune_pin_done(out);
    }
    return status;
}

int attune_store_pins(struct attune_store *store, int64_t run, struct attune_pin **out, size_t *n,
                      struct attune_error *err)
{
    struct query q;
    int status =
            query_open(&q, store,
                       "SELECT node.step, pin.kind, pin.shape, length(pin.bytes) FROM run_step "
                       "JOIN node ON node.id = run_step.node JOIN pin ON pin.node = node.id "
                       "WHERE run_step.run = ? ORDER BY run_step.i, pin.kind",
                       err),
        got = 0;

    *out = NULL;
    *n = 0;
    if (status == ATTUNE_OK) {
        query_int(&q, run);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        struct attune_pin *more = realloc(*out, (*n + 1) * sizeof *more);

        if (!more) {
            status = text_no_memory(err);
            break;
        }
        *out = more;
        status = read_head(&more[(*n)++], &q, run, err);
    }
    query_close(&q);
    status = status == ATTUNE_OK && got < 0 ? -got : status;
    if (status != ATTUNE_OK) {
        attune_pins_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}
