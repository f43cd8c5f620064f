/* Saved runs for others: the document that import takes back, reports to read, a recording to watch.
 * The formats are a table that grows from prompts/export_NAME.c. */
#ifndef ATTUNE_EXPORT_H
#define ATTUNE_EXPORT_H

#include <attune/store.h>

size_t attune_export_count(void);
const char *attune_export_name(size_t i);   /* "json", "markdown", "html", "asciicast" */
const char *attune_export_suffix(size_t i); /* "json", "md", ... */
const char *attune_export_help(size_t i);   /* one line */

/* A session, or one run of it (run not 0; session may be NULL). Of a store that was opened to
 * salvage, runs that cannot be read are passed over and counted in *lost (may be NULL).
 * *out: free(). */
int attune_export(char **out, size_t *len, struct attune_store *store, const char *session,
                  int64_t run, const char *format, size_t *lost, struct attune_error *err);

#endif
