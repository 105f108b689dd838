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
 * What is kept per row and layer (z, heads, sources) lies in memory in the order in which
 * it is visited, (tile, layer, row, width), so that it streams. s is computed again, which takes
 * less time than fetching it.
 */

/* Rows of a tile from an array; rows that are not there, or an array that is not, are zero. */
static void fetch(REAL* tile, const REAL* from, long row, int rows, int width) {
  if (!from) rows = 0;
  if (rows) memcpy(tile, from + row * width, (long)rows * width * sizeof(REAL));
  if (rows == TILE) prefetch(from + (row + TILE) * width, (long)TILE * width);
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
  int slopes;         /* whether f' is kept in place of z, but of the filtered layer */
} net;

/* One thread's memory: tiles of the values and of their adjoints, those of value -1 first. */
typedef struct {
  REAL *memory, *values, *adjoints, *slope, *t, *f, *phi, *dphi, *flipped[MAX_LAYERS];
  REAL *r, *dr, *r_adjoint, *f_adjoint, *flipped_filter; /* with rows or columns of zeros */
  int size, total, before[MAX_LAYERS]; /* of a tile; of all layers; of the layers before */
  int padded; /* n_r up to a whole vector */
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
  w.padded = (c->n_r + LANES - 1) / LANES * LANES;
  const long of_filter = w.padded * (3l * TILE + 2 * wide);
  w.memory = (REAL*)vectors(((3l * c->n_layers + 8) * w.size + weights + of_filter) / LANES);
  if (!w.memory) return w;
  w.values = w.memory;
  w.adjoints = w.values + (c->n_layers + 2) * w.size;
  w.slope = w.adjoints + (c->n_layers + 2) * w.size;
  w.t = w.slope + c->n_layers * w.size;
  w.f = w.t + w.size;
  w.phi = w.f + w.size;
  w.dphi = w.phi + w.size;
  REAL* to = w.dphi + w.size;
  for (int i = 0; i < c->n_layers; ++i) {
    const int n_in = width_of(c, c->source[i]);
    w.flipped[i] = to;
    for (int o = 0; o < c->widths[i]; ++o)
      for (int k = 0; k < n_in; ++k) to[k * c->widths[i] + o] = c->weight[i][o * n_in + k];
    to += c->widths[i] * n_in;
  }
  w.r = to;
  w.dr = w.r + TILE * w.padded;
  w.r_adjoint = w.dr + TILE * w.padded;
  w.f_adjoint = w.r_adjoint + TILE * w.padded;
  w.flipped_filter = w.f_adjoint + wide * w.padded;
  memset(w.f_adjoint, 0, 2l * wide * w.padded * sizeof(REAL));
  for (int n = 0; n < c->n_r; ++n)
    for (int k = 0; k < c->widths[c->filtered]; ++k)
      w.flipped_filter[k * w.padded + n] = c->filter[n * c->widths[c->filtered] + k];
  return w;
}

/* Where the entries of a tile and layer begin. */
ALWAYS_INLINE long place(const work* w, long row, int layer) {
  return row * w->total + TILE * w->before[layer];
}

/* Ask for entries that come next, while others are computed. */
ALWAYS_INLINE void ask(const REAL* array, const work* w, const net* c, long row, int layer) {
  if (array) prefetch(array + place(w, row, layer), (long)TILE * c->widths[layer]);
}

/* r of the rows of a tile, with zeros up to a whole vector; rows that are not there are zero. */
static void fetch_r(const net* c, const work* w, REAL* tile, const REAL* r, long row, int rows) {
  memset(tile, 0, (long)TILE * w->padded * sizeof(REAL));
  for (int i = 0; i < rows; ++i)
    memcpy(tile + i * w->padded, r + (row + i) * c->n_r, c->n_r * sizeof(REAL));
}

/* The filter of every row of a tile. */
static void filters(const net* c, const work* w, const REAL* r, REAL* phi) {
  const int width = c->widths[c->filtered];
  product(TILE, width, r, w->padded, 1, c->filter, width, c->n_r, phi, width, 0);
}

