"""Debian's python3-websockets as a client of the server. What came of each scenario goes to standard output as JSON."""

import asyncio
import base64
import json
import os
import sys

import websockets

CONFIG = json.loads(os.environ["PEER_CONFIG"])
URL = CONFIG["url"]
JSON, PROTO = "throng.v1.json", "throng.v1.proto"
PATIENCE = 20


def connect(protocols, query="", **options):
    return websockets.connect(URL + query, subprotocols=protocols, max_size=None, **options)


def same(got, want):
    if got != want:
        raise AssertionError(f"{got!r}, wanted {want!r}")


class Peer:
    """A connection whose envelopes are read one after another."""

    def __init__(self, ws):
        self.ws, self.envelopes, self.ids = ws, [], 10

    async def request(self, *envelopes):
        await self.ws.send(json.dumps({"envelopes": envelopes}))

    async def until(self, suits):
        while True:
            while not self.envelopes:
                message = await asyncio.wait_for(self.ws.recv(), PATIENCE)
                if not isinstance(message, str):
                    raise AssertionError("a binary message")
                self.envelopes = json.loads(message)["envelopes"]
            found = suits(self.envelopes.pop(0))
            if found:
                return found

    async def answer(self, number):
        return await self.until(lambda e: "response" in e and e["response"].get("id", "0") == str(number) and e["response"])

    def text(self, words):
        self.ids += 1
        return {
            "id": str(self.ids),
            "send": {"conversation": CONFIG["conversation"], "clientId": base64.b64encode(os.urandom(15) + b"\1").decode(), "text": words},
        }

    async def sign_in(self, who):
        await self.request({"id": "1", "authenticate": {"token": who["token"], "client": "peer/1"}})
        same((await self.answer(1))["authenticate"]["user"], who["user"])
        return self

    async def delivered(self, words):
        """Waits for a text: as an entry, or as a hint to pull it."""
        while True:
            e = await self.until(lambda e: e)
            if "hint" in e:
                seq, conversation = e["hint"]["seq"], e["hint"]["conversation"]
                await self.request({"id": "9", "listEntries": {"conversation": conversation, "from": seq, "to": seq}})
            pulled = e.get("response", {}).get("listEntries", {}).get("entries", [])
            for entry in pulled + e.get("entries", {}).get("entries", []) + ([e["entry"]] if "entry" in e else []):
                if entry.get("text") == words:
                    return entry


async def refused(status, *args, **options):
    try:
        async with connect(*args, **options):
            raise AssertionError("opened")
    except websockets.InvalidStatusCode as err:
        same(err.status_code, status)


async def closed(ws):
    """The code with which the server closes."""
    try:
        while True:
            await asyncio.wait_for(ws.recv(), PATIENCE)
    except websockets.ConnectionClosed as err:
        if err.rcvd is None:
            raise AssertionError("the end came without a close frame") from err
        return err.rcvd.code


async def exchange(words, **options):
    async with connect([JSON], **options) as one, connect([JSON], **options) as two:
        alice, bob = await Peer(one).sign_in(CONFIG["alice"]), await Peer(two).sign_in(CONFIG["bob"])
        send = alice.text(words)
        await alice.request(send)
        answer = await alice.answer(send["id"])
        entry = await bob.delivered(words)
        same(entry["seq"], answer["send"]["seq"])
        same(entry["sender"], CONFIG["alice"]["user"])


async def subprotocol_json():
    async with connect([JSON]) as ws:
        same(ws.subprotocol, JSON)


async def subprotocol_proto():
    async with connect([PROTO]) as ws:
        same(ws.subprotocol, PROTO)


async def first_subprotocol():
    async with connect(["unknown.v9", PROTO, JSON]) as ws:
        same(ws.subprotocol, PROTO)


async def statuses():
    await refused(400, None)
    await refused(400, ["unknown.v9"])
    await refused(400, [JSON], query="?token=x")
    await refused(403, [JSON], origin="https://evil.example")
    await refused(401, [JSON], extra_headers={"Authorization": "Basic eDp5"})


async def own_origin():
    async with connect([JSON], origin=URL.replace("ws://", "http://").removesuffix("/v1/session")) as ws:
        same(ws.subprotocol, JSON)


async def authenticate_json():
    async with connect([JSON]) as ws:
        await Peer(ws).sign_in(CONFIG["alice"])


async def authenticate_proto():
    async with connect([PROTO]) as ws:
        await ws.send(base64.b64decode(CONFIG["authenticate"]))
        frame = await asyncio.wait_for(ws.recv(), PATIENCE)
        return base64.b64encode(frame).decode()


async def authenticate_handshake():
    async with connect([JSON], extra_headers={"Authorization": "Bearer " + CONFIG["alice"]["token"]}) as ws:
        same((await Peer(ws).answer(0))["authenticate"]["user"], CONFIG["alice"]["user"])


async def bad_token():
    async with connect([JSON]) as ws:
        p = Peer(ws)
        await p.request({"id": "1", "authenticate": {"token": "nonsense"}})
        same((await p.answer(1))["error"]["reason"], "token_invalid")
        same(await closed(ws), 4202)


