/* Messages x of the edges of an atom, times filters r F made of few numbers, summed at the atom:
 * forward and adjoint. The sum is linear in x, r and F each, so a tangent is two forwards.
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin. Arrays: x (n_edges,
 * width); r (n_edges, n_r); F (n_r, width); y (n_atoms, width).
 */

/* y is added to. */
ALWAYS_INLINE void sum_messages(long begin, long end, const int64_t* first, const int n_r,
                                const int width, const REAL* x, const REAL* r, const REAL* f,
                                REAL* y) {
  for (long atom = begin; atom < end; ++atom)
    for (int i = 0; i < width; i += LANES) {
      vec total = load(y + atom * width + i);
      for (long edge = first[atom]; edge < first[atom + 1]; ++edge) {
        vec filter = splat(0);
        for (int n = 0; n < n_r; ++n) filter += r[edge * n_r + n] * load(f + n * width + i);
        total += filter * load(x + edge * width + i);
      }
      store(y + atom * width + i, total);
    }
}

/* Those of the adjoints that are wanted; F's is added to. */
ALWAYS_INLINE void spread_messages(long begin, long end, const int64_t* first, const int n_r,
                                   const int width, const REAL* x, const REAL* r, const REAL* f,
                                   const REAL* given, REAL* x_adjoint, REAL* r_adjoint,
                                   REAL* f_adjoint) {
  for (long atom = begin; atom < end; ++atom)
    for (long edge = first[atom]; edge < first[atom + 1]; ++edge) {
      vec terms[MAX_R + 64 / sizeof(REAL)];
      for (int n = 0; n < n_r; ++n) terms[n] = splat(0);
      for (int i = 0; i < width; i += LANES) {
        const vec g = load(given + atom * width + i), gx = g * load(x + edge * width + i);
        vec filter = splat(0);
        for (int n = 0; n < n_r; ++n) {
          const vec weight = load(f + n * width + i);
          filter += r[edge * n_r + n] * weight;
          terms[n] += gx * weight;
          if (f_adjoint) {
            REAL* to = f_adjoint + n * width + i;
            store(to, load(to) + r[edge * n_r + n] * gx);
          }
        }
        if (x_adjoint) store(x_adjoint + edge * width + i, g * filter);
      }
      if (r_adjoint) add_sums(n_r, terms, r_adjoint + edge * n_r, 0);
    }
}

static int forward_filter(long begin, long end, const int64_t* first, int n_r, int width,
                          const REAL* x, const REAL* r, const REAL* f, REAL* y) {
  if (n_r == 6 && width == 32)
    sum_messages(begin, end, first, 6, 32, x, r, f, y);
  else
    sum_messages(begin, end, first, n_r, width, x, r, f, y);
  return 0;
}

static int adjoint_filter(long begin, long end, const int64_t* first, int n_r, int width,
                          const REAL* x, const REAL* r, const REAL* f, const REAL* given,
                          REAL* x_adjoint, REAL* r_adjoint, REAL* f_adjoint) {
  if (n_r == 6 && width == 32)
    spread_messages(begin, end, first, 6, 32, x, r, f, given, x_adjoint, r_adjoint, f_adjoint);
  else
    spread_messages(begin, end, first, n_r, width, x, r, f, given, x_adjoint, r_adjoint, f_adjoint);
  return 0;
}

int filter_forward(int threads, long n_atoms, const int64_t* first, int n_r, int width,
                   const REAL* x, const REAL* r, const REAL* f, REAL* y) {
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed, forward_filter(begin, end, first, n_r, width, x, r, f, y));
  return failed;
}

int filter_adjoint(int threads, long n_atoms, const int64_t* first, int n_r, int width,
                   const REAL* x, const REAL* r, const REAL* f, const REAL* given, REAL* x_adjoint,
                   REAL* r_adjoint, REAL* f_adjoint) {
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        adjoint_filter(begin, end, first, n_r, width, x, r, f, given, x_adjoint, r_adjoint,
                       f_adjoint ? f_adjoint + (long)t * n_r * width : NULL));
  return failed;
}
