#!/usr/bin/env bash
# Builds one static binary per release target into dist/, with checksums, and vets the packages that 32-bit platforms can use.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto} # the Go that go.mod names, which tools/vuln.sh has looked at
export version=${VERSION:-dev} limit=40 # MiB
targets=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}

# build TARGET: the binary of one target, and what can be wrong with it.
build() {
  set -euo pipefail
  local target=$1 suffix= start=$SECONDS
  local os=${target%/*} arch=${target#*/}
  [ "$os" = windows ] && suffix=.exe
  local file=dist/throng-$os-$arch$suffix links=$dumps/$os-$arch
  rm -f "$file" # a binary that is there is not linked anew, and then nothing is said of what it has
  if ! CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$version -dumpdep" -o "$file" ./cmd/throng 2>"$links"; then
    grep -v -e ' -> ' "$links" || true
    return 1
  fi
  local size
  size=$(stat -c %s "$file" 2>/dev/null || stat -f %z "$file")
  printf '%-32s %6.1f MiB %4d s\n' "$file" "$(awk -v s="$size" 'BEGIN {print s / 1048576}')" $((SECONDS - start))
  if ! grep -q '^main\.main -> ' "$links"; then
    echo "$target: the linker (-dumpdep) does not say what the binary has; look whether its output has another form"
    return 1
  fi
  # The linker leaves out methods that nobody calls, unless a function that is linked calls one by a name that it cannot know
  # (text/template, and some libraries for command lines). Then all methods stay: 17 MiB, most of it Redis' generated commands.
  if grep -F '<ReflectMethod>' "$links" | sed 's/ <ReflectMethod> ->.*//; s/.* -> //; s/ <ReflectMethod>$//' | sort -u >"$links.callers" &&
    [ -s "$links.callers" ]; then
    echo "$target: methods are called by a name that the linker cannot know, so that the binary keeps all methods, 17 MiB more. It is done by:"
    sed 's/^/  /' "$links.callers"
    echo "Do without what calls these. Who that is: go build -ldflags=-dumpdep -o /dev/null ./cmd/throng 2>&1 | grep -F 'FUNCTION'"
    return 1
  fi
  if [ "$size" -gt $((limit << 20)) ]; then
    echo "$file is larger than $limit MiB"
    return 1
  fi
}

# The SDK has to work on small devices; the server is 64-bit only (ids are 53 bits wide, Pebble wants address space).
vet() {
  local start=$SECONDS
  GOOS=linux GOARCH=$1 CGO_ENABLED=0 go vet ./proto/... ./client/... || return 1
  printf '%-32s %10s %4d s\n' "vet for 32 bits, $1" "" $((SECONDS - start))
}

dumps=$(mktemp -d)
trap 'rm -rf "$dumps"' EXIT
export dumps
export -f build vet
mkdir -p dist
# Side by side: a link keeps one processor busy, and now and then none.
{ printf 'build %s\n' $targets; printf 'vet %s\n' 386 arm; } | xargs -P "${JOBS:-2}" -L 1 bash -c '"$@"' _
(cd dist && sha256sum throng-* >SHA256SUMS)
