/* The hot loops of the backbones, for machines with a C compiler. Compiled for float, and with
 * -DDOUBLE for double. Every function has a twin in plain torch: its test, and its substitute.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "real.h"
#include "dense.h"
#include "angular.h"
#include "filter.h"
#include "harmonics.h"
