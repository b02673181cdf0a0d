package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// object is a JSON object; encoding/json writes its keys in order, so equal documents are equal bytes.
type object = map[string]any

// OpenAPI describes the HTTP API as OpenAPI 3.1, from the schema's descriptors and the table of access. Connect's JSON is
// plain: one POST per procedure, the request as the body.
func OpenAPI() ([]byte, error) {
	b := &openAPI{schemas: object{}}
	paths := object{}
	table := accessOf()
	methods(func(procedure string, m protoreflect.MethodDescriptor) {
		paths[procedure] = object{"post": b.operation(procedure, m, table[procedure])}
	})
	b.message(new(throngv1.Error).ProtoReflect().Descriptor())
	b.schemas["ConnectError"] = connectErrorSchema()
	doc, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Throng",
			"version":     "v1",
			"description": "A chat server for crowds. 64-bit numbers are strings, bytes are base64. Sessions with live deliveries are at /v1/session (WebSocket).",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"paths": paths,
		"components": object{
			"schemas": b.schemas,
			"securitySchemes": object{
				"bearer": object{"type": "http", "scheme": "bearer", "description": "An access token, a company's token or a server key."},
			},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return append(doc, '\n'), nil
}

type openAPI struct{ schemas object }

func (b *openAPI) operation(procedure string, m protoreflect.MethodDescriptor, need access) object {
	parts := strings.Split(strings.TrimPrefix(procedure, "/"), "/")
	service := strings.TrimPrefix(parts[0], "throng.v1.")
	content := "application/json"
	if m.IsStreamingServer() {
		content = "application/connect+json"
	}
	op := object{
		"operationId": service + "_" + parts[1],
		"tags":        []string{service},
		"summary":     summary(need),
		"requestBody": object{"required": true, "content": object{content: object{"schema": b.ref(m.Input())}}},
		"responses": object{
			"200":     object{"description": "The answer.", "content": object{content: object{"schema": b.ref(m.Output())}}},
			"default": object{"description": "A refusal.", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/ConnectError"}}}},
		},
	}
	switch need {
	case accessPublic:
	case accessKnown:
		op["security"] = []object{{}, {"bearer": []string{}}}
	case accessUser, accessMember, accessAdmin:
		op["security"] = []object{{"bearer": []string{}}}
		op["parameters"] = []object{{
			"name": headerUser, "in": "header", "required": false, "schema": object{"type": "string", "pattern": "^[1-9][0-9]*$"},
			"description": "For back ends with a server key: the user that they act for.",
		}}
	}
	return op
}

func summary(need access) string {
	switch need {
	case accessPublic:
		return "Anyone."
	case accessKnown:
		return "Anyone; with a token the answer may depend on the user."
	case accessUser:
		return "Users, and back ends that act for one."
	case accessMember:
		return "Users, and back ends, also in their own name."
	case accessAdmin:
		return "Administrators and back ends."
	}
	return ""
}

func (b *openAPI) ref(m protoreflect.MessageDescriptor) object {
	b.message(m)
	return object{"$ref": "#/components/schemas/" + schemaName(m)}
}

func schemaName(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), "throng.v1.")
}

// message adds the schema of a message and of all that it refers to.
func (b *openAPI) message(m protoreflect.MessageDescriptor) {
	name := schemaName(m)
	if _, ok := b.schemas[name]; ok {
		return
	}
	s := object{"type": "object", "additionalProperties": false}
	b.schemas[name] = s // before the fields: a message may refer to itself
	properties := object{}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		properties[f.JSONName()] = b.field(f)
	}
	if len(properties) > 0 {
		s["properties"] = properties
	}
	for i := range m.Oneofs().Len() {
		if o := m.Oneofs().Get(i); !o.IsSynthetic() {
			names := make([]string, o.Fields().Len())
			for j := range names {
				names[j] = o.Fields().Get(j).JSONName()
			}
			s["description"] = "At most one of " + strings.Join(names, ", ") + "."
		}
	}
}

func (b *openAPI) field(f protoreflect.FieldDescriptor) object {
	switch {
	case f.IsMap():
		return object{"type": "object", "additionalProperties": b.single(f.MapValue())}
	case f.IsList():
		return object{"type": "array", "items": b.single(f)}
	default:
		return b.single(f)
	}
}

func (b *openAPI) single(f protoreflect.FieldDescriptor) object {
	switch f.Kind() {
	case protoreflect.StringKind:
		return object{"type": "string"}
	case protoreflect.BytesKind:
		return object{"type": "string", "contentEncoding": "base64"}
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.Uint32Kind:
		return object{"type": "integer", "minimum": 0, "maximum": uint32(1<<32 - 1)}
	case protoreflect.Uint64Kind:
		return object{"type": []string{"string", "integer"}, "format": "uint64"}
	case protoreflect.MessageKind:
		return b.ref(f.Message())
	case protoreflect.EnumKind:
		values := make([]string, f.Enum().Values().Len())
		for i := range values {
			values[i] = string(f.Enum().Values().Get(i).Name())
		}
		b.schemas[schemaName(f.Enum())] = object{"type": "string", "enum": values}
		return object{"$ref": "#/components/schemas/" + schemaName(f.Enum())}
	default:
		return object{}
	}
}

func connectErrorSchema() object {
	return object{
		"type":     "object",
		"required": []string{"code"},
		"properties": object{
			"code":    object{"type": "string", "description": "Connect's code; docs/spec/errors.md has the table."},
			"message": object{"type": "string"},
			"details": object{"type": "array", "items": object{
				"type": "object",
				"properties": object{
					"type":  object{"type": "string", "const": "throng.v1.Error"},
					"value": object{"type": "string", "contentEncoding": "base64"},
					"debug": object{"$ref": "#/components/schemas/Error"},
				},
			}},
		},
	}
}

func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(s.openAPI) // the caller has gone
}
