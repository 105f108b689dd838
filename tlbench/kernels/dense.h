/* Networks of dense layers v' = silu(W v + b) * filter + skip on the rows of a batch, in tiles that
 * stay in the first-level cache: forward, adjoint, and tangent with the parameters' derivatives.
 *
 * With z = W v + b and s = sigmoid(z): f = z s, f' = s + f - f s, f'' = (1 - s)(2 f' - f).
 *
 * Value 0 is the input (n, inputs), value i + 1 what layer i gives, and value -1 a second input
 * beside it, (n, beside). Layer i takes value source[i], gives widths[i] numbers, and adds value
 * skip[i], or nothing if that is NONE. The layer `filtered`, if not -1, is multiplied by a filter
 * r F, with r (n, n_r) and F (n_r, width). Weights are (width, inputs) as in torch; a missing bias
 * is NULL. The result is the last value. All widths are multiples of LANES and of ROWS.
 *
 * What is kept per row and layer (z, slopes, source adjoints) lies in memory in the order in which
 * it is visited, (tile, layer, row, width), so that it streams. s is computed again, which takes
 * less time than fetching it.
 */

#define ROWS 8 /* rows of a register block; TILE is a multiple */

/* c (ROWS x nv vectors) = or += sum over k of a[row, k] b[k, :]. */
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
static void product(int rows, int columns, const REAL* a, long a_row, long a_k, const REAL* b,
                    long b_k, int n_k, REAL* c, long c_row, int add) {
  for (int j = 0; j < columns; j += 2 * LANES)
    for (int i = 0; i < rows; i += ROWS) {
      if (columns - j > LANES)
        block(2, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
      else
        block(1, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
    }
}

/* Rows of a tile from an array; rows that are not there, or an array that is not, are zero. */
static void fetch(REAL* tile, const REAL* from, long row, int rows, int width) {
  if (!from) rows = 0;
  if (rows) memcpy(tile, from + row * width, (long)rows * width * sizeof(REAL));
  memset(tile + rows * width, 0, (long)(TILE - rows) * width * sizeof(REAL));
}
static void put(REAL* to, const REAL* tile, long row, int rows, int width) {
  if (to) memcpy(to + row * width, tile, (long)rows * width * sizeof(REAL));
}
static void increase(REAL* sum, const REAL* by, int count) {
  for (int i = 0; i < count; i += LANES) store(sum + i, load(sum + i) + load(by + i));
}

typedef struct {
  int n_layers, inputs, beside;
  const int *widths, *source, *skip;
  int filtered, n_r;
  const REAL* const* weight;
  const REAL* const* bias;
  const REAL* filter; /* F */
} net;

/* One thread's memory: tiles of the values and of their adjoints, those of value -1 first. */
typedef struct {
  REAL *memory, *values, *adjoints, *sigma, *t, *phi, *dphi, *flipped[MAX_LAYERS];
  int size, total, before[MAX_LAYERS]; /* of a tile; of all layers; of the layers before */
} work;

static int width_of(const net* c, int value) {
  return value < 0 ? c->beside : value ? c->widths[value - 1] : c->inputs;
}
static REAL* value_of(const work* w, int value) { return w->values + (value + 1) * w->size; }
static REAL* adjoint_of(const work* w, int value) { return w->adjoints + (value + 1) * w->size; }

static work prepare(const net* c) {
  work w;
  int wide = c->inputs > c->beside ? c->inputs : c->beside;
  long weights = 0;
  w.total = 0;
  for (int i = 0; i < c->n_layers; ++i) {
    if (c->widths[i] > wide) wide = c->widths[i];
    weights += c->widths[i] * width_of(c, c->source[i]);
    w.before[i] = w.total;
    w.total += c->widths[i];
  }
  w.size = TILE * wide;
  w.memory = (REAL*)vectors(((3l * c->n_layers + 7) * w.size + weights) / LANES);
  if (!w.memory) return w;
  w.values = w.memory;
  w.adjoints = w.values + (c->n_layers + 2) * w.size;
  w.sigma = w.adjoints + (c->n_layers + 2) * w.size;
  w.t = w.sigma + c->n_layers * w.size;
  w.phi = w.t + w.size;
  w.dphi = w.phi + w.size;
  REAL* to = w.dphi + w.size;
  for (int i = 0; i < c->n_layers; ++i) {
    const int n_in = width_of(c, c->source[i]);
    w.flipped[i] = to;
    for (int o = 0; o < c->widths[i]; ++o)
      for (int k = 0; k < n_in; ++k) to[k * c->widths[i] + o] = c->weight[i][o * n_in + k];
    to += c->widths[i] * n_in;
  }
  return w;
}

/* Where the entries of a tile and layer begin. */
ALWAYS_INLINE long place(const work* w, long row, int layer) {
  return row * w->total + TILE * w->before[layer];
}

/* Ask for entries that come next, while others are computed. */
ALWAYS_INLINE void ask(const REAL* array, const work* w, const net* c, long row, int layer) {
  if (!array) return;
  const char* from = (const char*)(array + place(w, row, layer));
  for (long byte = 0; byte < (long)(TILE * c->widths[layer] * sizeof(REAL)); byte += 64)
    __builtin_prefetch(from + byte, 0, 2);
}

/* The filter of every row of a tile. */
ALWAYS_INLINE void make_filter(const net* c, const int n_r, const REAL* r, long row, int rows,
                               REAL* phi) {
  const int width = c->widths[c->filtered];
  memset(phi, 0, (long)TILE * width * sizeof(REAL));
  for (int i = 0; i < rows; ++i)
    for (int k = 0; k < width; k += LANES) {
      vec total = splat(0);
      for (int n = 0; n < n_r; ++n)
        total += r[(row + i) * n_r + n] * load(c->filter + n * width + k);
      store(phi + i * width + k, total);
    }
}

static void filters(const net* c, const REAL* r, long row, int rows, REAL* phi) {
  if (c->n_r == 6)
    make_filter(c, 6, r, row, rows, phi);
  else
    make_filter(c, c->n_r, r, row, rows, phi);
}

/* r_adjoint += sum over the columns of each row of t F; F_adjoint += r^T t; either may be NULL. */
ALWAYS_INLINE void add_filter_adjoints(const net* c, const int n_r, const REAL* t, const REAL* r,
                                       long row, int rows, REAL* r_adjoint, REAL* f_adjoint) {
  const int width = c->widths[c->filtered];
  for (int i = 0; i < rows; ++i) {
    vec terms[MAX_R + 64 / sizeof(REAL)];
    for (int n = 0; n < n_r; ++n) terms[n] = splat(0);
    for (int k = 0; k < width; k += LANES) {
      const vec value = load(t + i * width + k);
      for (int n = 0; n < n_r; ++n) {
        terms[n] += value * load(c->filter + n * width + k);
        if (f_adjoint) {
          REAL* to = f_adjoint + n * width + k;
          store(to, load(to) + r[(row + i) * n_r + n] * value);
        }
      }
    }
    if (r_adjoint) add_sums(n_r, terms, r_adjoint + (row + i) * n_r);
  }
}

static void filter_adjoints(const net* c, const REAL* t, const REAL* r, long row, int rows,
                            REAL* r_adjoint, REAL* f_adjoint) {
  if (c->n_r == 6)
    add_filter_adjoints(c, 6, t, r, row, rows, r_adjoint, f_adjoint);
  else
    add_filter_adjoints(c, c->n_r, t, r, row, rows, r_adjoint, f_adjoint);
}

/* out (n, width); z is kept for the derivatives. Returns 0, or 1 if memory is short. */
static int forward_net(long begin, long end, net c, const REAL* v0, const REAL* beside,
                       const REAL* r, REAL* out, REAL* z) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    fetch(value_of(&w, 0), v0, row, rows, c.inputs);
    fetch(value_of(&w, -1), beside, row, rows, c.beside);
    for (int layer = 0; layer < c.n_layers; ++layer) {
      const int width = c.widths[layer], n_in = width_of(&c, c.source[layer]);
      const REAL* add = c.skip[layer] == NONE ? NULL : value_of(&w, c.skip[layer]);
      const REAL *phi = NULL, *bias = c.bias[layer];
      REAL* to = value_of(&w, layer + 1);
      REAL* z_here = z + place(&w, row, layer);
      ask(z, &w, &c, row, layer);
      product(TILE, width, value_of(&w, c.source[layer]), n_in, 1, w.flipped[layer], width, n_in,
              to, width, 0);
      if (layer == c.filtered) {
        filters(&c, r, row, rows, w.phi);
        phi = w.phi;
      }
      for (int i = 0; i < TILE * width; i += LANES) {
        vec x = load(to + i);
        if (bias) x += load(bias + i % width);
        vec value = x * sigmoid(x);
        if (phi) value *= load(phi + i);
        store(z_here + i, x);
        store(to + i, sum(value, add, i));
      }
    }
    put(out, value_of(&w, c.n_layers), row, rows, c.widths[c.n_layers - 1]);
  }
  free(w.memory);
  return 0;
}

