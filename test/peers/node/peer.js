// Node's ws as a client of the server: the scenarios of browsers, and what only a library can do.
'use strict';

const WebSocket = require('ws');
const { Peer, scenarios, run, same, signIn, exchange, text, delivered } = require('./scenarios.js');

const config = JSON.parse(process.env.PEER_CONFIG);
const json = 'throng.v1.json';

const open = (protocols, options = {}) => new WebSocket(config.url + (options.query || ''), protocols, options);

// refused resolves to the status that answered a handshake.
const refused = (ws) => new Promise((resolve, reject) => {
  ws.on('unexpected-response', (req, res) => {
    resolve(res.statusCode);
    req.destroy();
  });
  ws.on('open', () => reject(new Error('opened')));
  ws.on('error', reject);
});

const more = {
  'statuses of refusals': async () => {
    same(await refused(open([])), 400);
    same(await refused(open([json], { query: '?access_token=x' })), 400);
    same(await refused(open([json], { origin: 'https://evil.example' })), 403);
    same(await refused(open([json], { origin: 'null' })), 403);
    same(await refused(open([json], { headers: { Authorization: 'Basic eDp5' } })), 401);
    same(await refused(open([json], { protocolVersion: 8 })), 426);
  },
  'own origin': async () => {
    await (await new Peer(open([json], { origin: new URL(config.url).origin.replace('ws', 'http') })).opened()).end();
  },
  'authenticate in the handshake': async () => {
    const p = await new Peer(open([json], { headers: { Authorization: 'Bearer ' + config.alice.token } })).opened();
    same((await p.answer(0)).authenticate.user, config.alice.user);
    await p.end();
  },
  'without compression': async () => {
    const p = await signIn(open, config.alice, { perMessageDeflate: false });
    same(p.ws.extensions, '');
    await p.end();
    await exchange(open, config, 'plain '.repeat(1000), { perMessageDeflate: false });
  },
  'compression with a small window': () => exchange(open, config, 'window '.repeat(2000), {
    perMessageDeflate: { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0 },
  }),
  'fragments': async () => {
    const bob = await signIn(open, config.bob);
    const p = await signIn(open, config.alice);
    const words = 'in pieces, κόσμε';
    const send = text(config, words);
    const whole = Buffer.from(JSON.stringify({ envelopes: [send] }));
    for (let i = 0; i < whole.length; i++) p.ws.send(whole.subarray(i, i + 1), { fin: i === whole.length - 1, binary: false });
    if (!(await p.answer(send.id)).send.seq) throw new Error('not sent');
    await delivered(bob, words);
    await p.end();
    await bob.end();
  },
  'ping': async () => {
    const p = await signIn(open, config.alice);
    for (const words of ['', 'are you there?', 'x'.repeat(125)]) {
      const pong = new Promise((resolve) => p.ws.once('pong', (data) => resolve(data.toString())));
      p.ws.ping(words);
      same(await pong, words);
    }
    await p.end();
  },
  'pong that nobody asked for': async () => {
    const p = await signIn(open, config.alice);
    p.ws.pong('here I am');
    p.request({ id: '7', heartbeat: {} });
    await p.answer(7);
    await p.end();
  },
};

run({ ...scenarios, ...more }, open, config).then((results) => process.stdout.write(JSON.stringify(results)));
