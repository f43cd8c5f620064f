/* Tokenizers out as GGUF has them: pieces with types and scores, merges, and a name for the rules
 * around them (ggml/docs/gguf.md, "Tokenizer"). What begins and ends a text, and what becomes of
 * spaces, is found by trying. */
#include <config.h>

#include "engine/tokenizer_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gguf_write.h"
#include "engine/tokenizer_parts.h"

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

static const char mark[] = "\xe2\x96\x81";

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int type_of(const struct attune_tokenizer *tk, attune_token id)
{
    static const int types[] = {
        [ATTUNE_TOKEN_NORMAL] = NORMAL,      [ATTUNE_TOKEN_SPECIAL] = CONTROL,
        [ATTUNE_TOKEN_BYTE] = BYTE,          [ATTUNE_TOKEN_UNUSED] = UNUSED,
        [ATTUNE_TOKEN_ADDED] = USER_DEFINED,
    };

    if (id == tk->unk && strcmp(tk->ops->gguf ? tk->ops->gguf : "", "gpt2") != 0) {
        return UNKNOWN;
    }
    return types[attune_token_kind(tk, id)];
}

/* WordPiece marks what goes on a word, GGUF what begins one. text: room for 4 bytes more. */
static size_t spell_word(char *text, const struct attune_tokenizer *tk, attune_token id,
                         const char *piece, size_t len)
{
    bool special = attune_token_kind(tk, id) == ATTUNE_TOKEN_SPECIAL;
    size_t before = !special && len > 2 && memcmp(piece, "##", 2) == 0 ? 2 : 0;
    size_t n = special || before ? 0 : 3;

    memcpy(text, mark, n);
    memcpy(text + n, piece + before, len - before);
    return n + len - before;
}

/* ---- the list
 * -------------------------------------------------------------------------------------- */

struct spelled {
    struct gguf_text *texts; /* [n] */
    int32_t *types;          /* [n] */
    char *bytes;             /* what the texts point into */
};

static void spelled_done(struct spelled *s)
{
    free(s->texts);
    free(s->types);
    free(s->bytes);
}

/* Rows without a token get a name of their own: a list has no gaps. */
static int spell_all(struct spelled *out, const struct attune_tokenizer *tk, size_t n, bool words,
                     struct attune_error *err)
{
    size_t at = 0, len;

    *out = (struct spelled){
        .texts = calloc(n + 1, sizeof *out->texts),
        .types = calloc(n + 1, sizeof *out->types),
        .bytes = malloc(tk->vocab.text_len + 24 * n + 1),
    };
    if (!out->texts || !out->types || !out->bytes) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        attune_token id = (attune_token)i;
        const char *piece = vocab_piece(&tk->vocab, id, &len);
        char *to = out->bytes + at;

        if (!piece) {
            len = (size_t)sprintf(to, "[PAD%zu]", i);
        } else if (words) {
            len = spell_word(to, tk, id, piece, len);
        } else {
            memcpy(to, piece, len);
        }
        out->texts[i] = (struct gguf_text){to, len};
        out->types[i] = piece ? type_of(tk, id) : UNUSED;
        at += len;
    }
    return ATTUNE_OK;
}

static int write_list(struct gguf_writer *w, const struct attune_tokenizer *tk, size_t n,
                      struct attune_error *err)
{
    struct token_list list = {.w = w, .model = tk->ops->gguf, .n = n};
    struct spelled spelled = {0};
    int status = ATTUNE_OK;

    list.scores = calloc(n + 1, sizeof *list.scores);
    if (!list.scores) {
        return no_memory(err);
    }
    status = tk->ops->to_gguf(&list, tk, err);
    if (status == ATTUNE_OK) {
        status = spell_all(&spelled, tk, n, strcmp(list.model, "bert") == 0, err);
    }
    if (status == ATTUNE_OK) {
        gguf_write_text(w, "tokenizer.ggml.model", list.model);
        gguf_write_texts(w, "tokenizer.ggml.tokens", spelled.texts, n);
        gguf_write_i32s(w, "tokenizer.ggml.token_type", spelled.types, n);
        if (list.scored) {
            gguf_write_f32s(w, "tokenizer.ggml.scores", list.scores, n);
        }
    }
    spelled_done(&spelled);
    free(list.scores);
    return status;
}

