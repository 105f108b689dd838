#!/bin/bash
# A suite as a Slurm array job, without Parsl:
#
#     sbatch --array=1-8 slurm_array.sh quick 8
#
# Each task does its part of the suite, into one store that all share. A source model or data set
# that several parts need is done by the first that comes; the others wait for it. A task that is
# lost or cut off is submitted again, as by sbatch --array=3 slurm_array.sh quick 8: what is done is in the store.
# When all have ended,
#
#     tlbench run quick --store "$STORE"
#
# writes records and report at once.

#SBATCH --job-name=tlbench
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
# #SBATCH --partition=gpu
# #SBATCH --account=MY_ACCOUNT
# #SBATCH --gpus=1
#SBATCH --requeue

set -euo pipefail

SUITE=${1:?name of a suite, or its file}
PARTS=${2:?number of parts, the largest number in --array}
STORE=${STORE:-$HOME/tlbench-store}     # on a file system that all nodes share
ENVIRONMENT=${ENVIRONMENT:-$HOME/tlbench/.venv}

source "$ENVIRONMENT/bin/activate"

tlbench run "$SUITE" --store "$STORE" \
    --shard "$SLURM_ARRAY_TASK_ID/$PARTS" \
    --workers "${SLURM_CPUS_PER_TASK:-1}"
