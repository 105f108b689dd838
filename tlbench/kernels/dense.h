/* Chains of dense layers v' = silu(W v + b) + skip on a batch of rows, in tiles that stay in the
 * first-level cache: forward, tangent, and adjoint with the parameters' gradients.
 *
 * With z = W v + b and s = sigmoid(z): f = z s, f' = s + f - f s, f'' = (1 - s)(2 f' - f).
 */

#define TILE 16 /* rows of a tile */
#define ROWS 8  /* rows of a register block */

/* c (ROWS x NV vectors) = or += sum over k of a[row, k] b[k, :]. */
static inline __attribute__((always_inline)) void block(int nv, const REAL *a, long a_row,
                                                              long a_k, const REAL *b, long b_k,
                                                              int n_k, REAL *c, long c_row,
                                                              int add) {
  vec acc[ROWS][2];
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < nv; ++j)
      acc[i][j] = add ? load(c + i * c_row + j * LANES) : splat(0);
  for (int k = 0; k < n_k; ++k) {
    vec right[2];
    for (int j = 0; j < nv; ++j) right[j] = load(b + k * b_k + j * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const REAL left = a[i * a_row + k * a_k];
      for (int j = 0; j < nv; ++j) acc[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < nv; ++j) store(c + i * c_row + j * LANES, acc[i][j]);
}

/* The same for any number of rows and columns that ROWS and LANES divide. */
static inline void product(int rows, int columns, const REAL *a, long a_row, long a_k,
                                 const REAL *b, long b_k, int n_k, REAL *c, long c_row, int add) {
  for (int j = 0; j < columns; j += 2 * LANES)
    for (int i = 0; i < rows; i += ROWS) {
      if (columns - j > LANES)
        block(2, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
      else
        block(1, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
    }
}

/* Rows of a tile from an array with the given stride; rows that are not there are zero. */
static inline void fetch(REAL *tile, const REAL *from, int rows, int width, long stride) {
  for (int i = 0; i < rows; ++i) memcpy(tile + i * width, from + i * stride, width * sizeof(REAL));
  memset(tile + rows * width, 0, (TILE - rows) * width * sizeof(REAL));
}
static inline void put(REAL *to, const REAL *tile, int rows, int width, long stride) {
  for (int i = 0; i < rows; ++i) memcpy(to + i * stride, tile + i * width, width * sizeof(REAL));
}
static inline void increase(REAL *sum, const REAL *by, int count) {
  for (int i = 0; i < count; i += LANES) store(sum + i, load(sum + i) + load(by + i));
}

/* Layer s of n_layers takes `width` numbers (layer 0: `inputs`) and gives `width`. Its skip is -1
 * for nothing, -2 or -3 for the first or second of the outside arrays, or the number of the layer
 * whose input is added. Weights are (width, inputs) as in torch; a missing bias is NULL.
 */
typedef struct {
  int n_layers, inputs, width;
  const int *skip;
  const REAL *const *weight;
  const REAL *const *bias;
} chain;

/* Memory for the tiles of one call, and the transposed weights. */
typedef struct {
  REAL *memory, *v, *z, *s, *g, *t, *outside[2], *flipped;
  int size; /* of one tile */
} work;

static work prepare(const chain * c) {
  const int wide = c->inputs > c->width ? c->inputs : c->width;
  work w;
  w.size = TILE * wide;
  const long tiles = 2 * (c->n_layers + 1) + 5;
  w.memory = malloc(((tiles * w.size) + (long)c->n_layers * wide * c->width) * sizeof(REAL));
  if (!w.memory) return w;
  w.v = w.memory;
  w.g = w.v + (c->n_layers + 1) * w.size;
  w.z = w.g + (c->n_layers + 1) * w.size;
  w.s = w.z + w.size;
  w.t = w.s + w.size;
  w.outside[0] = w.t + w.size;
  w.outside[1] = w.outside[0] + w.size;
  w.flipped = w.outside[1] + w.size;
  for (int layer = 0; layer < c->n_layers; ++layer) {
    const int n_in = layer ? c->width : c->inputs;
    REAL *to = w.flipped + (long)layer * wide * c->width;
    for (int i = 0; i < c->width; ++i)
      for (int k = 0; k < n_in; ++k) to[k * c->width + i] = c->weight[layer][i * n_in + k];
  }
  return w;
}

static inline const REAL *skipped(const chain * c, const work * w, int layer) {
  const int skip = c->skip[layer];
  return skip == -1 ? NULL : skip < -1 ? w->outside[-2 - skip] : w->v + skip * w->size;
}

/* out (n, width); z and s (n, n_layers, width) are kept for the derivatives. Returns 0, or 1 if
 * memory is short; so do the functions below. */
int chain_forward(long n, int n_layers, int inputs, int width, const int *skip,
                        const REAL *const *weight, const REAL *const *bias, const REAL *v0,
                        const REAL *outside0, const REAL *outside1, REAL *out, REAL *z, REAL *s) {
  const chain c = {n_layers, inputs, width, skip, weight, bias};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL *outside[2] = {outside0, outside1};
  const long stride = (long)n_layers * width;
  const int wide = w.size / TILE;
  for (long row = 0; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    fetch(w.v, v0 + row * inputs, rows, inputs, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width, width);
    for (int layer = 0; layer < n_layers; ++layer) {
      const int n_in = layer ? width : inputs;
      const REAL *from = w.v + layer * w.size, *add = skipped(&c, &w, layer);
      REAL *to = w.v + (layer + 1) * w.size;
      product(TILE, width, from, n_in, 1, w.flipped + (long)layer * wide * width, width, n_in, w.z,
              width, 0);
      for (int i = 0; i < TILE * width; i += LANES) {
        vec x = load(w.z + i);
        if (bias[layer]) x += load(bias[layer] + i % width);
        const vec sigma = sigmoid(x);
        store(w.z + i, x);
        store(w.s + i, sigma);
        store(to + i, add ? x * sigma + load(add + i) : x * sigma);
      }
      put(z + row * stride + layer * width, w.z, rows, width, stride);
      put(s + row * stride + layer * width, w.s, rows, width, stride);
    }
    put(out + row * width, w.v + n_layers * w.size, rows, width, width);
  }
  free(w.memory);
  return 0;
}

/* The chain's adjoint. From given (n, width), and source (n, n_layers, width) added to the
 * adjoints of z if not NULL: those of v0 and of the outside arrays, where wanted; the adjoints of
 * f(z), in slopes (n, n_layers, width), if wanted; and, if weight_adjoint is not NULL, those of
 * weights and biases, added to what is there. */
int chain_adjoint(long n, int n_layers, int inputs, int width, const int *skip,
                        const REAL *const *weight, const REAL *v0, const REAL *outside0,
                        const REAL *outside1, const REAL *z, const REAL *s, const REAL *given,
                        const REAL *source, REAL *v0_adjoint, REAL *outside0_adjoint,
                        REAL *outside1_adjoint, REAL *slopes, REAL *const *weight_adjoint,
                        REAL *const *bias_adjoint) {
  const chain c = {n_layers, inputs, width, skip, weight, NULL};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL *outside[2] = {outside0, outside1};
  REAL *outside_adjoint[2] = {outside0_adjoint, outside1_adjoint};
  const long stride = (long)n_layers * width;
  for (long row = 0; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    if (weight_adjoint) { /* the values again */
      fetch(w.v, v0 + row * inputs, rows, inputs, inputs);
      for (int o = 0; o < 2; ++o)
        if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width, width);
      for (int layer = 0; layer < n_layers - 1; ++layer) {
        const REAL *add = skipped(&c, &w, layer);
        REAL *to = w.v + (layer + 1) * w.size;
        fetch(w.z, z + row * stride + layer * width, rows, width, stride);
        fetch(w.s, s + row * stride + layer * width, rows, width, stride);
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec value = load(w.z + i) * load(w.s + i);
          store(to + i, add ? value + load(add + i) : value + splat(0));
        }
      }
    }
    for (int o = 0; o < 2; ++o) memset(w.outside[o], 0, w.size * sizeof(REAL));
    memset(w.g, 0, n_layers * w.size * sizeof(REAL));
    fetch(w.g + n_layers * w.size, given + row * width, rows, width, width);
    for (int layer = n_layers - 1; layer >= 0; --layer) {
      const int n_in = layer ? width : inputs, jump = skip[layer];
      const REAL *g = w.g + (layer + 1) * w.size;
      if (slopes) put(slopes + row * stride + layer * width, g, rows, width, stride);
      if (jump < -1) increase(w.outside[-2 - jump], g, TILE * width);
      if (jump >= 0) increase(w.g + jump * w.size, g, TILE * width);
      fetch(w.z, z + row * stride + layer * width, rows, width, stride);
      fetch(w.s, s + row * stride + layer * width, rows, width, stride);
      if (source)
        fetch(w.t, source + row * stride + layer * width, rows, width, stride);
      else
        memset(w.t, 0, TILE * width * sizeof(REAL));
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec sigma = load(w.s + i), f = load(w.z + i) * sigma;
        store(w.t + i, load(w.t + i) + load(g + i) * (sigma + f - f * sigma));
      }
      if (weight_adjoint) {
        product(width, n_in, w.t, 1, width, w.v + layer * w.size, n_in, TILE, weight_adjoint[layer],
                n_in, 1);
        if (bias_adjoint[layer])
          for (int i = 0; i < TILE; ++i) increase(bias_adjoint[layer], w.t + i * width, width);
      }
      product(TILE, n_in, w.t, width, 1, weight[layer], n_in, width, w.g + layer * w.size, n_in, 1);
    }
    if (v0_adjoint) put(v0_adjoint + row * inputs, w.g, rows, inputs, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside_adjoint[o])
        put(outside_adjoint[o] + row * width, w.outside[o], rows, width, width);
  }
  free(w.memory);
  return 0;
}

