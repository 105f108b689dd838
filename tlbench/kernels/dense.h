/* Chains of dense layers v' = silu(W v + b) + skip on a batch of rows, in tiles that stay in the
 * first-level cache: forward, tangent, and adjoint with the parameters' gradients.
 *
 * With z = W v + b and s = sigmoid(z): f = z s, f' = s + f - f s, f'' = (1 - s)(2 f' - f).
 *
 * Arrays with one entry per row and layer (z, s, slopes, source) lie in memory in the order in
 * which they are visited, (n_tiles, n_layers, TILE, width), so that they stream.
 */

#define TILE 16 /* rows of a tile */
#define ROWS 8  /* rows of a register block */

/* c (ROWS x NV vectors) = or += sum over k of a[row, k] b[k, :]. */
ALWAYS_INLINE void block(const int nv, const REAL* a, long a_row, long a_k, const REAL* b, long b_k,
                         int n_k, REAL* c, long c_row, const int add) {
  vec acc[ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) acc[i][j] = add ? load(c + i * c_row + j * LANES) : splat(0);
  for (int k = 0; k < n_k; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j)
        acc[i][j] += a[i * a_row + k * a_k] * load(b + k * b_k + j * LANES);
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) store(c + i * c_row + j * LANES, acc[i][j]);
}

