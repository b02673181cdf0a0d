package chunk_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// BenchmarkSavings measures what a message of a busy group costs on the wire, and what compressing it costs, over what people wrote in
// chat rooms: as JSON and as protobuf, one by one and in chunks, compressed and not. THRONG_CORPUS names files in the form of
// fortune(6) with lines like `<nick> words`; Debian's packages fortunes and fortunes-de have some 1,300 of them.
func BenchmarkSavings(b *testing.B) {
	pattern := os.Getenv("THRONG_CORPUS")
	if pattern == "" {
		b.Skip("THRONG_CORPUS names no corpus; docs/benchmarks.md has the command")
	}
	entries := readCorpus(b, pattern)
	d := websocket.NewDeflater(0)
	var base float64
	for _, sub := range []wire.Subprotocol{wire.JSON, wire.Proto} {
		for _, size := range []int{1, 2, 3, 5, chat.MaxChunkEntries} {
			for _, compressed := range []bool{false, true} {
				name := fmt.Sprintf("%s/%d", strings.TrimPrefix(sub.String(), "throng.v1."), size)
				if compressed {
					name += "/deflate"
				}
				frames := frames(sub, entries, size)
				b.Run(name, func(b *testing.B) {
					var buf []byte
					for i := 0; b.Loop(); i++ {
						if f := frames[i%len(frames)]; compressed {
							buf, _ = d.Append(buf[:0], f)
						}
					}
					total, plain := 0, 0
					for _, f := range frames {
						n := len(f)
						if out, ok := d.Append(nil, f); compressed && ok {
							n = len(out)
						}
						total, plain = total+n+headerBytes(n), plain+len(f)
					}
					each := float64(total) / float64(len(entries))
					if base == 0 {
						base = each
					}
					b.ReportMetric(each, "B/message")
					b.ReportMetric(float64(plain)/float64(len(frames)), "B/frame")
					b.ReportMetric(100*(1-each/base), "%saved")
				})
			}
		}
	}
}

// headerBytes is the length of a server's frame header.
func headerBytes(n int) int {
	if n < 126 {
		return 2
	}
	return 4
}

// frames encodes the entries, size to a chunk.
func frames(sub wire.Subprotocol, entries []*chat.Entry, size int) (list [][]byte) {
	for c := range slices.Chunk(entries, size) {
		list = append(list, wire.JoinFrames(sub, nil, wire.EncodeChunk(sub, c, nil)))
	}
	return list
}

// readCorpus reads what was said as the log of one group that is neither new nor small.
func readCorpus(b *testing.B, pattern string) (entries []*chat.Entry) {
	b.Helper()
	said := regexp.MustCompile(`^<([^>]{1,20})> +(.+)$`)
	senders := map[string]chat.UserID{}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		b.Fatalf("no file is %q: %v", pattern, err)
	}
	var sender chat.UserID
	var words []string
	end := func() {
		if len(words) == 0 {
			return
		}
		n := uint64(len(entries))
		entries = append(entries, &chat.Entry{
			Conversation: 1 << 30, Seq: chat.Seq(1_000_000 + n), Ordinal: chat.Ordinal(980_000 + n), Sender: sender,
			TimeMS: 1_790_000_000_000 + n*137, Body: chat.Text{Text: strings.Join(words, " ")},
		})
		words = nil
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			line := strings.TrimRight(lines.Text(), " \r")
			if m := said.FindStringSubmatch(line); m != nil {
				end()
				if senders[m[1]] == 0 {
					senders[m[1]] = chat.UserID(1 + uint64(len(senders))*7_919%1_000_000)
				}
				sender, words = senders[m[1]], []string{m[2]}
				continue
			}
			if rest := strings.TrimLeft(line, " \t"); len(words) > 0 && rest != line && rest != "" {
				words = append(words, rest) // it goes on
				continue
			}
			end()
		}
		end()
		_ = f.Close()
	}
	b.Logf("%d messages of %d people", len(entries), len(senders))
	return entries
}
