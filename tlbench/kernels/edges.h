/* The edges of a list that are shorter than a cutoff, in two passes: how many there are, and which.
 *
 * Arrays: x (n_atoms, 3); edge_index (2, n), centres and then neighbours; shift (n, 3); reverse
 * (n); place (n + 1), how many edges before each are short; kept (n), which are short, in the first
 * of its places; near_* are those of the short ones.
 */

/* Lengths squared into squares (n). Fused by hand and in this order, an edge and its reverse have
 * the same length to the last bit, so both are kept or neither. */
int edges_place(int threads, long n, const int64_t* restrict edge_index,
                const REAL* restrict shift, const REAL* restrict x, REAL cutoff,
                REAL* restrict squares, int64_t* restrict place, int64_t* restrict kept) {
  (void)threads;
  const int64_t *centre = edge_index, *neighbour = edge_index + n;
  for (long e = 0; e < n; ++e) {
    const REAL *from = x + 3 * centre[e], *to = x + 3 * neighbour[e], *s = shift + 3 * e;
    const REAL a = (to[0] - from[0]) + s[0], b = (to[1] - from[1]) + s[1];
    const REAL c = (to[2] - from[2]) + s[2];
    squares[e] = FUSED(c, c, FUSED(b, b, a * a));
  }
  const REAL limit = cutoff * cutoff;
  int64_t count = 0;
  for (long e = 0; e < n; ++e) {
    place[e] = count;
    kept[count] = e;
    count += squares[e] < limit;
  }
  place[n] = count;
  return 0;
}

int edges_keep(int threads, long n, const int64_t* edge_index, const REAL* shift,
               const int64_t* reverse, const REAL* squares, const int64_t* place,
               const int64_t* kept, int64_t* near_index, REAL* near_shift, int64_t* near_reverse,
               REAL* near_squares) {
  (void)threads;
  const int64_t n_near = place[n];
  for (int64_t at = 0; at < n_near; ++at) {
    const int64_t e = kept[at];
    near_index[at] = edge_index[e];
    near_index[n_near + at] = edge_index[n + e];
    for (int k = 0; k < 3; ++k) near_shift[3 * at + k] = shift[3 * e + k];
    near_reverse[at] = place[reverse[e]];
    near_squares[at] = squares[e];
  }
  return 0;
}

/* The least square of a length over that of the sum of two radii, of each structure, if it is
 * less than what is there. Arrays: radius, system (n_atoms); closest (n_systems). */
int edges_closest(int threads, long n, const int64_t* edge_index, const REAL* squares,
                  const REAL* radius, const int64_t* system, REAL* closest) {
  (void)threads;
  for (long e = 0; e < n; ++e) {
    const int64_t i = edge_index[e];
    const REAL sum = radius[i] + radius[edge_index[n + e]], ratio = squares[e] / (sum * sum);
    if (ratio < closest[system[i]]) closest[system[i]] = ratio;
  }
  return 0;
}
