/* A step as JSON. The members that are plain numbers are one table, walked both ways. */
#include <config.h>

#include "step_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"
#include "text.h"

enum member { TOKEN, U32, U64, F32, F64 };

static const struct {
    const char *key;
    enum member type;
    size_t at;
} members[] = {
    {"step", U64, offsetof(struct attune_step, index)},
    {"id", TOKEN, offsetof(struct attune_step, id)},
    {"drawn", TOKEN, offsetof(struct attune_step, draw.id)},
    {"u", F64, offsetof(struct attune_step, draw.u)},
    {"low", F64, offsetof(struct attune_step, draw.low)},
    {"high", F64, offsetof(struct attune_step, draw.high)},
    {"p", F64, offsetof(struct attune_step, p)},
    {"p_raw", F64, offsetof(struct attune_step, p_raw)},
    {"logit", F32, offsetof(struct attune_step, logit)},
    {"rank", U32, offsetof(struct attune_step, rank)},
    {"entropy_bits", F64, offsetof(struct attune_step, entropy_bits)},
    {"logsumexp", F64, offsetof(struct attune_step, logsumexp)},
    {"digest", U64, offsetof(struct attune_step, digest)},
    {"n_kept", U32, offsetof(struct attune_step, n_kept)},
    {"kept_mass", F64, offsetof(struct attune_step, kept_mass)},
    {"eval_ms", F64, offsetof(struct attune_step, eval_ms)},
    {"sample_ms", F64, offsetof(struct attune_step, sample_ms)},
};
enum { N_MEMBERS = sizeof members / sizeof *members };

static json_t *member_to_json(const char *at, enum member type)
{
    union {
        attune_token token;
        uint32_t u32;
        uint64_t u64;
        float f32;
        double f64;
    } x;

    switch (type) {
    case TOKEN: memcpy(&x.token, at, sizeof x.token); return json_integer(x.token);
    case U32: memcpy(&x.u32, at, sizeof x.u32); return json_integer(x.u32);
    case U64: memcpy(&x.u64, at, sizeof x.u64); return json_of_u64(x.u64);
    case F32: memcpy(&x.f32, at, sizeof x.f32); return json_of_real((double)x.f32);
    case F64: memcpy(&x.f64, at, sizeof x.f64); return json_of_real(x.f64);
    }
    return NULL;
}

static int member_from_json(char *at, enum member type, const json_t *object, const char *key,
                            const char *what, struct attune_error *err)
{
    static const uint64_t most[] = {[TOKEN] = INT32_MAX, [U32] = UINT32_MAX, [U64] = UINT64_MAX};
    uint64_t whole = 0;
    double real = 0;
    int status = type == F32 || type == F64
                     ? json_get_real(&real, object, key, what, err)
                     : json_get_u64(&whole, object, key, most[type], what, err);

    if (type == TOKEN) {
        memcpy(at, &(attune_token){(attune_token)whole}, sizeof(attune_token));
    } else if (type == U32) {
        memcpy(at, &(uint32_t){(uint32_t)whole}, sizeof(uint32_t));
    } else if (type == U64) {
        memcpy(at, &whole, sizeof whole);
    } else if (type == F32) {
        memcpy(at, &(float){(float)real}, sizeof(float));
    } else {
        memcpy(at, &real, sizeof real);
    }
    return status;
}

