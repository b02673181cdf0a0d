package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Options say where a configuration comes from; each source overrides the ones before it.
type Options struct {
	// File is a TOML file; empty for none.
	File string
	// Env is the environment, as os.Environ returns it.
	Env []string
	// Flags are values of command-line flags, by path.
	Flags map[string]string
}

// Loaded is an effective configuration.
type Loaded struct {
	Config *Config
	// Sources says for each path where its value is from; paths that are missing have their default.
	Sources map[string]string
	// Warnings are sentences for the operator.
	Warnings []string
}

// Load reads, overrides and validates. Its error names every mistake that it found, one a line, with what to do.
func Load(o Options) (*Loaded, error) {
	l := &Loaded{Config: Default(), Sources: make(map[string]string)}
	var problems []error
	if o.File != "" {
		problems = append(problems, l.applyFile(o.File)...)
	}
	problems = append(problems, l.applyEnv(o.Env)...)
	leaves := l.Config.leaves()
	for path, text := range o.Flags {
		if err := l.set(leaves, path, "flag --"+path, func(f leaf) error { return f.setText(text) }); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if err := l.Config.Validate(); err != nil {
		return nil, err
	}
	return l, nil
}

// leaves returns the settings by path.
func (c *Config) leaves() map[string]leaf {
	m := make(map[string]leaf)
	walk(reflect.ValueOf(c).Elem(), "", func(l leaf) { m[l.path] = l }, func(section) {})
	return m
}

// set applies a value to the leaf at path, or to a secret through path_file.
func (l *Loaded) set(leaves map[string]leaf, path, source string, apply func(leaf) error) error {
	f, ok := leaves[path]
	if !ok {
		return fmt.Errorf("%s: unknown key %s", source, path)
	}
	if err := apply(f); err != nil {
		return fmt.Errorf("%s: %s: %w", source, path, err)
	}
	l.Sources[path] = source
	return nil
}

func (l *Loaded) applyFile(name string) []error {
	data, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return []error{fmt.Errorf("reading the configuration: %w", err)}
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		var d *toml.DecodeError
		if errors.As(err, &d) {
			row, col := d.Position()
			return []error{fmt.Errorf("%s:%d:%d: %w", name, row, col, err)}
		}
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	r := fileReader{name: name, lines: keyLines(data), loaded: l}
	r.table(reflect.ValueOf(l.Config).Elem(), "", "", tree)
	return r.problems
}

// fileReader carries decoded TOML into the structs.
type fileReader struct {
	name     string
	lines    map[string]int // by path, list elements numbered: account.issuers.0.key
	loaded   *Loaded
	problems []error
}

func (r *fileReader) fail(linePath, format string, args ...any) {
	place := r.name
	if n := r.lines[linePath]; n > 0 {
		place += ":" + strconv.Itoa(n)
	}
	r.problems = append(r.problems, fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...)))
}

// table applies one TOML table to the struct v. Path names the table, linePath numbers list elements too.
func (r *fileReader) table(v reflect.Value, path, linePath string, table map[string]any) {
	leaves, sections := make(map[string]leaf), make(map[string]section)
	var known []string
	depth := strings.Count(path, ".")
	if path != "" {
		depth++
	}
	walk(v, path, func(l leaf) {
		if strings.Count(l.path, ".") == depth {
			leaves[l.path] = l
			known = append(known, last(l.path))
		}
	}, func(s section) {
		if strings.Count(s.path, ".") == depth {
			sections[s.path] = s
			known = append(known, last(s.path))
		}
	})
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, key := range keys {
		full, line := join(path, key), join(linePath, key)
		if s, ok := sections[full]; ok {
			r.section(s, line, table[key])
			continue
		}
		f, file := leaves[full], false
		if bare, cut := strings.CutSuffix(full, "_file"); !f.value.IsValid() && cut && leaves[bare].secret {
			f, file = leaves[bare], true
		}
		if !f.value.IsValid() {
			r.unknown(full, line, key, known)
			continue
		}
		if err := setFile(f, file, table[key]); err != nil {
			r.fail(line, "%s: %w", full, err)
			continue
		}
		r.loaded.Sources[f.path] = r.name + ":" + strconv.Itoa(r.lines[line])
	}
}

func setFile(f leaf, file bool, value any) error {
	if !file {
		return f.setTOML(value)
	}
	name, ok := value.(string)
	if !ok {
		return errors.New("the path of a file is expected")
	}
	text, err := readSecret(name)
	if err != nil {
		return err
	}
	return f.setText(text)
}

func (r *fileReader) unknown(full, line, key string, known []string) {
	if near := Nearest(key, known); near != "" {
		r.fail(line, "unknown key %s; did you mean %s?", full, near)
		return
	}
	slices.Sort(known)
	r.fail(line, "unknown key %s; known here are %s", full, strings.Join(known, ", "))
}

func (r *fileReader) section(s section, line string, value any) {
	if s.value.Kind() == reflect.Struct {
		table, ok := value.(map[string]any)
		if !ok {
			r.fail(line, "%s is a section: write [%s] and its keys below", s.path, s.path)
			return
		}
		r.table(s.value, s.path, line, table)
		return
	}
	list, ok := value.([]any)
	if !ok {
		r.fail(line, "%s is a list of tables: write [[%s]] for each", s.path, s.path)
		return
	}
	items := reflect.MakeSlice(s.value.Type(), len(list), len(list))
	for i, item := range list {
		table, isTable := item.(map[string]any)
		if !isTable {
			r.fail(line, "%s is a list of tables: write [[%s]] for each", s.path, s.path)
			return
		}
		r.table(items.Index(i), s.path, join(line, strconv.Itoa(i)), table)
	}
	s.value.Set(items)
	r.loaded.Sources[s.path] = r.name + ":" + strconv.Itoa(r.lines[line])
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// applyEnv applies variables that begin with THRONG_. Unknown ones are warned about, not refused: orchestrators put
// variables named after a service into its environment.
func (l *Loaded) applyEnv(env []string) []error {
	leaves := l.Config.leaves()
	byEnv := make(map[string]string, len(leaves))
	names := make([]string, 0, len(leaves))
	for path, f := range leaves {
		byEnv[f.env()] = path
		names = append(names, f.env())
	}
	var problems []error
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "THRONG_") || name == "THRONG_CONFIG" {
			continue
		}
		path, ok := byEnv[name]
		apply := func(f leaf) error { return f.setText(text) }
		if bare, cut := strings.CutSuffix(name, "_FILE"); !ok && cut && leaves[byEnv[bare]].secret {
			path, ok = byEnv[bare], true
			apply = func(f leaf) error { return setFile(f, true, text) }
		}
		if !ok {
			l.Warnings = append(l.Warnings, unknownVariable(name, names))
			continue
		}
		if err := l.set(leaves, path, "environment "+name, apply); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func unknownVariable(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("the environment variable %s is no setting; did you mean %s?", name, near)
	}
	return fmt.Sprintf("the environment variable %s is no setting and is ignored", name)
}
