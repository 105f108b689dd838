/* Sums over pairs of the edges of an atom, coupled by Legendre polynomials of their angle, through
 * spherical harmonics Y_lm: forward, adjoint and tangent. One vector of channels at a time.
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin. Arrays: x, out
 * (n_edges, channels); a (n_orders, n_edges, channels); y (n_edges, n_orders^2); moments
 * (n_atoms, n_orders^2, channels). With q_k = sum_l [sum_m Y_lm,k P_lm - a_l,k x_k] and
 * P_lm = sum_k Y_lm,k a_l,k x_k, the result of edge k is written to its reverse.
 */

#define MAX_ORDERS 10

/* p_m += sum over k of y[k, m] z[k] for the 2l + 1 m of one l; z has `stride` between edges. */
static inline __attribute__((always_inline)) void gather(int size, int n, const REAL *y,
                                                               long y_row, const vec *z,
                                                               int stride, vec *p) {
  vec sum[2 * MAX_ORDERS];
  for (int m = 0; m < size; ++m) sum[m] = p[m];
  for (int k = 0; k < n; ++k) {
    const vec right = z[(long)k * stride];
    for (int m = 0; m < size; ++m) sum[m] += y[k * y_row + m] * right;
  }
  for (int m = 0; m < size; ++m) p[m] = sum[m];
}

/* The same with the size known to the compiler, so that the sums stay in registers. */
static void gather_order(int l, int n, const REAL *y, long y_row, const vec *z,
                                      int stride, vec *p) {
  switch (l) {
    case 0: gather(1, n, y, y_row, z, stride, p); return;
    case 1: gather(3, n, y, y_row, z, stride, p); return;
    case 2: gather(5, n, y, y_row, z, stride, p); return;
    case 3: gather(7, n, y, y_row, z, stride, p); return;
    case 4: gather(9, n, y, y_row, z, stride, p); return;
    case 5: gather(11, n, y, y_row, z, stride, p); return;
    case 6: gather(13, n, y, y_row, z, stride, p); return;
    default: gather(2 * l + 1, n, y, y_row, z, stride, p);
  }
}

/* z_lk += sum over m of y[k, lm] p_lm */
static inline void spread(int n_orders, int n, const REAL *y, const vec *p, vec *z) {
  const int size = n_orders * n_orders;
  for (int k = 0; k < n; ++k)
    for (int l = 0; l < n_orders; ++l) {
      vec even = splat(0), odd = splat(0);
      const REAL *left = y + (long)k * size + l * l;
      const vec *right = p + l * l;
      for (int m = 0; m < 2 * l; m += 2) {
        even += left[m] * right[m];
        odd += left[m + 1] * right[m + 1];
      }
      z[k * n_orders + l] += even + odd + left[2 * l] * right[2 * l];
    }
}

/* q_k += sum over lm of y[k, lm] p_lm */
static inline void contract(int size, int n, const REAL *y, const vec *p, vec *q) {
  int k = 0;
  for (; k + 4 <= n; k += 4) {
    vec sum[4] = {q[k], q[k + 1], q[k + 2], q[k + 3]};
    for (int m = 0; m < size; ++m)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sum[i] += y[(long)(k + i) * size + m] * p[m];
    for (int i = 0; i < 4; ++i) q[k + i] = sum[i];
  }
  for (; k < n; ++k)
    for (int m = 0; m < size; ++m) q[k] += y[(long)k * size + m] * p[m];
}

static long busiest(long n_atoms, const int64_t *first) {
  long most = 0;
  for (long i = 0; i < n_atoms; ++i)
    if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
  return most;
}

/* Vectors whose alignment the compiler may rely on nowhere. */
static vec *vectors(long count) { return malloc((count ? count : 1) * sizeof(vec)); }

int angular_forward(long n_atoms, const int64_t *first, const int64_t *reverse, int n_orders,
                          int channels, const REAL *x, const REAL *a, const REAL *y, REAL *out,
                          REAL *moments) {
  const int size = n_orders * n_orders;
  const long n_edges = first[n_atoms], most = busiest(n_atoms, first);
  vec *z = vectors(most * n_orders + most + size);
  if (!z) return 1;
  vec *q = z + most * n_orders, *p = q + most;
  for (long atom = 0; atom < n_atoms; ++atom)
    for (int channel = 0; channel < channels; channel += LANES) {
      const long begin = first[atom];
      const int n = (int)(first[atom + 1] - begin);
      const REAL *here = y + begin * size;
      for (int k = 0; k < n; ++k) {
        const vec value = load(x + (begin + k) * channels + channel);
        q[k] = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const vec term = value * load(a + (l * n_edges + begin + k) * channels + channel);
          z[k * n_orders + l] = term;
          q[k] -= term;
        }
      }
      for (int m = 0; m < size; ++m) p[m] = splat(0);
      for (int l = 0; l < n_orders; ++l)
        gather_order(l, n, here + l * l, size, z + l, n_orders, p + l * l);
      contract(size, n, here, p, q);
      for (int k = 0; k < n; ++k) store(out + reverse[begin + k] * channels + channel, q[k]);
      for (int m = 0; m < size; ++m) store(moments + (atom * size + m) * channels + channel, p[m]);
    }
  free(z);
  return 0;
}

