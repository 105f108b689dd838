/* Sums over pairs of the edges of an atom, coupled by Legendre polynomials of their angle, through
 * spherical harmonics Y_lm: forward, adjoint and tangent. One vector of channels at a time.
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin, and the atoms from
 * `begin` to `end` are computed. Arrays: x, out (n_edges, channels); radial (n_edges, n_orders,
 * n_radial); basis (n_orders, n_radial, channels); y (n_edges, n_orders^2); moments (n_atoms,
 * n_orders^2, channels). With a_l,k = sum_n radial_ln,k basis_ln, P_lm = sum_k Y_lm,k a_l,k x_k and
 * q_k = sum_l [sum_m Y_lm,k P_lm - a_l,k x_k], the result q_k of edge k is written to its reverse.
 */

/* p_m += sum over k of y[k, m] z[k] for the 2l + 1 m of one l; z has `stride` between edges. */
ALWAYS_INLINE void gather(int size, int n, const REAL* y, long y_row, const vec* z, int stride,
                          vec* p) {
  vec total[2 * MAX_ORDERS];
  for (int m = 0; m < size; ++m) total[m] = p[m];
  for (int k = 0; k < n; ++k) {
    const vec right = z[(long)k * stride];
    for (int m = 0; m < size; ++m) total[m] += y[k * y_row + m] * right;
  }
  for (int m = 0; m < size; ++m) p[m] = total[m];
}

/* The same with the size known to the compiler, so that the sums stay in registers. */
static void gather_order(int l, int n, const REAL* y, long y_row, const vec* z, int stride,
                         vec* p) {
#define ORDER(known)                                         \
  case known:                                                \
    gather(2 * known + 1, n, y, y_row, z, stride, p);        \
    return;
  switch (l) {
    ORDER(0) ORDER(1) ORDER(2) ORDER(3) ORDER(4) ORDER(5) ORDER(6)
    default:
      gather(2 * l + 1, n, y, y_row, z, stride, p);
  }
#undef ORDER
}

/* z_lk += sum over m of y[k, lm] p_lm, for `count` edges at a time */
ALWAYS_INLINE void spread_some(const int count, int n_orders, const REAL* y, const vec* p, vec* z) {
  const int size = n_orders * n_orders;
  for (int l = 0; l < n_orders; ++l) {
    vec total[4];
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) total[i] = z[i * n_orders + l];
    for (int m = l * l; m < (l + 1) * (l + 1); ++m)
#pragma GCC unroll 4
      for (int i = 0; i < count; ++i) total[i] += y[i * size + m] * p[m];
#pragma GCC unroll 4
    for (int i = 0; i < count; ++i) z[i * n_orders + l] = total[i];
  }
}

ALWAYS_INLINE void spread(int n_orders, int n, const REAL* y, const vec* p, vec* z) {
  const int size = n_orders * n_orders;
  int k = 0;
  for (; k + 4 <= n; k += 4) spread_some(4, n_orders, y + k * size, p, z + k * n_orders);
  for (; k < n; ++k) spread_some(1, n_orders, y + k * size, p, z + k * n_orders);
}

/* q_k += sum over lm of y[k, lm] p_lm */
ALWAYS_INLINE void contract(int size, int n, const REAL* y, const vec* p, vec* q) {
  int k = 0;
  for (; k + 8 <= n; k += 8) { /* as many sums as keep the units busy */
    vec total[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) total[i] = q[k + i];
    for (int m = 0; m < size; ++m)
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) total[i] += y[(long)(k + i) * size + m] * p[m];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) q[k + i] = total[i];
  }
  for (; k < n; ++k) {
    vec total[2] = {q[k], splat(0)};
    for (int m = 0; m < size; ++m) total[m % 2] += y[(long)k * size + m] * p[m];
    q[k] = total[0] + total[1];
  }
}

