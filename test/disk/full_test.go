//go:build unix

package disk_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

var builder process.Builder

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := builder.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// smallDisk mounts a file system in memory of the given size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()

	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		text := fmt.Sprintf("this test needs a disk of its own that it can fill: mounting a tmpfs (as root) gave %v: %s", err, out)
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v: %s", err, out)
		}
	})
	return dir
}

// person is a user with one conversation.
type person struct {
	server *process.Server
	user   uint64
	room   uint64
	acked  []string
	seqs   []uint64
}

func newPerson(t *testing.T, s *process.Server) *person {
	t.Helper()
	made, err := s.API(0).Admin.CreateUsers(t.Context(), connect.NewRequest(&throngv1.CreateUsersRequest{
		Users: []*throngv1.NewUser{{ExternalId: "ada"}},
	}))
	if err != nil {
		t.Fatalf("making a user: %v", err)
	}
	p := &person{server: s, user: made.Msg.GetIds()[0]}
	group, err := s.API(p.user).Conversations.CreateGroup(t.Context(), connect.NewRequest(&throngv1.CreateGroupRequest{ClientId: newID(), Name: "group"}))
	if err != nil {
		t.Fatalf("making a group: %v", err)
	}
	p.room = group.Msg.GetConversation().GetId()
	return p
}

func newID() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return id
}

// send sends one message of some size and remembers it where it was acknowledged.
func (p *person) send(ctx context.Context, size int) error {
	text := fmt.Sprintf("message %d %s", len(p.acked), strings.Repeat("x", size))
	resp, err := p.server.API(p.user).Messages.Send(ctx, connect.NewRequest(&throngv1.SendRequest{
		Conversation: p.room, ClientId: newID(), Body: &throngv1.SendRequest_Text{Text: text},
	}))
	if err != nil {
		return err
	}
	p.acked, p.seqs = append(p.acked, text), append(p.seqs, resp.Msg.GetSeq())
	return nil
}

// check reads everything that was acknowledged.
func (p *person) check(ctx context.Context) error {
	for i, seq := range p.seqs {
		resp, err := p.server.API(p.user).Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
			Conversation: p.room, From: seq, To: seq, Limit: 1,
		}))
		if err != nil {
			return fmt.Errorf("reading seq %d: %w", seq, err)
		}
		if got := resp.Msg.GetEntries(); len(got) != 1 || got[0].GetText() != p.acked[i] {
			return fmt.Errorf("I2: seq %d was acknowledged and is not there", seq)
		}
	}
	return nil
}

// ready waits until /readyz answers with a status.
func ready(ctx context.Context, s *process.Server, want int) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	url, err := s.URL(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, text, err := process.Get(ctx, url+"/readyz")
		if err == nil && status == want {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("/readyz answers %d %q, not %d: %w", status, text, want, err)
		}
	}
}

// until repeats a send until it ends as wanted.
func (p *person) until(ctx context.Context, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.send(ctx, 100)
		var refused *client.Error
		if err == nil && reason == "" || errors.As(err, &refused) && refused.Reason == reason {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("sends do not end with %q but with: %w", reason, err)
		}
	}
}

// TestFullDisk is T15: a disk is filled up under the real server. Sends are refused with storage_full, reads go on,
// readiness turns red; when there is room again sends work without a restart, and nothing acknowledged is lost (I19).
func TestFullDisk(t *testing.T) {
	t.Parallel()
	mount := smallDisk(t, "96m")
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := process.New(binary, filepath.Join(mount, "data"), "THRONG_STORE_RESERVE_BYTES=16MiB", "THRONG_STORE_MEM_TABLE_BYTES=2MiB")
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, begun, full := newPerson(t, s), time.Now(), 0
	for _, leave := range []int64{8 << 20, 0, 0} { // below the reserve, and nothing at all, twice
		for range 50 {
			if err := p.send(t.Context(), 2_000); err != nil {
				t.Fatalf("sending with room on the disk: %v", err)
			}
		}
		ballast := filepath.Join(mount, "ballast")
		fill(t, mount, ballast, leave)
		if err := p.until(t.Context(), "storage_full"); err != nil {
			t.Fatalf("with %d bytes left: %v\n%s", leave, err, s.Said())
		}
		full++
		for range 20 {
			if err := p.send(t.Context(), 2_000); err == nil {
				t.Fatal("a send was taken while the disk was full")
			}
		}
		if err := ready(t.Context(), s, http.StatusServiceUnavailable); err != nil {
			t.Fatal(err)
		}
		if err := p.check(t.Context()); err != nil {
			t.Fatalf("reads on a full disk: %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := p.until(t.Context(), ""); err != nil {
			t.Fatalf("with room again: %v\n%s", err, s.Said())
		}
		if err := ready(t.Context(), s, http.StatusOK); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Kill(); err != nil { // it never ended by itself
		t.Fatal(err)
	}
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Run(t.Context(), "check", s.Folder()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("the disk was full %d times, %d messages were acknowledged and stand; %s", full, len(p.acked), time.Since(begun).Round(time.Millisecond))
}

// fill writes ballast until so much room is left.
func fill(t *testing.T, mount, ballast string, leave int64) {
	t.Helper()
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 64<<10)
	for {
		free, err := freeBytes(mount)
		if err != nil {
			t.Fatal(err)
		}
		if free <= leave {
			return
		}
		if _, err := f.Write(block[:min(int64(len(block)), free-leave)]); err != nil {
			if leave == 0 {
				return // the server took the last of it
			}
			t.Fatal(err)
		}
	}
}
