/* A tokenizer in a directory: which of its files to take, and what to say where none will do. */
#include <config.h>

#include "engine/tokenizer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/hub.h"
#include "engine/mapping.h"
#include "engine/tokenizer_parts.h"

/* Files that a tokenizer may be made of, and that say nothing without a tokenizer.json. */
static const char *const others[] = {
    "spiece.model", "tokenizer.model", "sentencepiece.bpe.model",
    "source.spm",   "target.spm",      "vocab.txt",
    "vocab.json",   "merges.txt",      "tokenizer_config.json",
};

static bool is_file(const char *folder, const char *name, char path[4096])
{
    struct stat st;

    return snprintf(path, 4096, "%s/%s", folder, name) < 4096 && stat(path, &st) == 0 &&
           S_ISREG(st.st_mode);
}

static int say_what_is_there(const char *folder, struct attune_error *err)
{
    char path[4096], found[160] = "", shown[88];
    size_t n = 0;

    mapping_show(shown, folder);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (n + strlen(others[i]) + 3 < sizeof found && is_file(folder, others[i], path)) {
            n += (size_t)snprintf(found + n, sizeof found - n, "%s%s", n ? ", " : "", others[i]);
        }
    }
    return n == 0 ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: holds no tokenizer.json", shown)
                  : attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                     "%s: holds %s, but no tokenizer.json: let the model's own "
                                     "library write one",
                                     shown, found);
}

int tokenizer_from_folder(struct attune_tokenizer **out, const char *folder,
                          struct attune_error *err)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer.json.gz"};
    char path[4096], snapshot[4096];

    *out = NULL;
    if (hub_snapshot(snapshot, folder)) {
        folder = snapshot;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_file(folder, names[i], path)) {
            return tokenizer_from_json_file(out, path, err);
        }
    }
    if (is_file(folder, "vocab.json", path) && is_file(folder, "merges.txt", path)) {
        return tokenizer_from_old_files(out, folder, false, err);
    }
    if (is_file(folder, "vocab.txt", path)) {
        return tokenizer_from_old_files(out, folder, true, err);
    }
    return say_what_is_there(folder, err);
}
