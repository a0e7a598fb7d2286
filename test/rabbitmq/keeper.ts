import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { RabbitServer } from './server.ts'
import './shared.ts'

/** Vitest's global setup: hands out virtual hosts of one rabbitmq-server, which is started at the first request and stopped after the last test. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<RabbitServer> | undefined
  const start = (): Promise<RabbitServer> => {
    starting ??= RabbitServer.start().catch((error: unknown) => {
      starting = undefined
      throw error
    })
    return starting
  }
  const desk = createServer((_request, response) => {
    start()
      .then((server) => server.empty())
      .then(
        (url) => response.end(url),
        (error: unknown) => {
          response.statusCode = 500
          response.end(String(error))
        },
      )
  })
  desk.listen(0, '127.0.0.1')
  await once(desk, 'listening')
  project.provide('rabbitmq', `http://127.0.0.1:${(desk.address() as AddressInfo).port}/`)
  return async () => {
    desk.closeAllConnections()
    desk.close()
    await (await starting)?.stop()
  }
}
