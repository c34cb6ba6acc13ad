// mqtt.js doing the work of axonpush_loopback: see loopback_peers.h. Prints what loopback_work.cc reads.
'use strict';

const [directory, clientId, warmText, countText, port, caFile, reads, windowText, receiveMaximumText] =
    process.argv.slice(2);
const fs = require('fs');
const mqtt = require(require.resolve('mqtt', {paths: [directory]}));
const [traffic, qosText] = clientId.split(':');
const qos = Number(qosText);
const warm = Number(warmText);
const total = warm + Number(countText);
const kBatch = 256;

const head = '{"id":"evt_01HZX7K3Q900000000","payload":{"text":"';
const body = Buffer.from(head + 'x'.repeat(503 - head.length - 3) + '"}}');
const topic = 'axonpush/org_1/prod/app_00/chan_00/agent_start/agent_1';
const client = mqtt.connect(`wss://127.0.0.1:${port}/mqtt`, {
  clientId, protocolVersion: 5, ca: fs.readFileSync(caFile), keepalive: 60, reconnectPeriod: 0,
  properties: {receiveMaximum: Number(receiveMaximumText)},
});

let done = 0;
let sent = 0;
let readBytes = 0;
let startedAt = 0n;
let before = null;
const samples = [];

function usage() {
  const cpu = process.cpuUsage();
  return {cpu: cpu.user + cpu.system, wall: process.hrtime.bigint()};
}
function note(at) {
  if (before === null && at >= warm) before = usage();
  if (at < total) return;
  const after = usage();
  const count = total - warm;
  const cpu = (after.cpu - before.cpu) / count;
  const wall = Number(after.wall - before.wall) / 1000 / count;
  const resident = Math.round(process.memoryUsage().rss / 1024);
  console.log(`measured ${cpu} ${wall} 0 0 0 ${resident} 0`);
  if (samples.length !== 0) console.log(samples.join('\n'));
  process.exit(0);
}
function publishBatch() {
  const last = Math.min(sent + kBatch, total);
  for (; sent + 1 < last; ++sent) client.publish(topic, body, {qos});
  ++sent;
  client.publish(topic, body, {qos}, () => {
    note(sent);
    if (sent < total) publishBatch();
  });
}
function publishNext() {
  ++sent;
  client.publish(topic, body, {qos}, (error) => {
    if (error) throw error;
    note(++done);
    if (sent < total) publishNext();
  });
}
function publishEcho() {
  startedAt = process.hrtime.bigint();
  client.publish(topic, body, {qos});
}
function begin() {
  if (warm === 0) note(0);
  if (traffic === 'echo') publishEcho();
  if (traffic !== 'out') return;
  if (qos === 0) return publishBatch();
  for (let at = 0; at < Number(windowText); ++at) publishNext();
}

client.on('message', (from, payload) => {
  if (reads === 'json') {
    const event = JSON.parse(payload.toString());
    readBytes += event.id.length + event.eventId.length + event.orgId.length + event.appId.length +
        event.channelId.length + event.agentId.length + event.traceId.length + event.eventType.length;
  }
  readBytes += payload.length;
  ++done;
  if (traffic === 'echo') {
    if (done > warm) samples.push(process.hrtime.bigint() - startedAt);
    if (done < total) publishEcho();
  }
  if (done === warm || done === total) note(done);
});
client.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
client.once('connect', () => {
  if (traffic === 'out') return begin();
  client.subscribe('axonpush/org_1/+/+/+/+/+', {qos}, (error) => {
    if (error) throw error;
    begin();
  });
});
