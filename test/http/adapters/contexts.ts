import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { createLogger } from '../../../src/std/log.ts'
import { requestContext } from '../../../src/tasks/current.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Do this at the end of the test. */
export function atEnd(end: () => unknown): void {
  ends.push(end)
}

/** Its URL, once it listens; closed at the end of the test. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An app whose task `context` returns what it knows of the request, eagerly; closed at the end of the test. */
export function newApp(options: CeleriacOptions = {}): App {
  const app = new App({ alwaysEager: true, logger: createLogger('silent'), ...options })
  app.task('context', () => requestContext() ?? null)
  atEnd(() => app.close())
  return app
}

/** What a task that is called here knows of the request. */
export async function askTask(app: App): Promise<unknown> {
  return (await app.send('context')).get()
}

/** What a server answers to the very bytes of a request; the connection ends with the answer. */
export function rawRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

export function bodyOf(answer: string): Record<string, unknown> {
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
  return JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1))
}
