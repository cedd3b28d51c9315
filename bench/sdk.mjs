// The peer of the benchmarks: the official Node SDK, its generic call in a hand-written loop, because its own
// iterator stops after the first page of events.
// usage: node sdk.mjs SDK_DIRECTORY URL WHAT [RUNS]   WHAT: events, sessions or tokens
import { createRequire } from 'node:module';

const [directory, url, what, runs = '5'] = process.argv.slice(2);
for (const level of ['debug', 'info', 'log', 'trace']) console[level] = () => {}; // it logs every request
const SDK = createRequire(directory + '/')('@100mslive/server-sdk').SDK;
const sdk = new SDK('bench-access-key', 'bench-secret');
sdk.api.axios.defaults.baseURL = url;

async function walk(path, rows, cursor) {
    let start, users = new Set(), count = 0;
    for (;;) {
        const page = await sdk.api.get(path, { room_id: 'x', limit: 100, ...(start ? { start } : {}) });
        for (const row of page[rows]) users.add(row.data ? row.data.user_id : row.id);
        count += page[rows].length;
        start = page[cursor];
        if (!start) return count;
    }
}

async function tokens() {
    for (let i = 0; i < 5000; i++) await sdk.auth.getAuthToken({ roomId: 'room', role: 'host', userId: 'user-' + i });
    return 5000;
}

const work = {
    events: () => walk('/analytics/events', 'events', 'next'),
    sessions: () => walk('/sessions', 'data', 'last'),
    tokens,
}[what];
await work();
for (let run = 0; run < Number(runs); run++) {
    const start = performance.now();
    const count = await work();
    process.stdout.write(`${(performance.now() - start).toFixed(2)} ms, ${count}\n`);
}