/* ---- what is found by trying
 * ----------------------------------------------------------------------- */

/* Ids of a text; false where it has none. */
static bool try_text(struct attune_tokens *out, const struct attune_tokenizer *tk, const char *text,
                     bool add_special)
{
    const struct attune_tokenize_options options = {.add_special = add_special};

    return attune_tokenize(out, tk, text, strlen(text), &options, NULL) == ATTUNE_OK;
}

static bool same_ids(const struct attune_tokens *a, const struct attune_tokens *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
}

/* What a text gets before and after it; ATTUNE_TOKEN_NONE: nothing. */
struct around {
    attune_token first, last;
};

static struct around find_around(const struct attune_tokenizer *tk)
{
    struct attune_tokens bare = {0}, whole = {0};
    struct around found = {ATTUNE_TOKEN_NONE, ATTUNE_TOKEN_NONE};

    if (try_text(&bare, tk, "a", false) && try_text(&whole, tk, "a", true) && whole.n > bare.n) {
        found.first = whole.special[0] ? whole.ids[0] : ATTUNE_TOKEN_NONE;
        found.last = whole.special[whole.n - 1] ? whole.ids[whole.n - 1] : ATTUNE_TOKEN_NONE;
    }
    attune_tokens_done(&bare);
    attune_tokens_done(&whole);
    return found;
}

/* Does a text get a space before it, and do spaces that follow each other become one? */
static void write_spaces(struct gguf_writer *w, const struct attune_tokenizer *tk)
{
    struct attune_tokens one = {0}, two = {0};
    bool prefix = try_text(&one, tk, "a", false) && one.n > 0 &&
                  strncmp(attune_token_piece(tk, one.ids[0]), mark, 3) == 0;

    gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", prefix);
    gguf_write_bool(w, "tokenizer.ggml.remove_extra_whitespaces",
                    try_text(&one, tk, "a b", false) && try_text(&two, tk, "a  b", false) &&
                        same_ids(&one, &two));
    attune_tokens_done(&one);
    attune_tokens_done(&two);
}

/* The file's own form again: length, array, replacements. */
static int write_charsmap(struct gguf_writer *w, const struct attune_tokenizer *tk,
                          struct attune_error *err)
{
    for (size_t i = 0; i < tk->normalizers.n; i++) {
        const struct step *step = &tk->normalizers.at[i];
        uint32_t size = (uint32_t)(step->n_table * 4);
        unsigned char *bytes;

        if (strcmp(step->type->name, "Precompiled") != 0) {
            continue;
        }
        bytes = malloc(sizeof size + size + step->text_len);
        if (!bytes) {
            return no_memory(err);
        }
        memcpy(bytes, &size, sizeof size);
        memcpy(bytes + sizeof size, step->table, size);
        memcpy(bytes + sizeof size + size, step->text, step->text_len);
        gguf_write_bytes(w, "tokenizer.ggml.precompiled_charsmap", bytes,
                         sizeof size + size + step->text_len);
        free(bytes);
        break;
    }
    return ATTUNE_OK;
}

/* GGUF has room for three ends: of a text, of a turn, of a message. */
static void write_ends(struct gguf_writer *w, attune_token eos, const struct token_roles *roles)
{
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    size_t n = 0;

    if (eos >= 0) {
        gguf_write_u32(w, ends[n++], (uint32_t)eos);
    }
    for (size_t i = 0; i < roles->n_ends && n < sizeof ends / sizeof *ends; i++) {
        if (roles->ends[i] != eos && roles->ends[i] >= 0) {
            gguf_write_u32(w, ends[n++], (uint32_t)roles->ends[i]);
        }
    }
}

