//go:build cluster

package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/test/engines"
	"github.com/throng-im/throng/test/process"
	"github.com/throng-im/throng/test/proxy"
)

// The variables of a test that runs in a network namespace of its own: that it does, by the binary that it starts nodes from.
const insideBinary = "THRONG_TEST_INSIDE"

// insideLimit is how long such a test may take.
const insideLimit = 10 * time.Minute

// ownNetwork runs the test again as a process in a network namespace of its own, and reports whether this is that process. Nothing of the
// machine's own network is touched, and all of it is gone with the process. It wants root, ip and nft.
func ownNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideBinary) != "" {
		run := commands(t)
		run("ip link set lo up")
		return true
	}
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: install iproute2, nftables and util-linux, or run .ci/run once", tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("network namespaces want root")
	}
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), insideLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout="+insideLimit.String())
	cmd.Env = append(os.Environ(), insideBinary+"="+binary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	runtime.LockOSThread() // the child dies with the thread that starts it
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "===") {
			t.Log(strings.TrimRight(line, "\n"))
		}
	}
	switch passed := "--- PASS: " + t.Name() + " "; {
	case err != nil:
		t.Errorf("in a network namespace: %v", err)
	case !strings.Contains(out.String(), passed): // skipped there, or not found
		t.Error("it did not run in its network namespace")
	}
	return false
}

// commands returns what runs a line of words, of which none has blanks.
func commands(t *testing.T) func(line string) {
	t.Helper()
	return func(line string) {
		t.Helper()
		words := strings.Fields(line)
		if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// The addresses of the engines, in the namespace that the test and the engines are in. Those of clients are the links' own.
const (
	atMySQL = "10.77.0.3"
	atRedis = "10.77.0.4"
	atKafka = "10.77.0.5"
)

// enginesApart are shared engines at the addresses that nodes in other namespaces reach.
func enginesApart(t *testing.T) ground {
	t.Helper()
	run := commands(t)
	for _, address := range []string{atMySQL, atRedis, atKafka} {
		run("ip addr add " + address + "/32 dev lo")
	}
	kafkaWay := proxy.At(t, net.JoinHostPort(atKafka, "9092"), "")
	kafka := engines.PrivateKafka(t, "advertised.listeners=PLAINTEXT://"+kafkaWay.Address())
	kafkaWay.To(kafka.Address())
	dsn, err := mysql.ParseDSN(engines.MariaDB(t).DSN)
	if err != nil {
		t.Fatal(err)
	}
	dsn.Addr = proxy.At(t, net.JoinHostPort(atMySQL, "3306"), dsn.Addr).Address()
	redis := engines.Redis(t)
	return ground{
		dsn: dsn.FormatDSN(), redis: proxy.At(t, net.JoinHostPort(atRedis, "6379"), redis.Address).Address(), prefix: redis.Prefix,
		brokers: []string{kafkaWay.Address()}, topics: kafka.Topics().Prefix,
	}
}

// island is a node in a network namespace of its own, behind a balancer that asks it whether it is ready.
type island struct {
	outside

	t       *testing.T
	holder  int    // the process that holds the namespace
	clients string // the address that clients come from

	out atomic.Bool // the balancer sends nobody here
}

// newIsland makes the namespace of a node with a link to here, and starts the node in it.
func newIsland(t *testing.T, number int, g ground, env ...string) *island {
	t.Helper()
	holder := exec.CommandContext(context.WithoutCancel(t.Context()), "sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	here, there := fmt.Sprintf("10.77.%d.1", number+1), fmt.Sprintf("10.77.%d.2", number+1)
	i := &island{t: t, holder: holder.Process.Pid, clients: here}
	run, link := commands(t), fmt.Sprint("node", number)
	run(fmt.Sprintf("ip link add %s type veth peer name hub netns %d", link, i.holder))
	run(fmt.Sprintf("ip addr add %s/24 dev %s", here, link))
	run(fmt.Sprintf("ip link set %s up", link))
	enter := fmt.Sprintf("nsenter -t %d -n ", i.holder)
	for _, line := range []string{
		"ip link set lo up", "ip addr add " + there + "/24 dev hub", "ip link set hub up", "ip route add default via " + here,
	} {
		run(enter + line)
	}
	i.outside = prepared(t, number, g, append([]string{
		"THRONG_SERVER_LISTEN=" + there + ":8080", "THRONG_METRICS_LISTEN=" + there + ":9090",
	}, env...)...)
	i.Wrap(strings.Fields(enter)...)
	if _, err := i.Start(t.Context()); err != nil {
		t.Fatalf("node %d: %v", number, err)
	}
	return i
}

// URL implements node, for those who come through the balancer.
func (i *island) URL() string {
	if i.out.Load() {
		return ""
	}
	return i.outside.URL()
}

// way is a direction in which packets are dropped, as the node sees it.
type way string

const (
	outwards way = "output"
	inwards  way = "input"
)

// drop drops what passes between the node and addresses, in some ways, until heal.
func (i *island) drop(addresses []string, ways ...way) {
	i.t.Helper()
	var rules strings.Builder
	fmt.Fprintln(&rules, "table inet faults {")
	for _, w := range ways {
		side := "saddr"
		if w == outwards {
			side = "daddr"
		}
		fmt.Fprintf(&rules, "chain %s {\n type filter hook %s priority 0;\n ip %s { %s } drop\n}\n", w, w, side, strings.Join(addresses, ", "))
	}
	fmt.Fprintln(&rules, "}")
	i.nft(rules.String())
}

// heal lets everything pass again.
func (i *island) heal() {
	i.t.Helper()
	i.nft("flush ruleset\n")
}

func (i *island) nft(rules string) {
	i.t.Helper()
	cmd := exec.CommandContext(i.t.Context(), "nsenter", "-t", fmt.Sprint(i.holder), "-n", "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		i.t.Fatalf("nft: %v\n%s\n%s", err, out, rules)
	}
}

// ready asks the node whether it is.
func (i *island) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, _, err := process.Get(ctx, i.outside.URL()+"/readyz")
	return err == nil && status == http.StatusOK
}

// balance asks each node every half second, and sends nobody to one that was not ready twice.
func balance(t *testing.T, nodes []*island) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			for failed := 0; ctx.Err() == nil; pause(ctx, 500*time.Millisecond) {
				if failed++; n.ready(ctx) {
					failed = 0
				}
				n.out.Store(failed >= 2)
			}
		})
	}
	t.Cleanup(func() { cancel(); all.Wait() })
}