/* The sum over the columns of each row of t F, into r_adjoint if wanted; F's adjoint += r^T t. */
static void filter_adjoints(const net* c, const work* w, const REAL* t, const REAL* r, long row,
                            int rows, REAL* r_adjoint, const REAL* f_adjoint) {
  const int width = c->widths[c->filtered], padded = w->padded;
  if (f_adjoint)
    product((c->n_r + ROWS - 1) / ROWS * ROWS, width, r, 1, padded, t, width, TILE, w->f_adjoint,
            width, 1);
  if (!r_adjoint) return;
  product(TILE, padded, t, width, 1, w->flipped_filter, padded, width, w->r_adjoint, padded, 0);
  for (int i = 0; i < rows; ++i)
    memcpy(r_adjoint + (row + i) * c->n_r, w->r_adjoint + i * padded, c->n_r * sizeof(REAL));
}

static void finish(const net* c, const work* w, REAL* f_adjoint) {
  if (f_adjoint) increase(f_adjoint, w->f_adjoint, c->n_r * c->widths[c->filtered]);
  free(w->memory);
}

/* out (n, width); z, or slopes, are kept for the derivatives. Slopes serve an adjoint that is neither
 * for parameters nor for a tangent. Returns 0, or 1 if memory is short. */
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
        fetch_r(&c, &w, w.r, r, row, rows);
        filters(&c, &w, w.r, w.phi);
        phi = w.phi;
      }
      for (int k = 0; k < width; k += LANES) {
        const vec shift = bias ? load(bias + k) : splat(0);
        for (int i = k; i < TILE * width; i += width) {
          const vec x = load(to + i) + shift, sigma = sigmoid(x);
          vec f = x * sigma;
          if (phi || !c.slopes)
            store(z_here + i, x);
          else
            store(z_here + i, sigma + f * ((REAL)1 - sigma));
          if (phi) f *= load(phi + i);
          store(to + i, sum(f, add, i));
        }
      }
    }
    put(out, value_of(&w, c.n_layers), row, rows, c.widths[c.n_layers - 1]);
  }
  free(w.memory);
  return 0;
}

/* From given (n, width), and the adjoints of z in `source` if that is not NULL: those of v0, beside
 * and r, where wanted; those of f(z) * filter, in `heads`, if wanted; and, if weight_adjoint is
 * not NULL, those of weights, biases and F, added to what is there. */
