/* Radial functions e(d) p_k(d) of distances and their derivatives by d of order 0, 1 or 2; e is the
 * envelope u(x) / x of DimeNet, and p_k are polynomials from interval to interval.
 *
 * Arrays: distance, weight (n); table (intervals, degree + 1, padded), coefficients of t^degree to
 * t^0 with t from -1 to 1 in each interval, of width functions and zeros behind them; functions
 * (n, width); envelope (n), the function e alone.
 */

typedef struct {
  int width, padded, degree, intervals, exponent;
  double cutoff;
  const REAL* table;
} series;

/* The derivatives of e up to an order, by x = d / cutoff, for 0 < x < 1. */
static void envelope_at(int p, double x, int order, double* e) {
  const double factor[4] = {1, -(p + 1.) * (p + 2) / 2, p * (p + 2.), -p * (p + 1.) / 2};
  const int power[4] = {-1, p - 1, p, p + 1};
  double low = 1 / (x * x * x), high = low; /* x^-3 and x^(p - 3) */
  for (int i = 0; i < p; ++i) high *= x;
  for (int n = 0; n <= order; ++n) {
    e[n] = 0;
    for (int i = 0; i < 4; ++i) {
      double term = factor[i] * (i ? high : low);
      for (int k = 0; k < n; ++k) term *= power[i] - k;
      for (int k = n; k < (i ? 1 + i : 2); ++k) term *= x;
      e[n] += term;
    }
  }
}

/* The functions times a weight, into functions and envelope; or, if these are NULL, the sums of the
 * functions times given ones, into sums. */
ALWAYS_INLINE int radial_rows(long begin, long end, series c, const int order, const REAL* distance,
                              const REAL* weight, const REAL* given, const REAL* given_envelope,
                              REAL* functions, REAL* envelope, REAL* sums) {
  for (long row = begin; row < end; ++row) {
    const double x = distance[row] / c.cutoff;
    double e[3] = {0};
    REAL f[3] = {0}, t = 0;
    const REAL* entry = c.table;
    if (x < 1) {
      const double at = x * c.intervals, slope = 2 * c.intervals / c.cutoff;
      const int interval = at < c.intervals - 1 ? (int)at : c.intervals - 1;
      envelope_at(c.exponent, x, order, e);
      for (int n = 0; n < order; ++n)
        for (int k = n + 1; k <= order; ++k) e[k] /= c.cutoff;
      t = (REAL)(2 * (at - interval) - 1);
      entry += (long)interval * (c.degree + 1) * c.padded;
      /* Leibniz' rule */
      f[0] = (REAL)e[order];
      if (order == 1) f[1] = (REAL)(e[0] * slope);
      if (order == 2) f[1] = (REAL)(2 * e[1] * slope), f[2] = (REAL)(2 * e[0] * slope * slope);
    } else if (!(x >= 1)) {
      e[order] = x, f[0] = (REAL)x; /* not a number */
    }
    const REAL scale = weight ? weight[row] : 1;
    if (envelope) envelope[row] = scale * (REAL)e[order];
    vec total = splat(0);
    for (int k = 0; k < c.padded; k += LANES) {
      vec p0 = load(entry + k), p1 = splat(0), p2 = splat(0);
      for (int n = 1; n <= c.degree; ++n) {
        if (order > 1) p2 = p2 * t + p1;
        if (order > 0) p1 = p1 * t + p0;
        p0 = p0 * t + load(entry + (long)n * c.padded + k);
      }
      vec value = f[0] * p0;
      if (order > 0) value += f[1] * p1;
      if (order > 1) value += f[2] * p2;
      const long bytes = (c.width - k < LANES ? c.width - k : LANES) * (long)sizeof(REAL);
      if (functions) {
        value *= scale;
        memcpy(functions + row * c.width + k, &value, bytes);
      } else {
        vec other = splat(0);
        memcpy(&other, given + row * c.width + k, bytes);
        total += value * other;
      }
    }
    if (!sums) continue;
    REAL sum = given_envelope[row] * (REAL)e[order];
    for (int i = 0; i < LANES; ++i) sum += total[i];
    sums[row] = scale * sum;
  }
  return 0;
}

static int any_radial(long begin, long end, series c, int order, const REAL* distance,
                      const REAL* weight, const REAL* given, const REAL* given_envelope,
                      REAL* functions, REAL* envelope, REAL* sums) {
  switch (order) {
    case 0:
      return radial_rows(begin, end, c, 0, distance, weight, given, given_envelope, functions,
                         envelope, sums);
    case 1:
      return radial_rows(begin, end, c, 1, distance, weight, given, given_envelope, functions,
                         envelope, sums);
    default:
      return radial_rows(begin, end, c, 2, distance, weight, given, given_envelope, functions,
                         envelope, sums);
  }
}

int radial_functions(int threads, long n, int width, int padded, int degree, int intervals,
                     int exponent, double cutoff, const REAL* table, int order,
                     const REAL* distance, const REAL* weight, const REAL* given,
                     const REAL* given_envelope, REAL* functions, REAL* envelope, REAL* sums) {
  const series c = {width, padded, degree, intervals, exponent, cutoff, table};
  int failed = 0;
  SHARE(threads, n, 1, failed,
        any_radial(begin, end, c, order, distance, weight, given, given_envelope, functions,
                   envelope, sums));
  return failed;
}
