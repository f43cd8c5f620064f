/* The document that import takes back without loss. */
#include <config.h>

#include "export.h"
#include "store.h"

const struct export_ops export_json = {
    .name = "json",
    .suffix = "json",
    .help = "the document that import takes back without loss",
    .whole = store_export_json,
};