static int adjoint_net(long begin, long end, net c, const REAL* v0, const REAL* beside,
                       const REAL* r, const REAL* z, const REAL* given,
                       const REAL* source, REAL* v0_adjoint, REAL* beside_adjoint, REAL* r_adjoint,
                       REAL* heads, REAL* const* weight_adjoint, REAL* const* bias_adjoint,
                       REAL* f_adjoint) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
  for (long row = begin; row < end; row += TILE) {
    const int rows = end - row < TILE ? (int)(end - row) : TILE;
    if (c.filtered >= 0) {
      fetch_r(&c, &w, w.r, r, row, rows);
      filters(&c, &w, w.r, w.phi);
    }
    if (weight_adjoint) { /* the values again */
      fetch(value_of(&w, 0), v0, row, rows, c.inputs);
      fetch(value_of(&w, -1), beside, row, rows, c.beside);
      for (int layer = 0; layer < c.n_layers; ++layer) {
        const REAL* add = c.skip[layer] == NONE ? NULL : value_of(&w, c.skip[layer]);
        const REAL *phi = layer == c.filtered ? w.phi : NULL, *z_here = z + place(&w, row, layer);
        REAL *to = value_of(&w, layer + 1), *slope = w.slope + layer * w.size;
        for (int i = 0; i < TILE * c.widths[layer]; i += LANES) {
          const vec x = load(z_here + i), sigma = sigmoid(x);
          vec f = x * sigma;
          store(slope + i, sigma + f * ((REAL)1 - sigma));
          if (phi) {
            store(w.f + i, f);
            f *= load(phi + i);
          }
          store(to + i, sum(f, add, i));
        }
      }
    }
    memset(w.adjoints, 0, (c.n_layers + 1l) * w.size * sizeof(REAL));
    fetch(adjoint_of(&w, c.n_layers), given, row, rows, c.widths[c.n_layers - 1]);
    for (int layer = c.n_layers - 1; layer >= 0; --layer) {
      const int width = c.widths[layer], n_in = width_of(&c, c.source[layer]);
      const REAL *g = adjoint_of(&w, layer + 1), *phi = layer == c.filtered ? w.phi : NULL;
      const REAL* z_here = z + place(&w, row, layer);
      const REAL* slope = weight_adjoint ? w.slope + layer * w.size : z_here;
      const REAL* extra = source ? source + place(&w, row, layer) : NULL;
      REAL* heads_here = heads ? heads + place(&w, row, layer) : NULL;
      REAL* skip = c.skip[layer] == NONE ? NULL : adjoint_of(&w, c.skip[layer]);
      const long next = layer ? row : row + TILE;
      if (weight_adjoint && row + TILE < end) ask(z, &w, &c, row + TILE, layer);
      if (next < end) {
        const int below = layer ? layer - 1 : c.n_layers - 1;
        if (!weight_adjoint) ask(z, &w, &c, next, below);
        ask(source, &w, &c, next, below);
        ask(heads, &w, &c, next, below);
      }
      for (int i = 0; i < TILE * width; i += LANES) {
        const vec head = load(g + i);
        vec adjoint = head;
        if (weight_adjoint || (c.slopes && !phi)) {
          adjoint *= load(slope + i);
        } else {
          const vec x = load(z_here + i), sigma = sigmoid(x), f = x * sigma;
          adjoint *= sigma + f * ((REAL)1 - sigma);
          if (phi) store(w.f + i, f);
        }
        if (phi) {
          adjoint *= load(phi + i);
          store(w.f + i, head * load(w.f + i));
        }
        if (skip) store(skip + i, load(skip + i) + head);
        if (heads_here) store(heads_here + i, head);
        store(w.t + i, sum(adjoint, extra, i));
      }
      if (phi) filter_adjoints(&c, &w, w.f, w.r, row, rows, r_adjoint, f_adjoint);
      if (weight_adjoint) {
        product(width, n_in, w.t, 1, width, value_of(&w, c.source[layer]), n_in, TILE,
                weight_adjoint[layer], n_in, 1);
        for (int k = 0; bias_adjoint[layer] && k < width; k += LANES) {
          vec total = load(bias_adjoint[layer] + k);
          for (int i = k; i < TILE * width; i += width) total += load(w.t + i);
          store(bias_adjoint[layer] + k, total);
        }
      }
      product(TILE, n_in, w.t, width, 1, c.weight[layer], n_in, width,
              adjoint_of(&w, c.source[layer]), n_in, 1);
    }
    put(v0_adjoint, adjoint_of(&w, 0), row, rows, c.inputs);
    put(beside_adjoint, adjoint_of(&w, -1), row, rows, c.beside);
  }
  finish(&c, &w, f_adjoint);
  return 0;
}

/* From changes of v0, beside and r: the change of the result; and, with `heads` as the adjoint
 * left them, the derivatives of sum(adjoint . change) by z, which replace the heads; by r; and by
 * weights and F, added to what is there. */
