/* Networks of dense layers v' = silu(W v + b) * filter + skip on the rows of a batch, in tiles that
 * stay in the cache: values, their changes, and the adjoints of both.
 *
 * With z = W v + b and s = sigmoid(z): f = z s, f' = s + f - f s, f'' = (1 - s)(2 f' - f).
 *
 * Value 0 is the input (n, inputs), value i + 1 what layer i gives, and value -1 a second input
 * beside it, (n, beside). Layer i takes value source[i], gives widths[i] numbers, and adds value
 * skip[i], or nothing if that is NONE. The layer `filtered`, if not -1, is multiplied by a filter
 * r F, with r (n, n_r) and F (n_r, width). Weights are (width, inputs) as in torch; a missing bias
 * is NULL. The result is the last value. All widths are multiples of LANES and of ROWS.
 *
 * No pass keeps what layers give: fetching it from memory takes longer than computing it again.
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

/* Arrays of the inputs, or of their changes or adjoints. */
typedef struct {
  const REAL *v0, *beside, *r;
} inputs;

/* One thread's memory. Of each value a tile and, behind it, that of its change; the adjoints of
 * both likewise; those of value -1 first. Of each layer f', and f'' times the change of z. */
typedef struct {
  REAL *memory, *values, *adjoints, *slopes, *bends, *t, *phi, *f, *flipped[MAX_LAYERS];
  int size; /* of a tile */
} work;

static int width_of(const net* c, int value) {
  return value < 0 ? c->beside : value ? c->widths[value - 1] : c->inputs;
}
static REAL* value_of(const work* w, int value) { return w->values + (value + 1) * 2l * w->size; }
static REAL* adjoint_of(const work* w, int value) {
  return w->adjoints + (value + 1) * 2l * w->size;
}

static work prepare(const net* c) {
  work w;
  int wide = c->inputs > c->beside ? c->inputs : c->beside;
  long weights = 0;
  for (int i = 0; i < c->n_layers; ++i) {
    if (c->widths[i] > wide) wide = c->widths[i];
    weights += c->widths[i] * width_of(c, c->source[i]);
  }
  w.size = TILE * wide;
  w.memory = (REAL*)vectors(((6l * c->n_layers + 14) * w.size + weights) / LANES);
  if (!w.memory) return w;
  w.values = w.memory;
  w.adjoints = w.values + (c->n_layers + 2) * 2l * w.size;
  w.slopes = w.adjoints + (c->n_layers + 2) * 2l * w.size;
  w.bends = w.slopes + (long)c->n_layers * w.size;
  w.t = w.bends + (long)c->n_layers * w.size;
  w.phi = w.t + 2l * w.size;
  w.f = w.phi + 2l * w.size;
  REAL* to = w.f + 2l * w.size;
  for (int i = 0; i < c->n_layers; ++i) {
    const int n_in = width_of(c, c->source[i]);
    w.flipped[i] = to;
    for (int o = 0; o < c->widths[i]; ++o)
      for (int k = 0; k < n_in; ++k) to[k * c->widths[i] + o] = c->weight[i][o * n_in + k];
    to += c->widths[i] * n_in;
  }
  return w;
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

/* The values of a tile and, if `dual`, their changes. */
ALWAYS_INLINE void evaluate(const net* c, const work* w, const int dual, inputs in, inputs change,
                            long row, int rows) {
  fetch(value_of(w, 0), in.v0, row, rows, c->inputs);
  fetch(value_of(w, -1), in.beside, row, rows, c->beside);
  if (c->filtered >= 0) filters(c, in.r, row, rows, w->phi);
  if (dual) {
    fetch(value_of(w, 0) + TILE * c->inputs, change.v0, row, rows, c->inputs);
    fetch(value_of(w, -1) + TILE * c->beside, change.beside, row, rows, c->beside);
    if (c->filtered >= 0)
      filters(c, change.r, row, rows, w->phi + TILE * c->widths[c->filtered]);
  }
  for (int layer = 0; layer < c->n_layers; ++layer) {
    const int width = c->widths[layer], n_in = width_of(c, c->source[layer]), n = TILE * width;
    const REAL* add = c->skip[layer] == NONE ? NULL : value_of(w, c->skip[layer]);
    const REAL *phi = layer == c->filtered ? w->phi : NULL, *bias = c->bias[layer];
    REAL *to = value_of(w, layer + 1), *slopes = w->slopes + (long)layer * w->size;
    REAL* bends = w->bends + (long)layer * w->size;
    product((1 + dual) * TILE, width, value_of(w, c->source[layer]), n_in, 1, w->flipped[layer],
            width, n_in, to, width, 0);
    for (int i = 0; i < n; i += LANES) {
      const vec z = sum(load(to + i), bias, i % width), s = sigmoid(z), f = z * s;
      const vec slope = s + f - f * s;
      vec value = f;
      store(slopes + i, slope);
      if (phi) {
        store(w->f + i, f);
        value *= load(phi + i);
      }
      store(to + i, sum(value, add, i));
      if (!dual) continue;
      const vec dz = load(to + n + i);
      vec df = slope * dz;
      store(bends + i, ((REAL)1 - s) * ((REAL)2 * slope - f) * dz);
      if (phi) {
        store(w->f + n + i, df);
        df = df * load(phi + i) + f * load(phi + n + i);
      }
      store(to + n + i, sum(df, add, n + i));
    }
  }
}

/* out (n, width): the result or, if `dual`, its change. Returns 0, or 1 if memory is short. */
ALWAYS_INLINE int forward_rows(long begin, long end, net c, const int dual, inputs in,
                               inputs change, REAL* out) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  const int width = c.widths[c.n_layers - 1];
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    evaluate(&c, &w, dual, in, change, row, rows);
    put(out, value_of(&w, c.n_layers) + dual * TILE * width, row, rows, width);
  }
  free(w.memory);
  return 0;
}

