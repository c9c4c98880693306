#include "steps.h"

#include <math.h>

#include "numbers.h"

// The factor by which a row is divided to have a mean square of one.
static float scale_of(const float *states, float eps, int64_t width) {
  vfloat sums[2] = {{0}, {0}};
  int64_t i = 0;
  for (; i + 2 * LANES <= width; i += 2 * LANES)
    for (int j = 0; j < 2; j++) {
      vfloat part = vload(states + i + j * LANES);
      sums[j] += part * part;
    }
  float sum = vsum(sums[0] + sums[1]);
  for (; i < width; i++) sum += states[i] * states[i];
  return 1.0f / sqrtf(sum / (float)width + eps);
}

void normalize(const float *states, const float *weight, float eps, int64_t width, int format, void *result) {
  float scale = scale_of(states, eps, width);
  int64_t i = 0;
  for (; i + LANES <= width; i += LANES)
    write_numbers(format, result, i, vload(states + i) * vset(scale) * vload(weight + i));
  for (; i < width; i++) write_number(format, result, i, states[i] * scale * weight[i]);
}

void normalize_in_place(float *states, const float *weight, float eps, int64_t width) {
  normalize(states, weight, eps, width, FLOAT32, states);
}

void add_row(const float *more, float *row, int64_t width) {
  int64_t i = 0;
  for (; i + LANES <= width; i += LANES) vstore(row + i, vload(row + i) + vload(more + i));
  for (; i < width; i++) row[i] += more[i];
}

void silu_mul(const float *gate, const float *up, int64_t width, int format, void *result) {
  int64_t i = 0;
  for (; i + LANES <= width; i += LANES) {
    vfloat g = vload(gate + i);
    write_numbers(format, result, i, g / (1.0f + vexp(-g)) * vload(up + i));
  }
  for (; i < width; i++) {
    float g[LANES] = {gate[i]}, e[LANES];
    vstore(e, vexp(-vload(g)));
    write_number(format, result, i, gate[i] / (1.0f + e[0]) * up[i]);
  }
}
