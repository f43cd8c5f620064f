/* A model under damage: its files copied into the scratch folder (made.h), cut short and flipped by a
 * process of its own, which notes in shared memory what it is about to try. Included after cmocka.
 *
 *     test --fork--> one model: cut, open, use, close, ... flip, open, use, close, mend, ...
 *          <-wait--  how it ended, the most memory it had, and the note if it did not end well
 *
 * ATTUNE_FUZZ=all tries everything, otherwise it is a sample; ATTUNE_FUZZ_SEED draws another one. */
#ifndef ATTUNE_TESTS_ENGINE_WRECK_H
#define ATTUNE_TESTS_ENGINE_WRECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WRECK_FILES = 16 };

struct wreck {
    const char *name;
    bool tokenizer; /* no weights beside it */
    char path[128]; /* what is opened: the file, or the folder where there are several */
    struct wreck_file {
        char name[64];
        int fd;
        unsigned char *bytes; /* [size] as it was */
        size_t size, header;  /* header: all but weights */
    } files[WRECK_FILES];
    size_t n_files;
    uint64_t random;
};

bool wreck_begin(void); /* false: no memory to share */
bool wreck_whole(void); /* everything is asked for */

void wreck_take_file(struct wreck *w, const char *path);
void wreck_take_bytes(struct wreck *w, const char *name, void *bytes, size_t size); /* freed with it */

/* Damages the model again and again, opens it by `open`, and drops it. Fails the test unless every call
 * of open came back, memory and files were given back, and no wreck_fault was met. `thoroughly` is true
 * for a few of the calls. open returns whether the model opened. */
void wreck_run(struct wreck *w, bool (*open)(const struct wreck *w, bool thoroughly));

/* Called by open: ends the process, with what is wrong. */
void wreck_fault(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

size_t wreck_tried(void), wreck_opened(void); /* over all runs */

#endif
