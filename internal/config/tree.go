package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// leaf is one setting of the tree.
type leaf struct {
	path   string // keys joined by dots
	value  reflect.Value
	secret bool
	doc    string // key into fieldDocs: import path, type and field
	bytes  bool   // the name says that it counts bytes
	rate   bool   // the name says that it is how often something may happen
}

// section is a nested struct or a list of them.
type section struct {
	path  string
	value reflect.Value // a struct, or a slice of structs
	doc   string
}

// walk calls onLeaf for every setting and onSection for every section below v, in the order of the fields. Lists of
// structs are sections; their elements are not entered.
func walk(v reflect.Value, prefix string, onLeaf func(leaf), onSection func(section)) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, secret := fieldName(f)
		if name == "" {
			continue
		}
		path, doc := name, t.PkgPath()+"."+t.Name()+"."+f.Name
		if prefix != "" {
			path = prefix + "." + name
		}
		switch {
		case isTableList(f.Type):
			onSection(section{path: path, value: v.Field(i), doc: doc})
		case f.Type.Kind() == reflect.Struct:
			onSection(section{path: path, value: v.Field(i), doc: doc})
			walk(v.Field(i), path, onLeaf, onSection)
		default:
			l := leaf{path: path, value: v.Field(i), secret: secret, doc: doc}
			l.bytes = strings.HasSuffix(f.Name, "Bytes") && isNumber(f.Type.Kind())
			l.rate = f.Name == "Rate" && f.Type.Kind() == reflect.Float64
			onLeaf(l)
		}
	}
}

func isTableList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// fieldName is the key of a field; empty for what is not configuration. A tag `config:"name,secret"` overrides.
func fieldName(f reflect.StructField) (name string, secret bool) {
	tag, option, _ := strings.Cut(f.Tag.Get("config"), ",")
	if !f.IsExported() || tag == "-" {
		return "", false
	}
	switch f.Type.Kind() {
	case reflect.Func, reflect.Interface, reflect.Chan, reflect.Pointer, reflect.Map:
		return "", false
	default:
	}
	if tag == "" {
		tag = snake(f.Name)
	}
	return tag, option == "secret"
}

// snake turns a field name into a key: MaxFrameBytes is max_frame_bytes, JWKSURL is jwks_url.
func snake(name string) string {
	name = strings.NewReplacer("JWKSURL", "JwksUrl", "URLs", "Urls", "IDs", "Ids").Replace(name)
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 {
			next := i+1 < len(r) && unicode.IsLower(r[i+1])
			if !unicode.IsUpper(r[i-1]) || next {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func (l leaf) isDuration() bool { return l.value.Type() == reflect.TypeFor[time.Duration]() }

func (l leaf) isSize() bool { return l.bytes || l.value.Type() == reflect.TypeFor[Size]() }

// env is the environment variable of the leaf.
func (l leaf) env() string { return envName(l.path) }

func envName(path string) string {
	return "THRONG_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// kind says for people what a value of the leaf looks like.
func (l leaf) kind() string {
	switch k := l.value.Kind(); {
	case l.isDuration():
		return "a duration"
	case l.isSize():
		return "a size"
	case l.rate:
		return "a rate"
	case l.secret && l.value.Kind() == reflect.Slice:
		return "a list of secrets"
	case l.secret:
		return "a secret"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Slice:
		return "a list of texts"
	case isNumber(k):
		return "a number"
	default:
		return "a text"
	}
}

// format writes the value as TOML.
func (l leaf) format() string {
	v := l.value
	switch {
	case l.secret && v.Kind() == reflect.String:
		return strconv.Quote(masked(v.String()))
	case l.isDuration():
		return strconv.Quote(formatDuration(time.Duration(v.Int())))
	case l.isSize():
		if v.CanUint() {
			return strconv.Quote(Size(v.Uint()).String())
		}
		return strconv.Quote(Size(v.Int()).String())
	case l.rate:
		return strconv.Quote(formatRate(v.Float()))
	}
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		items := make([]string, 0, v.Len())
		for i := range v.Len() {
			text := v.Index(i).String()
			if l.secret {
				text = masked(text)
			}
			items = append(items, strconv.Quote(text))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(v.Interface())
	}
}

// Nearest is the known name that is closest to a wrong one; empty where none is close.
func Nearest(name string, known []string) string {
	best, distance := "", len(name)/3+2
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