/* From given (n, width), and the adjoints of z in `source` if that is not NULL: those of v0, beside
 * and r, where wanted; those of f(z) * filter, in `slopes`, if wanted; and, if weight_adjoint is
 * not NULL, those of weights, biases and F, added to what is there. */
static int adjoint_net(long begin, long end, net c, const REAL* v0, const REAL* beside,
                       const REAL* r, const REAL* z, const REAL* given,
                       const REAL* source, REAL* v0_adjoint, REAL* beside_adjoint, REAL* r_adjoint,
                       REAL* slopes, REAL* const* weight_adjoint, REAL* const* bias_adjoint,
                       REAL* f_adjoint) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  if (r_adjoint) memset(r_adjoint + begin * c.n_r, 0, (end - begin) * c.n_r * sizeof(REAL));
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    if (c.filtered >= 0) filters(&c, r, row, rows, w.phi);
    if (weight_adjoint) { /* the values again */
      fetch(value_of(&w, 0), v0, row, rows, c.inputs);
      fetch(value_of(&w, -1), beside, row, rows, c.beside);
      for (int layer = 0; layer < c.n_layers; ++layer) {
        const REAL* add = c.skip[layer] == NONE ? NULL : value_of(&w, c.skip[layer]);
        const REAL *phi = layer == c.filtered ? w.phi : NULL, *z_here = z + place(&w, row, layer);
        REAL *to = value_of(&w, layer + 1), *s_here = w.sigma + layer * w.size;
        for (int i = 0; i < TILE * c.widths[layer]; i += LANES) {
          const vec x = load(z_here + i), sigma = sigmoid(x);
          vec value = x * sigma;
          if (phi) value *= load(phi + i);
          store(s_here + i, sigma);
          store(to + i, sum(value, add, i));
        }
      }
    }
    memset(w.adjoints, 0, (c.n_layers + 1l) * w.size * sizeof(REAL));
    fetch(adjoint_of(&w, c.n_layers), given, row, rows, c.widths[c.n_layers - 1]);
    for (int layer = c.n_layers - 1; layer >= 0; --layer) {
      const int width = c.widths[layer], n_in = width_of(&c, c.source[layer]);
      const REAL *g = adjoint_of(&w, layer + 1), *phi = layer == c.filtered ? w.phi : NULL;
      const REAL* z_here = z + place(&w, row, layer);
      REAL* s_here = w.sigma + layer * w.size;
      const REAL* extra = source ? source + place(&w, row, layer) : NULL;
      const long next = layer ? row : row + TILE;
      if (next < end) {
        const int below = layer ? layer - 1 : c.n_layers - 1;
        ask(z, &w, &c, next, below);
        ask(source, &w, &c, next, below);
        ask(slopes, &w, &c, next, below);
      }
      for (int i = 0; !weight_adjoint && i < TILE * width; i += LANES)
        store(s_here + i, sigmoid(load(z_here + i)));
      if (slopes) memcpy(slopes + place(&w, row, layer), g, (long)TILE * width * sizeof(REAL));
      if (c.skip[layer] != NONE) increase(adjoint_of(&w, c.skip[layer]), g, TILE * width);
      if (phi) {
        for (int i = 0; i < TILE * width; i += LANES)
          store(w.t + i, load(g + i) * load(z_here + i) * load(s_here + i));
        filter_adjoints(&c, w.t, r, row, rows, r_adjoint, f_adjoint);
      }
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec sigma = load(s_here + i), f = load(z_here + i) * sigma;
        vec adjoint = load(g + i) * (sigma + f - f * sigma);
        if (phi) adjoint *= load(phi + i);
        store(w.t + i, sum(adjoint, extra, i));
      }
      if (weight_adjoint) {
        product(width, n_in, w.t, 1, width, value_of(&w, c.source[layer]), n_in, TILE,
                weight_adjoint[layer], n_in, 1);
        if (bias_adjoint[layer])
          for (int i = 0; i < TILE; ++i) increase(bias_adjoint[layer], w.t + i * width, width);
      }
      product(TILE, n_in, w.t, width, 1, c.weight[layer], n_in, width,
              adjoint_of(&w, c.source[layer]), n_in, 1);
    }
    put(v0_adjoint, adjoint_of(&w, 0), row, rows, c.inputs);
    put(beside_adjoint, adjoint_of(&w, -1), row, rows, c.beside);
  }
  free(w.memory);
  return 0;
}

