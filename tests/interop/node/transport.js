// nsqjs over one transport: ../transports.py tells what this does.
'use strict'

const { createHash } = require('crypto')
const { readFileSync } = require('fs')
const { parseArgs } = require('util')
const { Reader, Writer } = require('nsqjs')

const HELD_TIMEOUT_MS = 1000

const names = ['nsqd', 'lookupd', 'bodies', 'tls-ca', 'tls-cert', 'tls-key', 'compression', 'auth-secret']
const { values: given } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) })

const connection = {
  ...(given['tls-ca'] && { tls: true, ca: readFileSync(given['tls-ca']) }),
  ...(given['tls-cert'] && { cert: readFileSync(given['tls-cert']), key: readFileSync(given['tls-key']) }),
  ...(given.compression && { [given.compression]: true }),
  ...(given['auth-secret'] && { authSecret: given['auth-secret'] })
}

const fail = (error) => { throw error }

function consume (topic, handle, options) {
  const where = given.lookupd ? { lookupdHTTPAddresses: [given.lookupd] } : { nsqdTCPAddresses: [given.nsqd] }
  const reader = new Reader(topic, 'c', { ...where, ...connection, ...options })
  reader.on('error', fail)
  reader.on('message', (message) => {
    console.log(topic, message.attempts, createHash('sha256').update(message.body).digest('hex'))
    handle(message)
  })
  reader.connect()
}

function hold (message) {
  if (message.attempts === 1) return message.requeue(0, false)
  const touching = setInterval(() => message.touch(), HELD_TIMEOUT_MS / 5)
  setTimeout(() => {
    clearInterval(touching)
    message.finish()
  }, HELD_TIMEOUT_MS * 1.5)
}

function * readBodies () {
  const content = readFileSync(given.bodies)
  for (let at = 0; at < content.length;) {
    const end = at + 4 + content.readInt32BE(at)
    yield content.subarray(at + 4, end)
    at = end
  }
}

function publish () {
  const [host, port] = given.nsqd.split(':')
  const writer = new Writer(host, Number(port), connection)
  const answered = (error) => { if (error) fail(error) }
  writer.on('error', fail)
  writer.on('ready', () => {
    for (const body of readBodies()) writer.publish('bulk', body, answered)
    writer.publish('held', 'held', answered)
  })
  writer.connect()
}

consume('bulk', (message) => message.finish(), { maxInFlight: 2500 })
consume('held', hold, { messageTimeout: HELD_TIMEOUT_MS })
publish()
// The clients keep timers running after their close.
process.stdin.on('end', () => process.exit(0)).resume()
