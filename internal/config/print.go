package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Print writes the effective configuration as TOML, each value with its source, secrets as stars.
func (l *Loaded) Print(w io.Writer) error {
	p := printer{w: w, sources: l.Sources}
	p.table(reflect.ValueOf(l.Config).Elem(), "")
	return p.err
}

type printer struct {
	w       io.Writer
	sources map[string]string
	err     error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// table writes the settings of one table first and its sections after them, as TOML wants it.
func (p *printer) table(v reflect.Value, path string) {
	depth := strings.Count(path, ".")
	if path != "" {
		depth++
	}
	var sections []section
	walk(v, path, func(l leaf) {
		if strings.Count(l.path, ".") != depth {
			return
		}
		source := p.sources[l.path]
		if source == "" {
			source = "default"
		}
		p.line("%s = %s  # %s", last(l.path), l.format(), source)
	}, func(s section) {
		if strings.Count(s.path, ".") == depth {
			sections = append(sections, s)
		}
	})
	for _, s := range sections {
		if s.value.Kind() == reflect.Struct {
			p.line("\n[%s]", s.path)
			p.table(s.value, s.path)
			continue
		}
		for i := range s.value.Len() {
			p.line("\n[[%s]]  # %s", s.path, p.sources[s.path])
			p.table(s.value.Index(i), s.path)
		}
	}
}

// Markdown writes the reference page of all settings; docs are the field comments by import path, type and field.
func Markdown(w io.Writer, docs map[string]string) error {
	p := printer{w: w}
	c := Default()
	p.line("# Configuration")
	p.line("")
	p.line("Made by `throng config doc`; edit the comments of the fields, not this page.")
	p.line("")
	p.line("`throng serve` needs no configuration. What you want different goes into a TOML file (`--config FILE`), into environment")
	p.line("variables (`THRONG_SECTION_KEY`, which override the file) or into the flags `--data` and `--listen` (which override both).")
	p.line("Unknown keys are refused. Durations have units (`500ms`, `30s`, `12h`, `90d`), sizes too (`64MiB`, `1GB`), and rates")
	p.line("(`50/s`, `10/min`, `3/h`, `1/d`; a bare number is per second). A secret may be given as the path of a file that holds it:")
	p.line("`key_file` for `key`. `throng config print` shows every effective value and where it is from, `throng config check`")
	p.line("validates without starting.")
	p.page(reflect.ValueOf(c).Elem(), "", docs)
	return p.err
}

func (p *printer) page(v reflect.Value, path string, docs map[string]string) {
	depth := strings.Count(path, ".")
	if path != "" {
		depth++
	}
	var sections []section
	head := false
	walk(v, path, func(l leaf) {
		if strings.Count(l.path, ".") != depth {
			return
		}
		if !head {
			head = true
			p.line("")
			p.line("| key | is | default | meaning |")
			p.line("| --- | --- | --- | --- |")
		}
		p.line("| `%s` | %s | `%s` | %s |", last(l.path), l.kind(), l.format(), meaning(docs, l.doc))
	}, func(s section) {
		if strings.Count(s.path, ".") == depth {
			sections = append(sections, s)
		}
	})
	for _, s := range sections {
		p.line("")
		if s.value.Kind() == reflect.Struct {
			p.line("## [%s]", s.path)
			p.line("")
			p.line("%s", docs[s.doc])
			p.page(s.value, s.path, docs)
			continue
		}
		p.line("## [[%s]]", s.path)
		p.line("")
		p.line("%s", docs[s.doc])
		p.page(reflect.New(s.value.Type().Elem()).Elem(), s.path, docs)
	}
}

// meaning is a field's comment without the field's name in front.
func meaning(docs map[string]string, key string) string {
	text := docs[key]
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(text, last(key)+verb); ok && rest != "" {
			text = strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

// FieldDocs returns the comments of all fields of the tree, by import path, type and field.
func FieldDocs() map[string]string { return fieldDocs() }

// Structs returns the types of all tables of the tree.
func Structs() []reflect.Type {
	types := []reflect.Type{reflect.TypeFor[Config]()}
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		walk(v, "", func(leaf) {}, func(s section) {
			t := s.value.Type()
			if t.Kind() == reflect.Slice {
				t = t.Elem()
				visit(reflect.New(t).Elem())
			}
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		})
	}
	visit(reflect.ValueOf(Default()).Elem())
	return types
}

// Paths returns the path of every setting, in the order of the page.
func Paths() []string {
	var paths []string
	walk(reflect.ValueOf(Default()).Elem(), "", func(l leaf) { paths = append(paths, l.path) }, func(section) {})
	return paths
}
