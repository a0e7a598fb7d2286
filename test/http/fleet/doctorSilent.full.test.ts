import { createServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { traces } from '../../secrets.ts'
import { build } from '../house.ts'

const SECRET = 's3cretofthestore'

test('a store that is silent is a finding, in time', async () => {
  const sockets: Socket[] = []
  const silent: Server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  await using other = await build(`redis://:${SECRET}@127.0.0.1:${port}/0`, () => [], {
    http: { fleet: { open: true } },
  })
  const begun = performance.now()
  const { findings } = await createClient(other.server.url, { retries: 0 }).doctor()
  expect(performance.now() - begun).toBeLessThan(15_000)
  expect(findings.map(({ check }) => check)).toEqual([expect.stringMatching(/^(?:timeout|store-unavailable)$/)])
  expect(traces(SECRET).filter((trace) => JSON.stringify(findings).includes(trace))).toEqual([])
  for (const socket of sockets) socket.destroy()
  silent.close()
})
