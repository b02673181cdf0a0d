package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

// The served document is the committed one: a change of the API shows in review.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	const path = "../../docs/openapi.json"
	got, err := api.OpenAPI()
	assert.NoError(t, "making the document", err)
	if *rewrite {
		assert.NoError(t, "writing", os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	assert.NoError(t, "reading", err)
	if string(got) != string(want) {
		t.Fatal("docs/openapi.json is behind the schema; go test ./internal/api -run TestOpenAPI -rewrite")
	}
}

// Every procedure is there, every reference leads somewhere, no schema is empty.
func TestOpenAPIIsWhole(t *testing.T) {
	t.Parallel()
	doc, err := api.OpenAPI()
	assert.NoError(t, "making the document", err)
	var root map[string]any
	assert.NoError(t, "reading it", json.Unmarshal(doc, &root))
	assert.Equal(t, "version", root["openapi"], any("3.1.0"))
	paths, _ := root["paths"].(map[string]any)
	for _, p := range procedures() {
		assert.True(t, "there is "+p, paths["/throng.v1."+p] != nil)
	}
	components, _ := root["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	var visit func(at string, v any)
	visit = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				assert.True(t, at+" refers to "+ref, schemas[strings.TrimPrefix(ref, "#/components/schemas/")] != nil)
			}
			for k, child := range v {
				if m, ok := child.(map[string]any); ok && len(m) == 0 {
					t.Errorf("%s/%s is empty", at, k)
				}
				visit(at+"/"+k, child)
			}
		case []any:
			for _, child := range v {
				visit(at, child)
			}
		}
	}
	visit("", root)
}
