import { existsSync, writeFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

/* A thread for the tests of ServiceThread. `failOnce`: a path; while no file is there, one is made and the thread dies. */

const { failOnce, slow = 0 } = workerData as { failOnce?: string; slow?: number }
if (failOnce !== undefined && !existsSync(failOnce)) {
  writeFileSync(failOnce, '')
  throw new Error('dies at its start')
}
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slow)
const port = parentPort as NonNullable<typeof parentPort>
port.postMessage('listens')
port.on('message', (command: { echo?: string; die?: true; close?: true }) => {
  if (command.die) throw new Error('dies')
  if (command.echo !== undefined) port.postMessage(command.echo)
  if (command.close) port.close()
})
