#!/usr/bin/env bash
# Runs every fuzz target of the repository for FUZZTIME.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-3s} failed=0 count=0

while read -r file; do
  package=./$(dirname "$file")
  while read -r target; do
    count=$((count + 1))
    if output=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -timeout 30m "$package" 2>&1); then
      echo "ok    $package $target: $(grep -E 'execs: ' <<<"$output" | tail -n 1 | sed 's/^fuzz: //' || true)"
    elif grep -qx '    context deadline exceeded' <<<"$output" && ! grep -qE 'Failing input|panic|_test\.go:' <<<"$output"; then
      # Go's fuzzer sometimes reports the end of its own time as a failure. A finding always comes with its input or its place.
      echo "ok    $package $target: the time ended, nothing was found"
    else
      failed=$((failed + 1))
      printf 'FAIL  %s %s\n%s\n' "$package" "$target" "$output"
    fi
  done < <(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file")
done < <(git ls-files '*_test.go' | xargs grep -lE '^func Fuzz' | sort || true)

echo "$count fuzz targets, $failed failed, $time each"
exit $((failed > 0))
