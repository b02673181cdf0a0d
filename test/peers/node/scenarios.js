// What every client that has the WebSocket API of browsers does with the server. It is loaded by Node and by Chromium, so it has
// nothing of either. open(protocols) gives a WebSocket; config comes from the Go test.
'use strict';

(function (root) {
  const patience = 20000;
  const json = 'throng.v1.json';
  const proto = 'throng.v1.proto';

  // Peer wraps a WebSocket: what happens becomes a queue that is awaited.
  class Peer {
    constructor(ws) {
      this.ws = ws;
      this.queue = [];
      this.waiting = [];
      ws.binaryType = 'arraybuffer';
      ws.addEventListener('open', () => this.put({ open: true }));
      ws.addEventListener('message', (e) => this.put({ data: e.data }));
      ws.addEventListener('close', (e) => this.put({ close: e.code, reason: e.reason, clean: e.wasClean }));
      ws.addEventListener('error', () => {}); // a close follows
    }

    put(event) {
      const first = this.waiting.shift();
      if (first) first(event);
      else this.queue.push(event);
    }

    next() {
      if (this.queue.length > 0) return Promise.resolve(this.queue.shift());
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('nothing came')), patience);
        this.waiting.push((event) => {
          clearTimeout(late);
          resolve(event);
        });
      });
    }

    async opened() {
      const event = await this.next();
      if (!event.open) throw new Error('not opened: ' + JSON.stringify(event));
      return this;
    }

    // envelope is the next one of the server.
    async envelope() {
      if (!this.envelopes || this.envelopes.length === 0) {
        const event = await this.next();
        if (typeof event.data !== 'string') throw new Error('no text: ' + JSON.stringify(event));
        this.envelopes = JSON.parse(event.data).envelopes;
      }
      return this.envelopes.shift();
    }

    // until passes over envelopes until one suits.
    async until(suits) {
      for (;;) {
        const envelope = await this.envelope();
        const found = suits(envelope);
        if (found) return found;
      }
    }

    async closed() {
      for (;;) {
        const event = await this.next();
        if (event.close !== undefined) return event;
      }
    }

    request(...envelopes) {
      this.ws.send(JSON.stringify({ envelopes }));
    }

    answer(id) {
      return this.until((e) => e.response && (e.response.id || '0') === String(id) && e.response);
    }

    async end(code = 1000, reason = '') {
      this.ws.close(code, reason);
      const end = await this.closed();
      if (end.close !== code || !end.clean) throw new Error('closed with ' + JSON.stringify(end));
      return end;
    }
  }

  function same(got, want) {
    if (got !== want) throw new Error(`${JSON.stringify(got)}, wanted ${JSON.stringify(want)}`);
  }

  let ids = 0;

  // clientID is a new id for a message, in base64.
  function clientID() {
    const b = new Uint8Array(16);
    crypto.getRandomValues(b);
    b[15] |= 1;
    return btoa(String.fromCharCode(...b));
  }

  const text = (config, words) => ({ id: String(++ids), send: { conversation: config.conversation, clientId: clientID(), text: words } });

  async function signIn(open, who, options) {
    const p = await new Peer(open([json], options)).opened();
    p.request({ id: '1', authenticate: { token: who.token, client: 'peer/1' } });
    const res = await p.answer(1);
    same(res.authenticate && res.authenticate.user, who.user);
    return p;
  }

  // delivered waits until somebody got a text: as an entry, or as a hint to pull it.
  function delivered(p, words) {
    return p.until((e) => {
      if (e.hint) p.request({ id: String(++ids), listEntries: { conversation: e.hint.conversation, from: e.hint.seq, to: e.hint.seq } });
      const pulled = e.response && e.response.listEntries && e.response.listEntries.entries;
      const entries = pulled || (e.entries && e.entries.entries) || (e.entry ? [e.entry] : []);
      return entries.find((entry) => entry.text === words);
    });
  }

  // exchange sends a text from Alice to Bob.
  async function exchange(open, config, words, options) {
    const bob = await signIn(open, config.bob, options);
    const alice = await signIn(open, config.alice, options);
    const send = text(config, words);
    alice.request(send);
    const res = await alice.answer(send.id);
    const entry = await delivered(bob, words);
    same(entry.seq, res.send.seq);
    same(entry.sender, config.alice.user);
    await alice.end();
    await bob.end();
  }

  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const bytes = (words) => Uint8Array.from(atob(words), (c) => c.charCodeAt(0));

  const scenarios = {
    'subprotocol json': async (open) => {
      const p = await new Peer(open([json])).opened();
      same(p.ws.protocol, json);
      await p.end();
    },
    'subprotocol proto': async (open) => {
      const p = await new Peer(open([proto])).opened();
      same(p.ws.protocol, proto);
      await p.end();
    },
    'first subprotocol of several': async (open) => {
      const p = await new Peer(open(['unknown.v9', proto, json])).opened();
      same(p.ws.protocol, proto);
      await p.end();
    },
    'no subprotocol': async (open) => {
      same((await new Peer(open([])).closed()).close, 1006);
    },
    'unknown subprotocol': async (open) => {
      same((await new Peer(open(['unknown.v9'])).closed()).close, 1006);
    },
    'token in the URL': async (open, config) => {
      same((await new Peer(open([json], { query: '?token=' + config.alice.token })).closed()).close, 1006);
    },
    'authenticate in json': async (open, config) => {
      await (await signIn(open, config.alice)).end();
    },
    'authenticate in proto': async (open, config) => {
      const p = await new Peer(open([proto])).opened();
      p.ws.send(bytes(config.authenticate));
      const event = await p.next();
      if (!(event.data instanceof ArrayBuffer)) throw new Error('no binary message');
      await p.end();
      return base64(event.data);
    },
    'bad token': async (open) => {
      const p = await new Peer(open([json])).opened();
      p.request({ id: '1', authenticate: { token: 'nonsense' } });
      same((await p.answer(1)).error.reason, 'token_invalid');
      const end = await p.closed();
      same(end.close, 4202);
      same(end.clean, true);
    },
    'request before authenticate': async (open) => {
      const p = await new Peer(open([json])).opened();
      p.request({ id: '1', heartbeat: {} });
      same((await p.closed()).close, 4402);
    },
    'send and receive': (open, config) => exchange(open, config, 'hello from a second peer'),
    'text in many scripts': (open, config) => exchange(open, config, 'κόσμε, 世界, 🌍, \u0000 and \u{10ffff}'),
    'large text': (open, config) => exchange(open, config, 'crowd '.repeat(16000)),
    'large text that does not compress': (open, config) => {
      let x = 1;
      let words = '';
      while (words.length < 90000) {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        words += x.toString(36);
      }
      return exchange(open, config, words);
    },
    'compression': async (open, config) => {
      const p = await signIn(open, config.alice);
      if (!/^permessage-deflate/.test(p.ws.extensions)) throw new Error('agreed on ' + JSON.stringify(p.ws.extensions));
      for (const words of ['a'.repeat(5000), 'b'.repeat(5000)]) { // no context is taken over
        const send = text(config, words);
        p.request(send);
        if (!(await p.answer(send.id)).send.seq) throw new Error('not sent');
      }
      await p.end();
    },
    'fifty at once': async (open, config) => {
      const p = await signIn(open, config.alice);
      const sends = Array.from({ length: 50 }, (_, i) => text(config, 'one of fifty ' + i));
      for (const send of sends) p.request(send);
      let last = 0;
      for (const send of sends) {
        const seq = Number((await p.answer(send.id)).send.seq);
        if (seq <= last) throw new Error(`seq ${seq} behind ${last}`);
        last = seq;
      }
      await p.end();
    },
    'several in one frame': async (open, config) => {
      const p = await signIn(open, config.alice);
      const sends = [text(config, 'first'), text(config, 'second'), text(config, 'third')];
      p.request(...sends);
      for (const send of sends) await p.answer(send.id);
      await p.end();
    },
    'heartbeat': async (open, config) => {
      const p = await signIn(open, config.alice);
      p.request({ id: '7', heartbeat: {} });
      if (!(await p.answer(7)).heartbeat.timeMs) throw new Error('no time');
      await p.end();
    },
    'close with a code and a reason': async (open, config) => {
      await (await signIn(open, config.alice)).end(3000, 'so long');
      await (await signIn(open, config.alice)).end(4999, 'κόσμε');
    },
    'close without a code': async (open) => {
      const p = await new Peer(open([json])).opened();
      p.ws.close();
      const end = await p.closed();
      same(end.clean, true);
      if (end.close !== 1000 && end.close !== 1005) throw new Error('closed with ' + end.close);
    },
    'a second session of the device': async (open, config) => {
      const first = await signIn(open, config.alice);
      const second = await signIn(open, config.alice);
      const closing = await first.until((e) => e.closing);
      same(closing.closeCode, 4301);
      same((await first.closed()).close, 4301);
      await second.end();
    },
    'binary where text belongs': async (open) => {
      const p = await new Peer(open([json])).opened();
      p.ws.send(new Uint8Array([1, 2, 3]));
      same((await p.closed()).close, 1003);
    },
    'text where binary belongs': async (open) => {
      const p = await new Peer(open([proto])).opened();
      p.ws.send('{}');
      same((await p.closed()).close, 1003);
    },
    'no frame of the schema': async (open) => {
      const p = await new Peer(open([json])).opened();
      p.ws.send('nonsense');
      same((await p.closed()).close, 4400);
    },
    'message above the bound': async (open, config) => {
      const p = await signIn(open, config.alice);
      p.ws.send('x'.repeat(config.largest + 1));
      same((await p.closed()).close, 1009);
    },
  };

  // run plays scenarios one after another and returns what came of each.
  async function run(list, open, config) {
    const results = [];
    for (const [name, play] of Object.entries(list)) {
      try {
        const frame = await play(open, config);
        results.push({ name, frame: typeof frame === 'string' ? frame : undefined });
      } catch (err) {
        results.push({ name, why: String(err && err.message ? err.message : err) });
      }
    }
    return results;
  }

  Object.assign(root, { Peer, scenarios, run, same, signIn, exchange, text, delivered });
})(typeof module === 'undefined' ? window : module.exports);
