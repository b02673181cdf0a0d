package vectors_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the vectors anew")

// vector is one file. Frame says which message of the schema it is.
type vector struct {
	Name  string          `json:"name"`
	Frame string          `json:"frame"`
	Proto string          `json:"proto"` // hex
	JSON  json.RawMessage `json:"json"`
}

func newFrame(t *testing.T, name string) proto.Message {
	t.Helper()
	switch name {
	case "ClientFrame":
		return new(throngv1.ClientFrame)
	case "ServerFrame":
		return new(throngv1.ServerFrame)
	default:
		t.Fatalf("no such frame: %q", name)
		return nil
	}
}

func encode(t *testing.T, name string, m proto.Message) vector {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	j, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, j); err != nil {
		t.Fatal(err)
	}
	return vector{Name: name, Frame: string(m.ProtoReflect().Descriptor().Name()), Proto: hex.EncodeToString(b), JSON: compact.Bytes()}
}

func path(name string) string { return strings.ReplaceAll(name, " ", "-") + ".json" }

func TestVectors(t *testing.T) {
	t.Parallel()
	frames := frames()
	for name, m := range frames {
		v := encode(t, name, m)
		if *rewrite {
			b, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path(name), append(b, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatalf("%v; write it: go test ./proto/vectors -rewrite", err)
		}
		var file vector
		if err := json.Unmarshal(b, &file); err != nil {
			t.Fatalf("%s: %v", path(name), err)
		}
		if file.Name != v.Name || file.Frame != v.Frame || file.Proto != v.Proto {
			t.Errorf("%s: the schema now writes\n%s\nthe vector says\n%s", name, v.Proto, file.Proto)
		}
		checkReads(t, file, m)
	}
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(frames) {
		t.Errorf("%d files, %d frames: a vector without its frame", len(files), len(frames))
	}
}

// checkReads reads a vector in both encodings.
func checkReads(t *testing.T, file vector, want proto.Message) {
	t.Helper()
	raw, err := hex.DecodeString(file.Proto)
	if err != nil {
		t.Fatal(err)
	}
	fromProto, fromJSON := newFrame(t, file.Frame), newFrame(t, file.Frame)
	if err := proto.Unmarshal(raw, fromProto); err != nil {
		t.Fatalf("%s: %v", file.Name, err)
	}
	if err := protojson.Unmarshal(file.JSON, fromJSON); err != nil {
		t.Fatalf("%s: %v", file.Name, err)
	}
	if !proto.Equal(fromProto, want) || !proto.Equal(fromJSON, want) {
		t.Errorf("%s: protobuf says %v\nJSON says %v\nwant %v", file.Name, fromProto, fromJSON, want)
	}
}

// Each kind of envelope, answer and body has a vector.
func TestVectorsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[protoreflect.FullName]bool{}
	var visit func(protoreflect.Message)
	visit = func(m protoreflect.Message) {
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			seen[fd.FullName()] = true
			switch {
			case fd.IsMap() || fd.Message() == nil:
			case fd.IsList():
				for i := range v.List().Len() {
					visit(v.List().Get(i).Message())
				}
			default:
				visit(v.Message())
			}
			return true
		})
	}
	for _, m := range frames() {
		visit(m.ProtoReflect())
	}
	for _, m := range []proto.Message{
		new(throngv1.ClientEnvelope), new(throngv1.ServerEnvelope), new(throngv1.Response), new(throngv1.SendRequest), new(throngv1.Entry),
		new(throngv1.ListEntriesRequest), new(throngv1.SyncRequest), new(throngv1.SyncResponse), new(throngv1.Conversation),
		new(throngv1.Error), new(throngv1.Head), new(throngv1.Media), new(throngv1.ConversationSettings), new(throngv1.Limits),
		new(throngv1.Entries), new(throngv1.Profile), new(throngv1.Hint), new(throngv1.Batching), new(throngv1.Degraded),
		new(throngv1.FocusRequest), new(throngv1.FocusResponse),
	} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if name := fields.Get(i).FullName(); !seen[name] {
				t.Errorf("no vector has %s", name)
			}
		}
	}
}
