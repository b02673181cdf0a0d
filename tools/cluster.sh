#!/usr/bin/env bash
# The tests that need MariaDB, Redis and Kafka (build tag cluster): the contracts of the adapters, and the faults of the real engines. Each
# test binary starts what it needs by itself (test/engines) unless THRONG_TEST_MYSQL, THRONG_TEST_REDIS and THRONG_TEST_KAFKA name
# servers that run already. With arguments only these packages.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/kafka.sh
packages=("$@")
if [ ${#packages[@]} -eq 0 ]; then
  mapfile -t packages < <(git grep -lE '^//go:build .*\bcluster\b' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')
fi
inside=() outside=()
for p in "${packages[@]}"; do
  case $p in ./test/* | test/*) outside+=("$p") ;; *) inside+=("$p") ;; esac
done
export RELIABILITY=${RELIABILITY:-commit}
failed=0 # the second half says what it has to say where the first one failed, too
if [ ${#inside[@]} -gt 0 ]; then # some packages side by side: they wait for disks and leases. What needs no engine runs with the unit tests.
  names=$(git grep --untracked -lE '^//go:build .*\bcluster\b' -- 'internal/*_test.go' | xargs grep -hoE '^func Test\w+' | cut -c6- | sort -u | paste -sd'|')
  go test -race -p 4 -tags cluster -timeout 15m -run "^($names)\$" -json "${inside[@]}" | go run ./tools/testsum -skips tools/skips.txt || failed=1
fi
# What is in test/ measures time, and runs without the race detector. Most of it waits: for leases to run out, for engines to start.
if [ ${#outside[@]} -gt 0 ]; then
  go test -p 1 -parallel 3 -tags cluster -timeout 20m -json "${outside[@]}" | go run ./tools/testsum -v -skips tools/skips.txt || failed=1
fi
exit $failed
