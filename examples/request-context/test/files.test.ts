import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'celeriac-files-'))
vi.stubEnv('REPORTS_DATA', folder)
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

it('lists what was saved in the order in which it was saved, whatever the ids', async () => {
  const { Files } = await import('../models/files.ts')
  const files = new Files<{ id: string }>('things')
  const ids = ['m', 'z', 'a', 'k', 'b']
  for (const id of ids) await files.save({ id })
  expect((await files.all()).map(({ id }) => id)).toEqual(ids)
  // Saved again, it is the newest.
  await files.save({ id: 'z' })
  expect((await files.all()).map(({ id }) => id)).toEqual(['m', 'a', 'k', 'b', 'z'])
})
