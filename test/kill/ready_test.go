package kill_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/store/pebble"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

const (
	preloadRooms = 1_000
	preloadEach  = 1_000
	readyLimit   = 2 * time.Second
	// preloadEnv makes this test's binary write messages into the data folder that it names, and wait to be killed.
	preloadEnv = "KILL_TEST_PRELOAD"
)

// preload writes a million messages as a server would, with its sizes, and never closes the folder.
func preload(ctx context.Context, folder string) error {
	cfg := config.Default()
	cfg.Data = folder
	sizes := cfg.Sizes()
	s, err := pebble.Open(cfg.DatabaseDir(), pebble.Options{CacheBytes: sizes.Cache, MemTableBytes: uint64(sizes.MemTable)})
	if err != nil {
		return err
	}
	for round := range preloadEach + 1 {
		drafts := make([]*chat.Draft, 0, preloadRooms)
		for room := range preloadRooms {
			id := chat.ConversationID(1_000_000 + room)
			d := &chat.Draft{Conversation: id, Sender: chat.UserID(1 + room%100)}
			if round == 0 {
				d.Body = chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{d.Sender, d.Sender + 1000, d.Sender + 2000}}
			} else {
				d.Body = chat.Text{Text: fmt.Sprintf("message %d of conversation %d, as long as a message is, give or take some words", round, room)}
				binary.BigEndian.PutUint64(d.ClientID[:], uint64(id))
				binary.BigEndian.PutUint64(d.ClientID[8:], uint64(round))
			}
			drafts = append(drafts, d)
		}
		a, err := s.Append(ctx, drafts)
		if err != nil {
			return err
		}
		if round%50 == 0 || round == preloadEach {
			if err := a.Wait(ctx); err != nil {
				return err
			}
		}
		for _, r := range a.Results() {
			if r.Err != nil {
				return r.Err
			}
		}
	}
	fmt.Println("written")
	select {} // until the test kills this process
}

// TestReadyOnAMillion kills a writer right after its millionth message and wants a server on the folder within 2 s.
func TestReadyOnAMillion(t *testing.T) {
	binaryPath, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := process.New(binaryPath, filepath.Join(t.TempDir(), "data"))
	if _, err := s.Start(t.Context()); err != nil { // makes the folder
		t.Fatal(err)
	}
	made, err := s.API(0).Admin.CreateUsers(t.Context(), connect.NewRequest(&throngv1.CreateUsersRequest{
		Users: []*throngv1.NewUser{{ExternalId: "reader"}},
	}))
	if err != nil || made.Msg.GetIds()[0] != 1 {
		t.Fatalf("making the first user: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	writer := exec.CommandContext(t.Context(), os.Args[0])
	writer.Env = append(os.Environ(), preloadEnv+"="+s.Folder())
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	writer.Stderr = writer.Stdout
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "written" {
		t.Fatalf("the writer said %q", line)
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Wait()
	wrote := time.Since(begun)

	took, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	api := s.API(1) // of a few conversations of the preload
	for room := 0; room < preloadRooms; room += 100 {
		resp, err := api.Messages.ListEntries(t.Context(), connect.NewRequest(&throngv1.ListEntriesRequest{
			Conversation: uint64(1_000_000 + room), Backward: true, Limit: 1,
		}))
		if err != nil {
			t.Fatalf("reading conversation %d: %v", 1_000_000+room, err)
		}
		if head := resp.Msg.GetHeadSeq(); head != preloadEach+1 {
			t.Fatalf("conversation %d ends at %d", 1_000_000+room, head)
		}
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	used := s.Used() // where the machine has other work, this counts and not the clock on the wall
	again, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000,000 messages written in %s; ready %s (%s of CPU) after the writer was killed, %s after another kill",
		wrote.Round(time.Millisecond), took.Round(time.Millisecond), used.Round(time.Millisecond), again.Round(time.Millisecond))
	if took > readyLimit && used > readyLimit || took > 5*readyLimit || again > readyLimit {
		t.Errorf("ready after %s (%s of CPU) and %s, the limit is %s", took, used, again, readyLimit)
	}
}
