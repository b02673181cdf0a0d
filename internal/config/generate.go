package config

//go:generate go run ./fielddoc/gen