static long busiest(long begin, long end, const int64_t* first) {
  long most = 0;
  for (long i = begin; i < end; ++i)
    if (first[i + 1] - first[i] > most) most = first[i + 1] - first[i];
  return most;
}

/* sum over n of radial_n basis_n of one l */
ALWAYS_INLINE vec expand(int n_radial, const REAL* radial, const vec* basis) {
  vec total = radial[0] * basis[0];
  for (int n = 1; n < n_radial; ++n) total += radial[n] * basis[n];
  return total;
}

ALWAYS_INLINE int any_forward(long begin, long end, const int64_t* first, const int64_t* reverse,
                              int n_orders, int n_radial, int channels, const REAL* x,
                              const REAL* radial, const REAL* basis, const REAL* y, REAL* out,
                              REAL* moments) {
  const int size = n_orders * n_orders, functions = n_orders * n_radial;
  const long most = busiest(begin, end, first);
  vec* z = vectors(most * n_orders + most + size + functions);
  if (!z) return 1;
  vec *q = z + most * n_orders, *p = q + most, *b = p + size;
  for (int channel = 0; channel < channels; channel += LANES) {
    for (int i = 0; i < functions; ++i) b[i] = load(basis + i * channels + channel);
    for (long atom = begin; atom < end; ++atom) {
      const long start = first[atom];
      const int n = (int)(first[atom + 1] - start);
      const REAL* here = y + start * size;
      ask_edges(radial, functions, first, atom, end);
      ask_edges(x, channels, first, atom, end);
      ask_reverses(out, channels, first, reverse, atom, end);
      ask_atom(moments, size * channels, atom, end);
      ask_edges(y, size, first, atom, end);
      for (int k = 0; k < n; ++k) {
        const vec value = load(x + (start + k) * channels + channel);
        const REAL* r = radial + (start + k) * functions;
        q[k] = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const vec term = value * expand(n_radial, r + l * n_radial, b + l * n_radial);
          z[k * n_orders + l] = term;
          q[k] -= term;
        }
      }
      for (int m = 0; m < size; ++m) p[m] = splat(0);
      for (int l = 0; l < n_orders; ++l)
        gather_order(l, n, here + l * l, size, z + l, n_orders, p + l * l);
      contract(size, n, here, p, q);
      for (int k = 0; k < n; ++k) store(out + reverse[start + k] * channels + channel, q[k]);
      for (int m = 0; m < size; ++m) store(moments + (atom * size + m) * channels + channel, p[m]);
    }
  }
  free(z);
  return 0;
}

static int forward_angular(long begin, long end, const int64_t* first, const int64_t* reverse,
                           int n_orders, int n_radial, int channels, const REAL* x,
                           const REAL* radial, const REAL* basis, const REAL* y, REAL* out,
                           REAL* moments) {
  if (n_orders == 7 && n_radial == 6)
    return any_forward(begin, end, first, reverse, 7, 6, channels, x, radial, basis, y, out,
                       moments);
  return any_forward(begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis, y,
                     out, moments);
}

int angular_forward(int threads, long n_atoms, const int64_t* first, const int64_t* reverse,
                    int n_orders, int n_radial, int channels, const REAL* x, const REAL* radial,
                    const REAL* basis, const REAL* y, REAL* out, REAL* moments) {
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        forward_angular(begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis,
                        y, out, moments));
  return failed;
}

/* From given (n_edges, channels): the adjoints of x and the moments; of radial and y, if these are
 * not NULL; and of the basis, if that is not NULL, added to what is there. */
