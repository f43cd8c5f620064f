/* Which instruction set multiplies integers. */
#include <config.h>

#include "engine/integer.h"

#define INTEGER(name) extern const struct integer_ops integer_##name;
#include "engine/tables.inc"
#undef INTEGER

static const struct integer_ops *const kinds[] = {
#define INTEGER(name) &integer_##name,
#include "engine/tables.inc"
#undef INTEGER
};

_Static_assert(sizeof(struct integer_block) == 64, "a block is a line of the cache");

size_t integer_count(void)
{
    return sizeof kinds / sizeof *kinds;
}

const struct integer_ops *integer_at(size_t i)
{
    return kinds[i];
}

const struct integer_ops *integer_pick(const struct kernel_ops *kernel)
{
    const struct integer_ops *best = NULL;

    for (size_t i = 0; i < integer_count(); i++) {
        if (kinds[i]->usable() && kinds[i]->speed <= kernel->speed &&
            (!best || kinds[i]->speed > best->speed)) {
            best = kinds[i];
        }
    }
    return best;
}
