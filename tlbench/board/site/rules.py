"""How the numbers of a board come about: stored in its data and printed under its table."""

BUDGET = (
    "Every suite trains all arms with one number of updates and, unless tuned, one learning rate. "
    "Errors are those at this budget, which no result here shows to be enough for convergence: a "
    "ratio below 1 may mean only that the arm learns faster. What holds at one budget may be "
    "reversed at another, and errors of one suite are not those of converged models."
)

AGGREGATION = (
    "A value is the geometric mean over (subset seed, init seed) pairs of the metric on the test "
    "set; rates and survival times, which may be 0, have arithmetic means. A ratio is the "
    "geometric mean over pairs of the arm's error over that of training from scratch on the same "
    "structures, with the same seeds and the same number of updates: below 1 the arm has the lower "
    "error at this budget. "
    "Brackets hold 95 % intervals: of the paired bootstrap from five pairs on, of rates Wilson's "
    "with replicas clustered by model. With fewer than five pairs no significance is claimed."
)
RANKING = (
    "Ranks are given within one metric, test set, transfer, number of target structures and "
    "training temperature, by the mean at the suite's budget. Entries of one tie group are not "
    "shown to be worse than its best, by the 95 % interval of their paired ratio. With fewer than "
    "five pairs, and for rates and times, there are no tie groups, and so no ranks: entries are "
    "sorted by their mean. Arms that see no target data are shown beside the others and not "
    "ranked: they have as many values as source models. A submission of which the newest check "
    "of some model did not find the published errors again stays in the table, marked, without a "
    "rank, and is left out of figures and of what is said of the whole table."
)
MISSING = (
    "A result that is missing counts nowhere, and never as zero. An entry that lacks one of the "
    "suite's pairs shows how many it has, and has no rank; models of which there is no result at "
    "all are listed with their submission. An error of structure is known of stable simulations "
    "only. An error of exactly 0 has no logarithm and is left out, so its arm lacks that pair. "
    "Submissions that fail verification are left out whole."
)
COMPARABLE = (
    "Submissions share a table only if they have the same suite and version, the same protocol "
    "(everything but backbones, arms and their tuned settings), data of the same content, and the "
    "same reference dynamics, by their digests. Of each submission the newest revision counts."
)
RULES = {
    "budget": BUDGET,
    "aggregation": AGGREGATION,
    "ranking": RANKING,
    "missing results": MISSING,
    "what is compared": COMPARABLE,
}