ALWAYS_INLINE int any_adjoint(long begin, long end, const int64_t* first, const int64_t* reverse,
                              int n_orders, int n_radial, int channels, const REAL* x,
                              const REAL* radial, const REAL* basis, const REAL* y,
                              const REAL* moments, const REAL* given, REAL* x_adjoint,
                              REAL* radial_adjoint, REAL* y_adjoint, REAL* moments_adjoint,
                              REAL* basis_adjoint) {
  const int size = n_orders * n_orders, functions = n_orders * n_radial;
  const long most = busiest(begin, end, first);
  vec* gz = vectors(most * n_orders + most + 2 * size + 2 * functions + 2 * LANES + functions);
  if (!gz) return 1;
  vec *gq = gz + most * n_orders, *gp = gq + most, *b = gp + size, *gb = b + functions;
  vec *y_terms = gb + functions, *r_terms = y_terms + size + LANES;
  for (int channel = 0; channel < channels; channel += LANES) {
    for (int i = 0; i < functions; ++i) {
      b[i] = load(basis + i * channels + channel);
      gb[i] = splat(0);
    }
    for (long atom = begin; atom < end; ++atom) {
      const long start = first[atom];
      const int n = (int)(first[atom + 1] - start);
      const REAL *here = y + start * size, *p = moments + atom * size * channels + channel;
      ask_edges(radial, functions, first, atom, end);
      ask_edges(x, channels, first, atom, end);
      ask_edges(x_adjoint, channels, first, atom, end);
      ask_reverses(given, channels, first, reverse, atom, end);
      ask_atom(moments, size * channels, atom, end);
      ask_atom(moments_adjoint, size * channels, atom, end);
      ask_edges(radial_adjoint, functions, first, atom, end);
      ask_edges(y, size, first, atom, end);
      ask_edges(y_adjoint, size, first, atom, end);
      for (int k = 0; k < n; ++k) {
        gq[k] = load(given + reverse[start + k] * channels + channel);
        for (int l = 0; l < n_orders; ++l) gz[k * n_orders + l] = -gq[k];
      }
      for (int m = 0; m < size; ++m) gp[m] = splat(0);
      for (int l = 0; l < n_orders; ++l) gather_order(l, n, here + l * l, size, gq, 1, gp + l * l);
      spread(n_orders, n, here, gp, gz);
      for (int k = 0; k < n; ++k) {
        const long edge = start + k;
        const REAL* r = radial + edge * functions;
        const vec value = load(x + edge * channels + channel);
        vec gx = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const vec a = expand(n_radial, r + l * n_radial, b + l * n_radial), z = a * value;
          const vec adjoint = gz[k * n_orders + l], ga = adjoint * value;
          gx += adjoint * a;
          if (basis_adjoint)
            for (int i = l * n_radial; i < (l + 1) * n_radial; ++i) gb[i] += r[i] * ga;
          if (!y_adjoint) continue;
          for (int i = l * n_radial; i < (l + 1) * n_radial; ++i) r_terms[i] = ga * b[i];
          for (int m = l * l; m < (l + 1) * (l + 1); ++m)
            y_terms[m] = gq[k] * load(p + m * channels) + z * gp[m];
        }
        store(x_adjoint + edge * channels + channel, gx);
        if (!y_adjoint) continue;
        add_sums(functions, r_terms, radial_adjoint + edge * functions, channel > 0);
        add_sums(size, y_terms, y_adjoint + edge * size, channel > 0);
      }
      for (int m = 0; m < size; ++m)
        store(moments_adjoint + (atom * size + m) * channels + channel, gp[m]);
    }
    if (basis_adjoint)
      for (int i = 0; i < functions; ++i) {
        REAL* to = basis_adjoint + i * channels + channel;
        store(to, load(to) + gb[i]);
      }
  }
  free(gz);
  return 0;
}

static int adjoint_angular(long begin, long end, const int64_t* first, const int64_t* reverse,
                           int n_orders, int n_radial, int channels, const REAL* x,
                           const REAL* radial, const REAL* basis, const REAL* y,
                           const REAL* moments, const REAL* given, REAL* x_adjoint,
                           REAL* radial_adjoint, REAL* y_adjoint, REAL* moments_adjoint,
                           REAL* basis_adjoint) {
  if (n_orders == 7 && n_radial == 6)
    return any_adjoint(begin, end, first, reverse, 7, 6, channels, x, radial, basis, y, moments,
                       given, x_adjoint, radial_adjoint, y_adjoint, moments_adjoint, basis_adjoint);
  return any_adjoint(begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis, y,
                     moments, given, x_adjoint, radial_adjoint, y_adjoint, moments_adjoint,
                     basis_adjoint);
}