/* The same for any number of rows and columns that ROWS and LANES divide. */
static inline void product(int rows, int columns, const REAL* a, long a_row, long a_k,
                           const REAL* b, long b_k, int n_k, REAL* c, long c_row, int add) {
  for (int j = 0; j < columns; j += 2 * LANES)
    for (int i = 0; i < rows; i += ROWS) {
      if (columns - j > LANES)
        block(2, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
      else
        block(1, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
    }
}

/* Rows of a tile from an array; rows that are not there are zero. */
static inline void fetch(REAL* tile, const REAL* from, int rows, int width) {
  memcpy(tile, from, (long)rows * width * sizeof(REAL));
  memset(tile + rows * width, 0, (long)(TILE - rows) * width * sizeof(REAL));
}
static inline void put(REAL* to, const REAL* tile, int rows, int width) {
  memcpy(to, tile, (long)rows * width * sizeof(REAL));
}
static inline void increase(REAL* sum, const REAL* by, int count) {
  for (int i = 0; i < count; i += LANES) store(sum + i, load(sum + i) + load(by + i));
}

/* Layer s of n_layers takes `width` numbers (layer 0: `inputs`) and gives `width`. Its skip is -1
 * for nothing, -2 or -3 for the first or second of the outside arrays, or the number of the layer
 * whose input is added. Weights are (width, inputs) as in torch; a missing bias is NULL.
 */
typedef struct {
  int n_layers, inputs, width;
  const int* skip;
  const REAL* const* weight;
  const REAL* const* bias;
} chain;

/* Memory for the tiles of one call, and the transposed weights. */
typedef struct {
  REAL *memory, *v, *g, *t, *outside[2], *flipped;
  int size; /* of one tile */
} work;

static work prepare(const chain* c) {
  const int wide = c->inputs > c->width ? c->inputs : c->width;
  work w;
  w.size = TILE * wide;
  const long tiles = 2 * (c->n_layers + 1) + 3;
  w.memory = malloc(((tiles * w.size) + (long)c->n_layers * wide * c->width) * sizeof(REAL));
  if (!w.memory) return w;
  w.v = w.memory;
  w.g = w.v + (c->n_layers + 1) * w.size;
  w.t = w.g + (c->n_layers + 1) * w.size;
  w.outside[0] = w.t + w.size;
  w.outside[1] = w.outside[0] + w.size;
  w.flipped = w.outside[1] + w.size;
  for (int layer = 0; layer < c->n_layers; ++layer) {
    const int n_in = layer ? c->width : c->inputs;
    REAL* to = w.flipped + (long)layer * wide * c->width;
    for (int i = 0; i < c->width; ++i)
      for (int k = 0; k < n_in; ++k) to[k * c->width + i] = c->weight[layer][i * n_in + k];
  }
  return w;
}

/* Where the entries of a tile and layer begin. */
static inline long place(const chain* c, long row, int layer) {
  return (row * c->n_layers + (long)layer * TILE) * c->width;
}

/* Ask for the entries of the layer that comes next, while this one is computed. */
static inline void ask(const REAL* array, const chain* c, long row, int layer) {
  if (!array) return;
  const char* from = (const char*)(array + place(c, row, layer));
  for (long byte = 0; byte < (long)(TILE * c->width * sizeof(REAL)); byte += 64)
    __builtin_prefetch(from + byte, 0, 2);
}

static inline const REAL* skipped(const chain* c, const work* w, int layer) {
  const int skip = c->skip[layer];
  return skip == -1 ? NULL : skip < -1 ? w->outside[-2 - skip] : w->v + skip * w->size;
}

/* Rows from `begin`, a multiple of TILE, to n are computed. out (n, width); z and s are kept for
 * the derivatives. Returns 0, or 1 if memory is short; so do the functions below. */
static int forward_part(long begin, long n, int n_layers, int inputs, int width, const int* skip,
                        const REAL* const* weight, const REAL* const* bias, const REAL* v0,
                        const REAL* outside0, const REAL* outside1, REAL* out, REAL* z, REAL* s) {
  const chain c = {n_layers, inputs, width, skip, weight, bias};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL* outside[2] = {outside0, outside1};
  const int wide = w.size / TILE;
  for (long row = begin; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    fetch(w.v, v0 + row * inputs, rows, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width);
    for (int layer = 0; layer < n_layers; ++layer) {
      const int n_in = layer ? width : inputs;
      const REAL *from = w.v + layer * w.size, *add = skipped(&c, &w, layer);
      REAL* to = w.v + (layer + 1) * w.size;
      REAL *z_here = z + place(&c, row, layer), *s_here = s + place(&c, row, layer);
      ask(z, &c, row, layer);
      ask(s, &c, row, layer);
      product(TILE, width, from, n_in, 1, w.flipped + (long)layer * wide * width, width, n_in, to,
              width, 0);
      for (int i = 0; i < TILE * width; i += LANES) {
        vec x = load(to + i);
        if (bias[layer]) x += load(bias[layer] + i % width);
        const vec sigma = sigmoid(x), value = x * sigma;
        store(z_here + i, x);
        store(s_here + i, sigma);
        store(to + i, sum(value, add, i));
      }
    }
    put(out + row * width, w.v + n_layers * w.size, rows, width);
  }
  free(w.memory);
  return 0;
}

int chain_forward(int threads, long n, int n_layers, int inputs, int width, const int* skip,
                  const REAL* const* weight, const REAL* const* bias, const REAL* v0,
                  const REAL* outside0, const REAL* outside1, REAL* out, REAL* z, REAL* s) {
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        forward_part(begin, end, n_layers, inputs, width, skip, weight, bias, v0, outside0,
                     outside1, out, z, s));
  return failed;
}

/* The chain's adjoint. From given (n, width), and source added to the adjoints of z if not
 * NULL: those of v0 and of the outside arrays, where wanted; the adjoints of
 * f(z), in slopes, if wanted; and, if weight_adjoint is not NULL, those of
 * weights and biases, added to what is there. */
static int adjoint_part(long begin, long n, int n_layers, int inputs, int width, const int* skip,
                        const REAL* const* weight, const REAL* v0, const REAL* outside0,
                        const REAL* outside1, const REAL* z, const REAL* s, const REAL* given,
                        const REAL* source, REAL* v0_adjoint, REAL* outside0_adjoint,
                        REAL* outside1_adjoint, REAL* slopes, REAL* const* weight_adjoint,
                        REAL* const* bias_adjoint) {
  const chain c = {n_layers, inputs, width, skip, weight, NULL};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL* outside[2] = {outside0, outside1};
  REAL* outside_adjoint[2] = {outside0_adjoint, outside1_adjoint};
  for (long row = begin; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    if (weight_adjoint) { /* the values again */
      fetch(w.v, v0 + row * inputs, rows, inputs);
      for (int o = 0; o < 2; ++o)
        if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width);
      for (int layer = 0; layer < n_layers - 1; ++layer) {
        const REAL* add = skipped(&c, &w, layer);
        REAL* to = w.v + (layer + 1) * w.size;
        const REAL *z_here = z + place(&c, row, layer), *s_here = s + place(&c, row, layer);
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec value = load(z_here + i) * load(s_here + i);
          store(to + i, sum(value, add, i));
        }
      }
    }
    for (int o = 0; o < 2; ++o) memset(w.outside[o], 0, w.size * sizeof(REAL));
    memset(w.g, 0, n_layers * w.size * sizeof(REAL));
    fetch(w.g + n_layers * w.size, given + row * width, rows, width);
    for (int layer = n_layers - 1; layer >= 0; --layer) {
      const int n_in = layer ? width : inputs, jump = skip[layer];
      const REAL* g = w.g + (layer + 1) * w.size;
      const REAL *z_here = z + place(&c, row, layer), *s_here = s + place(&c, row, layer);
      if (slopes) memcpy(slopes + place(&c, row, layer), g, TILE * width * sizeof(REAL));
      if (jump < -1) increase(w.outside[-2 - jump], g, TILE * width);
      if (jump >= 0) increase(w.g + jump * w.size, g, TILE * width);
      const long next = layer ? row : row + TILE;
      if (next < n) {
        const int below = layer ? layer - 1 : n_layers - 1;
        ask(z, &c, next, below);
        ask(s, &c, next, below);
        ask(source, &c, next, below);
        ask(slopes, &c, next, below);
      }
      const REAL* extra = source ? source + place(&c, row, layer) : NULL;
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec sigma = load(s_here + i), f = load(z_here + i) * sigma;
        const vec adjoint = load(g + i) * (sigma + f - f * sigma);
        store(w.t + i, sum(adjoint, extra, i));
      }
      if (weight_adjoint) {
        product(width, n_in, w.t, 1, width, w.v + layer * w.size, n_in, TILE, weight_adjoint[layer],
                n_in, 1);
        if (bias_adjoint[layer])
          for (int i = 0; i < TILE; ++i) increase(bias_adjoint[layer], w.t + i * width, width);
      }
      product(TILE, n_in, w.t, width, 1, weight[layer], n_in, width, w.g + layer * w.size, n_in, 1);
    }
    if (v0_adjoint) put(v0_adjoint + row * inputs, w.g, rows, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside_adjoint[o]) put(outside_adjoint[o] + row * width, w.outside[o], rows, width);
  }
  free(w.memory);
  return 0;
}

