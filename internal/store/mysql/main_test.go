//go:build cluster

package mysql

import (
	"os"
	"testing"

	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }
