// @stomp/stompjs and nsqjs, each to each and to itself, by the server at NSQD_TCP and NSQD_HTTP.
'use strict'

const assert = require('assert')
const net = require('net')
const { Client, StompSocketState, Versions } = require('@stomp/stompjs')
const { run, waitFor } = require('./bench.js')

const [host, port] = process.env.NSQD_TCP.split(':')

// A TCP connection that looks like the WebSocket which stompjs expects.
class TcpSocket {
  constructor () {
    this.url = `tcp://${host}:${port}`
    this.readyState = StompSocketState.CONNECTING
    this.socket = net.connect(Number(port), host, () => {
      this.readyState = StompSocketState.OPEN
      this.onopen()
    })
    this.socket.on('data', ({ buffer, byteOffset, byteLength }) =>
      this.onmessage({ data: buffer.slice(byteOffset, byteOffset + byteLength) }))
    this.socket.on('error', (error) => this.onerror(error))
    this.socket.on('close', () => {
      this.readyState = StompSocketState.CLOSED
      this.onclose({})
    })
  }

  send (data) { this.socket.write(typeof data === 'string' ? data : Buffer.from(data)) }

  close () { this.socket.end() }
}

// A connected client, which is closed with the bench. Its `errors` are the ERROR frames it got.
async function connect (bench, version = Versions.V1_2, options = {}) {
  const client = new Client({
    webSocketFactory: () => new TcpSocket(),
    stompVersions: new Versions([version]),
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    ...options
  })
  client.errors = []
  client.onStompError = (frame) => client.errors.push(frame.headers)
  client.activate()
  bench.open.push({ close: () => client.deactivate() })
  await waitFor('the connection', () => client.connected)
  assert.strictEqual(client.connectedVersion, version)
  return client
}

let receipts = 0

// Does something with a header `receipt`, and waits for that.
async function confirmed (client, action) {
  const receipt = `r${++receipts}`
  let came = false
  client.watchForReceipt(receipt, () => { came = true })
  action({ receipt })
  await waitFor(`the receipt ${receipt}`, () => came)
}

const publish = (client, topic, body, headers = {}) => confirmed(client, (receipt) =>
  client.publish({ destination: `/topic/${topic}`, headers: { ...headers, ...receipt }, ...body }))

// The bodies that come, all of which are acknowledged.
async function collect (client, destination, ack = 'client-individual') {
  const bodies = []
  await confirmed(client, (receipt) => client.subscribe(destination, (message) => {
    bodies.push(message.body)
    if (ack !== 'auto') message.ack()
  }, { ack, ...receipt }))
  return bodies
}

const tests = {}

for (const version of [Versions.V1_0, Versions.V1_1, Versions.V1_2]) {
  tests[`${version}-from-stompjs-to-nsqjs`] = async (bench) => {
    const { messages } = await bench.collect('c')
    const client = await connect(bench, version)
    await publish(client, bench.topic, { body: 'hello' })
    await publish(client, bench.topic, { binaryBody: new TextEncoder().encode('a\0b') })
    await waitFor('the messages', () => messages.length === 2)
    assert.deepStrictEqual(messages, ['hello', 'a\0b'])
  }

  tests[`${version}-from-nsqjs-to-stompjs`] = async (bench) => {
    const client = await connect(bench, version)
    const bodies = await collect(client, `/queue/${bench.topic}/c`, version === Versions.V1_0 ? 'client' : undefined)
    await (await bench.writer()).publish(['1', '2', '\0'])
    await waitFor('the messages', () => bodies.length === 3)
    assert.deepStrictEqual(bodies.sort(), ['\0', '1', '2'])
    await bench.finish('c')
  }

  tests[`${version}-from-stompjs-to-stompjs`] = async (bench) => {
    const bodies = await collect(await connect(bench, version), `/topic/${bench.topic}`, 'auto')
    await publish(await connect(bench, version), bench.topic, { body: 'x' })
    await waitFor('the message', () => bodies.length === 1)
  }
}

tests.nack = async (bench) => {
  const client = await connect(bench)
  const attempts = []
  await confirmed(client, (receipt) => client.subscribe(`/queue/${bench.topic}/c`, (message) => {
    attempts.push(message.headers.attempts)
    attempts.length < 3 ? message.nack() : message.ack()
  }, { ack: 'client-individual', ...receipt }))
  await (await bench.writer()).publish('again')
  await waitFor('three attempts', () => attempts.length === 3)
  assert.deepStrictEqual(attempts, ['1', '2', '3'])
  assert.strictEqual((await bench.finish('c')).requeue_count, 2)
}

tests.transaction = async (bench) => {
  const { messages } = await bench.collect('c')
  const client = await connect(bench)
  const [kept, dropped] = [client.begin(), client.begin()]
  for (const transaction of [kept, dropped]) {
    const destination = `/topic/${bench.topic}`
    client.publish({ destination, body: transaction.id, headers: { transaction: transaction.id } })
  }
  dropped.abort()
  await publish(client, bench.topic, { body: 'before' })
  await waitFor('the message before', () => messages.length === 1)
  kept.commit()
  await waitFor('the committed one', () => messages.length === 2)
  assert.deepStrictEqual(messages, ['before', kept.id])
}

tests.heartBeats = async (bench) => {
  let heartBeats = 0
  const client = await connect(bench, Versions.V1_2, { heartbeatIncoming: 1000, heartbeatOutgoing: 1000 })
  client.onHeartbeatReceived = () => { ++heartBeats }
  await waitFor('heart-beats', () => heartBeats === 3)
  assert(client.connected)
}

tests.unsubscribe = async (bench) => {
  const client = await connect(bench)
  const subscription = client.subscribe(`/topic/${bench.topic}`, () => {})
  const channels = async () => {
    const query = new URLSearchParams({ format: 'json', topic: bench.topic })
    const answer = await (await fetch(`http://${process.env.NSQD_HTTP}/stats?${query}`)).json()
    return answer.topics?.[0]?.channels.length
  }
  await waitFor('the channel', async () => await channels() === 1)
  subscription.unsubscribe()
  await waitFor('the channel is gone', async () => await channels() === 0)
}

tests.error = async (bench) => {
  const client = await connect(bench)
  client.publish({ destination: '/nowhere', body: 'x', headers: { receipt: 'r' } })
  await waitFor('the error', () => client.errors.length === 1)
  assert.strictEqual(client.errors[0]['receipt-id'], 'r')
  assert.match(client.errors[0].message, /^destination "\/nowhere" is neither/)
}

run(tests)
