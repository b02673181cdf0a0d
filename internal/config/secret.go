package config

import (
	"fmt"
	"os"
	"strings"
)

const stars = "********"

// masked is what is shown of a secret: whether there is one.
func masked(text string) string {
	if text == "" {
		return ""
	}
	return stars
}

// readSecret reads a secret from a file; white space around it is not part of it.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("the secret file %s is empty; write the secret into it", path)
	}
	return text, nil
}
