// What the tests of clients against the server at NSQD_TCP and NSQD_HTTP share: nsqjs, and what runs them.
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

// Runs tests, functions of a bench, and ends the process: clients keep timers running after their close.
async function run (tests) {
  try {
    for (const [name, test] of Object.entries(tests)) {
      const bench = new Bench(name)
      await test(bench)
      bench.close()
      console.log(`ok ${name}`)
    }
    process.exit(0)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}

module.exports = { Bench, pause, post, run, stats, waitFor }
