package disk_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/store/pebble"
)

func TestScriptOnAGoodDisk(t *testing.T) {
	t.Parallel()
	fs, f := vfs.NewCrashableMem(), newFacts()
	s, err := pebble.Open("data", options(fs))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := begin(s, f, 1)
	if err != nil {
		t.Fatal(err)
	}
	sc.create(t.Context())
	for range 2_000 {
		sc.step(t.Context())
	}
	if sc.err != nil {
		t.Fatal(sc.err)
	}
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, fs := range map[string]*vfs.MemFS{"closed": fs, "power lost": clone} {
		if err := f.verify(fs); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.sends) < 500 || len(f.reads) < 10 || len(f.names) < 50 || len(f.rows) < 8 || len(f.buried) < 20 || len(f.denied) < 10 {
		t.Errorf("the script did too little: %d sends, %d positions, %d accounts, %d rows, %d tombstones, %d refusals",
			len(f.sends), len(f.reads), len(f.names), len(f.rows), len(f.buried), len(f.denied))
	}
}