async def request_before_authenticate():
    async with connect([JSON]) as ws:
        await Peer(ws).request({"id": "1", "heartbeat": {}})
        same(await closed(ws), 4402)


async def compression():
    async with connect([JSON]) as ws:
        same([e.name for e in ws.extensions], ["permessage-deflate"])
        p = await Peer(ws).sign_in(CONFIG["alice"])
        for words in ("a" * 5000, "b" * 5000):  # no context is taken over
            send = p.text(words)
            await p.request(send)
            same("seq" in (await p.answer(send["id"]))["send"], True)


async def without_compression():
    await exchange("plain " * 1000, compression=None)


async def fragments():
    async with connect([JSON]) as ws:
        p = await Peer(ws).sign_in(CONFIG["alice"])
        send = p.text("in pieces, κόσμε")
        await ws.send(list(json.dumps({"envelopes": [send]}, ensure_ascii=False)))
        same("seq" in (await p.answer(send["id"]))["send"], True)


async def fragments_plain():
    async with connect([JSON], compression=None) as ws:
        p = await Peer(ws).sign_in(CONFIG["alice"])
        send = p.text("in pieces, κόσμε")
        await ws.send(list(json.dumps({"envelopes": [send]}, ensure_ascii=False)))
        same("seq" in (await p.answer(send["id"]))["send"], True)


async def ping():
    async with connect([JSON]) as ws:
        await Peer(ws).sign_in(CONFIG["alice"])
        for words in (b"", b"are you there?", b"\x00\xff" * 62):
            await asyncio.wait_for(await ws.ping(words), PATIENCE)


async def pong_unasked():
    async with connect([JSON]) as ws:
        p = await Peer(ws).sign_in(CONFIG["alice"])
        await ws.pong(b"here I am")
        await p.request({"id": "7", "heartbeat": {}})
        await p.answer(7)


async def fifty_at_once():
    async with connect([JSON]) as ws:
        p = await Peer(ws).sign_in(CONFIG["alice"])
        sends = [p.text(f"one of fifty {i}") for i in range(50)]
        for send in sends:
            await p.request(send)
        seqs = [int((await p.answer(send["id"]))["send"]["seq"]) for send in sends]
        same(seqs, sorted(set(seqs)))


async def close_codes():
    for code, reason in ((1000, ""), (1001, "going"), (3000, "so long"), (4999, "κόσμε")):
        async with connect([JSON]) as ws:
            await Peer(ws).sign_in(CONFIG["alice"])
            await ws.close(code, reason)
            same(ws.close_code, code)


async def second_session():
    async with connect([JSON]) as one, connect([JSON]) as two:
        first = await Peer(one).sign_in(CONFIG["alice"])
        await Peer(two).sign_in(CONFIG["alice"])
        same((await first.until(lambda e: e.get("closing")))["closeCode"], 4301)
        same(await closed(one), 4301)


async def binary_for_text():
    async with connect([JSON]) as ws:
        await ws.send(b"\1\2\3")
        same(await closed(ws), 1003)


async def text_for_binary():
    async with connect([PROTO]) as ws:
        await ws.send("{}")
        same(await closed(ws), 1003)


async def no_frame():
    async with connect([JSON]) as ws:
        await ws.send("nonsense")
        same(await closed(ws), 4400)


async def above_the_bound():
    async with connect([JSON]) as ws:
        await Peer(ws).sign_in(CONFIG["alice"])
        await ws.send("x" * (CONFIG["largest"] + 1))
        same(await closed(ws), 1009)


SCENARIOS = {
    "subprotocol json": subprotocol_json,
    "subprotocol proto": subprotocol_proto,
    "first subprotocol of several": first_subprotocol,
    "statuses of refusals": statuses,
    "own origin": own_origin,
    "authenticate in json": authenticate_json,
    "authenticate in proto": authenticate_proto,
    "authenticate in the handshake": authenticate_handshake,
    "bad token": bad_token,
    "request before authenticate": request_before_authenticate,
    "send and receive": lambda: exchange("hello from a second peer"),
    "text in many scripts": lambda: exchange("κόσμε, 世界, 🌍, \x00 and \U0010ffff"),
    "large text": lambda: exchange("crowd " * 16000),
    "compression": compression,
    "without compression": without_compression,
    "fragments": fragments,
    "fragments without compression": fragments_plain,
    "ping": ping,
    "pong that nobody asked for": pong_unasked,
    "fifty at once": fifty_at_once,
    "close with a code and a reason": close_codes,
    "a second session of the device": second_session,
    "binary where text belongs": binary_for_text,
    "text where binary belongs": text_for_binary,
    "no frame of the schema": no_frame,
    "message above the bound": above_the_bound,
}


async def main():
    results = []
    for name, play in SCENARIOS.items():
        try:
            results.append({"name": name, "frame": await play()})
        except Exception as err:  # whatever it is, it is what came of the scenario
            results.append({"name": name, "why": f"{type(err).__name__}: {err}"})
    json.dump(results, sys.stdout)


asyncio.run(main())
