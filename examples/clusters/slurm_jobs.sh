#!/bin/bash
# A suite as Slurm array jobs with one job of tlbench per task, level by level, without Parsl:
#
#     ./slurm_jobs.sh quick --partition=gpu --gpus=1 --time=01:00:00
#
# What follows the suite goes to sbatch. The jobs of a level need only those of lower levels, so
# its arrays wait for those of the level before; a job whose parent failed says so and fails, the
# others go on. The keys of what is to do are written to a new folder beside the store.

set -euo pipefail

SUITE=${1:?name of a suite, or its file}
shift
STORE=${STORE:-$HOME/tlbench-store}     # on a file system that all nodes share
LONGEST=${LONGEST:-1000}                # Slurm's MaxArraySize allows so many tasks in an array
KEYS=$(mktemp -d "$STORE-keys-XXXXXX")

tlbench plan "$SUITE" --store "$STORE" --save
tlbench plan "$SUITE" --store "$STORE" --keys > "$KEYS/all"

before=()
for level in $(cut -d ' ' -f 1 "$KEYS/all" | sort -nu); do
    sed -n "s/^$level //p" "$KEYS/all" | split -l "$LONGEST" -a 4 - "$KEYS/$level-"
    ids=
    for list in "$KEYS/$level"-*; do
        task="tlbench job \$(sed -n \${SLURM_ARRAY_TASK_ID}p '$list') --store '$STORE'"
        submitted=$(sbatch --parsable --array="1-$(wc -l < "$list")" "${before[@]}" "$@" --wrap "$task")
        ids+=:${submitted%%;*}
        echo "level $level: $(wc -l < "$list") jobs, Slurm job $submitted"
    done
    before=(--dependency="afterany$ids")
done
