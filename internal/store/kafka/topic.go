package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/queue"
)

const (
	// recordLimit is what a topic must be able to hold: the largest entry, of 400,000 bytes, with room to spare.
	recordLimit = 1 << 20
	// newRecordLimit is the limit that a new topic gets.
	newRecordLimit = 2 << 20
	// findEvery is how long a leader may be wrong before it is looked for again.
	findEvery = 100 * time.Millisecond
)

// topic is what was found out about the topic.
type topic struct {
	name    string
	id      [16]byte // all zero where the brokers give topics none, or not yet
	leaders []int32  // of each partition; -1 for none
	at      time.Time
}

// partition is where the events of a lane are.
func (t *topic) partition(lane queue.Lane) int32 {
	return int32(int(lane) * len(t.leaders) / queue.Lanes)
}

// remade reports that another topic had the name by the time that now was found: what is known of this one is worth nothing.
func (t *topic) remade(now *topic) bool {
	none := [16]byte{}
	return t.id != now.id && t.id != none && now.id != none
}

// markPrefix begins what is stored beside a position.
const markPrefix = "topic "

// mark says in a few words which topic it is, whatever others of its name there were or will be.
func (t *topic) mark() string { return markPrefix + hex.EncodeToString(t.id[:]) }

// other reports that something was marked by another topic. What has no mark, or that of a topic without an id, was not.
func (t *topic) other(mark string) bool {
	id, err := hex.DecodeString(strings.TrimPrefix(mark, markPrefix))
	if err != nil || len(id) != len(t.id) || !strings.HasPrefix(mark, markPrefix) {
		return false
	}
	return (&topic{id: [16]byte(id)}).remade(t)
}

// topic returns the topic, which it looks for, and makes, when it is not known.
func (q *Queue) topic(ctx context.Context) (*topic, error) {
	if t := q.known(); t != nil {
		return t, nil
	}
	select {
	case q.finding <- struct{}{}:
		defer func() { <-q.finding }()
	case <-ctx.Done():
		return nil, failure(context.Cause(ctx), "looking for the topic")
	case <-q.closed:
		return nil, errClosed()
	}
	if t := q.known(); t != nil { // another call has found it
		return t, nil
	}
	t, err := q.find(ctx)
	if err != nil {
		return nil, failure(err, "looking for the topic")
	}
	q.mu.Lock()
	q.found = t
	q.mu.Unlock()
	return t, nil
}

func (q *Queue) known() *topic {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.found
}

// moved says that what is known of the topic led nowhere.
func (q *Queue) moved(t *topic) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.found == t && time.Since(t.at) > findEvery {
		q.found = nil
	}
}

// find asks for the topic until all is known, and makes it when it is not there.
func (q *Queue) find(ctx context.Context) (*topic, error) {
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	for {
		t, err := q.ask(ctx)
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			if err := q.create(ctx); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case len(t.leaders) != q.cfg.Partitions:
			return nil, errSettings("kafka.partitions is %d, but topic %s has %d: set it to that, for a conversation must stay in its partition",
				q.cfg.Partitions, q.cfg.Topic, len(t.leaders))
		default:
			return t, nil
		}
		select {
		case <-time.After(findEvery):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (q *Queue) ask(ctx context.Context) (*topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	named := kmsg.NewMetadataRequestTopic()
	named.Topic = kmsg.StringPtr(q.cfg.Topic)
	req.Topics = append(req.Topics, named)
	resp, err := req.RequestWith(ctx, q.client)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, errSettings("kafka answers with %d topics instead of %s", len(resp.Topics), q.cfg.Topic)
	}
	answer := resp.Topics[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, err
	}
	t := &topic{name: q.cfg.Topic, id: answer.TopicID, leaders: make([]int32, len(answer.Partitions)), at: time.Now()}
	for _, p := range answer.Partitions {
		if p.Partition >= 0 && int(p.Partition) < len(t.leaders) {
			t.leaders[p.Partition] = p.Leader
		}
	}
	return t, nil
}

func (q *Queue) create(ctx context.Context) error {
	setting := func(v string) *string { return &v }
	_, err := q.admin.CreateTopic(ctx, int32(q.cfg.Partitions), int16(q.cfg.Replication), map[string]*string{
		"min.insync.replicas":            setting(strconv.Itoa(min(2, q.cfg.Replication))),
		"unclean.leader.election.enable": setting("false"),
		"cleanup.policy":                 setting("delete"),
		"retention.ms":                   setting(strconv.FormatInt(q.cfg.Retention.Milliseconds(), 10)),
		"max.message.bytes":              setting(strconv.Itoa(newRecordLimit)),
	}, q.cfg.Topic)
	switch {
	case err == nil:
		q.log.Info("made a topic", "topic", q.cfg.Topic, "partitions", q.cfg.Partitions, "replication", q.cfg.Replication)
		return nil
	case errors.Is(err, kerr.TopicAlreadyExists): // another node's
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return errSettings("kafka.replication is %d, and there are fewer brokers: %v", q.cfg.Replication, err)
	default:
		return err
	}
}

// Check looks at the topic, which it makes when it is not there, and at its settings. It warns of those that can lose events, and
// returns an error for those that cannot work (failed_precondition) and while Kafka is away (unavailable). Events are not the truth:
// a lost one costs its receivers up to a digest's interval, so a node may go on after a warning.
func (q *Queue) Check(ctx context.Context) error {
	if _, err := q.topic(ctx); err != nil {
		return err
	}
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	described, err := q.admin.DescribeTopicConfigs(ctx, q.cfg.Topic)
	if err != nil {
		return failure(err, "reading the topic's settings")
	}
	topics, err := q.admin.ListTopics(ctx, q.cfg.Topic)
	if err != nil {
		return failure(err, "reading the topic's replicas")
	}
	resource, err := described.On(q.cfg.Topic, nil)
	if err == nil {
		err = resource.Err
	}
	if err != nil {
		return failure(err, "reading the topic's settings")
	}
	return q.judge(resource.Configs, topics[q.cfg.Topic].Partitions.NumReplicas())
}

// judge says what is wrong with the settings of a topic.
func (q *Queue) judge(settings []kadm.Config, replicas int) error {
	value := map[string]string{}
	for _, s := range settings {
		value[s.Key] = s.MaybeValue()
	}
	if strings.Contains(value["cleanup.policy"], "compact") {
		return errSettings("topic %s is compacted, which drops events that were not followed yet: set cleanup.policy to delete", q.cfg.Topic)
	}
	if limit := number(value["max.message.bytes"], recordLimit); limit < recordLimit {
		return errSettings("topic %s takes records of %d bytes: set max.message.bytes to %d at least", q.cfg.Topic, limit, recordLimit)
	}
	insync := number(value["min.insync.replicas"], 1)
	warn := func(what string) {
		q.log.Warn("KAFKA MAY LOSE EVENTS, OR STOP TAKING THEM", "topic", q.cfg.Topic, "why", what, "replicas", replicas, "min_insync_replicas", insync)
	}
	if replicas < 3 {
		warn("fewer than three replicas: with the loss of one broker, events are lost or wait")
	}
	switch {
	case insync < 2:
		warn("min.insync.replicas is below 2: an acknowledged event may be on one broker only")
	case insync >= replicas:
		warn("min.insync.replicas is not below the number of replicas: without any one broker, events wait in the outbox")
	}
	if value["unclean.leader.election.enable"] == "true" {
		warn("unclean.leader.election.enable is on: a broker without the last events may become the leader")
	}
	return nil
}

// number reads a setting; what is not there or not a number is missing.
func number(text string, missing int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return missing
	}
	return n
}
