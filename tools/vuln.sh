#!/usr/bin/env bash
# Asks govulncheck about the code with the Go that go.mod names, which builds what is released. The database is the one that GOVULNDB
# names (https:// or file://), else the one at vuln.go.dev, else, where that cannot be reached, its copy in the module
# golang.org/x/vulndb, of whatever day the module proxy has it. With none of them this exits 75, and CI's table says so.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto} PATH=$PWD/.bin:$PATH
db=${GOVULNDB:-https://vuln.go.dev}
said="the database at $db"

if [[ $db == http* ]] && ! curl -fsS -m 15 -o /dev/null "$db/index/db.json" 2>/dev/null; then
  module=golang.org/x/vulndb
  if ! go mod download "$module@latest" 2>/dev/null || ! read -r dir day version < <(go list -m -f '{{.Dir}} {{.Time.Format "2006-01-02"}} {{.Version}}' "$module@latest"); then
    echo "neither $db nor the module $module can be reached; run 'make vuln' where one can, or with GOVULNDB=file:///path/to/a/copy"
    exit 75
  fi
  db=file://$dir/data/osv
  said="the database of $day ($module $version)"
fi
echo "govulncheck with $(go env GOVERSION) and $said"
exec govulncheck -db "$db" ./...
