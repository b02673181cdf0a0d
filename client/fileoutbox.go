package client

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/google/uuid"
)

// fileRecord is one line of the file: a draft, or the end of one.
type fileRecord struct {
	ID      uuid.UUID `json:"id"`
	Number  uint64    `json:"n,omitempty"`
	Created int64     `json:"ms,omitempty"`
	Send    []byte    `json:"send,omitempty"` // a SendRequest; empty ends the draft
}

// compactAfter is how many ended drafts the file may hold before it is written anew.
const compactAfter = 1_000

// FileOutbox is an OutboxStore in one file of JSON lines, for one process.
type FileOutbox struct {
	// Immutable after construction.
	path string

	// Guarded by the Client, which makes one call at a time.
	file  *os.File
	live  map[uuid.UUID]fileRecord
	ended int
}

// OpenFileOutbox opens or makes the file. A last line that a crash cut off is dropped.
func OpenFileOutbox(path string) (*FileOutbox, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names its own file
	if err != nil {
		return nil, fmt.Errorf("open the outbox: %w", err)
	}
	o := &FileOutbox{path: path, file: f, live: map[uuid.UUID]fileRecord{}}
	if err := o.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

func (o *FileOutbox) read() error {
	r := bufio.NewReader(o.file)
	good := int64(0)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		var rec fileRecord
		if err := json.Unmarshal(line, &rec); err != nil {
			return fmt.Errorf("read the outbox at byte %d: %w", good, err)
		}
		good += int64(len(line))
		if len(rec.Send) == 0 {
			delete(o.live, rec.ID)
			o.ended++
			continue
		}
		o.live[rec.ID] = rec
	}
	if err := o.file.Truncate(good); err != nil {
		return fmt.Errorf("cut the outbox's torn line: %w", err)
	}
	_, err := o.file.Seek(good, io.SeekStart)
	return err
}

// Load implements OutboxStore.
func (o *FileOutbox) Load() ([]Draft, error) {
	out := make([]Draft, 0, len(o.live))
	for _, rec := range o.live {
		d := Draft{Number: rec.Number, CreatedMS: rec.Created}
		if err := d.unmarshal(rec.Send); err != nil {
			return nil, fmt.Errorf("read the draft %s: %w", rec.ID, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// Put implements OutboxStore.
func (o *FileOutbox) Put(d Draft) error {
	b, err := d.marshal()
	if err != nil {
		return err
	}
	rec := fileRecord{ID: d.ClientID, Number: d.Number, Created: d.CreatedMS, Send: b}
	if err := write(o.file, rec); err != nil {
		return err
	}
	if err := o.file.Sync(); err != nil {
		return fmt.Errorf("sync the outbox: %w", err)
	}
	o.live[d.ClientID] = rec
	return nil
}

// Delete implements OutboxStore. It does not sync: a draft that comes back is sent again under the same client id.
func (o *FileOutbox) Delete(id uuid.UUID) error {
	if _, ok := o.live[id]; !ok {
		return nil
	}
	delete(o.live, id)
	if o.ended++; o.ended >= compactAfter && o.ended > len(o.live) {
		return o.compact()
	}
	return write(o.file, fileRecord{ID: id})
}

// Close implements OutboxStore.
func (o *FileOutbox) Close() error { return o.file.Close() }

func (o *FileOutbox) compact() error {
	tmp, err := os.OpenFile(o.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("compact the outbox: %w", err)
	}
	recs := make([]fileRecord, 0, len(o.live))
	for _, rec := range o.live {
		recs = append(recs, rec)
	}
	slices.SortFunc(recs, func(a, b fileRecord) int { return int(a.Number) - int(b.Number) })
	for _, rec := range recs {
		if err := write(tmp, rec); err != nil {
			return errors.Join(err, tmp.Close())
		}
	}
	if err := tmp.Sync(); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := os.Rename(o.path+".new", o.path); err != nil {
		return errors.Join(err, tmp.Close())
	}
	old := o.file
	o.file, o.ended = tmp, 0
	return old.Close()
}

func write(f *os.File, rec fileRecord) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write the outbox: %w", err)
	}
	return nil
}
