/* quantize: a model in another storage type. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>
#include <attune/quantize.h>

#include <stdlib.h>

static const struct cli_option options[] = {
    {"type", 0, "T", "f32, f16, bf16, q8_0, q5_0, q4_0, q4_k or q6_k"},
    {NULL, 0, NULL, NULL},
};

static int run(struct cli *cli)
{
    struct attune_quantize_result result;
    struct attune_error err = {0};
    const char *type = cli_value(cli, "type");
    char *path = NULL;
    long threads = 0;
    int status;

    if (!type) {
        return cli_wrong(
            cli, "quantize: --type is missing (f32, f16, bf16, q8_0, q5_0, q4_0, q4_k, q6_k)");
    }
    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK) {
        return CLI_USAGE;
    }
    status = attune_library_find(&path, "models", cli->args[0], &err);
    if (status == ATTUNE_OK) {
        cli_begin(cli, "writing the file");
        status =
            attune_quantize(&result, path, cli->args[1], type, (int)threads, &cli->progress, &err);
        cli_end(cli);
    }
    free(path);
    if (status != ATTUNE_OK) {
        return cli_fail(cli, &err);
    }
    if (result.note[0] && !cli->json) {
        cli_note(cli, "%s: %s", cli->args[0], result.note);
    }
    if (cli->json) {
        return cli_print_json(
            cli, json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "tensors", (json_int_t)result.tensors,
                           "converted", (json_int_t)result.converted, "fell_back",
                           (json_int_t)result.fell_back, "bytes_in", (json_int_t)result.bytes_in,
                           "bytes_out", (json_int_t)result.bytes_out, "note", result.note));
    }
    fprintf(cli->out, "%zu of %zu tensors now %s: %.1f MB instead of %.1f MB\n", result.converted,
            result.tensors, type, (double)result.bytes_out / 1e6, (double)result.bytes_in / 1e6);
    if (result.fell_back) {
        fprintf(cli->out,
                "%zu have rows that its blocks do not divide, and took a type that fits\n",
                result.fell_back);
    }
    return CLI_OK;
}

const struct cmd_ops cmd_quantize = {
    .name = "quantize",
    .args = "IN OUT",
    .help = "a model in another storage type or from a Hugging Face directory, as a GGUF file",
    .groups = CLI_MODEL,
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