static int tangent_net(long begin, long end, net c, const REAL* v0_change,
                       const REAL* beside_change, const REAL* r_change, const REAL* r,
                       const REAL* z, REAL* heads, REAL* out,
                       REAL* r_source, REAL* const* weight_adjoint, REAL* f_adjoint) {
  const work w = prepare(&c);
  if (!w.memory) return 1;
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
        ask(heads, &w, &c, next, above);
      }
      product(TILE, width, from, n_in, 1, w.flipped[layer], width, n_in, to, width, 0);
      if (layer == c.filtered) {
        /* In adjoints, unused here: g dy and g f, whose filters are those of r and of its change.
         */
        REAL *g_change = w.adjoints, *g_value = w.adjoints + w.size;
        fetch_r(&c, &w, w.r, r, row, rows);
        fetch_r(&c, &w, w.dr, r_change, row, rows);
        filters(&c, &w, w.r, w.phi);
        filters(&c, &w, w.dr, w.dphi);
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec x = load(z + here + i), sigma = sigmoid(x), f = x * sigma;
          const vec g = load(heads + here + i), phi = load(w.phi + i), dphi = load(w.dphi + i);
          const vec slope = sigma + f * ((REAL)1 - sigma), dz = load(to + i), dy = dz * slope;
          const vec bend = ((REAL)1 - sigma) * ((REAL)2 * slope - f);
          store(w.t + i, g * phi * slope);
          store(heads + here + i, dz * g * phi * bend + g * dphi * slope);
          store(g_change + i, g * dy);
          store(g_value + i, g * f);
          store(to + i, sum(dy * phi + f * dphi, add, i));
        }
        filter_adjoints(&c, &w, g_change, w.r, row, rows, r_source, f_adjoint);
        filter_adjoints(&c, &w, g_value, w.dr, row, rows, NULL, f_adjoint);
      } else {
        for (int i = 0; i < TILE * width; i += LANES) {
          const vec x = load(z + here + i), sigma = sigmoid(x), f = x * sigma;
          const vec g = load(heads + here + i), slope = sigma + f * ((REAL)1 - sigma);
          const vec dz = load(to + i);
          store(w.t + i, g * slope);
          store(heads + here + i, dz * g * ((REAL)1 - sigma) * ((REAL)2 * slope - f));
          store(to + i, sum(dz * slope, add, i));
        }
      }
      product(width, n_in, w.t, 1, width, from, n_in, TILE, weight_adjoint[layer], n_in, 1);
    }
    put(out, value_of(&w, c.n_layers), row, rows, c.widths[c.n_layers - 1]);
  }
  finish(&c, &w, f_adjoint);
  return 0;
}

#define NET \
  {n_layers, inputs, beside_width, widths, sources, skips, filtered, n_r, weight, bias, filter, slopes}
#define NET_ARGUMENTS                                                                         \
  int threads, long n, int n_layers, int inputs, int beside_width, const int *widths,         \
      const int *sources, const int *skips, int filtered, int n_r, const REAL *const *weight, \
      const REAL *const *bias, const REAL *filter, int slopes

int net_forward(NET_ARGUMENTS, const REAL* v0, const REAL* beside, const REAL* r, REAL* out,
                REAL* z) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed, forward_net(begin, end, c, v0, beside, r, out, z));
  return failed;
}

int net_adjoint(NET_ARGUMENTS, const REAL* v0, const REAL* beside, const REAL* r, const REAL* z,
                const REAL* given, const REAL* source, REAL* v0_adjoint,
                REAL* beside_adjoint, REAL* r_adjoint, REAL* heads, REAL* const* weight_adjoint,
                REAL* const* bias_adjoint, REAL* const* f_adjoint) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        adjoint_net(begin, end, c, v0, beside, r, z, given, source, v0_adjoint, beside_adjoint,
                    r_adjoint, heads, weight_adjoint ? weight_adjoint + (long)t * n_layers : NULL,
                    bias_adjoint ? bias_adjoint + (long)t * n_layers : NULL,
                    f_adjoint ? f_adjoint[t] : NULL));
  return failed;
}

int net_tangent(NET_ARGUMENTS, const REAL* v0_change, const REAL* beside_change,
                const REAL* r_change, const REAL* r, const REAL* z,
                REAL* heads, REAL* out, REAL* r_source,
                REAL* const* weight_adjoint, REAL* const* f_adjoint) {
  const net c = NET;
  int failed = 0;
  SHARE(threads, n, TILE, failed,
        tangent_net(begin, end, c, v0_change, beside_change, r_change, r, z, heads, out,
                    r_source, weight_adjoint + (long)t * n_layers, f_adjoint[t]));
  return failed;
}
