import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

const FAILED = [{ page: 113, error: 'the data of page 113 is damaged' }]

describe.each(['sqlite', ...inFull('redis', 'postgres')])('a report from 200 pages on %s', (kind) => {
  let folder: Folder
  let service: Program
  let redis: RedisServer | undefined

  beforeAll(async () => {
    redis = kind === 'redis' ? await RedisServer.start() : undefined
    folder = new Folder({ REPORT_SECONDS: '0.001' })
    const broker = kind === 'postgres' ? await emptyPostgres() : redis?.url()
    service = await folder.start('workflow', '--concurrency', '2', ...(broker ? ['--broker', broker] : []))
  })

  afterAll(async () => {
    await folder.close()
    await redis?.stop()
  })

  it('202 at once; then the report of the 199 pages, and the one that is missing', async () => {
    const response = await service.fetch('/reports', { method: 'POST' })
    expect(response.status).toBe(202)
    const { location } = (await response.json()) as { location: string }
    expect(response.headers.get('location')).toBe(location)
    const ended = await eventually(
      () => service.json(location),
      ({ state }) => state === 'SUCCESS',
    )
    const { text, ...report } = ended.report
    expect({ ...ended, report }).toEqual({
      state: 'SUCCESS',
      done: 200,
      total: 200,
      report: { pages: 199, failed: FAILED },
    })
    const lines = text.split('\n')
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([199, 'Page 1: 1 items', 'Page 200: 40000 items'])
  })

  it('events: how many pages have ended, after each of them, and then the report', async () => {
    const { events } = await service.json('/reports', { method: 'POST' })
    const text = await (await service.fetch(events)).text()
    const shown = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    expect(shown.map(({ done }) => done)).toEqual([...Array.from({ length: 200 }, (_, at) => at + 1), 200])
    expect(shown.at(-1)).toMatchObject({ state: 'SUCCESS', report: { pages: 199, failed: FAILED } })
  })

  it('an unknown report: 404; the page and its script', async () => {
    for (const path of ['/reports/x', '/reports/x?pages=y', '/reports/x/events?pages=y'])
      expect((await service.fetch(path)).status).toBe(404)
    const page = await (await service.fetch('/')).text()
    const [, script = ''] = /src="(assets\/[^"]+)"/.exec(page) ?? []
    expect((await service.fetch(`/${script}`)).headers.get('content-type')).toContain('javascript')
  })
})
