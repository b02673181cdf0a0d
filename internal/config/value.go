package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. It is written with a unit: 64MiB, 1GB, 512KiB; a bare number is bytes.
type Size int64

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	for _, u := range []struct {
		name string
		n    Size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s%u.n == 0 {
			return strconv.FormatInt(int64(s/u.n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// ParseSize reads a size with a unit.
func ParseSize(text string) (Size, error) {
	t := strings.TrimSpace(text)
	i := strings.IndexFunc(t, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	number, unit := t, ""
	if i >= 0 {
		number, unit = t[:i], strings.TrimSpace(t[i:])
	}
	factor, ok := map[string]float64{
		"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
		"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	}[strings.ToLower(unit)]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || n*factor > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is not a size; write a number and a unit, such as 64MiB or 2GiB", text)
	}
	return Size(n * factor), nil
}

// ParseDuration reads a duration with units; on top of Go's it knows d for days of 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	t := strings.TrimSpace(text)
	if t == "0" {
		return 0, nil
	}
	var days time.Duration
	if d, rest, ok := strings.Cut(t, "d"); ok {
		n, err := strconv.ParseUint(d, 10, 16)
		if err != nil {
			return 0, durationError(text)
		}
		days = time.Duration(n) * 24 * time.Hour
		if rest == "" {
			return days, nil
		}
		t = rest
	}
	d, err := time.ParseDuration(t)
	if err != nil {
		return 0, durationError(text)
	}
	return days + d, nil
}

func durationError(text string) error {
	return fmt.Errorf("%q is not a duration; write a number and a unit, such as 500ms, 30s, 12h or 90d", text)
}

// rateUnit is what a rate may be counted in.
type rateUnit struct {
	name    string
	seconds float64
}

// rateUnits are the units of rates, the shortest first.
func rateUnits() []rateUnit {
	return []rateUnit{{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}}
}

// ParseRate reads how often something may happen, 50/s or 10/min, as a number per second; a bare number is one.
func ParseRate(text string) (float64, error) {
	number, unit, has := strings.Cut(strings.TrimSpace(text), "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err == nil && !has {
		return n, nil
	}
	for _, u := range rateUnits() {
		if err == nil && u.name == strings.TrimSpace(unit) {
			return n / u.seconds, nil
		}
	}
	return 0, fmt.Errorf("%q is not a rate; write a number and s, min, h or d, such as 50/s or 10/min", text)
}

// formatRate writes a rate in the shortest unit that gives a whole number.
func formatRate(perSecond float64) string {
	if perSecond == 0 {
		return "0"
	}
	for _, u := range rateUnits() {
		if n := math.Round(perSecond * u.seconds); n >= 1 && n/u.seconds == perSecond {
			return strconv.FormatFloat(n, 'f', -1, 64) + "/" + u.name
		}
	}
	return strconv.FormatFloat(perSecond, 'g', -1, 64) + "/s"
}

// formatDuration writes a duration without trailing zero units: 12h, not 12h0m0s.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	if d == 0 {
		return "0"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// setText gives a leaf a value from the environment, a flag or a quoted TOML value.
func (l leaf) setText(text string) error {
	v := l.value
	switch {
	case l.isDuration():
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
		return nil
	case l.isSize():
		n, err := ParseSize(text)
		if err != nil {
			return err
		}
		return setInt(v, int64(n))
	case l.rate:
		n, err := ParseRate(text)
		if err != nil {
			return err
		}
		v.SetFloat(n)
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
		return nil
	case reflect.Slice:
		return l.setList(text)
	case reflect.Float64, reflect.Float32:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
		return nil
	default:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		return setInt(v, n)
	}
}

// setList reads a list of strings, with commas or line ends between them.
func (l leaf) setList(text string) error {
	if l.value.Type().Elem().Kind() != reflect.String {
		return errors.New("a list of tables can only stand in the file")
	}
	items := reflect.MakeSlice(l.value.Type(), 0, 4)
	for item := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			items = reflect.Append(items, reflect.ValueOf(item).Convert(l.value.Type().Elem()))
		}
	}
	l.value.Set(items)
	return nil
}

// setTOML gives a leaf a decoded TOML value.
func (l leaf) setTOML(value any) error {
	v := l.value
	switch x := value.(type) {
	case string:
		if k := v.Kind(); k == reflect.Bool || k == reflect.Slice || (isNumber(k) && !l.isDuration() && !l.isSize() && !l.rate) {
			return fmt.Errorf("%s is expected, not a text", l.kind())
		}
		return l.setText(x)
	case bool:
		if v.Kind() != reflect.Bool {
			return fmt.Errorf("%s is expected, not %t", l.kind(), x)
		}
		v.SetBool(x)
	case int64:
		switch {
		case l.isDuration() && x != 0:
			return fmt.Errorf("a duration needs a unit: write \"%ds\" or another unit", x)
		case v.Kind() == reflect.Float64:
			v.SetFloat(float64(x))
		case !isNumber(v.Kind()):
			return fmt.Errorf("%s is expected, not %d", l.kind(), x)
		default:
			return setInt(v, x)
		}
	case float64:
		if v.Kind() != reflect.Float64 {
			return fmt.Errorf("%s is expected, not %v", l.kind(), x)
		}
		v.SetFloat(x)
	case []any:
		return l.setTOMLList(x)
	default:
		return fmt.Errorf("%s is expected", l.kind())
	}
	return nil
}

func (l leaf) setTOMLList(list []any) error {
	if l.value.Kind() != reflect.Slice {
		return fmt.Errorf("%s is expected, not a list", l.kind())
	}
	elem := l.value.Type().Elem()
	items := reflect.MakeSlice(l.value.Type(), 0, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok || elem.Kind() != reflect.String {
			return fmt.Errorf("item %d of the list is not a text", i+1)
		}
		items = reflect.Append(items, reflect.ValueOf(text).Convert(elem))
	}
	l.value.Set(items)
	return nil
}

func isNumber(k reflect.Kind) bool {
	return (k >= reflect.Int && k <= reflect.Uint64) || k == reflect.Float64 || k == reflect.Float32
}

func setInt(v reflect.Value, n int64) error {
	if v.CanUint() {
		if n < 0 || v.OverflowUint(uint64(n)) {
			return fmt.Errorf("%d is out of range", n)
		}
		v.SetUint(uint64(n))
		return nil
	}
	if v.OverflowInt(n) {
		return fmt.Errorf("%d is out of range", n)
	}
	v.SetInt(n)
	return nil
}
