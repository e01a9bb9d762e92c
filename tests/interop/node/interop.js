// nsqjs against the server at NSQD_TCP and NSQD_HTTP.
'use strict'

const assert = require('assert')
const { Reader, Writer } = require('nsqjs')

// Far beyond what anything here takes.
const DEADLINE_MS = 60000
const [host, port] = process.env.NSQD_TCP.split(':')

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function waitFor (what, condition) {
  const end = Date.now() + DEADLINE_MS
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await pause(10)
  }
}

async function post (path, topic, channel) {
  const query = new URLSearchParams({ topic, channel })
  const response = await fetch(`http://${process.env.NSQD_HTTP}${path}?${query}`, { method: 'POST' })
  assert.strictEqual(response.status, 200, path)
}

async function stats (topic, channel) {
  const query = new URLSearchParams({ format: 'json', topic })
  const answer = await (await fetch(`http://${process.env.NSQD_HTTP}/stats?${query}`)).json()
  return (answer.topics || []).flatMap((t) => t.channels).find((c) => c.channel_name === channel)
}

const finished = (channel) =>
  channel && channel.depth + channel.in_flight_count + channel.deferred_count === 0

// What one test has open, and where its topic's name comes from.
class Bench {
  constructor (name) {
    this.topic = `js-${name}`
    this.open = []
  }

  async writer () {
    const writer = new Writer(host, Number(port), { clientId: 'interop' })
    await new Promise((resolve, reject) => {
      writer.on('ready', resolve)
      writer.on('error', reject)
      writer.connect()
    })
    this.open.push(writer)
    return {
      publish: (messages) => new Promise((resolve, reject) =>
        writer.publish(this.topic, messages, (error) => (error ? reject(error) : resolve()))),
      defer: (message, ms) => new Promise((resolve, reject) =>
        writer.deferPublish(this.topic, [message], ms, (error) => (error ? reject(error) : resolve())))
    }
  }

  async reader (channel, onMessage, options = {}) {
    const reader = new Reader(this.topic, channel, {
      nsqdTCPAddresses: [process.env.NSQD_TCP],
      maxInFlight: 100,
      maxBackoffDuration: 0.2,
      messageTimeout: 1000,
      ...options
    })
    this.open.push(reader)
    reader.on('message', onMessage)
    reader.on('error', (error) => { throw error })
    reader.connect()
    await waitFor(`the consumer of ${channel}`, async () => ((await stats(this.topic, channel)) || {}).client_count)
    return reader
  }

  // A reader that finishes everything, and the array of what it got.
  async collect (channel, options) {
    const messages = []
    const reader = await this.reader(channel, (message) => {
      messages.push(message.body.toString())
      message.finish()
    }, options)
    return { reader, messages }
  }

  async finish (channel) {
    await waitFor(`all of ${channel} finished`, async () => finished(await stats(this.topic, channel)))
    return stats(this.topic, channel)
  }

  close () {
    this.open.forEach((client) => client.close())
  }
}

const numbers = (count) => Array.from({ length: count }, (_, index) => String(index))

const tests = {
  async publish (bench) {
    const { messages } = await bench.collect('c')
    await (await bench.writer()).publish('hello')
    await waitFor('the message', () => messages.length === 1)
    assert.deepStrictEqual(messages, ['hello'])
    await bench.finish('c')
  },

  async multiPublish (bench) {
    await (await bench.writer()).publish(numbers(1000))
    const { messages } = await bench.collect('c')
    await waitFor('the messages', () => messages.length >= 1000)
    assert.deepStrictEqual(messages.sort(), numbers(1000).sort())
    await bench.finish('c')
  },

  async deferredPublish (bench) {
    const { messages } = await bench.collect('c')
    const writer = await bench.writer()
    const started = performance.now()
    await writer.defer('late', 300)
    await waitFor('the message', () => messages.length === 1)
    assert(performance.now() - started > 299)
  },

  async requeueWithBackoff (bench) {
    const attempts = []
    await bench.reader('c', (message) => {
      attempts.push(message.attempts)
      if (message.attempts < 4) message.requeue(20, true)
      else message.finish()
    })
    await (await bench.writer()).publish('again')
    await waitFor('four attempts', () => attempts.length === 4)
    assert.deepStrictEqual(attempts, [1, 2, 3, 4])
    assert.strictEqual((await bench.finish('c')).requeue_count, 3)
  },

  async touch (bench) {
    const messages = []
    await bench.reader('c', (message) => messages.push(message))
    await (await bench.writer()).publish('long work')
    await waitFor('the message', () => messages.length === 1)
    const started = Date.now()
    while (Date.now() < started + 2000) { // twice the message timeout
      messages[0].touch()
      await pause(200)
    }
    messages[0].finish()
    assert.strictEqual((await bench.finish('c')).timeout_count, 0)
    assert.strictEqual(messages.length, 1)
  },

  async timeout (bench) {
    const messages = []
    await bench.reader('c', (message) => {
      messages.push(message)
      if (message.attempts === 2) message.finish()
    })
    await (await bench.writer()).publish('forgotten')
    await waitFor('two attempts', () => messages.length === 2)
    assert.strictEqual(messages[0].id, messages[1].id)
    assert.strictEqual((await bench.finish('c')).timeout_count, 1)
  },

  async twoChannels (bench) {
    const [first, second] = [await bench.collect('a'), await bench.collect('b')]
    await (await bench.writer()).publish(['1', '2'])
    await waitFor('both copies', () => first.messages.length + second.messages.length === 4)
    assert.deepStrictEqual([first.messages.sort(), second.messages.sort()], [['1', '2'], ['1', '2']])
  },

  async twoConsumersOnOneChannel (bench) {
    const consumers = [[], []]
    const held = []
    for (const mine of consumers) {
      await bench.reader('c', (message) => {
        // The first message of each is held until both have one: so both get some.
        mine.push(message.body.toString())
        held.push(message)
        if (consumers.every((bodies) => bodies.length)) held.splice(0).forEach((each) => each.finish())
      }, { maxInFlight: 1 })
    }
    await (await bench.writer()).publish(numbers(100))
    await waitFor('all came', () => consumers[0].length + consumers[1].length >= 100)
    assert.deepStrictEqual([...consumers[0], ...consumers[1]].sort(), numbers(100).sort())
    await bench.finish('c')
  },

  async ephemeralChannel (bench) {
    const { reader, messages } = await bench.collect('c#ephemeral')
    await (await bench.writer()).publish('x')
    await waitFor('the message', () => messages.length === 1)
    reader.close()
    await waitFor('the channel is gone', async () => !(await stats(bench.topic, 'c#ephemeral')))
  },

  async pause (bench) {
    const { messages } = await bench.collect('c')
    await post('/channel/pause', bench.topic, 'c')
    await (await bench.writer()).publish('x')
    await waitFor('it waits', async () => (await stats(bench.topic, 'c')).depth === 1)
    assert.deepStrictEqual(messages, [])
    await post('/channel/unpause', bench.topic, 'c')
    await waitFor('the message', () => messages.length === 1)
  }
}

async function main () {
  for (const [name, test] of Object.entries(tests)) {
    const bench = new Bench(name)
    await test(bench)
    bench.close()
    console.log(`ok ${name}`)
  }
  // The clients keep timers running after their close.
  process.exit(0)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