json_t *step_to_json(const struct attune_step *step)
{
    json_t *object = json_object(), *stages = json_array(), *top = json_array();
    int bad = !object || !stages || !top;

    for (int i = 0; !bad && i < N_MEMBERS; i++) {
        bad = json_object_set_new(
            object, members[i].key,
            member_to_json((const char *)step + members[i].at, members[i].type));
    }
    for (size_t i = 0; !bad && i < step->n_stages; i++) {
        bad = json_array_append_new(stages,
                                    json_pack("[I, o, o]", (json_int_t)step->stage[i].survivors,
                                              json_of_real((double)step->stage[i].mass),
                                              json_of_real((double)step->stage[i].entropy_bits)));
    }
    for (size_t i = 0; !bad && i < step->n_top; i++) {
        bad = json_array_append_new(top, json_pack("[i, o, o]", (int)step->top[i].id,
                                                   json_of_real((double)step->top[i].logit),
                                                   json_of_real(step->top[i].p)));
    }
    bad = bad || json_object_set(object, "stages", stages) || json_object_set(object, "top", top) ||
          json_object_set_new(object, "bytes", json_of_bytes(step->bytes, step->n_bytes)) ||
          json_object_set_new(object, "stop_reason", json_string(store_stop_name(step->stop)));
    json_decref(stages);
    json_decref(top);
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The three values of a stage or candidate: a whole number and two others. */
static int read_triple(uint64_t *whole, double real[2], const json_t *list, uint64_t most,
                       const char *what, struct attune_error *err)
{
    json_t *object;
    int status;

    if (json_array_size(list) != 3) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: a stage or a candidate is a list of three", what);
    }
    object = json_pack("{s:O, s:O, s:O}", "0", json_array_get(list, 0), "1",
                       json_array_get(list, 1), "2", json_array_get(list, 2));
    if (!object) {
        return text_no_memory(err);
    }
    status = json_get_u64(whole, object, "0", most, what, err);
    if (status == ATTUNE_OK) {
        status = json_get_real(&real[0], object, "1", what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_real(&real[1], object, "2", what, err);
    }
    json_decref(object);
    return status;
}

static int read_lists(struct attune_step *out, const json_t *object, const char *what,
                      struct attune_error *err)
{
    const json_t *list;
    size_t n = 0;
    uint64_t whole;
    double real[2];
    int status = json_get_array(&list, &n, object, "stages", ATTUNE_MAX_STAGES, what, err);

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = read_triple(&whole, real, json_array_get(list, i), UINT32_MAX, what, err);
        if (status == ATTUNE_OK) {
            out->stage[i].survivors = (uint32_t)whole;
            out->stage[i].mass = (float)real[0];
            out->stage[i].entropy_bits = (float)real[1];
        }
    }
    out->n_stages = (uint8_t)n;
    if (status == ATTUNE_OK) {
        status = json_get_array(&list, &n, object, "top", ATTUNE_STEP_TOP, what, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = read_triple(&whole, real, json_array_get(list, i), INT32_MAX, what, err);
        if (status == ATTUNE_OK) {
            out->top[i] = (struct attune_candidate){(attune_token)whole, (float)real[0], real[1]};
        }
    }
    out->n_top = (uint8_t)n;
    return status;
}

int step_from_json(struct attune_step *out, const json_t *object, const char *what,
                   struct attune_error *err)
{
    char *bytes = NULL, *stop = NULL;
    size_t len = 0;
    int status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    for (int i = 0; status == ATTUNE_OK && i < N_MEMBERS; i++) {
        status = member_from_json((char *)out + members[i].at, members[i].type, object,
                                  members[i].key, what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&bytes, &len, object, "bytes", what, err);
    }
    if (status == ATTUNE_OK && len > ATTUNE_STEP_BYTES) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "%s: \"bytes\" has more than %d", what,
                                  ATTUNE_STEP_BYTES);
    }
    if (status == ATTUNE_OK) {
        memcpy(out->bytes, bytes, len);
        out->n_bytes = (uint8_t)len;
        status = json_get_bytes(&stop, NULL, object, "stop_reason", what, err);
    }
    if (status == ATTUNE_OK) {
        out->stop = store_stop_of(stop);
        status = out->stop == ATTUNE_STOP_COUNT
                     ? attune_error_set(err, ATTUNE_FORMAT, 0, "%s: unknown \"stop_reason\" %s",
                                        what, stop)
                     : read_lists(out, object, what, err);
    }
    free(bytes);
    free(stop);
    return status;
}

int ids_from_json(attune_token **out, size_t *n, const json_t *object, const char *key,
                  const char *what, struct attune_error *err)
{
    const json_t *list;
    int status = json_get_array(&list, n, object, key, SIZE_MAX / sizeof **out, what, err);

    *out = status == ATTUNE_OK ? calloc(*n + 1, sizeof **out) : NULL;
    if (status == ATTUNE_OK && !*out) {
        return text_no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < *n; i++) {
        const json_t *id = json_array_get(list, i);

        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > INT32_MAX) {
            status = attune_error_set(err, ATTUNE_FORMAT, i,
                                      "%s: \"%s\" holds what is no token id at %zu", what, key, i);
        } else {
            (*out)[i] = (attune_token)json_integer_value(id);
        }
    }
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

json_t *ids_to_json(const attune_token *ids, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < n; i++) {
        if (json_array_append_new(list, json_integer(ids[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
