package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topics is a part of a Kafka that is a test's own, by the prefix of the names of its topics and groups. Its topics are gone when the
// test has ended.
type Topics struct {
	Brokers []string // host:port
	Prefix  string
}

// KafkaServer is a Kafka of one broker for one test.
type KafkaServer struct{ *Process }

var sharedKafka shared

// Kafka returns a fresh prefix on the shared broker. It makes no topics by itself.
func Kafka(t testing.TB) Topics {
	t.Helper()
	all := sharedKafka.get(t, "THRONG_TEST_KAFKA", func() (*Process, error) { return newKafka(nil) })
	k := Topics{Brokers: strings.Split(all, ","), Prefix: prefix()}
	t.Cleanup(func() {
		if err := k.remove(); err != nil {
			t.Errorf("removing a test's topics: %v", err)
		}
	})
	return k
}

// PrivateKafka starts a broker for one test. Properties (name=value) go behind those of the shared one, which they override.
func PrivateKafka(t testing.TB, properties ...string) *KafkaServer {
	t.Helper()
	p, err := newKafka(properties)
	return &KafkaServer{private(t, p, err)}
}

// Topics returns the broker and a prefix.
func (s *KafkaServer) Topics() Topics { return Topics{Brokers: []string{s.address}, Prefix: prefix()} }

// heap bounds the broker's memory. With the small collector and compiler it starts in two seconds.
var heap = []string{"-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"}

func newKafka(properties []string) (*Process, error) {
	java, err := find("java", "a JDK of version 17 or later (Debian's default-jdk-headless)")
	if err != nil {
		return nil, err
	}
	jars, err := kafkaJars()
	if err != nil {
		return nil, err
	}
	dir, err := folder("kafka")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	controller, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "server.properties")
	text := strings.Join(append([]string{
		"process.roles=broker,controller", "node.id=1", "controller.listener.names=CONTROLLER",
		"controller.quorum.voters=1@" + loopback(controller),
		"listeners=PLAINTEXT://" + loopback(port) + ",CONTROLLER://" + loopback(controller),
		"advertised.listeners=PLAINTEXT://" + loopback(port),
		"log.dirs=" + filepath.Join(dir, "data"),
		"auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=4",
		"offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		// A broker that was killed may come back once its session has ended.
		"broker.session.timeout.ms=1000", "broker.heartbeat.interval.ms=200", "initial.broker.registration.timeout.ms=30000",
	}, properties...), "\n")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("writing the properties of Kafka: %w", err)
	}
	class := []string{"-cp", filepath.Join(jars, "*")}
	format := append(append(append([]string{}, heap...), class...), "kafka.tools.StorageTool", "format", "-t", "dGhyb25nLXRlc3RzLi4uLg", "-c", file)
	if err := run(java, format...); err != nil {
		return nil, err
	}
	p := &Process{name: "Kafka", folder: dir, address: loopback(port), names: loopback(port)}
	p.command = append(append(append([]string{java}, heap...), class...), "kafka.Kafka", file)
	p.probe = func(ctx context.Context) error {
		return administrated([]string{p.address}, func(a *kadm.Client) error {
			_, err := a.ListTopics(ctx)
			return err
		})
	}
	return p, nil
}

// kafkaJars finds the folder that tools/kafka.sh fills, from the folder of the package whose tests run upwards.
func kafkaJars() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the folder of the tests: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("tests that want Kafka run inside of the repository")
		}
	}
	jars := filepath.Join(dir, ".bin", "kafka")
	if found, err := filepath.Glob(filepath.Join(jars, "kafka_2.13-*.jar")); err != nil || len(found) == 0 {
		return "", errors.New("the jars of Kafka are not in .bin/kafka: run tools/kafka.sh, which gets them through Maven (Debian's maven and default-jdk-headless)")
	}
	return jars, nil
}

// administrated calls use with a client that is closed behind it.
func administrated(brokers []string, use func(a *kadm.Client) error) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RetryTimeout(statementLimit), kgo.DialTimeout(time.Second))
	if err != nil {
		return fmt.Errorf("a client of Kafka: %w", err)
	}
	defer c.Close()
	return use(kadm.NewClient(c))
}

// remove deletes the topics of the prefix.
func (k Topics) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), statementLimit)
	defer cancel()
	return administrated(k.Brokers, func(a *kadm.Client) error {
		all, err := a.ListTopics(ctx)
		if err != nil {
			return fmt.Errorf("listing topics: %w", err)
		}
		var mine []string
		for _, name := range all.Names() {
			if strings.HasPrefix(name, k.Prefix) {
				mine = append(mine, name)
			}
		}
		if len(mine) == 0 {
			return nil
		}
		if _, err := a.DeleteTopics(ctx, mine...); err != nil {
			return fmt.Errorf("deleting topics: %w", err)
		}
		return nil
	})
}