int angular_adjoint(int threads, long n_atoms, const int64_t* first, const int64_t* reverse,
                    int n_orders, int n_radial, int channels, const REAL* x, const REAL* radial,
                    const REAL* basis, const REAL* y, const REAL* moments, const REAL* given,
                    REAL* x_adjoint, REAL* radial_adjoint, REAL* y_adjoint, REAL* moments_adjoint,
                    REAL* basis_adjoint) {
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        adjoint_angular(
            begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis, y, moments,
            given, x_adjoint, radial_adjoint, y_adjoint, moments_adjoint,
            basis_adjoint ? basis_adjoint + (long)t * n_orders * n_radial * channels : NULL));
  return failed;
}

/* From changes of x, radial and y: the change of the result; and, with `given` and
 * `moments_adjoint` as in the adjoint, the derivatives of sum(adjoint . change) by x; by radial and
 * y, if these are not NULL; and by the basis, added to basis_adjoint. */
ALWAYS_INLINE int any_tangent(long begin, long end, const int64_t* first, const int64_t* reverse,
                              int n_orders, int n_radial, int channels, const REAL* x,
                              const REAL* radial, const REAL* basis, const REAL* y,
                              const REAL* moments, const REAL* given, const REAL* moments_adjoint,
                              const REAL* x_change, const REAL* radial_change, const REAL* y_change,
                              REAL* out, REAL* x_source, REAL* radial_source, REAL* y_source,
                              REAL* basis_adjoint) {
  const int size = n_orders * n_orders, functions = n_orders * n_radial;
  const long most = busiest(begin, end, first);
  vec* z = vectors(most * n_orders * 6 + 2 * most + 5 * size + 3 * functions + 2 * LANES);
  if (!z) return 1;
  vec *dz = z + most * n_orders, *gz = dz + most * n_orders, *hz = gz + most * n_orders;
  vec *a = hz + most * n_orders, *da = a + most * n_orders;
  vec *q = da + most * n_orders, *gq = q + most;
  vec *p = gq + most, *dp = p + size, *gp = dp + size, *hp = gp + size;
  vec *b = hp + size, *gb = b + functions;
  vec *y_terms = gb + functions, *r_terms = y_terms + size + LANES;
  for (int channel = 0; channel < channels; channel += LANES) {
    for (int i = 0; i < functions; ++i) {
      b[i] = load(basis + i * channels + channel);
      gb[i] = splat(0);
    }
    for (long atom = begin; atom < end; ++atom) {
      const long start = first[atom];
      const int n = (int)(first[atom + 1] - start);
      const REAL *here = y + start * size, *moved = y_change + start * size;
      ask_edges(radial, functions, first, atom, end);
      ask_edges(x, channels, first, atom, end);
      ask_edges(x_change, channels, first, atom, end);
      ask_edges(x_source, channels, first, atom, end);
      ask_reverses(given, channels, first, reverse, atom, end);
      ask_reverses(out, channels, first, reverse, atom, end);
      ask_atom(moments, size * channels, atom, end);
      ask_atom(moments_adjoint, size * channels, atom, end);
      ask_edges(radial_change, functions, first, atom, end);
      ask_edges(y, size, first, atom, end);
      ask_edges(y_change, size, first, atom, end);
      for (int k = 0; k < n; ++k) {
        const long edge = start + k;
        const REAL *r = radial + edge * functions, *dr = radial_change + edge * functions;
        const vec value = load(x + edge * channels + channel);
        const vec change = load(x_change + edge * channels + channel);
        gq[k] = load(given + reverse[edge] * channels + channel);
        q[k] = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const int i = k * n_orders + l, f = l * n_radial;
          a[i] = expand(n_radial, r + f, b + f);
          da[i] = expand(n_radial, dr + f, b + f);
          z[i] = a[i] * value;
          dz[i] = da[i] * value + a[i] * change;
          gz[i] = -gq[k];
          hz[i] = splat(0);
          q[k] -= dz[i];
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
        const long edge = start + k;
        const REAL *r = radial + edge * functions, *dr = radial_change + edge * functions;
        const vec value = load(x + edge * channels + channel);
        const vec change = load(x_change + edge * channels + channel);
        vec source = splat(0);
        for (int l = 0; l < n_orders; ++l) {
          const vec g = gz[k * n_orders + l], h = hz[k * n_orders + l];
          const vec ga = g * value, ha = h * value + g * change;
          source += h * a[k * n_orders + l] + g * da[k * n_orders + l];
          for (int i = l * n_radial; i < (l + 1) * n_radial; ++i) gb[i] += dr[i] * ga + r[i] * ha;
          if (!y_source) continue;
          for (int i = l * n_radial; i < (l + 1) * n_radial; ++i) r_terms[i] = ha * b[i];
          for (int m = l * l; m < (l + 1) * (l + 1); ++m)
            y_terms[m] = gq[k] * dp[m] + z[k * n_orders + l] * hp[m] + dz[k * n_orders + l] * gp[m];
        }
        store(x_source + edge * channels + channel, source);
        store(out + reverse[edge] * channels + channel, q[k]);
        if (!y_source) continue;
        add_sums(functions, r_terms, radial_source + edge * functions, channel > 0);
        add_sums(size, y_terms, y_source + edge * size, channel > 0);
      }
    }
    for (int i = 0; i < functions; ++i) {
      REAL* to = basis_adjoint + i * channels + channel;
      store(to, load(to) + gb[i]);
    }
  }
  free(z);
  return 0;
}

