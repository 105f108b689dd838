/* The hot loops of backbones and reference potentials, for machines with a C compiler. Compiled for float, and with
 * -DDOUBLE for double. Every function has a twin in plain torch: its test, and its substitute.
 * library.py defines, for the compiler: MAX_R radial functions of a filter, MAX_LAYERS of a network,
 * MAX_ORDERS of harmonics, TILE rows of a tile, and NONE, the number of no value.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "real.h"
#include "prefetch.h"
#include "product.h"
#include "dense.h"
#include "angular.h"
#include "filter.h"
#include "convolution.h"
#include "edges.h"
#include "harmonics.h"
#include "radial.h"
#include "stillinger_weber.h"
