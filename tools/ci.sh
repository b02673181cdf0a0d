#!/usr/bin/env bash
# Runs every check of the repository, one step after another, and closes with a table and a line that tools read.
# A step that fails does not stop the others; the exit code is 1 when any did. Nothing is left out in silence: a step that
# cannot run on this machine says so in the table, and only `vuln` may (it needs a database from outside).
set -uo pipefail
cd "$(dirname "$0")/.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export THRONG_CI_COUNTS=$out/counts   # tools/testsum adds a line per run: passed failed skipped
: >"$THRONG_CI_COUNTS"

names=() seconds=() results=() failed=0
began=$SECONDS

# step NAME COMMAND...: a command that exits 75 could not run here, and its last line says why.
step() {
  local name=$1 start=$SECONDS code=0
  shift
  printf '\n==> %s: %s\n' "$name" "$*"
  "$@" 2>&1 | tee "$out/log"
  code=${PIPESTATUS[0]}
  names+=("$name") seconds+=($((SECONDS - start)))
  case $code in
    0) results+=("ok") ;;
    75) results+=("not run here: $(tail -n 1 "$out/log")") ;;
    *) results+=("FAILED (exit $code)"); failed=$((failed + 1)) ;;
  esac
}

step tools make tools
step generate make generate-check
step breaking make breaking
step lint make lint
step build go build ./...
step unit make test-unit
step reliability make test-reliability
step cluster make test-cluster
step mutants make mutants
step fuzz make fuzz
step bench make bench-once
step cross make cross
step vuln tools/vuln.sh

printf '\n%-12s %8s  %s\n' step seconds result
for i in "${!names[@]}"; do
  printf '%-12s %8d  %s\n' "${names[$i]}" "${seconds[$i]}" "${results[$i]}"
done
printf '%-12s %8d\n\n' total $((SECONDS - began))

steps=${#names[@]}
echo "$steps steps, $failed failed"
awk -v stepfail="$failed" '{p += $1; f += $2; s += $3} END {
  if (f == 0 && stepfail > 0) f = stepfail
  printf "%d passed, %d failed", p, f; if (s > 0) printf ", %d skipped", s; print ""
}' "$THRONG_CI_COUNTS"
exit $((failed > 0))
