package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ending is a close code with a reason word, as the source or the page has it.
type ending struct{ code, reason string }

// endings finds where sessions are ended with a code and a word that stand in the source: calls of End, and values of Ending.
func endings(t *testing.T) (out []ending) {
	t.Helper()
	words := reasonsByName(t)
	for _, dir := range []string{"../session", "../gateway"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if e, ok := endingOf(n, words); ok {
					out = append(out, e)
				}
				return true
			})
		}
	}
	return out
}

func endingOf(n ast.Node, words map[string]string) (e ending, ok bool) {
	var args []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, is := n.Fun.(*ast.SelectorExpr); is && (f.Sel.Name == "End" || f.Sel.Name == "closing") {
			args = n.Args
		}
	case *ast.CompositeLit:
		if isName(n.Type, "Ending") {
			args = n.Elts
		}
	}
	if len(args) < 2 {
		return e, false
	}
	code, is := plain(args[0]).(*ast.SelectorExpr)
	if !is || !strings.HasPrefix(code.Sel.Name, "CloseCode_CLOSE_CODE_") {
		return e, false
	}
	e.code = strings.TrimPrefix(code.Sel.Name, "CloseCode_CLOSE_CODE_")
	e.reason, ok = wordOf(plain(args[1]), words)
	return e, ok
}

// plain is an element without its key.
func plain(x ast.Expr) ast.Expr {
	if kv, ok := x.(*ast.KeyValueExpr); ok {
		return kv.Value
	}
	return x
}

func isName(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// wordOf is the word of a literal, or of string(chat.ReasonX).
func wordOf(x ast.Expr, words map[string]string) (word string, ok bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		word, err := strconv.Unquote(x.Value)
		return word, err == nil
	case *ast.CallExpr:
		if len(x.Args) == 1 {
			if s, is := x.Args[0].(*ast.SelectorExpr); is {
				word, ok = words[s.Sel.Name]
			}
		}
	}
	return word, ok
}

// reasonsByName are the words of chat's Reason constants.
func reasonsByName(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../chat/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if word, ok := wordOf(spec.Values[0], nil); ok {
				out[spec.Names[0].Name] = word
			}
		}
		return true
	})
	return out
}

// closing are the close codes of the reasons on the page of errors.
func closing(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range tableRows(t, "errors.md") {
		for _, m := range wordInTicks.FindAllStringSubmatch(row[1], -1) {
			out[m[1]] = row[4][:4]
		}
		for _, m := range override.FindAllStringSubmatch(row[4], -1) {
			out[m[1]] = m[2]
		}
	}
	return out
}

// CLOSE-6: docs/spec/close.md has each word that the source ends a session with, and no others than these and reasons of errors that
// close with the same code.
func TestCloseReasonsOnThePage(t *testing.T) {
	t.Parallel()
	found := endings(t)
	if len(found) < 15 {
		t.Fatalf("only %d endings are found in the source: %v", len(found), found)
	}
	errors := closing(t)
	var page []ending
	for _, row := range tableRows(t, "close.md") {
		words := wordInTicks.FindAllStringSubmatch(row[2], -1)
		if len(words) == 0 {
			t.Errorf("%s has no reason", row[1])
		}
		for _, m := range words {
			e := ending{row[1], m[1]}
			page = append(page, e)
			if !slices.Contains(found, e) && errors[m[1]] != row[0] {
				t.Errorf("nothing ends a session with %s %s", row[1], m[1])
			}
		}
		if _, known := throngv1.CloseCode_value["CLOSE_CODE_"+row[1]]; !known {
			t.Errorf("%s is no close code", row[1])
		}
	}
	for _, e := range found {
		if !slices.Contains(page, e) {
			t.Errorf("docs/spec/close.md does not name %s among the reasons of %s", e.reason, e.code)
		}
	}
}