/* Whoever stands first in every text is its begin, whatever it is called. */
static void write_roles(struct gguf_writer *w, const struct attune_tokenizer *tk,
                        const struct token_roles *roles)
{
    struct around around = find_around(tk);
    attune_token eos = tk->eos >= 0 ? tk->eos : around.last;
    const struct {
        const char *key;
        attune_token id;
    } others[] = {
        {"tokenizer.ggml.bos_token_id", tk->bos >= 0 ? tk->bos : around.first},
        {"tokenizer.ggml.unknown_token_id", tk->unk},
        {"tokenizer.ggml.padding_token_id", tk->pad},
        {"tokenizer.ggml.mask_token_id", tk->mask},
        {"tokenizer.ggml.cls_token_id", tk->cls},
        {"tokenizer.ggml.seperator_token_id", tk->sep}, /* spelled so in the format */
    };

    write_ends(w, eos, roles);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i].id >= 0) {
            gguf_write_u32(w, others[i].key, (uint32_t)others[i].id);
        }
    }
    if (strcmp(tk->ops->name, "wordpiece") != 0) { /* there the format takes it for granted */
        gguf_write_bool(w, "tokenizer.ggml.add_bos_token",
                        around.first >= 0 && around.first == others[0].id);
        gguf_write_bool(w, "tokenizer.ggml.add_eos_token", around.last >= 0 && around.last == eos);
    }
}

int tokenizer_write(struct gguf_writer *w, const struct attune_tokenizer *tk, size_t n_rows,
                    const struct token_roles *roles, struct attune_error *err)
{
    int status = ATTUNE_OK;

    if (!tk) {
        gguf_write_text(w, "tokenizer.ggml.model", "none");
        write_ends(w, ATTUNE_TOKEN_NONE, roles);
        return ATTUNE_OK;
    }
    if (attune_tokenizer_size(tk) > n_rows) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "the tokenizer has %zu ids and the model rows for %zu: in a GGUF "
                                "file they have to agree",
                                attune_tokenizer_size(tk), n_rows);
    }
    if (!tk->ops->to_gguf) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "GGUF has no tokenizer of the kind %s",
                                tk->ops->name);
    }
    status = write_list(w, tk, n_rows, err);
    if (status == ATTUNE_OK) {
        status = write_charsmap(w, tk, err);
    }
    if (status == ATTUNE_OK) {
        if (!tk->byte_level) {
            write_spaces(w, tk);
        }
        write_roles(w, tk, roles);
    }
    return status;
}

/* ---- beside it
 * ------------------------------------------------------------------------------------- */

/* One template, or a list of them with names, of which "default" is the one. */
static const char *chat_of(const json_t *value)
{
    size_t i;
    const json_t *entry;

    json_array_foreach((json_t *)(uintptr_t)value, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));

        if (name && strcmp(name, "default") == 0) {
            return json_string_value(json_object_get(entry, "template"));
        }
    }
    return json_string_value(value);
}

int tokenizer_write_chat(struct gguf_writer *w, const char *folder, struct attune_error *err)
{
    struct beside beside = {0};
    int status = beside_load(&beside, folder, err);
    const char *chat = status ? NULL : chat_of(json_object_get(beside.config, "chat_template"));

    if (chat) {
        gguf_write_text(w, "tokenizer.chat_template", chat);
    }
    beside_done(&beside);
    return status;
}

/* ---- do they agree
 * --------------------------------------------------------------------------------- */

static const struct {
    const char *what, *text;
} samples[] = {
    {"plain words", "the quick brown fox jumps over the lazy dog"},
    {"capitals", "Hello World, a B and an ABC"},
    {"numbers", "1 12 123 1234 12345 3.14 a1b22"},
    {"punctuation", "it's (so) -- [they]'ve said: \"no!\" #1 @x $5 a=b;"},
    {"spaces", " a  b   c "},
    {"lines", "a\nb\n\n\tc\r\n d\n"},
    {"accents", "caf\xc3\xa9 na\xc3\xafve \xc3\x9c"
                "ber \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
    {"letters of two code points", "cafe\xcc\x81"},
    {"ideographs and symbols", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x99\x82 \xe2\x80\x94 "
                               "\xef\xac\x81 \xc2\xb2"},
};

bool tokenizer_same(const struct attune_tokenizer *a, const struct attune_tokenizer *b,
                    char why[128])
{
    struct attune_tokens x = {0}, y = {0};
    size_t n = 0;

    why[0] = '\0';
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        bool ones = try_text(&x, a, samples[i].text, true), others = false;

        others = b && try_text(&y, b, samples[i].text, true);
        if (ones != others || (ones && !same_ids(&x, &y))) {
            size_t len = strlen(why);

            snprintf(why + len, 128 - len, "%s%s",
                     n++ ? ", " : "in a GGUF file the tokenizer gives other ids for ",
                     samples[i].what);
        }
    }
    attune_tokens_done(&x);
    attune_tokens_done(&y);
    return n == 0;
}
