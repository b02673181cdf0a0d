package arch_test

import (
	"go/ast"
	"testing"
)

const (
	fileLines        = 600 // aim for 250
	testLines        = 800
	interfaceMethods = 8
)

// long are files that may be longer, with the reason.
var long = map[string]string{}

// wide are interfaces that may have more methods, by file and name, with the reason.
var wide = map[string]string{}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		limit := fileLines
		if s.test {
			limit = testLines
		}
		if s.lines > limit && long[s.name] == "" {
			t.Errorf("%s has %d lines, %d are the limit: is there a noun that wants a file of its own?", s.name, s.lines, limit)
		}
	}
}

func TestInterfacesAreNarrow(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			face, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, field := range face.Methods.List {
				methods += max(1, len(field.Names))
			}
			if methods > interfaceMethods && wide[s.name+" "+spec.Name.Name] == "" {
				t.Errorf("%s: interface %s has %d methods, %d are the limit", s.name, spec.Name.Name, methods, interfaceMethods)
			}
			return true
		})
	}
}

// TestPackagesSayWhatTheyAreFor: every package has a doc.go that begins with its comment.
func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	documented, code := map[string]bool{}, map[string]string{}
	for _, s := range sources(t) {
		if s.test || under(s.dir, "examples") {
			continue
		}
		code[s.dir] = s.name
		if s.dir+"/doc.go" == s.name && s.file.Doc != nil {
			documented[s.dir] = true
		}
	}
	for dir := range code {
		if !documented[dir] && !under(dir, "proto") {
			t.Errorf("%s has no doc.go with a package comment", dir)
		}
	}
}
