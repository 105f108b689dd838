/* Asking for what comes next, while something else is computed. */

ALWAYS_INLINE void prefetch(const REAL* from, long count) {
  for (long i = 0; i < count; i += LANES) __builtin_prefetch(from + i, 0, 2);
}

/* Of the atom after this one: the entries of its edges; those of their reverses; its own. */
ALWAYS_INLINE void ask_edges(const REAL* array, int per_edge, const int64_t* first, long atom,
                             long end) {
  if (array && atom + 1 < end)
    prefetch(array + first[atom + 1] * per_edge, (first[atom + 2] - first[atom + 1]) * per_edge);
}
ALWAYS_INLINE void ask_reverses(const REAL* array, int per_edge, const int64_t* first,
                                const int64_t* reverse, long atom, long end) {
  if (atom + 1 >= end) return;
  for (long edge = first[atom + 1]; edge < first[atom + 2]; ++edge)
    __builtin_prefetch(array + reverse[edge] * per_edge, 0, 2);
}
ALWAYS_INLINE void ask_atom(const REAL* array, int per_atom, long atom, long end) {
  if (atom + 1 < end) prefetch(array + (atom + 1) * per_atom, per_atom);
}