/* From changes of v0, beside and r: the change of the result; and, with `slopes` as the adjoint
 * left them, the derivatives of sum(adjoint . change) by z, in `source`; by r; and by weights and
 * F, added to what is there. */
static int tangent_net(long begin, long end, net c, const REAL* v0_change,
                       const REAL* beside_change, const REAL* r_change, const REAL* r,
                       const REAL* z, const REAL* slopes, REAL* out, REAL* source,
                       REAL* r_source, REAL* const* weight_adjoint, REAL* f_adjoint) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  if (r_source) memset(r_source + begin * c.n_r, 0, (end - begin) * c.n_r * sizeof(REAL));
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    fetch(value_of(&w, 0), v0_change, row, rows, c.inputs);
    fetch(value_of(&w, -1), beside_change, row, rows, c.beside);
    for (int layer = 0; layer < c.n_layers; ++layer) {
      const int width = c.widths[layer], n_in = width_of(&c, c.source[layer]);
      const REAL* from = value_of(&w, c.source[layer]);
      const REAL* add = c.skip[layer] == NONE ? NULL : value_of(&w, c.skip[layer]);
      const long here = place(&w, row, layer), next = layer < c.n_layers - 1 ? row : row + TILE;
      REAL* to = value_of(&w, layer + 1);
      if (next < end) {
        const int above = layer < c.n_layers - 1 ? layer + 1 : 0;
        ask(z, &w, &c, next, above);
        ask(slopes, &w, &c, next, above);
        ask(source, &w, &c, next, above);
      }
      product(TILE, width, from, n_in, 1, w.flipped[layer], width, n_in, to, width, 0);
      if (layer == c.filtered) {
        /* In adjoints, unused here: g dy and g f, whose filters are those of r and of its change.
         */
        REAL *g_change = w.adjoints, *g_value = w.adjoints + w.size;
        filters(&c, r, row, rows, w.phi);
        filters(&c, r_change, row, rows, w.dphi);
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec x = load(z + here + i), sigma = sigmoid(x), f = x * sigma;
          const vec g = load(slopes + here + i), phi = load(w.phi + i), dphi = load(w.dphi + i);
          const vec slope = sigma + f - f * sigma, dz = load(to + i), dy = dz * slope;
          const vec bend = ((REAL)1 - sigma) * ((REAL)2 * slope - f);
          store(w.t + i, g * phi * slope);
          store(source + here + i, dz * g * phi * bend + g * dphi * slope);
          store(g_change + i, g * dy);
          store(g_value + i, g * f);
          store(to + i, sum(dy * phi + f * dphi, add, i));
        }
        filter_adjoints(&c, g_change, r, row, rows, r_source, f_adjoint);
        filter_adjoints(&c, g_value, r_change, row, rows, NULL, f_adjoint);
      } else {
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec x = load(z + here + i), sigma = sigmoid(x), f = x * sigma;
          const vec g = load(slopes + here + i), slope = sigma + f - f * sigma;
          const vec dz = load(to + i);
          store(w.t + i, g * slope);
          store(source + here + i, dz * g * ((REAL)1 - sigma) * ((REAL)2 * slope - f));
          store(to + i, sum(dz * slope, add, i));
        }
      }
      product(width, n_in, w.t, 1, width, from, n_in, TILE, weight_adjoint[layer], n_in, 1);
    }
    put(out, value_of(&w, c.n_layers), row, rows, c.widths[c.n_layers - 1]);
  }
  free(w.memory);
  return 0;
}

