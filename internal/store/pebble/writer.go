package pebble

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// writer decides drafts and fills batches. It is the [message.State] of its decisions: what is in its caches is the
// applied state with the batch under way on top, everything else is read through one iterator per batch, with filters
// on the last level (Pebble's Get has none there, and a new message's repeat row is always a miss). All of it is guarded
// by engine.mu.
type writer struct {
	// immutable after construction
	db    *pebble.DB
	rules message.Rules

	// state that outlives a batch
	heads    *lru[chat.ConversationID, chat.Head]
	parts    *lru[partKey, message.Part]
	position chat.Position // of the newest events
	stamp    uint64        // number of the batch under way

	// the batch under way
	batch    *pebble.Batch
	iter     *pebble.Iterator
	err      error // the first that a read met
	repeats  map[record.RepeatKey]message.Repeat
	abouts   map[chat.ConversationID]chat.Conversation
	amended  map[entryKey]*chat.Entry // entries from before, as they look now
	headRows []*lruItem[chat.ConversationID, chat.Head]
	partRows []*lruItem[partKey, message.Part]
	events   []chat.Event
	bytes    int
	key, val []byte                            // scratch
	durable  map[chat.ConversationID]chat.Head // of one mutant only
}

type partKey struct {
	conversation chat.ConversationID
	user         chat.UserID
}

type entryKey struct {
	conversation chat.ConversationID
	seq          chat.Seq
}

func newWriter(db *pebble.DB, o Options) *writer {
	return &writer{
		db:      db,
		rules:   o.Rules,
		heads:   newLRU[chat.ConversationID, chat.Head](o.CacheHeads),
		parts:   newLRU[partKey, message.Part](o.CacheMembers),
		repeats: make(map[record.RepeatKey]message.Repeat),
		abouts:  make(map[chat.ConversationID]chat.Conversation),
		amended: make(map[entryKey]*chat.Entry),
	}
}

// begin starts a batch.
func (w *writer) begin(b *pebble.Batch, size int) {
	w.batch = b
	w.stamp++
	w.err, w.bytes = nil, 0
	w.events = make([]chat.Event, 0, size) // followers keep it
	clear(w.repeats)
	clear(w.abouts)
	clear(w.amended)
	w.headRows, w.partRows = w.headRows[:0], w.partRows[:0]
}

// end closes what the batch needed. A batch that was not committed must not be remembered.
func (w *writer) end(committed bool) {
	if w.iter != nil {
		_ = w.iter.Close() // its error was seen by the read that met it
		w.iter = nil
	}
	w.batch, w.events = nil, nil
	if !committed {
		w.heads.clear()
		w.parts.clear()
		return
	}
	w.heads.trim()
	w.parts.trim()
}

// decide takes one draft into the batch.
func (w *writer) decide(d *chat.Draft, nowMS uint64) chat.Result {
	effect, refused := w.rules.Decide(w, d, nowMS)
	if refused != nil {
		return chat.Result{Err: refused}
	}
	if effect.Entry != nil {
		w.putEntry(effect.Entry)
		w.putHead(effect.Head)
	}
	for _, e := range effect.Amended {
		w.putEntry(e)
		w.amended[entryKey{e.Conversation, e.Seq}] = e
	}
	if effect.Keep {
		w.putRepeat(record.RepeatKey{Conversation: d.Conversation, Sender: d.Sender, Client: d.ClientID}, effect.Repeat)
	}
	if effect.Conversation != nil {
		w.putConversation(*effect.Conversation)
	}
	for i := range effect.Parts {
		w.putPart(partKey{d.Conversation, effect.Parts[i].User}, effect.Parts[i])
	}
	if ev, ok := effect.Event(d); ok {
		w.events = append(w.events, ev)
	}
	return effect.Result
}

