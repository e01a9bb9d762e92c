// nsqjs against the server at NSQD_TCP and NSQD_HTTP.
'use strict'

const assert = require('assert')
const { pause, post, run, stats, waitFor } = require('./bench.js')

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

run(tests)
