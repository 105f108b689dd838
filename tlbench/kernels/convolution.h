/* Convolutions with continuous filters, y_i = sum over edges (i, j) of x_j * W(d): forward, adjoint,
 * and tangent with the derivatives by the parameters.
 *
 * Filters are interpolated in a table F of values V and slopes V' at nodes, with the weights w of an
 * edge: W = sum over n of w_n V_(k+n), W' = sum over n of s_n V_(k+n) + w_n V'_(k+n). An edge and its
 * reverse have the same d, so that the adjoint by x is a convolution too.
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin. Arrays: sender, row
 * (n_edges), j and k; w, s (n_edges, n_w); F (nodes, 2 width), V and V' side by side; x, y, given
 * (n_atoms, width), a whole number of vectors.
 */

typedef struct {
  int n_w, width;
  const int64_t *first, *sender, *row;
  const REAL *w, *s, *table;
} convolution;

#define COLUMNS 4 /* vectors that are summed at once */

/* W, and W' where slope is not NULL. */
ALWAYS_INLINE void filter_of(const convolution* c, const int n_w, const int nv, long edge,
                             int column, vec* filter, vec* slope) {
  const REAL* f = c->table + c->row[edge] * 2 * c->width + column;
  for (int v = 0; v < nv; ++v) filter[v] = splat(0);
  if (slope)
    for (int v = 0; v < nv; ++v) slope[v] = splat(0);
  for (int n = 0; n < n_w; ++n, f += 2 * c->width) {
    const REAL w = c->w[edge * n_w + n], s = slope ? c->s[edge * n_w + n] : 0;
    for (int v = 0; v < nv; ++v) {
      const vec value = load(f + v * LANES);
      filter[v] += w * value;
      if (slope) slope[v] += s * value + w * load(f + c->width + v * LANES);
    }
  }
}

/* F_adjoint += what V adds to it for a, and V' for b, where b is not NULL. */
ALWAYS_INLINE void add_to_table(const convolution* c, const int n_w, const int nv, long edge,
                                int column, const vec* a, const vec* b, REAL* f_adjoint) {
  REAL* f = f_adjoint + c->row[edge] * 2 * c->width + column;
  for (int n = 0; n < n_w; ++n, f += 2 * c->width) {
    const REAL w = c->w[edge * n_w + n], s = b ? c->s[edge * n_w + n] : 0;
    for (int v = 0; v < nv; ++v) {
      REAL *value = f + v * LANES, *slope = value + c->width;
      vec sum = load(value) + w * a[v];
      if (b) {
        sum += s * b[v];
        store(slope, load(slope) + w * b[v]);
      }
      store(value, sum);
    }
  }
}

ALWAYS_INLINE void load_all(const int nv, const REAL* from, vec* to) {
  for (int v = 0; v < nv; ++v) to[v] = load(from + v * LANES);
}
ALWAYS_INLINE void store_all(const int nv, const vec* from, REAL* to) {
  for (int v = 0; v < nv; ++v) store(to + v * LANES, from[v]);
}

/* Sets y. */
ALWAYS_INLINE void convolve(long begin, long end, convolution c, const int n_w, const int nv,
                            int column, const REAL* x, REAL* y) {
  for (long atom = begin; atom < end; ++atom) {
    vec total[COLUMNS] = {0};
    for (long edge = c.first[atom]; edge < c.first[atom + 1]; ++edge) {
      const REAL* there = x + c.sender[edge] * c.width + column;
      vec filter[COLUMNS];
      filter_of(&c, n_w, nv, edge, column, filter, NULL);
      for (int v = 0; v < nv; ++v) total[v] += filter[v] * load(there + v * LANES);
    }
    store_all(nv, total, y + atom * c.width + column);
  }
}

/* Sets x_adjoint; adds to those of d and F that are not NULL. */
ALWAYS_INLINE void convolve_adjoint(long begin, long end, convolution c, const int n_w,
                                    const int nv, int column, const REAL* x, const REAL* given,
                                    REAL* x_adjoint, REAL* d_adjoint, REAL* f_adjoint) {
  vec sums_of_edges[LANES];
  long summed = c.first[begin];
  for (long atom = begin; atom < end; ++atom) {
    const long here = atom * c.width + column;
    vec g[COLUMNS], total[COLUMNS] = {0};
    load_all(nv, given + here, g);
    for (long edge = c.first[atom]; edge < c.first[atom + 1]; ++edge) {
      const long there = c.sender[edge] * c.width + column;
      vec filter[COLUMNS], slope[COLUMNS], gx[COLUMNS], sum = splat(0);
      filter_of(&c, n_w, nv, edge, column, filter, d_adjoint ? slope : NULL);
      for (int v = 0; v < nv; ++v) {
        total[v] += filter[v] * load(given + there + v * LANES);
        gx[v] = g[v] * load(x + there + v * LANES);
        if (d_adjoint) sum += gx[v] * slope[v];
      }
      if (d_adjoint) {
        sums_of_edges[edge - summed] = sum;
        if (edge + 1 - summed == LANES || edge + 1 == c.first[end]) {
          add_sums((int)(edge + 1 - summed), sums_of_edges, d_adjoint + summed, 1);
          summed = edge + 1;
        }
      }
      if (f_adjoint) add_to_table(&c, n_w, nv, edge, column, gx, NULL, f_adjoint);
    }
    store_all(nv, total, x_adjoint + here);
  }
}

