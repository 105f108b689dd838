/* y = x * (r F) on every row, with a filter r F made of few numbers; summed over the rows of each
 * group if there are groups: forward and adjoint. It is linear in x, r and F each, so a tangent is
 * the sum of two forwards.
 *
 * Arrays: x (n_rows, width); r (n_rows, n_r); F (n_r, width). Rows, or groups where
 * first (n_groups + 1) is not NULL, from `begin` to `end` are computed; y and its adjoint have one
 * entry per row, or per group.
 */

#define MAX_R 32

/* y is added to. */
ALWAYS_INLINE void any_filter_forward(long begin, long end, const int64_t* first, int n_r,
                                      int width, const REAL* x, const REAL* r, const REAL* f,
                                      REAL* y) {
  for (long group = begin; group < end; ++group) {
    const long start = first ? first[group] : group, stop = first ? first[group + 1] : group + 1;
    for (int i = 0; i < width; i += LANES) {
      vec total = load(y + group * width + i);
      for (long row = start; row < stop; ++row) {
        vec filter = splat(0);
        for (int n = 0; n < n_r; ++n) filter += r[row * n_r + n] * load(f + n * width + i);
        total += filter * load(x + row * width + i);
      }
      store(y + group * width + i, total);
    }
  }
}

static int forward_filter(long begin, long end, const int64_t* first, int n_r, int width,
                          const REAL* x, const REAL* r, const REAL* f, REAL* y) {
  if (n_r == 6 && width == 32)
    any_filter_forward(begin, end, first, 6, 32, x, r, f, y);
  else
    any_filter_forward(begin, end, first, n_r, width, x, r, f, y);
  return 0;
}

int filter_forward(int threads, long n, const int64_t* first, int n_r, int width, const REAL* x,
                   const REAL* r, const REAL* f, REAL* y) {
  int failed = 0;
  SHARE(threads, n, 1, failed, forward_filter(begin, end, first, n_r, width, x, r, f, y));
  return failed;
}

/* Those of the adjoints that are wanted; F's is added to. */
ALWAYS_INLINE void any_filter_adjoint(long begin, long end, const int64_t* first, int n_r,
                                      int width, const REAL* x, const REAL* r, const REAL* f,
                                      const REAL* given, REAL* x_adjoint, REAL* r_adjoint,
                                      REAL* f_adjoint) {
  for (long group = begin; group < end; ++group) {
    const long start = first ? first[group] : group, stop = first ? first[group + 1] : group + 1;
    for (long row = start; row < stop; ++row) {
      vec terms[MAX_R + 64 / sizeof(REAL)];
      for (int n = 0; n < n_r; ++n) terms[n] = splat(0);
      for (int i = 0; i < width; i += LANES) {
        const vec g = load(given + group * width + i), gf = g * load(x + row * width + i);
        vec filter = splat(0);
        for (int n = 0; n < n_r; ++n) {
          const vec weight = load(f + n * width + i);
          filter += r[row * n_r + n] * weight;
          terms[n] += gf * weight;
          if (f_adjoint) {
            REAL* to = f_adjoint + n * width + i;
            store(to, load(to) + r[row * n_r + n] * gf);
          }
        }
        if (x_adjoint) store(x_adjoint + row * width + i, g * filter);
      }
      if (r_adjoint) {
        for (int n = 0; n < n_r; ++n) r_adjoint[row * n_r + n] = 0;
        add_sums(n_r, terms, r_adjoint + row * n_r);
      }
    }
  }
}

static int adjoint_filter(long begin, long end, const int64_t* first, int n_r, int width,
                          const REAL* x, const REAL* r, const REAL* f, const REAL* given,
                          REAL* x_adjoint, REAL* r_adjoint, REAL* f_adjoint) {
  if (n_r == 6 && width == 32)
    any_filter_adjoint(begin, end, first, 6, 32, x, r, f, given, x_adjoint, r_adjoint, f_adjoint);
  else
    any_filter_adjoint(begin, end, first, n_r, width, x, r, f, given, x_adjoint, r_adjoint,
                       f_adjoint);
  return 0;
}

int filter_adjoint(int threads, long n, const int64_t* first, int n_r, int width, const REAL* x,
                   const REAL* r, const REAL* f, const REAL* given, REAL* x_adjoint,
                   REAL* r_adjoint, REAL* f_adjoint) {
  int failed = 0;
  SHARE(threads, n, 1, failed,
        adjoint_filter(begin, end, first, n_r, width, x, r, f, given, x_adjoint, r_adjoint,
                       f_adjoint ? f_adjoint + (long)t * n_r * width : NULL));
  return failed;
}
