// Command gen writes the field comments of the configuration into internal/config/fields_gen.go and the reference page
// docs/operations/config.md. Run it after changing a field or its comment: go generate ./internal/config.
package main
