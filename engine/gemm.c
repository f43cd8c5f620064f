/* The one file that sees BLAS. */
#include <config.h>

#include "engine/gemm.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Newest first; each is in every build for many processors that knows it, and asks for what it
 * needs. */
static const char *better_core(const char *core)
{
#if defined(__x86_64__)
    static const char *const old[] = {"Prescott", "Core2", "Penryn", "Nehalem", "Haswell", "Zen"};
    bool replace = false;

    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        replace = replace || strcmp(core, old[i]) == 0;
    }
    if (replace && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        return "SkylakeX";
    }
    if (replace && strcmp(core, "Haswell") != 0 && strcmp(core, "Zen") != 0 &&
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return "Haswell";
    }
#endif
    return NULL;
}

/* The two functions are exported by builds for many processors alone; elsewhere nothing is done. */
static void choose_core(void)
{
    void (*quit)(void) = (void (*)(void))(intptr_t)dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
    void (*init)(void) = (void (*)(void))(intptr_t)dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
    const char *core = quit && init ? better_core(openblas_get_corename()) : NULL;

    if (core && !getenv("OPENBLAS_CORETYPE") && setenv("OPENBLAS_CORETYPE", core, 1) == 0) {
        quit();
        init();
        unsetenv("OPENBLAS_CORETYPE"); /* ours, not our children's */
    }
}

static void start(void)
{
    choose_core();
    openblas_set_num_threads(1); /* the team's threads call it side by side */
}

void gemm_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start);
}

void gemm(float *y, size_t ldy, const float *w, size_t ldw, size_t rows, const float *x, size_t ldx,
          size_t tokens, size_t n)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)tokens, (blasint)rows, (blasint)n,
                1.0f, x, (blasint)ldx, w, (blasint)ldw, 0.0f, y, (blasint)ldy);
}
