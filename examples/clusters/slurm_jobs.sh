#!/bin/bash
# A suite as Slurm array jobs with one job of tlbench per task, level by level, without Parsl:
#
#     ./slurm_jobs.sh quick --partition=gpu --gpus=1 --time=01:00:00
#
# What follows the suite goes to sbatch. The jobs of a level need only those of lower levels, so
# each array waits for the one before it. The keys of what is to do are written beside the store.

set -euo pipefail

SUITE=${1:?name of a suite, or its file}
shift
STORE=${STORE:-$HOME/tlbench-store}     # on a file system that all nodes share
KEYS=$STORE-keys

mkdir -p "$KEYS"
tlbench plan "$SUITE" --store "$STORE" --save
tlbench plan "$SUITE" --store "$STORE" --keys > "$KEYS/all"

before=()
for level in $(cut -d ' ' -f 1 "$KEYS/all" | sort -nu); do
    list=$KEYS/$level
    sed -n "s/^$level //p" "$KEYS/all" > "$list"
    task="tlbench job \$(sed -n \${SLURM_ARRAY_TASK_ID}p '$list') --store '$STORE'"
    submitted=$(sbatch --parsable --array="1-$(wc -l < "$list")" "${before[@]}" "$@" --wrap "$task")
    before=(--dependency="afterok:${submitted%%;*}" --kill-on-invalid-dep=yes)
    echo "level $level: $(wc -l < "$list") jobs, Slurm job $submitted"
done