static int tangent_angular(long begin, long end, const int64_t* first, const int64_t* reverse,
                           int n_orders, int n_radial, int channels, const REAL* x,
                           const REAL* radial, const REAL* basis, const REAL* y,
                           const REAL* moments, const REAL* given, const REAL* moments_adjoint,
                           const REAL* x_change, const REAL* radial_change, const REAL* y_change,
                           REAL* out, REAL* x_source, REAL* radial_source, REAL* y_source,
                           REAL* basis_adjoint) {
  if (n_orders == 7 && n_radial == 6)
    return any_tangent(begin, end, first, reverse, 7, 6, channels, x, radial, basis, y, moments,
                       given, moments_adjoint, x_change, radial_change, y_change, out, x_source,
                       radial_source, y_source, basis_adjoint);
  return any_tangent(begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis, y,
                     moments, given, moments_adjoint, x_change, radial_change, y_change, out,
                     x_source, radial_source, y_source, basis_adjoint);
}

int angular_tangent(int threads, long n_atoms, const int64_t* first, const int64_t* reverse,
                    int n_orders, int n_radial, int channels, const REAL* x, const REAL* radial,
                    const REAL* basis, const REAL* y, const REAL* moments, const REAL* given,
                    const REAL* moments_adjoint, const REAL* x_change, const REAL* radial_change,
                    const REAL* y_change, REAL* out, REAL* x_source, REAL* radial_source,
                    REAL* y_source, REAL* basis_adjoint) {
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        tangent_angular(
            begin, end, first, reverse, n_orders, n_radial, channels, x, radial, basis, y, moments,
            given, moments_adjoint, x_change, radial_change, y_change, out, x_source,
            radial_source, y_source,
            basis_adjoint ? basis_adjoint + (long)t * n_orders * n_radial * channels : NULL));
  return failed;
}
