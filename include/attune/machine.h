/* What the machine can do at most, measured on the spot: the limits that figures of speed are held against. */
#ifndef ATTUNE_MACHINE_H
#define ATTUNE_MACHINE_H

#include <attune/error.h>

struct attune_machine {   /* all threads together */
    double bytes_per_s;   /* read from memory, one after the other */
    double flops_per_s;   /* float32 multiply-adds in registers, two operations each */
    double int_ops_per_s; /* the same of bytes into 32 bits; 0: no instruction for it */
};

/* Takes about a tenth of a second and 128 MB, which are given back. */
int attune_machine_measure(struct attune_machine *out, int n_threads, struct attune_error *err);

#endif