/* From given (n_edges, channels): the adjoints of x, a and y, and of the moments. */
int angular_adjoint(long n_atoms, const int64_t *first, const int64_t *reverse, int n_orders,
                          int channels, const REAL *x, const REAL *a, const REAL *y,
                          const REAL *moments, const REAL *given, REAL *x_adjoint, REAL *a_adjoint,
                          REAL *y_adjoint, REAL *moments_adjoint) {
  const int size = n_orders * n_orders;
  const long n_edges = first[n_atoms], most = busiest(n_atoms, first);
  vec *gz = vectors(most * n_orders + most + 2 * size + LANES);
  if (!gz) return 1;
  vec *gq = gz + most * n_orders, *gp = gq + most, *terms = gp + size;
  memset(y_adjoint, 0, n_edges * size * sizeof(REAL));
  for (long atom = 0; atom < n_atoms; ++atom)
    for (int channel = 0; channel < channels; channel += LANES) {
      const long begin = first[atom];
      const int n = (int)(first[atom + 1] - begin);
      const REAL *here = y + begin * size, *p = moments + atom * size * channels + channel;
      for (int k = 0; k < n; ++k) {
        gq[k] = load(given + reverse[begin + k] * channels + channel);
        for (int l = 0; l < n_orders; ++l) gz[k * n_orders + l] = -gq[k];
      }
      for (int m = 0; m < size; ++m) gp[m] = splat(0);
      for (int l = 0; l < n_orders; ++l)
        gather_order(l, n, here + l * l, size, gq, 1, gp + l * l);
      spread(n_orders, n, here, gp, gz);
      for (int k = 0; k < n; ++k) {
        const long edge = begin + k;
        const vec value = load(x + edge * channels + channel);
        vec gx = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const long place = (l * n_edges + edge) * channels + channel;
          const vec weight = load(a + place), z = value * weight, adjoint = gz[k * n_orders + l];
          gx += adjoint * weight;
          store(a_adjoint + place, adjoint * value);
          for (int m = l * l; m < (l + 1) * (l + 1); ++m)
            terms[m] = gq[k] * load(p + m * channels) + z * gp[m];
        }
        store(x_adjoint + edge * channels + channel, gx);
        for (int m = 0; m < size; m += LANES) {
          const int left = size - m < LANES ? size - m : LANES;
          REAL *to = y_adjoint + edge * size + m;
          if (left == LANES) {
            store(to, load(to) + sums(terms + m));
          } else {
            for (int i = left; i < LANES; ++i) terms[m + i] = splat(0);
            const vec total = sums(terms + m);
            for (int i = 0; i < left; ++i) to[i] += total[i];
          }
        }
      }
      for (int m = 0; m < size; ++m)
        store(moments_adjoint + (atom * size + m) * channels + channel, gp[m]);
    }
  free(gz);
  return 0;
}

/* From changes of x, a and y: the change of the result; and, with `given` and `moments_adjoint`
 * as in the adjoint, the derivatives of sum(adjoint . change) by x and a. */
int angular_tangent(long n_atoms, const int64_t *first, const int64_t *reverse, int n_orders,
                          int channels, const REAL *x, const REAL *a, const REAL *y,
                          const REAL *moments, const REAL *given, const REAL *moments_adjoint,
                          const REAL *x_change, const REAL *a_change, const REAL *y_change,
                          REAL *out, REAL *x_source, REAL *a_source) {
  const int size = n_orders * n_orders;
  const long n_edges = first[n_atoms], most = busiest(n_atoms, first);
  vec *z = vectors(most * n_orders * 4 + 2 * most + 4 * size);
  if (!z) return 1;
  vec *dz = z + most * n_orders, *gz = dz + most * n_orders, *hz = gz + most * n_orders;
  vec *q = hz + most * n_orders, *gq = q + most;
  vec *p = gq + most, *dp = p + size, *gp = dp + size, *hp = gp + size;
  for (long atom = 0; atom < n_atoms; ++atom)
    for (int channel = 0; channel < channels; channel += LANES) {
      const long begin = first[atom];
      const int n = (int)(first[atom + 1] - begin);
      const REAL *here = y + begin * size, *moved = y_change + begin * size;
      for (int k = 0; k < n; ++k) {
        const long edge = begin + k;
        const vec value = load(x + edge * channels + channel);
        const vec change = load(x_change + edge * channels + channel);
        gq[k] = load(given + reverse[edge] * channels + channel);
        q[k] = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const long place = (l * n_edges + edge) * channels + channel;
          const vec weight = load(a + place);
          const vec d = load(a_change + place) * value + weight * change;
          z[k * n_orders + l] = weight * value;
          dz[k * n_orders + l] = d;
          gz[k * n_orders + l] = -gq[k];
          hz[k * n_orders + l] = splat(0);
          q[k] -= d;
        }
      }
      for (int m = 0; m < size; ++m) {
        const long place = (atom * size + m) * channels + channel;
        p[m] = load(moments + place);
        gp[m] = load(moments_adjoint + place);
        dp[m] = hp[m] = splat(0);
      }
      for (int l = 0; l < n_orders; ++l) {
        const int m = l * l;
        gather_order(l, n, moved + m, size, z + l, n_orders, dp + m);
        gather_order(l, n, here + m, size, dz + l, n_orders, dp + m);
        gather_order(l, n, moved + m, size, gq, 1, hp + m);
      }
      contract(size, n, moved, p, q);
      contract(size, n, here, dp, q);
      spread(n_orders, n, here, gp, gz);
      spread(n_orders, n, here, hp, hz);
      spread(n_orders, n, moved, gp, hz);
      for (int k = 0; k < n; ++k) {
        const long edge = begin + k;
        const vec value = load(x + edge * channels + channel);
        const vec change = load(x_change + edge * channels + channel);
        vec source = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const long place = (l * n_edges + edge) * channels + channel;
          const vec g = gz[k * n_orders + l], h = hz[k * n_orders + l];
          source += h * load(a + place) + g * load(a_change + place);
          store(a_source + place, h * value + g * change);
        }
        store(x_source + edge * channels + channel, source);
        store(out + reverse[edge] * channels + channel, q[k]);
      }
    }
  free(z);
  return 0;
}
