package archive_test

import (
	"reflect"
	"testing"

	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
)

// fill sets every field of a value, however deep, to something that is not its zero, and is one of the first few where numbers
// are the words of a small set.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("a text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a key": "a value"}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("a body has a field of kind %s", v.Kind())
	}
}

// Whatever a body says comes back: a field that an archive forgets is one that an import loses, or stumbles over.
func TestArchivesForgetNothingOfABody(t *testing.T) {
	t.Parallel()
	for _, empty := range []chat.Body{
		chat.Text{},
		chat.Media{},
		chat.Custom{},
		chat.System{},
		chat.Created{},
		chat.MembersChanged{},
		chat.Changed{},
		chat.Dissolved{},
		chat.Tombstone{},
	} {
		full := reflect.New(reflect.TypeOf(empty)).Elem()
		fill(t, full)
		bodies := []any{full.Interface()}
		for i := range full.NumField() { // and each optional field alone
			if full.Field(i).Kind() == reflect.Pointer {
				one := reflect.New(full.Type()).Elem()
				one.Field(i).Set(full.Field(i))
				bodies = append(bodies, one.Interface())
			}
		}
		for _, want := range bodies {
			b, _ := want.(chat.Body)
			got, err := archive.PassBody(b)
			if err != nil || !reflect.DeepEqual(got, b) {
				t.Errorf("%T: %+v became %+v: %v", want, want, got, err)
			}
		}
	}
}