static int forward_net(long begin, long end, net c, int dual, inputs in, inputs change,
                       REAL* out) {
  if (dual) return forward_rows(begin, end, c, 1, in, change, out);
  return forward_rows(begin, end, c, 0, in, change, out);
}

/* The derivatives of S = sum(given . result) + sum(given_change . change of the result), the second
 * term if `dual`: by v0, beside and r, where wanted; and, if weight_adjoint is not NULL, by
 * weights, biases and F, added to what is there. */
ALWAYS_INLINE int adjoint_rows(long begin, long end, net c, const int dual, inputs in,
                               inputs change, const REAL* given, const REAL* given_change,
                               REAL* v0_adjoint, REAL* beside_adjoint, REAL* r_adjoint,
                               REAL* const* weight_adjoint, REAL* const* bias_adjoint,
                               REAL* f_adjoint) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  if (r_adjoint) memset(r_adjoint + begin * c.n_r, 0, (end - begin) * c.n_r * sizeof(REAL));
  const int width = c.widths[c.n_layers - 1];
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    evaluate(&c, &w, dual, in, change, row, rows);
    memset(w.adjoints, 0, (c.n_layers + 1) * 2l * w.size * sizeof(REAL));
    fetch(adjoint_of(&w, c.n_layers), given, row, rows, width);
    if (dual) fetch(adjoint_of(&w, c.n_layers) + TILE * width, given_change, row, rows, width);
    for (int layer = c.n_layers - 1; layer >= 0; --layer) {
      const int width = c.widths[layer], n_in = width_of(&c, c.source[layer]), n = TILE * width;
      const REAL *a = adjoint_of(&w, layer + 1), *phi = layer == c.filtered ? w.phi : NULL;
      const REAL* slopes = w.slopes + (long)layer * w.size;
      const REAL* bends = w.bends + (long)layer * w.size;
      if (c.skip[layer] != NONE) increase(adjoint_of(&w, c.skip[layer]), a, (1 + dual) * n);
      if (phi) {
        for (int i = 0; i < n; i += LANES) {
          vec of_phi = load(a + i) * load(w.f + i);
          if (dual) {
            of_phi += load(a + n + i) * load(w.f + n + i);
            store(w.t + n + i, load(a + n + i) * load(w.f + i));
          }
          store(w.t + i, of_phi);
        }
        filter_adjoints(&c, w.t, in.r, row, rows, r_adjoint, f_adjoint);
        if (dual) filter_adjoints(&c, w.t + n, change.r, row, rows, NULL, f_adjoint);
      }
      for (int i = 0; i < n; i += LANES) {
        const vec slope = load(slopes + i);
        vec of_z = load(a + i) * slope;
        if (phi) of_z *= load(phi + i);
        if (dual) {
          vec g = load(a + n + i);
          if (phi) {
            of_z += g * load(phi + n + i) * slope;
            g *= load(phi + i);
          }
          of_z += g * load(bends + i);
          store(w.t + n + i, g * slope);
        }
        store(w.t + i, of_z);
      }
      if (weight_adjoint) {
        product(width, n_in, w.t, 1, width, value_of(&w, c.source[layer]), n_in,
                (1 + dual) * TILE, weight_adjoint[layer], n_in, 1);
        if (bias_adjoint[layer])
          for (int i = 0; i < TILE; ++i) increase(bias_adjoint[layer], w.t + i * width, width);
      }
      product((1 + dual) * TILE, n_in, w.t, width, 1, c.weight[layer], n_in, width,
              adjoint_of(&w, c.source[layer]), n_in, 1);
    }
    put(v0_adjoint, adjoint_of(&w, 0), row, rows, c.inputs);
    put(beside_adjoint, adjoint_of(&w, -1), row, rows, c.beside);
  }
  free(w.memory);
  return 0;
}

