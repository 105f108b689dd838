/* Products of small matrices, with blocks of the result kept in registers. */

#define ROWS 8 /* rows of a register block; TILE is a multiple */

/* c (ROWS x nv vectors) = or += sum over k of a[row, k] b[k, :]. */
ALWAYS_INLINE void block(const int nv, const REAL* a, long a_row, long a_k, const REAL* b, long b_k,
                         int n_k, REAL* c, long c_row, const int add) {
  vec acc[ROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) acc[i][j] = add ? load(c + i * c_row + j * LANES) : splat(0);
  for (int k = 0; k < n_k; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j)
        acc[i][j] += a[i * a_row + k * a_k] * load(b + k * b_k + j * LANES);
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nv; ++j) store(c + i * c_row + j * LANES, acc[i][j]);
}

/* The same for any number of rows and columns that ROWS and LANES divide. */
static void product(int rows, int columns, const REAL* a, long a_row, long a_k, const REAL* b,
                    long b_k, int n_k, REAL* c, long c_row, int add) {
  for (int j = 0; j < columns; j += 2 * LANES)
    for (int i = 0; i < rows; i += ROWS) {
      if (columns - j > LANES)
        block(2, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
      else
        block(1, a + i * a_row, a_row, a_k, b + j, b_k, n_k, c + i * c_row + j, c_row, add);
    }
}
