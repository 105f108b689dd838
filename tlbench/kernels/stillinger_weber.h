/* The Stillinger-Weber potential by sums over the edges of each atom (tlbench/reference/): with unit
 * vectors u and S = sum g, V = sum g u, T = sum g u u, the three-body energy of an atom is
 * lambda epsilon / 2 (T:T + 2/3 V.V + S^2 / 9 - 16/9 sum g^2).
 *
 * Edges are sorted by atom; first (n_atoms + 1) says where each atom's begin. Arrays: x (n_atoms,
 * 3); neighbour (n_edges); shift (n_edges, 3); gradient (n_edges, 3), of its atom's energy by the
 * vector of an edge; energy (n_atoms); virial (n_atoms, 9).
 */

typedef struct {
  REAL pair, sigma, strength, B, p, q, cutoff, gamma; /* pair A epsilon, strength lambda epsilon */
} sw;

static inline vec power(vec x, int exponent) {
  vec product = splat(1);
  for (int i = 0; i < exponent; ++i) product *= x;
  return product;
}

/* What an edge of vector d gives: u, and per length 1/r, g, g', and the bond's energy and slope. */
typedef struct {
  vec u[3], inverse, g, dg, bond, dbond;
} bonds;

static inline bonds bonds_of(const sw* c, vec dx, vec dy, vec dz) {
  bonds e;
  const vec square = dx * dx + dy * dy + dz * dz;
  vec r;
  for (int i = 0; i < LANES; ++i) r[i] = SQUARE_ROOT(square[i]);
  e.inverse = (REAL)1 / r;
  e.u[0] = dx * e.inverse;
  e.u[1] = dy * e.inverse;
  e.u[2] = dz * e.inverse;
  /* Just below the cutoff all exponentials have vanished; beyond it they would rise again. */
  const vec limit = splat(c->cutoff * (REAL)(1 - 1e-6)), lowest = splat(-(REAL)EXP_RANGE);
  r = choose(r > limit, limit, r);
  const vec s = c->sigma / (r - c->cutoff), ds = -s * s / c->sigma, scaled = c->gamma * s;
  const vec repulsion = c->B * power(c->sigma / r, (int)c->p), rest = power(c->sigma / r, (int)c->q);
  const vec decay = (REAL)0.5 * c->pair * exponential(choose(s < lowest, lowest, s));
  e.g = exponential(choose(scaled < lowest, lowest, scaled));
  e.dg = e.g * c->gamma * ds;
  e.bond = decay * (repulsion - rest);
  e.dbond = decay * (c->q * rest - c->p * repulsion) / r + e.bond * ds;
  return e;
}

static int label_atoms(long begin, long end, const int64_t* first, const int64_t* neighbour,
                       const REAL* shift, const REAL* x, sw c, REAL* energy, REAL* virial,
                       REAL* gradient) {
  const long most = busiest(begin, end, first), blocks = (most + LANES - 1) / LANES;
  vec* memory = vectors(blocks * (3 + sizeof(bonds) / sizeof(vec)));
  if (!memory) return 1;
  vec* d = memory;
  bonds* edges = (bonds*)(memory + 3 * blocks);
  for (long atom = begin; atom < end; ++atom) {
    const long start = first[atom], n = first[atom + 1] - start, filled = (n + LANES - 1) / LANES;
    vec sums[12]; /* S, V, T's xx xy xz yy yz zz, sum g^2, bonds */
    for (int i = 0; i < 12; ++i) sums[i] = splat(0);
    for (long k = 0; k < filled * LANES; ++k)
      for (int a = 0; a < 3; ++a) {
        const long e = start + k;
        /* Lanes without an edge hold one beyond the cutoff. */
        d[3 * (k / LANES) + a][k % LANES] =
            k < n ? (x[3 * neighbour[e] + a] - x[3 * atom + a]) + shift[3 * e + a] : c.cutoff;
      }
    for (long b = 0; b < filled; ++b) {
      edges[b] = bonds_of(&c, d[3 * b], d[3 * b + 1], d[3 * b + 2]);
      const vec *u = edges[b].u, g = edges[b].g;
      const vec gu[3] = {g * u[0], g * u[1], g * u[2]};
      sums[0] += g;
      for (int a = 0, i = 4; a < 3; ++a) {
        sums[1 + a] += gu[a];
        for (int other = a; other < 3; ++other) sums[i++] += gu[a] * u[other];
      }
      sums[10] += g * g;
      sums[11] += edges[b].bond;
    }
    REAL at[12] = {0};
    for (int i = 0; i < 12; ++i)
      for (int k = 0; k < LANES; ++k) at[i] += sums[i][k];
    const REAL S = at[0], *V = at + 1, *T = at + 4, third = (REAL)1 / 3;
    energy[atom] =
        at[11] + c.strength * ((T[0] * T[0] + T[3] * T[3] + T[5] * T[5]) / 2 +
                               (T[1] * T[1] + T[2] * T[2] + T[4] * T[4]) +
                               third * (V[0] * V[0] + V[1] * V[1] + V[2] * V[2]) + S * S / 18 -
                               (REAL)8 / 9 * at[10]);
    REAL w[9] = {0};
    for (long b = 0; b < filled; ++b) {
      const bonds* e = edges + b;
      const vec* u = e->u;
      const vec t[3] = {T[0] * u[0] + T[1] * u[1] + T[2] * u[2] + third * V[0],
                        T[1] * u[0] + T[3] * u[1] + T[4] * u[2] + third * V[1],
                        T[2] * u[0] + T[4] * u[1] + T[5] * u[2] + third * V[2]};
      const vec tu = t[0] * u[0] + t[1] * u[1] + t[2] * u[2];
      const vec vu = third * (V[0] * u[0] + V[1] * u[1] + V[2] * u[2]);
      const vec across = (REAL)2 * c.strength * e->g * e->inverse;
      const vec slope = c.strength * (tu + vu + S / 9 - (REAL)16 / 9 * e->g);
      const vec along = e->dbond + slope * e->dg - across * tu;
      for (int a = 0; a < 3; ++a) {
        const vec by_d = along * u[a] + across * t[a];
        for (int k = 0; k < LANES && b * LANES + k < n; ++k) {
          gradient[3 * (start + b * LANES + k) + a] = by_d[k];
          for (int o = 0; o < 3; ++o) w[3 * o + a] += d[3 * b + o][k] * by_d[k];
        }
      }
    }
    memcpy(virial + 9 * atom, w, sizeof(w));
  }
  free(memory);
  return 0;
}

static int pull_atoms(long begin, long end, const int64_t* first, const int64_t* reverse,
                      const REAL* gradient, REAL* forces) {
  for (long atom = begin; atom < end; ++atom)
    for (int a = 0; a < 3; ++a) {
      REAL total = 0;
      for (long e = first[atom]; e < first[atom + 1]; ++e)
        total += gradient[3 * e + a] - gradient[3 * reverse[e] + a];
      forces[3 * atom + a] = total;
    }
  return 0;
}

int sw_label(int threads, long n_atoms, const int64_t* first, const int64_t* neighbour,
             const int64_t* reverse, const REAL* shift, const REAL* x, const REAL* constants,
             REAL* energy, REAL* virial, REAL* gradient, REAL* forces) {
  sw c;
  memcpy(&c, constants, sizeof(c));
  int failed = 0;
  SHARE(threads, n_atoms, 1, failed,
        label_atoms(begin, end, first, neighbour, shift, x, c, energy, virial, gradient));
  SHARE(threads, n_atoms, 1, failed, pull_atoms(begin, end, first, reverse, gradient, forces));
  return failed;
}