static int adjoint_net(long begin, long end, net c, inputs in, inputs change, const REAL* given,
                       const REAL* given_change, REAL* v0_adjoint, REAL* beside_adjoint,
                       REAL* r_adjoint, REAL* const* weight_adjoint, REAL* const* bias_adjoint,
                       REAL* f_adjoint) {
  if (given_change)
    return adjoint_rows(begin, end, c, 1, in, change, given, given_change, v0_adjoint,
                        beside_adjoint, r_adjoint, weight_adjoint, bias_adjoint, f_adjoint);
  return adjoint_rows(begin, end, c, 0, in, change, given, NULL, v0_adjoint, beside_adjoint,
                      r_adjoint, weight_adjoint, bias_adjoint, f_adjoint);
}

#define NET \
  {n_layers, n_inputs, beside_width, widths, sources, skips, filtered, n_r, weight, bias, filter}
#define NET_ARGUMENTS                                                                         \
  int threads, long n, int n_layers, int n_inputs, int beside_width, const int *widths,       \
      const int *sources, const int *skips, int filtered, int n_r, const REAL *const *weight, \
      const REAL *const *bias, const REAL *filter, const REAL *v0, const REAL *beside,        \
      const REAL *r, const REAL *v0_change, const REAL *beside_change, const REAL *r_change

int net_forward(NET_ARGUMENTS, REAL* out, int dual) {
  const net c = NET;
  const inputs in = {v0, beside, r}, change = {v0_change, beside_change, r_change};
  int failed = 0;
  SHARE(threads, n, TILE, failed, forward_net(begin, end, c, dual, in, change, out));
  return failed;
}

int net_adjoint(NET_ARGUMENTS, const REAL* given, const REAL* given_change, REAL* v0_adjoint,
                REAL* beside_adjoint, REAL* r_adjoint, REAL* const* weight_adjoint,
                REAL* const* bias_adjoint, REAL* const* f_adjoint) {
  const net c = NET;
  const inputs in = {v0, beside, r}, change = {v0_change, beside_change, r_change};
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        adjoint_net(begin, end, c, in, change, given, given_change, v0_adjoint, beside_adjoint,
                    r_adjoint, weight_adjoint ? weight_adjoint + (long)t * n_layers : NULL,
                    bias_adjoint ? bias_adjoint + (long)t * n_layers : NULL,
                    f_adjoint ? f_adjoint[t] : NULL));
  return failed;
}