/* The chain's tangent. From changes of v0 and of the outside arrays: the change of the output;
 * and, with `slopes` as the adjoint left them, the derivatives of sum(adjoint . change) by z, in
 * source (n, n_layers, width), and by the weights, added to weight_adjoint. */
int chain_tangent(long n, int n_layers, int inputs, int width, const int *skip,
                        const REAL *const *weight, const REAL *v0, const REAL *outside0,
                        const REAL *outside1, const REAL *z, const REAL *s, const REAL *slopes,
                        REAL *out, REAL *source, REAL *const *weight_adjoint) {
  const chain c = {n_layers, inputs, width, skip, weight, NULL};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL *outside[2] = {outside0, outside1};
  const long stride = (long)n_layers * width;
  const int wide = w.size / TILE;
  for (long row = 0; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    fetch(w.v, v0 + row * inputs, rows, inputs, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width, width);
    for (int layer = 0; layer < n_layers; ++layer) {
      const int n_in = layer ? width : inputs;
      const REAL *from = w.v + layer * w.size, *add = skipped(&c, &w, layer);
      REAL *to = w.v + (layer + 1) * w.size;
      product(TILE, width, from, n_in, 1, w.flipped + (long)layer * wide * width, width, n_in, to,
              width, 0);
      fetch(w.z, z + row * stride + layer * width, rows, width, stride);
      fetch(w.s, s + row * stride + layer * width, rows, width, stride);
      fetch(w.g, slopes + row * stride + layer * width, rows, width, stride);
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec sigma = load(w.s + i), f = load(w.z + i) * sigma, g = load(w.g + i);
        const vec slope = sigma + f - f * sigma, change = load(to + i);
        store(w.t + i, g * slope);
        store(w.z + i, change * g * (1 - sigma) * (2 * slope - f));
        store(to + i, add ? change * slope + load(add + i) : change * slope);
      }
      put(source + row * stride + layer * width, w.z, rows, width, stride);
      product(width, n_in, w.t, 1, width, from, n_in, TILE, weight_adjoint[layer], n_in, 1);
    }
    put(out + row * width, w.v + n_layers * w.size, rows, width, width);
  }
  free(w.memory);
  return 0;
}
