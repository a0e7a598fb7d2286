import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'

/** What a desk needs of its server. */
interface Stoppable {
  stop(): Promise<void>
}

/**
 * For Vitest's global setup: hands out texts (URLs) of one server of the test run at an address that tests find under
 * `name`. The server is started at the first request and stopped after the last test. `handOut` gets the query of the
 * request.
 */
export async function openDesk<Server extends Stoppable>(
  { vitest }: TestProject,
  name: keyof ProvidedContext,
  start: () => Promise<Server>,
  handOut: (server: Server, query: URLSearchParams) => Promise<string>,
): Promise<() => Promise<void>> {
  // The setup runs once for each project of Vitest: all of them have one desk.
  if (name in vitest.getProvidedContext()) return async () => undefined
  let starting: Promise<Server> | undefined
  const started = (): Promise<Server> => {
    starting ??= start().catch((error: unknown) => {
      starting = undefined
      throw error
    })
    return starting
  }
  const desk = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://desk')
    started()
      .then((server) => handOut(server, searchParams))
      .then(
        (text) => response.end(text),
        (error: unknown) => {
          response.statusCode = 500
          response.end(String(error))
        },
      )
  })
  desk.listen(0, '127.0.0.1')
  await once(desk, 'listening')
  vitest.provide(name, `http://127.0.0.1:${(desk.address() as AddressInfo).port}/`)
  return async () => {
    desk.closeAllConnections()
    desk.close()
    await (await starting)?.stop()
  }
}

/** What the desk at this address hands out. Rejects with the error of its server. */
export async function ask(desk: string, query: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await fetch(`${desk}?${new URLSearchParams(query)}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}
