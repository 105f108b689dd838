/* Convolutions with continuous filters: y_i = sum over edges (i, j) of x_j * W, W = sum over n of
 * r_n F_(k+n), with a few numbers r and a first row k of each edge, and one table F of all edges.
 * An edge and its reverse have the same r and k, so that the adjoint by x is a convolution too.
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin. Arrays: sender, row
 * (n_edges), j and k; r (n_edges, n_r); F (rows, width); x, y (n_atoms, width).
 */

typedef struct {
  int n_r, width;
  const int64_t *first, *sender, *row;
  const REAL* table; /* F */
} convolution;

#define COLUMNS 4 /* vectors that are summed at once */

/* y is added to. */
ALWAYS_INLINE void convolve(long begin, long end, convolution c, const int n_r, const int nv,
                            int column, const REAL* x, const REAL* r, REAL* y) {
  for (long atom = begin; atom < end; ++atom) {
    vec total[COLUMNS];
    REAL* to = y + atom * c.width + column;
    for (int v = 0; v < nv; ++v) total[v] = load(to + v * LANES);
    for (long edge = c.first[atom]; edge < c.first[atom + 1]; ++edge) {
      const REAL* f = c.table + c.row[edge] * c.width + column;
      const REAL* from = x + c.sender[edge] * c.width + column;
      vec filter[COLUMNS] = {0};
      for (int n = 0; n < n_r; ++n)
        for (int v = 0; v < nv; ++v)
          filter[v] += r[edge * n_r + n] * load(f + n * c.width + v * LANES);
      for (int v = 0; v < nv; ++v) total[v] += filter[v] * load(from + v * LANES);
    }
    for (int v = 0; v < nv; ++v) store(to + v * LANES, total[v]);
  }
}

/* Those of the adjoints that are wanted, all added to. */
ALWAYS_INLINE void convolve_adjoint(long begin, long end, convolution c, const int n_r,
                                    const int nv, int column, const REAL* x, const REAL* r,
                                    const REAL* given, REAL* x_adjoint, REAL* r_adjoint,
                                    REAL* f_adjoint) {
  for (long atom = begin; atom < end; ++atom) {
    vec g[COLUMNS], total[COLUMNS];
    const long here = atom * c.width + column;
    for (int v = 0; v < nv; ++v) {
      g[v] = load(given + here + v * LANES);
      total[v] = load(x_adjoint + here + v * LANES);
    }
    for (long edge = c.first[atom]; edge < c.first[atom + 1]; ++edge) {
      const long there = c.sender[edge] * c.width + column, entry = c.row[edge] * c.width + column;
      vec filter[COLUMNS] = {0}, gx[COLUMNS], terms[MAX_R + 64 / sizeof(REAL)];
      for (int v = 0; v < nv; ++v) gx[v] = g[v] * load(x + there + v * LANES);
      for (int n = 0; n < n_r; ++n) {
        const REAL factor = r[edge * n_r + n];
        vec dot = splat(0);
        for (int v = 0; v < nv; ++v) {
          const long at = entry + n * c.width + v * LANES;
          const vec weight = load(c.table + at);
          filter[v] += factor * weight;
          dot += gx[v] * weight;
          if (f_adjoint) store(f_adjoint + at, load(f_adjoint + at) + factor * gx[v]);
        }
        terms[n] = dot;
      }
      for (int v = 0; v < nv; ++v) total[v] += filter[v] * load(given + there + v * LANES);
      if (r_adjoint) add_sums(n_r, terms, r_adjoint + edge * n_r);
    }
    for (int v = 0; v < nv; ++v) store(x_adjoint + here + v * LANES, total[v]);
  }
}

#define SINGLE_R 8 /* numbers of an edge for which the loops are unrolled */

static int forward_convolution(long begin, long end, convolution c, const REAL* x, const REAL* r,
                               REAL* y) {
  int column = 0;
  for (; column + COLUMNS * LANES <= c.width; column += COLUMNS * LANES)
    if (c.n_r == SINGLE_R)
      convolve(begin, end, c, SINGLE_R, COLUMNS, column, x, r, y);
    else
      convolve(begin, end, c, c.n_r, COLUMNS, column, x, r, y);
  for (; column < c.width; column += LANES) convolve(begin, end, c, c.n_r, 1, column, x, r, y);
  return 0;
}

static int adjoint_convolution(long begin, long end, convolution c, const REAL* x, const REAL* r,
                               const REAL* given, REAL* x_adjoint, REAL* r_adjoint,
                               REAL* f_adjoint) {
  int column = 0;
  for (; column + COLUMNS * LANES <= c.width; column += COLUMNS * LANES)
    if (c.n_r == SINGLE_R && f_adjoint && !r_adjoint)
      convolve_adjoint(begin, end, c, SINGLE_R, COLUMNS, column, x, r, given, x_adjoint, NULL,
                       f_adjoint);
    else if (c.n_r == SINGLE_R && r_adjoint && !f_adjoint)
      convolve_adjoint(begin, end, c, SINGLE_R, COLUMNS, column, x, r, given, x_adjoint, r_adjoint,
                       NULL);
    else
      convolve_adjoint(begin, end, c, c.n_r, COLUMNS, column, x, r, given, x_adjoint, r_adjoint,
                       f_adjoint);
  for (; column < c.width; column += LANES)
    convolve_adjoint(begin, end, c, c.n_r, 1, column, x, r, given, x_adjoint, r_adjoint, f_adjoint);
  return 0;
}

int convolution_forward(int threads, long n_atoms, const int64_t* first, const int64_t* sender,
                        const int64_t* row, int n_r, int width, const REAL* table, const REAL* x,
                        const REAL* r, REAL* y) {
  const convolution c = {n_r, width, first, sender, row, table};
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed, forward_convolution(begin, end, c, x, r, y));
  return failed;
}

/* One set of f_adjoint for each thread. */
int convolution_adjoint(int threads, long n_atoms, const int64_t* first, const int64_t* sender,
                        const int64_t* row, int n_r, int width, const REAL* table, const REAL* x,
                        const REAL* r, const REAL* given, REAL* x_adjoint, REAL* r_adjoint,
                        REAL* f_adjoint, long f_size) {
  const convolution c = {n_r, width, first, sender, row, table};
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        adjoint_convolution(begin, end, c, x, r, given, x_adjoint, r_adjoint,
                            f_adjoint ? f_adjoint + t * f_size : NULL));
  return failed;
}
