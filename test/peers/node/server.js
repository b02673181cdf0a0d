// Node's ws as a server for the SDK's link. What a message asks for, the server does with the next one it sends.
'use strict';

const { WebSocketServer } = require('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  path: '/v1/session',
  perMessageDeflate: true,
  handleProtocols: (offers) => ['throng.v1.proto', 'throng.v1.json'].find((p) => offers.has(p)) || false,
});

server.on('connection', (ws, req) => {
  const binary = ws.protocol === 'throng.v1.proto';
  const send = (data, options = {}) => ws.send(data, { binary, ...options });
  ws.on('pong', (data) => send('pong ' + data));
  ws.on('message', (data, isBinary) => {
    const words = data.toString();
    const [ask, ...args] = words.split(' ');
    if (isBinary !== binary) ws.close(1003, 'the other kind');
    else if (ask === 'ping') ws.ping(args[0]);
    else if (ask === 'pieces') for (const c of args[0]) send(c, { fin: c === args[0].at(-1) });
    else if (ask === 'large') send('x'.repeat(Number(args[0])));
    else if (ask === 'close') ws.close(Number(args[0]), args[1]);
    else if (ask === 'cut') ws.terminate();
    else if (ask === 'extensions') send(JSON.stringify(ws.extensions));
    else if (ask === 'length') send(String(data.length));
    else send(data);
  });
  ws.on('close', (code) => process.stdout.write(JSON.stringify({ closed: code }) + '\n'));
  ws.on('error', (err) => process.stdout.write(JSON.stringify({ error: err.message }) + '\n'));
});
server.on('listening', () => process.stdout.write(JSON.stringify({ port: server.address().port }) + '\n'));
