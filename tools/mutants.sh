#!/usr/bin/env bash
# A mutant is the server broken on purpose by a build tag mutant_NAME. For each one, the test that guards the rule is run on the
# broken build and must fail; where it passes, the test is worth nothing. Before that the same tests must pass on the sound build,
# which the steps before this one in CI have shown.
# tools/mutants.txt has one mutant a line: NAME, package, pattern of the tests that must notice, and build tags that they need, if any.
# Without arguments every mutant runs, else the names given.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t rows < <(grep -vE '^[[:space:]]*(#|$)' tools/mutants.txt || true)
declared=$(printf '%s\n' "${rows[@]}" | awk 'NF {print $1}' | sort -u)
built=$(git ls-files '*.go' | xargs grep -hoE '^//go:build .*' 2>/dev/null | grep -oE 'mutant_[a-z0-9_]+' | sort -u || true)
if ! diff <(echo "$declared") <(echo "${built//mutant_/}") >/tmp/mutants.$$; then
  echo "mutants in the code and in tools/mutants.txt differ (< table, > code):"
  cat /tmp/mutants.$$
  rm -f /tmp/mutants.$$
  exit 1
fi
rm -f /tmp/mutants.$$

bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
total=${#rows[@]} caught=0 survived=0 ran=0
for i in "${!rows[@]}"; do
  read -r name package pattern tags <<<"${rows[$i]}"
  case " $* " in
    "  ") ;;
    *" $name "*) ;;
    *) continue ;;
  esac
  ran=$((ran + 1)) start=$SECONDS log=$(mktemp)
  # Built once and run with a bound: a mutant that makes its tests hang is caught, too.
  if ! go test -tags "mutant_$name,$tags" -c -o "$bin" "$package" >"$log" 2>&1; then
    echo "BROKEN    $name does not build"
    tail -n 5 "$log"
    survived=$((survived + 1))
  elif (cd "$package" && "$bin" -test.failfast -test.timeout 2m -test.run "$pattern") >"$log" 2>&1; then
    echo "SURVIVED  $name: $package $pattern passed ($((SECONDS - start)) s)"
    survived=$((survived + 1))
  else
    echo "caught    $name by $(grep -oE -- '--- FAIL: [^ ]+' "$log" | head -n 1 | cut -c 11- || echo "$package") ($((SECONDS - start)) s)"
    caught=$((caught + 1))
  fi
  rm -f "$log"
done
echo "$ran of $total mutants tried, $caught caught, $survived survived"
[ "$ran" -gt 0 ] && [ "$survived" -eq 0 ]
