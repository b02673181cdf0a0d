#!/usr/bin/env bash
# Builds one static binary per release target into dist/, with checksums, and vets the packages that 32-bit platforms can use.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto} # the Go that go.mod names, which tools/vuln.sh has looked at
# 33 MiB of it are the server with its embedded engine; the clients of Redis (its generated commands alone are 8), Kafka and MySQL are the rest.
version=${VERSION:-dev} limit=$((54 * 1024 * 1024))
targets=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}

mkdir -p dist
for target in $targets; do
  os=${target%/*} arch=${target#*/} suffix=
  [ "$os" = windows ] && suffix=.exe
  file=dist/throng-$os-$arch$suffix
  start=$SECONDS
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$file" ./cmd/throng
  size=$(stat -c %s "$file" 2>/dev/null || stat -f %z "$file")
  printf '%-32s %6.1f MiB %4d s\n' "$file" "$(awk -v s="$size" 'BEGIN {print s / 1048576}')" $((SECONDS - start))
  if [ "$size" -gt $limit ]; then
    echo "$file is larger than $((limit >> 20)) MiB"
    exit 1
  fi
done
(cd dist && sha256sum throng-* >SHA256SUMS)

# The SDK has to work on small devices; the server is 64-bit only (ids are 53 bits wide, Pebble wants address space).
echo "vet for 32 bits"
GOOS=linux GOARCH=386 CGO_ENABLED=0 go vet ./proto/... ./client/...
GOOS=linux GOARCH=arm CGO_ENABLED=0 go vet ./proto/... ./client/...
