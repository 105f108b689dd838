/* Vectors of 64 bytes of REAL, and what compilers do not have for them.
 *
 * GCC and Clang split the vectors on machines whose registers are narrower.
 */

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#ifdef DOUBLE
#define REAL double
#define NATIVE __m512d
#define MINIMUM _mm512_min_pd
#define MAXIMUM _mm512_max_pd
#define FUSED __builtin_fma
#define SQUARE_ROOT __builtin_sqrt
#define INTEGER int64_t
#define MANTISSA 52
#define ROUND 6755399441055744.0 /* 1.5 * 2^52 */
#define EXP_RANGE 700.0
#define EXP_TERMS 14
#define LN2_HIGH 0.6931471803691238
#define LN2_LOW 1.9082149292705877e-10
#else
#define REAL float
#define NATIVE __m512
#define MINIMUM _mm512_min_ps
#define MAXIMUM _mm512_max_ps
#define FUSED __builtin_fmaf
#define SQUARE_ROOT __builtin_sqrtf
#define INTEGER int32_t
#define MANTISSA 23
#define ROUND 12582912.0f /* 1.5 * 2^23 */
#define EXP_RANGE 87.0f
#define EXP_TERMS 7
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)
#endif

#define LANES ((int)(64 / sizeof(REAL)))

typedef REAL vec __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef INTEGER bits __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline vec load(const REAL* p) { return *(const vec*)p; }
static inline void store(REAL* p, vec v) { *(vec*)p = v; }

/* Memory for vectors; loads of vectors that lie across two lines of the cache take twice as long. */
static inline vec* vectors(long count) { return aligned_alloc(sizeof(vec), (count ? count : 1) * sizeof(vec)); }

static inline vec splat(REAL x) { return x - (vec){0}; }

/* value + p[i], or the value if there is no p */
static inline vec sum(vec value, const REAL* p, long i) {
  if (p) value += load(p + i);
  return value;
}

static inline vec choose(bits mask, vec yes, vec no) {
  return (vec)((mask & (bits)yes) | (~mask & (bits)no));
}

/* exp(x) for |x| <= EXP_RANGE: 2^n e^r with |r| <= ln(2)/2, and Taylor's series of e^r,
 * to whose exponent n is added. */
static inline vec exponential(vec x) {
  const vec shifted = x * (REAL)1.44269504088896340736 + (REAL)ROUND;
  const vec n = shifted - (REAL)ROUND;
  const vec r = (x - n * (REAL)LN2_HIGH) - n * (REAL)LN2_LOW;
  REAL factorial = 1;
#pragma GCC unroll 16
  for (int k = EXP_TERMS; k > 1; --k) factorial *= k;
  REAL coefficient = 1 / factorial;
  vec series = splat(coefficient);
#pragma GCC unroll 16
  for (int k = EXP_TERMS; k > 0; --k) series = series * r + (coefficient *= k);
  return (vec)((bits)series + ((bits)shifted << MANTISSA));
}

/* The lesser and the greater of two, y if x is not a number. Compilers make three operations of a
 * comparison and a choice. */
#ifdef __AVX512F__
static inline vec lesser(vec x, vec y) { return (vec)MINIMUM((NATIVE)x, (NATIVE)y); }
static inline vec greater(vec x, vec y) { return (vec)MAXIMUM((NATIVE)x, (NATIVE)y); }
#else
static inline vec lesser(vec x, vec y) { return choose(x < y, x, y); }
static inline vec greater(vec x, vec y) { return choose(x > y, x, y); }
#endif

static inline vec sigmoid(vec x) {
  const vec top = splat(EXP_RANGE);
  x = greater(-top, lesser(top, x));
  return (REAL)1 / ((REAL)1 + exponential(-x));
}

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (bits){__VA_ARGS__})
#endif

/* The sums over the lanes of LANES vectors, as one vector: lanes are folded by halves, and the two
 * vectors whose numbers differ by half share one from then on. The vectors are overwritten. */
static inline vec sums(vec* v) {
#ifndef DOUBLE
  for (int i = 0; i < 8; ++i)
    v[i] = SHUFFLE(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           SHUFFLE(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  for (int i = 0; i < 4; ++i)
    v[i] = SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  for (int i = 0; i < 2; ++i)
    v[i] = SHUFFLE(v[i], v[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           SHUFFLE(v[i], v[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  return SHUFFLE(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
         SHUFFLE(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#else
  for (int i = 0; i < 4; ++i)
    v[i] = SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
           SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  for (int i = 0; i < 2; ++i)
    v[i] = SHUFFLE(v[i], v[i + 2], 0, 1, 8, 9, 4, 5, 12, 13) +
           SHUFFLE(v[i], v[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  return SHUFFLE(v[0], v[1], 0, 8, 2, 10, 4, 12, 6, 14) +
         SHUFFLE(v[0], v[1], 1, 9, 3, 11, 5, 13, 7, 15);
#endif
}

/* to[i] = the sum over the lanes of terms[i], for all i below size, or += if there are `more` before
 * them; terms has room for a whole number of LANES vectors, and is overwritten. */
ALWAYS_INLINE void add_sums(int size, vec* terms, REAL* to, int more) {
  for (int i = 0; i < size; i += LANES) {
    const int left = size - i;
    if (left >= LANES) {
      vec total = sums(terms + i);
      if (more) total += load(to + i);
      store(to + i, total);
    } else {
      for (int k = left; k < LANES; ++k) terms[i + k] = splat(0);
      vec total = sums(terms + i), before = splat(0);
      if (more) memcpy(&before, to + i, left * sizeof(REAL));
      total += before;
      memcpy(to + i, &total, left * sizeof(REAL));
    }
  }
}

#define PARALLEL _Pragma("omp parallel for num_threads(threads) reduction(| : failed)")

/* Evaluates part, which may use begin, end and t, for the shares of n items, on as many threads; a
 * share begins at a whole multiple. `failed` collects what it evaluates to. */
#define SHARE(threads, n, multiple, failed, part)                         \
  do {                                                                    \
    const long blocks = ((n) + (multiple) - 1) / (multiple);              \
    const long share = (blocks + (threads) - 1) / (threads) * (multiple); \
    PARALLEL for (int t = 0; t < (threads); ++t) {                        \
      const long begin = t * share;                                       \
      const long end = begin + share < (n) ? begin + share : (n);         \
      if (begin < end) failed |= (part);                                  \
    }                                                                     \
  } while (0)
