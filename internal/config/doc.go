// Package config assembles the configuration of the process: each package declares its own Config with defaults and a
// Validate, this one puts them together under one tree, reads a TOML file, applies environment variables and flags, and
// refuses what it does not know.
//
// The keys are the field names in snake_case, sections are nested structs: Server.MetricsListen is metrics_listen in
// [server] and THRONG_SERVER_METRICS_LISTEN in the environment. The reference page is made from the field comments by
// fielddoc/gen; a test holds it against the code.
//
// [Load] returns the effective [Config] with the source of every value. An empty configuration starts a working single
// process that writes into one folder. Adapters are chosen by explicit driver fields; this package and the wiring file
// are the only places that know which ones there are.
package config