// finish writes the rows that are written once per batch, and the events.
func (w *writer) finish(note *commit) {
	for _, it := range w.partRows {
		w.key = record.AppendKey2(w.key[:0], record.TableMember, uint64(it.key.conversation), uint64(it.key.user))
		w.val = record.AppendPart(w.val[:0], it.value)
		w.set()
	}
	failpoint.Hit(failpoint.AppendMember)
	for _, it := range w.headRows {
		w.key = record.AppendKey1(w.key[:0], record.TableHead, uint64(it.key))
		w.val = record.AppendHead(w.val[:0], it.value)
		w.set()
	}
	failpoint.Hit(failpoint.AppendHead)
	if len(w.events) == 0 {
		return
	}
	w.key = record.AppendEventKey(w.key[:0], w.position+1)
	w.val = w.val[:0]
	for _, ev := range w.events {
		w.val = record.AppendEvent(w.val, ev)
	}
	w.set()
	failpoint.Hit(failpoint.AppendEvent)
	note.position, note.events, note.bytes = w.position+1, w.events, w.bytes+len(w.val)
	note.touched = w.touched()
}

// touched lists the conversations that the batch changes: reads of them wait for it.
func (w *writer) touched() []chat.ConversationID {
	out := make([]chat.ConversationID, 0, len(w.headRows))
	for _, it := range w.headRows {
		out = append(out, it.key)
	}
	for _, ev := range w.events {
		if ev.Entry == nil {
			out = append(out, ev.Head.Conversation)
		}
	}
	return out
}

func (w *writer) set() {
	if err := w.batch.Set(w.key, w.val, nil); err != nil {
		w.note(err)
	}
}

func (w *writer) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) putEntry(e *chat.Entry) {
	w.key = record.AppendKey2(w.key[:0], record.TableEntry, uint64(e.Conversation), uint64(e.Seq))
	w.val = record.AppendEntry(w.val[:0], e)
	w.bytes += len(w.val)
	w.set()
	failpoint.Hit(failpoint.AppendEntry)
}

func (w *writer) putRepeat(k record.RepeatKey, r message.Repeat) {
	w.key = record.AppendRepeatKey(w.key[:0], k)
	w.val = record.AppendRepeat(w.val[:0], r)
	w.set()
	w.repeats[k] = r
	failpoint.Hit(failpoint.AppendRepeat)
}

func (w *writer) putConversation(c chat.Conversation) {
	w.key = record.AppendKey1(w.key[:0], record.TableConversation, uint64(c.ID))
	w.val = record.AppendConversation(w.val[:0], c)
	w.set()
	w.abouts[c.ID] = c
}

func (w *writer) putHead(h chat.Head) {
	it := w.heads.get(h.Conversation)
	if it == nil {
		it = w.heads.put(h.Conversation, h)
	} else if mutant == mutantSeqFromDurable {
		w.keepDurable(it.value)
	}
	it.value = h
	if it.stamp != w.stamp {
		it.stamp = w.stamp
		w.headRows = append(w.headRows, it)
	}
}

func (w *writer) putPart(k partKey, p message.Part) {
	it := w.parts.get(k)
	if it == nil {
		// The decision reads every member that it changes: who is not cached now was none before.
		it = w.parts.put(k, message.Part{})
	}
	if was, is := record.Listed(it.value.Member), record.Listed(p.Member); was != is {
		w.putLead(k, is)
	}
	it.value = p
	if it.stamp != w.stamp {
		it.stamp = w.stamp
		w.partRows = append(w.partRows, it)
	}
}

// putLead keeps the index of owners, admins and those who are banned, which a group of a million members would otherwise be searched for.
func (w *writer) putLead(k partKey, role chat.Role) {
	w.key = record.AppendKey2(w.key[:0], record.TableLead, uint64(k.conversation), uint64(k.user))
	if role != 0 {
		w.val = append(w.val[:0], record.ListedValue(role)...)
		w.set()
		return
	}
	if err := w.batch.Delete(w.key, nil); err != nil {
		w.note(err)
	}
}

// Head implements message.State.
func (w *writer) Head(id chat.ConversationID) chat.Head {
	if mutant == mutantSeqFromDurable {
		if h, ok := w.durable[id]; ok {
			return h
		}
	}
	if it := w.heads.get(id); it != nil {
		return it.value
	}
	w.key = record.AppendKey1(w.key[:0], record.TableHead, uint64(id))
	r, ok := w.find()
	if !ok {
		return chat.Head{}
	}
	h := r.Head(id)
	if !w.whole(&r, "head") {
		return chat.Head{}
	}
	return w.heads.put(id, h).value
}

