package redis

import (
	"context"
	"crypto/sha1" //nolint:gosec // it is how Redis names scripts
	"encoding/hex"
	"strings"

	"github.com/redis/rueidis"
)

// pipelined is how many commands go together at most, so that each pipeline is answered well within the timeout.
const pipelined = 500

// script is a program that the server runs on one key, or on keys with the same hash tag, with nobody in between.
type script struct{ text, sha string }

func newScript(text string) *script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // it is how Redis names scripts
	return &script{text: text, sha: hex.EncodeToString(sum[:])}
}

// scripts are all that there are.
type scripts struct {
	renewal, farewell, watching                      *script
	readLine, endLine, seedLine, applyLine, mendLine *script
	keep, cool                                       *script
	lease, newest, attach, word                      *script
}

func newScripts() scripts {
	all := scripts{
		renewal: newScript(renewalText), farewell: newScript(farewellText), watching: newScript(watchingText),
		readLine: newScript(readLineText), endLine: newScript(endLineText), seedLine: newScript(seedLineText),
		applyLine: newScript(applyLineText), mendLine: newScript(mendLineText),
		keep: newScript(keepText), cool: newScript(coolText), lease: newScript(leaseText), newest: newScript(newestText), attach: newScript(attachText),
		word: newScript(wordText),
	}
	if mutant == mutantCursorUnmarked {
		all.readLine = newScript(strings.Replace(readLineText, markText, "", 1))
	}
	later(&all)
	return all
}

// scripted is how many keys one run of a script is for at most that is the same for each: everybody else waits for it.
const scripted = 64

// together is how many keys a run may have. The servers of a Redis Cluster run one only where all its keys are in one slot.
func (c *Client) together() int {
	if c.cfg.Cluster {
		return 1
	}
	return scripted
}

// scriptCall is a run of a script.
type scriptCall struct {
	script *script
	keys   []string
	args   []string
}

func (s scriptCall) command(b rueidis.Builder, whole bool) rueidis.Completed {
	if whole {
		return b.Eval().Script(s.script.text).Numkeys(int64(len(s.keys))).Key(s.keys...).Arg(s.args...).Build()
	}
	return b.Evalsha().Sha1(s.script.sha).Numkeys(int64(len(s.keys))).Key(s.keys...).Arg(s.args...).Build()
}

// run runs scripts, in their order where they have the same key, and returns their answers. Scripts that a server does not know,
// since it is a new one, are sent to it.
func (c *Client) run(ctx context.Context, op operation, calls ...scriptCall) ([]rueidis.RedisResult, error) {
	out := make([]rueidis.RedisResult, 0, len(calls))
	for len(calls) > 0 {
		part := calls[:min(len(calls), pipelined)]
		calls = calls[len(part):]
		answers, err := c.do(ctx, op, func(b rueidis.Builder) rueidis.Commands {
			return commandsOf(b, part, false)
		})
		if err != nil {
			return nil, err
		}
		if err := c.resend(ctx, op, part, answers); err != nil {
			return nil, err
		}
		out = append(out, answers...)
	}
	return out, nil
}

func commandsOf(b rueidis.Builder, calls []scriptCall, whole bool) rueidis.Commands {
	commands := make(rueidis.Commands, len(calls))
	for i := range calls {
		commands[i] = calls[i].command(b, whole)
	}
	return commands
}

// resend runs those calls again whose script was not known.
func (c *Client) resend(ctx context.Context, op operation, calls []scriptCall, answers []rueidis.RedisResult) error {
	var missing []int
	for i := range answers {
		if e, ok := rueidis.IsRedisErr(answers[i].Error()); ok && e.IsNoScript() {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	again := make([]scriptCall, len(missing))
	for i, at := range missing {
		again[i] = calls[at]
	}
	second, err := c.do(ctx, op, func(b rueidis.Builder) rueidis.Commands { return commandsOf(b, again, true) })
	if err != nil {
		return err
	}
	for i, at := range missing {
		answers[at] = second[i]
	}
	return nil
}
