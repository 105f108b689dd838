/* Real solid harmonics of directions and their gradients, LANES edges at a time.
 *
 * C_l is made of u_a C_(l-1) by the matrix of step l, (2l + 1, 3 (2l - 1)); the gradients of C_l
 * are made of C_(l-1) by that of slope l, (3 (2l + 1), 2l - 1). Matrices of all l from 1 on follow
 * each other. Arrays: vectors (n, 3); inverse (n), the reciprocal of their lengths, or 0 for
 * vectors without direction; harmonics (n, n_orders^2).
 */

#define MAX_SIZE (MAX_ORDERS * MAX_ORDERS)

/* Rows of `columns` numbers of up to LANES edges, turned so that an edge is a lane; and back. */
ALWAYS_INLINE void turn(const REAL* from, int columns, int edges, vec* to) {
  for (int c = 0; c < columns; ++c) to[c] = splat(0);
  for (int e = 0; e < edges; ++e)
    for (int c = 0; c < columns; ++c) ((REAL*)(to + c))[e] = from[e * columns + c];
}
ALWAYS_INLINE void turn_back(const vec* from, int columns, int edges, REAL* to) {
  for (int e = 0; e < edges; ++e)
    for (int c = 0; c < columns; ++c) to[e * columns + c] = ((const REAL*)(from + c))[e];
}

static int forward_harmonics(long begin, long end, int n_orders, const REAL* steps,
                             const REAL* vectors, const REAL* inverse, REAL* harmonics) {
  const int size = n_orders * n_orders;
  for (long start = begin; start < end; start += LANES) {
    const int edges = end - start < LANES ? (int)(end - start) : LANES;
    const REAL* step = steps;
    vec u[3], scale, c[MAX_SIZE], products[6 * MAX_ORDERS];
    turn(vectors + 3 * start, 3, edges, u);
    turn(inverse + start, 1, edges, &scale);
    for (int a = 0; a < 3; ++a) u[a] *= scale;
    c[0] = choose(scale > splat(0), splat(1), splat(0));
    for (int l = 1; l < n_orders; ++l) {
      const int below = 2 * l - 1;
      for (int a = 0; a < 3; ++a)
        for (int m = 0; m < below; ++m) products[a * below + m] = u[a] * c[(l - 1) * (l - 1) + m];
      for (int m = 0; m < 2 * l + 1; ++m) {
        vec total = splat(0);
        for (int i = 0; i < 3 * below; ++i) total += *step++ * products[i];
        c[l * l + m] = total;
      }
    }
    turn_back(c, size, edges, harmonics + start * size);
  }
  return 0;
}

/* From given (n, n_orders^2): the adjoint of the vectors. */
static int adjoint_harmonics(long begin, long end, int n_orders, const REAL* slopes,
                             const REAL* vectors, const REAL* inverse, const REAL* harmonics,
                             const REAL* given, REAL* vectors_adjoint) {
  const int size = n_orders * n_orders;
  for (long start = begin; start < end; start += LANES) {
    const int edges = end - start < LANES ? (int)(end - start) : LANES;
    const REAL* slope = slopes;
    vec u[3], scale, c[MAX_SIZE], g[MAX_SIZE], along = splat(0), found[3] = {{0}};
    turn(vectors + 3 * start, 3, edges, u);
    turn(inverse + start, 1, edges, &scale);
    turn(harmonics + start * size, size, edges, c);
    turn(given + start * size, size, edges, g);
    for (int l = 1; l < n_orders; ++l) {
      for (int m = l * l; m < (l + 1) * (l + 1); ++m) along += (REAL)l * g[m] * c[m];
      for (int a = 0; a < 3; ++a)
        for (int m = l * l; m < (l + 1) * (l + 1); ++m) {
          vec total = splat(0);
          for (int i = (l - 1) * (l - 1); i < l * l; ++i) total += *slope++ * c[i];
          found[a] += total * g[m];
        }
    }
    for (int a = 0; a < 3; ++a) found[a] = (found[a] - along * u[a] * scale) * scale;
    turn_back(found, 3, edges, vectors_adjoint + 3 * start);
  }
  return 0;
}

/* From a change of the vectors, (n, 3): the change of the harmonics. */
static int tangent_harmonics(long begin, long end, int n_orders, const REAL* slopes,
                             const REAL* vectors, const REAL* inverse, const REAL* harmonics,
                             const REAL* change, REAL* harmonics_change) {
  const int size = n_orders * n_orders;
  for (long start = begin; start < end; start += LANES) {
    const int edges = end - start < LANES ? (int)(end - start) : LANES;
    const REAL* slope = slopes;
    vec u[3], d[3], scale, c[MAX_SIZE], found[MAX_SIZE], along = splat(0);
    turn(vectors + 3 * start, 3, edges, u);
    turn(change + 3 * start, 3, edges, d);
    turn(inverse + start, 1, edges, &scale);
    turn(harmonics + start * size, size, edges, c);
    for (int a = 0; a < 3; ++a) along += u[a] * scale * d[a];
    found[0] = splat(0);
    for (int l = 1; l < n_orders; ++l) {
      for (int m = l * l; m < (l + 1) * (l + 1); ++m) found[m] = -along * (REAL)l * c[m];
      for (int a = 0; a < 3; ++a)
        for (int m = l * l; m < (l + 1) * (l + 1); ++m) {
          vec total = splat(0);
          for (int i = (l - 1) * (l - 1); i < l * l; ++i) total += *slope++ * c[i];
          found[m] += total * d[a];
        }
    }
    for (int m = 0; m < size; ++m) found[m] *= scale;
    turn_back(found, size, edges, harmonics_change + start * size);
  }
  return 0;
}

int harmonics_forward(int threads, long n, int n_orders, const REAL* steps, const REAL* vectors,
                      const REAL* inverse, REAL* harmonics) {
  int failed = 0;
  SHARE(threads, n, 1, failed,
        forward_harmonics(begin, end, n_orders, steps, vectors, inverse, harmonics));
  return failed;
}

int harmonics_adjoint(int threads, long n, int n_orders, const REAL* slopes, const REAL* vectors,
                      const REAL* inverse, const REAL* harmonics, const REAL* given,
                      REAL* vectors_adjoint) {
  int failed = 0;
  SHARE(threads, n, 1, failed,
        adjoint_harmonics(begin, end, n_orders, slopes, vectors, inverse, harmonics, given,
                          vectors_adjoint));
  return failed;
}

int harmonics_tangent(int threads, long n, int n_orders, const REAL* slopes, const REAL* vectors,
                      const REAL* inverse, const REAL* harmonics, const REAL* change,
                      REAL* harmonics_change) {
  int failed = 0;
  SHARE(threads, n, 1, failed,
        tangent_harmonics(begin, end, n_orders, slopes, vectors, inverse, harmonics, change,
                          harmonics_change));
  return failed;
}