int chain_adjoint(int threads, long n, int n_layers, int inputs, int width, const int* skip,
                  const REAL* const* weight, const REAL* v0, const REAL* outside0,
                  const REAL* outside1, const REAL* z, const REAL* s, const REAL* given,
                  const REAL* source, REAL* v0_adjoint, REAL* outside0_adjoint,
                  REAL* outside1_adjoint, REAL* slopes, REAL* const* weight_adjoint,
                  REAL* const* bias_adjoint) {
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        adjoint_part(begin, end, n_layers, inputs, width, skip, weight, v0, outside0, outside1, z,
                     s, given, source, v0_adjoint, outside0_adjoint, outside1_adjoint, slopes,
                     weight_adjoint ? weight_adjoint + (long)t * n_layers : NULL,
                     bias_adjoint ? bias_adjoint + (long)t * n_layers : NULL));
  return failed;
}

/* The chain's tangent. From changes of v0 and of the outside arrays: the change of the output;
 * and, with `slopes` as the adjoint left them, the derivatives of sum(adjoint . change) by z, in
 * source, and by the weights, added to weight_adjoint. */
static int tangent_part(long begin, long n, int n_layers, int inputs, int width, const int* skip,
                        const REAL* const* weight, const REAL* v0, const REAL* outside0,
                        const REAL* outside1, const REAL* z, const REAL* s, const REAL* slopes,
                        REAL* out, REAL* source, REAL* const* weight_adjoint) {
  const chain c = {n_layers, inputs, width, skip, weight, NULL};
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const REAL* outside[2] = {outside0, outside1};
  const int wide = w.size / TILE;
  for (long row = begin; row < n; row += TILE) {
    const int rows = n - row < TILE ? (int)(n - row) : TILE;
    fetch(w.v, v0 + row * inputs, rows, inputs);
    for (int o = 0; o < 2; ++o)
      if (outside[o]) fetch(w.outside[o], outside[o] + row * width, rows, width);
    for (int layer = 0; layer < n_layers; ++layer) {
      const int n_in = layer ? width : inputs;
      const REAL *from = w.v + layer * w.size, *add = skipped(&c, &w, layer);
      REAL* to = w.v + (layer + 1) * w.size;
      product(TILE, width, from, n_in, 1, w.flipped + (long)layer * wide * width, width, n_in, to,
              width, 0);
      const long here = place(&c, row, layer), next = layer < n_layers - 1 ? row : row + TILE;
      if (next < n) {
        const int above = layer < n_layers - 1 ? layer + 1 : 0;
        ask(z, &c, next, above);
        ask(s, &c, next, above);
        ask(slopes, &c, next, above);
        ask(source, &c, next, above);
      }
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec sigma = load(s + here + i), f = load(z + here + i) * sigma;
        const vec g = load(slopes + here + i);
        const vec slope = sigma + f - f * sigma, change = load(to + i);
        store(w.t + i, g * slope);
        store(source + here + i, change * g * (1 - sigma) * (2 * slope - f));
        store(to + i, sum(change * slope, add, i));
      }
      product(width, n_in, w.t, 1, width, from, n_in, TILE, weight_adjoint[layer], n_in, 1);
    }
    put(out + row * width, w.v + n_layers * w.size, rows, width);
  }
  free(w.memory);
  return 0;
}

int chain_tangent(int threads, long n, int n_layers, int inputs, int width, const int* skip,
                  const REAL* const* weight, const REAL* v0, const REAL* outside0,
                  const REAL* outside1, const REAL* z, const REAL* s, const REAL* slopes, REAL* out,
                  REAL* source, REAL* const* weight_adjoint) {
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        tangent_part(begin, end, n_layers, inputs, width, skip, weight, v0, outside0, outside1, z,
                     s, slopes, out, source,
                     weight_adjoint ? weight_adjoint + (long)t * n_layers : NULL));
  return failed;
}
