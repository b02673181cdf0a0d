//go:build cluster

package cluster_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/engines"
)

// TestSlotsMove: people write through three nodes while the slots of their groups, and their own, move from one database to the other and
// back, by the command that operators use, which is killed now and then. Nothing that was acknowledged is lost, repeated or out of order, and
// throng check finds nothing, meanwhile and afterwards; lists of conversations that were lost it writes anew.
func TestSlotsMove(t *testing.T) {
	t.Parallel()
	o := own{ground: shared(t)}
	home := o.dsn
	o.dsn += "," + engines.MariaDB(t).DSN
	moves, kills := 8, 2
	if nightly() {
		moves, kills = 400, 40
	}
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	throng := func(ctx context.Context, words ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary, words...)
		cmd.Env = append(os.Environ(), o.env()...)
		return cmd
	}
	command := func(ctx context.Context, words ...string) *exec.Cmd {
		return throng(ctx, append([]string{"slots"}, words...)...)
	}
	checked := func(ctx context.Context, want string, words ...string) {
		said, err := throng(ctx, append([]string{"check"}, words...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(said), want) {
			t.Errorf("check %v: %v, want %q in:\n%s", words, err, want, said)
		}
	}
	dsn, err := mysql.ParseDSN(home)
	if err != nil {
		t.Fatal(err)
	}
	db, name, moved := server(t, dsn.Addr), dsn.DBName, 0
	c := under(t, o, 100, func(ctx context.Context, c *crowd, _ []outside, rng *rand.Rand) {
		var slots []string
		for room := range c.rooms {
			slots = append(slots, strconv.Itoa(int(chat.ConversationID(room).Slot())))
		}
		for _, user := range c.users {
			slots = append(slots, strconv.Itoa(int(chat.UserID(user).Slot())))
		}
		var checking sync.WaitGroup
		checking.Go(func() { checked(ctx, "everything that the databases can show is as it should be") })
		defer checking.Wait()
		for n := range moves {
			slot := slots[n%len(slots)]
			if n%(moves/kills) == 1 {
				dies, stop := context.WithTimeout(ctx, 100*time.Millisecond+time.Duration(rng.IntN(200))*time.Millisecond)
				_ = command(dies, "move", "--from", "1", "--to", "2", "--slots", slot).Run()
				stop()
				ask(t, db, "UPDATE `"+name+"`.slot_move SET until_us=0") // as if it had been gone for long
			}
			// Conversations and users of that number change their places, wherever they are.
			for _, way := range [][]string{{"1", "2"}, {"2", "1"}} {
				said, err := command(ctx, "move", "--from", way[0], "--to", way[1], "--slots", slot).CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, said)
				}
				moved += strings.Count(string(said), "closed for")
			}
		}
		for _, words := range [][]string{{"spread"}, {"tidy"}} {
			if said, err := command(ctx, words...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
		}
		ask(t, db, "DELETE FROM `"+name+"`.shelf")
		checked(ctx, "lists of conversations are what the log says", "--only", "shelf", "--repair")
		checked(ctx, "everything that the databases can show is as it should be")
	})
	said, err := command(t.Context(), "list").Output()
	if lines := strings.Split(string(said), "\n"); err != nil || len(lines) != 4 || !strings.HasSuffix(strings.Join(strings.Fields(lines[1]+lines[2]), " "), "512 512") {
		t.Errorf("after all slots were spread: %v\n%s", err, said)
	}
	if slowest := c.slowest(); slowest > 20*time.Second {
		t.Errorf("somebody waited %s", slowest)
	}
	if t.Logf("%d slots moved", moved); moved < 2*moves || c.acked.Load() < int64(10*moves) {
		t.Error("too little happened")
	}
}