// Part implements message.State.
func (w *writer) Part(id chat.ConversationID, user chat.UserID) message.Part {
	k := partKey{id, user}
	if it := w.parts.get(k); it != nil {
		return it.value
	}
	w.key = record.AppendKey2(w.key[:0], record.TableMember, uint64(id), uint64(user))
	r, ok := w.find()
	if !ok {
		return message.Part{}
	}
	p := r.Part(user)
	if !w.whole(&r, "member") {
		return message.Part{}
	}
	return w.parts.put(k, p).value
}

// Conversation implements message.State.
func (w *writer) Conversation(id chat.ConversationID) chat.Conversation {
	if c, ok := w.abouts[id]; ok {
		return c
	}
	w.key = record.AppendKey1(w.key[:0], record.TableConversation, uint64(id))
	r, ok := w.find()
	if !ok {
		return chat.Conversation{}
	}
	c := r.Conversation(id)
	w.whole(&r, "conversation")
	return c
}

// Repeat implements message.State.
func (w *writer) Repeat(id chat.ConversationID, sender chat.UserID, client chat.ClientID) (message.Repeat, bool) {
	k := record.RepeatKey{Conversation: id, Sender: sender, Client: client}
	if first, ok := w.repeats[k]; ok {
		return first, true
	}
	w.key = record.AppendRepeatKey(w.key[:0], k)
	r, ok := w.find()
	if !ok {
		return message.Repeat{}, false
	}
	first := r.Repeat()
	return first, w.whole(&r, "repeat")
}

// Ordinal implements message.State.
func (w *writer) Ordinal(id chat.ConversationID, seq chat.Seq) chat.Ordinal {
	for _, ev := range w.events {
		if ev.Entry != nil && ev.Entry.Conversation == id && ev.Entry.Seq == seq {
			return ev.Entry.Ordinal
		}
	}
	w.key = record.AppendKey2(w.key[:0], record.TableEntry, uint64(id), uint64(seq))
	r, ok := w.find()
	if !ok && w.err == nil {
		w.note(record.ErrDamaged("log")) // no entry below the head is ever missing
	}
	return chat.Ordinal(r.Number())
}

// Entries implements message.State.
func (w *writer) Entries(id chat.ConversationID, seqs ...chat.Seq) []chat.Entry {
	out := make([]chat.Entry, 0, len(seqs))
	for _, seq := range seqs {
		if e := w.written(entryKey{id, seq}); e != nil {
			out = append(out, *e)
			continue
		}
		w.key = record.AppendKey2(w.key[:0], record.TableEntry, uint64(id), uint64(seq))
		r, ok := w.find()
		if !ok {
			continue
		}
		e := r.Entry(id, seq)
		if w.whole(&r, "entry") {
			out = append(out, e)
		}
	}
	return out
}

// written returns an entry that the batch under way has written; nil where it has not.
func (w *writer) written(k entryKey) *chat.Entry {
	if e := w.amended[k]; e != nil {
		return e
	}
	for _, ev := range w.events {
		if ev.Entry != nil && ev.Entry.Conversation == k.conversation && ev.Entry.Seq == k.seq {
			return ev.Entry
		}
	}
	return nil
}

// find reads the row under w.key, as of before this batch. What it returns is valid until the next call.
func (w *writer) find() (record.Reader, bool) {
	if w.iter == nil {
		iter, err := w.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
		if err != nil {
			w.note(err)
			return record.Reader{}, false
		}
		w.iter = iter
	}
	if !w.iter.SeekPrefixGE(w.key) {
		if err := w.iter.Error(); err != nil {
			w.note(err)
		}
		return record.Reader{}, false
	}
	value, err := w.iter.ValueAndErr()
	if err != nil {
		w.note(err)
		return record.Reader{}, false
	}
	return record.NewReader(value), true
}

// whole checks that a row was read to its end.
func (w *writer) whole(r *record.Reader, what string) bool {
	if !r.Done() {
		w.note(record.ErrDamaged(what))
		return false
	}
	return true
}

// keepDurable remembers a head as it was at the last sync, for the mutant that gives seqs from it.
func (w *writer) keepDurable(h chat.Head) {
	if w.durable == nil {
		w.durable = make(map[chat.ConversationID]chat.Head)
	}
	if _, ok := w.durable[h.Conversation]; !ok {
		w.durable[h.Conversation] = h
	}
}
