package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Reloadable are the paths that a running process takes over on SIGHUP.
func Reloadable() []string {
	return []string{
		"log.level", "server.allowed_origins", "retention.messages",
		"access.weight", "access.grayscale.label", "access.grayscale.percent", "access.grayscale.users",
	}
}

// Changes compares two configurations: the reloadable paths that differ, and a sentence for each other one.
func Changes(old, next *Config) (reload, refused []string) {
	before := old.leaves()
	for path, l := range next.leaves() {
		if reflect.DeepEqual(before[path].value.Interface(), l.value.Interface()) {
			continue
		}
		if slices.Contains(Reloadable(), path) {
			reload = append(reload, path)
		} else {
			refused = append(refused, fmt.Sprintf("%s changed, which takes a restart", path))
		}
	}
	slices.Sort(reload)
	slices.Sort(refused)
	return reload, refused
}
