package bare

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/bench/report"
)

// Command is the hidden word of throng bench that runs Serve.
const Command = "bare"

// greeting precedes the URL in what the process says first.
const greeting = "bare loop at "

// Process is the bare loop as its parent sees it.
type Process struct {
	url string
	cmd *exec.Cmd // nil where it runs in this process
	end func() error

	in     io.WriteCloser
	frames chan []byte // to be written
	done   chan struct{}
	err    error // of writing; known when done
	close  sync.Once
}

// mostFrames is how many may wait to be handed to the process.
const mostFrames = 1_024

// Start starts it as a process of its own; binary is the throng executable, default this one.
func Start(ctx context.Context, binary string) (*Process, error) {
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, "bench", Command)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare loop: %w", err)
	}
	p := newProcess(in, cmd.Wait)
	p.cmd = cmd
	if err := p.greet(out); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Local runs it in this process, for tests.
func Local(ctx context.Context) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan error, 1)
	go func() { // ends when the input is closed
		err := Serve(ctx, inR, outW)
		_ = outW.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	p := newProcess(inW, func() error {
		defer cancel()
		return <-ended
	})
	if err := p.greet(outR); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func newProcess(in io.WriteCloser, end func() error) *Process {
	p := &Process{in: in, end: end, frames: make(chan []byte, mostFrames), done: make(chan struct{})}
	go p.write() // ends with Close
	return p
}

// write hands over frames.
func (p *Process) write() {
	defer close(p.done)
	var buf []byte
	for frame := range p.frames {
		buf = append(binary.AppendUvarint(buf[:0], uint64(len(frame))), frame...)
		if p.err != nil {
			continue
		}
		if _, err := p.in.Write(buf); err != nil {
			p.err = fmt.Errorf("tell the bare loop: %w", err)
		}
	}
}

func (p *Process) greet(out io.Reader) error {
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), greeting)
	if !ok {
		return fmt.Errorf("the bare loop did not start: %q: %w", line, err)
	}
	p.url = url
	return nil
}

// URL is where its clients reach it.
func (p *Process) URL() string { return p.url }

// CPU is its processor time.
func (p *Process) CPU() time.Duration {
	if p.cmd == nil {
		return 0
	}
	return report.ProcessCPU(strconv.Itoa(p.cmd.Process.Pid))
}

// Write has it write frame to all of its clients. The frame is kept. It may be called from any goroutine, also from one whose thread does not
// have the process's pipe.
func (p *Process) Write(frame []byte) { p.frames <- frame }

// Close ends it, when nobody calls Write any more.
func (p *Process) Close() (err error) {
	p.close.Do(func() {
		close(p.frames)
		<-p.done
		err = errors.Join(p.err, p.in.Close(), p.end())
	})
	return err
}
