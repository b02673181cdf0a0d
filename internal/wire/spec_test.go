package wire_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// tableRows returns the cells of the last table of a page, header and rule apart.
func tableRows(t *testing.T, page string) [][]string {
	t.Helper()
	b, err := os.ReadFile("../../docs/spec/" + page)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(b)) {
		switch {
		case !strings.HasPrefix(line, "|"):
		case strings.HasPrefix(line, "| ---"):
			rows = nil // what came before was the header
		default:
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// reasons reads the Reason constants of chat from its source.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../chat/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return true
	})
	return out
}

var (
	wordInTicks = regexp.MustCompile("`([a-z0-9_]+)`")
	override    = regexp.MustCompile("`([a-z0-9_]+)` ([0-9]{4})")
)

// ERR-1, ERR-7, ERR-8: docs/spec/errors.md says what the mapping does, and names every reason once.
func TestErrorsPage(t *testing.T) {
	t.Parallel()
	rows := tableRows(t, "errors.md")
	if len(rows) != int(chat.CodeInternal) {
		t.Fatalf("%d rows, %d codes", len(rows), chat.CodeInternal)
	}
	var listed []string
	for i, row := range rows {
		code := chat.Code(i + 1)
		name := strings.ToLower(strings.TrimPrefix(wire.CodeToProto(code).String(), "CODE_"))
		want := []string{name, row[1], strconv.Itoa(wire.HTTPStatus(code)), wire.CodeToConnect(code).String()}
		if !slices.Equal(row[:4], want) {
			t.Errorf("row %v, want %v", row[:4], want)
		}
		closes := map[string]string{}
		for _, m := range override.FindAllStringSubmatch(row[4], -1) {
			closes[m[1]] = m[2]
		}
		for _, m := range wordInTicks.FindAllStringSubmatch(row[1], -1) {
			listed = append(listed, m[1])
			say, ok := closes[m[1]]
			if !ok {
				say = row[4][:4]
			}
			if got := strconv.Itoa(int(wire.CloseCode(chat.Errorf(code, chat.Reason(m[1]), "x")))); got != say {
				t.Errorf("%s closes with %s, the page says %s", m[1], got, say)
			}
		}
	}
	declared := reasons(t)
	for _, r := range declared {
		if n := count(listed, r); n != 1 {
			t.Errorf("docs/spec/errors.md names %s %d times, want once", r, n)
		}
	}
	for _, r := range listed {
		if !slices.Contains(declared, r) {
			t.Errorf("docs/spec/errors.md names %s, which chat does not know", r)
		}
	}
}

func count(list []string, s string) int {
	n := 0
	for _, v := range list {
		if v == s {
			n++
		}
	}
	return n
}

// CLOSE-1: docs/spec/close.md lists the close codes of the schema, no more and no fewer.
func TestClosePage(t *testing.T) {
	t.Parallel()
	var page, schema []string
	for _, row := range tableRows(t, "close.md") {
		page = append(page, row[0]+" "+row[1])
	}
	for _, n := range sortedKeys(throngv1.CloseCode_name)[1:] {
		schema = append(schema, fmt.Sprintf("%d %s", n, strings.TrimPrefix(throngv1.CloseCode_name[n], "CLOSE_CODE_")))
	}
	if !slices.Equal(page, schema) {
		t.Errorf("page %v\nschema %v", page, schema)
	}
}
