#!/bin/bash
# sbatch deploy/training/slurm.sh settings.yaml runs/mine
# A worker on each of four nodes. Settings, text and run folder lie on a disk that all nodes have.
#SBATCH --job-name=seq2seq
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@300  # five minutes before the time is over, all save and end with 75
set -uo pipefail

export SETTINGS=$1 RUN=$2
WORKERS=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/$/:8888/' | paste -sd,)
MISTAKE=$PWD/.seq2seq-$SLURM_JOB_ID.mistake
export WORKERS MISTAKE
rm -f "$MISTAKE"

# SLURM_PROCID is each task's own, so a shell of each task reads it; the shell outlives a SIGTERM, to tell
# how its worker ended. 1 and 2 are mistakes, which the log explains, 126 and 127 a command that is not there:
# srun itself would give the status of the workers that it kills then.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" bash -c '
    trap : TERM
    seq2seq train "$SETTINGS" --run "$RUN" --workers "$WORKERS" --worker "$SLURM_PROCID"
    status=$?
    case $status in 1 | 2 | 126 | 127) echo "$status" > "$MISTAKE" ;; esac
    exit "$status"'
status=$?

# All else is a worker that was lost or was told to stop: the same command goes on from the last save.
if [ -e "$MISTAKE" ]; then
    status=$(cat "$MISTAKE")
    rm "$MISTAKE"
    exit "$status"
fi
if [ "$status" -ne 0 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 100 ]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit
fi
exit "$status"
