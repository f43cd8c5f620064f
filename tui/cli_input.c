/* What verbs work on: the model and the prompt that the shared options name. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>

#include <stdlib.h>
#include <string.h>

int cli_model_path(struct cli *cli, char **out, struct attune_error *err)
{
    const char *name = cli_value(cli, "model");

    if (!name) {
        name = getenv("ATTUNE_MODEL");
    }
    return attune_library_find(out, "models", name && *name ? name : "tiny-decoder", err);
}

int cli_open_model(struct cli *cli, struct attune_model **out, struct attune_error *err)
{
    char *path = NULL;
    int status = cli_model_path(cli, &path, err);

    if (status == ATTUNE_OK) {
        status = cli_open_path(cli, out, path, NULL, err);
    }
    if (status == ATTUNE_OK && attune_model_info(*out)->note[0]) {
        cli_note(cli, "%s", attune_model_info(*out)->note);
    }
    free(path);
    return status;
}

int cli_get_prompt(struct cli *cli, const struct attune_model *model, struct cli_prompt *out,
                   struct attune_error *err)
{
    const char *text = cli_value(cli, "prompt"), *file = cli_value(cli, "file"),
               *ids = cli_value(cli, "ids");
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    struct attune_tokens tokens = {0};
    int status;

    memset(out, 0, sizeof *out);
    if (!!text + !!file + !!ids != 1) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "wants one of -p TEXT, -f FILE and --ids 1,2,3");
    }
    if (ids) {
        out->text = calloc(1, 1);
        return out->text ? cli_parse_ids(&out->ids, &out->n, ids, err)
                         : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (!tk) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the model has no tokenizer: give the prompt as --ids 1,2,3");
    }
    if (file) {
        status = cli_read_file(&out->text, &out->text_len, file, err);
    } else {
        out->text = strdup(text);
        out->text_len = strlen(text);
        status = out->text ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK) {
        struct attune_tokenize_options options = {.add_special = true};

        status = attune_tokenize(&tokens, tk, out->text, out->text_len, &options, err);
    }
    out->ids = tokens.ids;
    out->n = tokens.n;
    tokens.ids = NULL;
    attune_tokens_done(&tokens);
    return status;
}

void cli_prompt_done(struct cli_prompt *prompt)
{
    free(prompt->text);
    free(prompt->ids);
    memset(prompt, 0, sizeof *prompt);
}