/* The adjoints of the adjoint, of which x_adjoint changes by x_change and d_adjoint by d_change. Sets
 * those by given and x; adds to that by F. */
ALWAYS_INLINE void convolve_tangent(long begin, long end, convolution c, const int n_w,
                                    const int nv, int column, const REAL* x, const REAL* given,
                                    const REAL* x_change, const REAL* d_change, REAL* by_given,
                                    REAL* by_x, REAL* f_adjoint) {
  for (long atom = begin; atom < end; ++atom) {
    const long here = atom * c.width + column;
    vec g[COLUMNS], u[COLUMNS], of_given[COLUMNS] = {0}, of_x[COLUMNS] = {0};
    load_all(nv, given + here, g);
    load_all(nv, x_change + here, u);
    for (long edge = c.first[atom]; edge < c.first[atom + 1]; ++edge) {
      const long there = c.sender[edge] * c.width + column;
      const REAL change = d_change[edge];
      vec filter[COLUMNS], slope[COLUMNS], a[COLUMNS], b[COLUMNS];
      filter_of(&c, n_w, nv, edge, column, filter, slope);
      for (int v = 0; v < nv; ++v) {
        const vec from = load(x + there + v * LANES), g_there = load(given + there + v * LANES);
        slope[v] *= change;
        of_given[v] += load(x_change + there + v * LANES) * filter[v] + from * slope[v];
        of_x[v] += g_there * slope[v];
        a[v] = u[v] * g_there;
        b[v] = change * g[v] * from;
      }
      add_to_table(&c, n_w, nv, edge, column, a, b, f_adjoint);
    }
    store_all(nv, of_given, by_given + here);
    store_all(nv, of_x, by_x + here);
  }
}

/* Evaluates a loop for the columns of all features, with the number of weights in single precision
 * known to the compiler. */
#define COLUMN_BLOCKS(loop, ...)                                              \
  do {                                                                        \
    int column = 0;                                                           \
    for (; column + COLUMNS * LANES <= c.width; column += COLUMNS * LANES)    \
      if (c.n_w == 8)                                                         \
        loop(begin, end, c, 8, COLUMNS, column, __VA_ARGS__);                 \
      else                                                                    \
        loop(begin, end, c, c.n_w, COLUMNS, column, __VA_ARGS__);             \
    for (; column < c.width; column += LANES)                                 \
      loop(begin, end, c, c.n_w, 1, column, __VA_ARGS__);                     \
    return 0;                                                                 \
  } while (0)

static int forward_convolution(long begin, long end, convolution c, const REAL* x, REAL* y) {
  COLUMN_BLOCKS(convolve, x, y);
}
static int adjoint_by_d(long begin, long end, convolution c, const REAL* x, const REAL* given,
                        REAL* x_adjoint, REAL* d_adjoint) {
  COLUMN_BLOCKS(convolve_adjoint, x, given, x_adjoint, d_adjoint, NULL);
}
static int adjoint_by_f(long begin, long end, convolution c, const REAL* x, const REAL* given,
                        REAL* x_adjoint, REAL* f_adjoint) {
  COLUMN_BLOCKS(convolve_adjoint, x, given, x_adjoint, NULL, f_adjoint);
}
static int tangent_convolution(long begin, long end, convolution c, const REAL* x,
                               const REAL* given, const REAL* x_change, const REAL* d_change,
                               REAL* by_given, REAL* by_x, REAL* f_adjoint) {
  COLUMN_BLOCKS(convolve_tangent, x, given, x_change, d_change, by_given, by_x, f_adjoint);
}

#define CONVOLUTION_ARGUMENTS                                                                \
  int threads, long n_atoms, const int64_t *first, const int64_t *sender, const int64_t *row, \
      int n_w, int width, long f_size, const REAL *w, const REAL *s, const REAL *table
#define CONVOLUTION {n_w, width, first, sender, row, w, s, table}

int convolution_forward(CONVOLUTION_ARGUMENTS, const REAL* x, REAL* y) {
  const convolution c = CONVOLUTION;
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed, forward_convolution(begin, end, c, x, y));
  return failed;
}

int convolution_adjoint_by_distance(CONVOLUTION_ARGUMENTS, const REAL* x, const REAL* given,
                                    REAL* x_adjoint, REAL* d_adjoint) {
  const convolution c = CONVOLUTION;
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed, adjoint_by_d(begin, end, c, x, given, x_adjoint, d_adjoint));
  return failed;
}

/* f_adjoint is one table for each thread, here and below. */
int convolution_adjoint_by_table(CONVOLUTION_ARGUMENTS, const REAL* x, const REAL* given,
                                 REAL* x_adjoint, REAL* f_adjoint) {
  const convolution c = CONVOLUTION;
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        adjoint_by_f(begin, end, c, x, given, x_adjoint, f_adjoint + t * f_size));
  return failed;
}

int convolution_tangent(CONVOLUTION_ARGUMENTS, const REAL* x, const REAL* given,
                        const REAL* x_change, const REAL* d_change, REAL* by_given, REAL* by_x,
                        REAL* f_adjoint) {
  const convolution c = CONVOLUTION;
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        tangent_convolution(begin, end, c, x, given, x_change, d_change, by_given, by_x,
                            f_adjoint + t * f_size));
  return failed;
}
