// The small steps between products, each for one row or one tile.
#ifndef DUOLOGUE_STEPS_H
#define DUOLOGUE_STEPS_H
#include <stdint.h>

// result[width] in a number format = states[width] over their root mean square, times weight.
void normalize(const float *states, const float *weight, float eps, int64_t width, int format, void *result);

// The same in place, in float32.
void normalize_in_place(float *states, const float *weight, float eps, int64_t width);

// row[width] += more[width]
void add_row(const float *more, float *row, int64_t width);

// result[width] in a number format = SiLU of gate[width] times up[width].
void silu_mul(const float *gate, const float *up, int64_t width, int format, void *result);

#endif