#define NET \
  {n_layers, inputs, beside_width, widths, sources, skips, filtered, n_r, weight, bias, filter}
#define NET_ARGUMENTS                                                                         \
  int threads, long n, int n_layers, int inputs, int beside_width, const int *widths,         \
      const int *sources, const int *skips, int filtered, int n_r, const REAL *const *weight, \
      const REAL *const *bias, const REAL *filter

int net_forward(NET_ARGUMENTS, const REAL* v0, const REAL* beside, const REAL* r, REAL* out,
                REAL* z) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed, forward_net(begin, end, c, v0, beside, r, out, z));
  return failed;
}

int net_adjoint(NET_ARGUMENTS, const REAL* v0, const REAL* beside, const REAL* r, const REAL* z,
                const REAL* given, const REAL* source, REAL* v0_adjoint,
                REAL* beside_adjoint, REAL* r_adjoint, REAL* slopes, REAL* const* weight_adjoint,
                REAL* const* bias_adjoint, REAL* const* f_adjoint) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        adjoint_net(begin, end, c, v0, beside, r, z, given, source, v0_adjoint, beside_adjoint,
                    r_adjoint, slopes, weight_adjoint ? weight_adjoint + (long)t * n_layers : NULL,
                    bias_adjoint ? bias_adjoint + (long)t * n_layers : NULL,
                    f_adjoint ? f_adjoint[t] : NULL));
  return failed;
}

int net_tangent(NET_ARGUMENTS, const REAL* v0_change, const REAL* beside_change,
                const REAL* r_change, const REAL* r, const REAL* z,
                const REAL* slopes, REAL* out, REAL* source, REAL* r_source,
                REAL* const* weight_adjoint, REAL* const* f_adjoint) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        tangent_net(begin, end, c, v0_change, beside_change, r_change, r, z, slopes, out, source,
                    r_source, weight_adjoint + (long)t * n_layers, f_adjoint[t]));
  return failed;
}
