import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { command } from '../command.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

it.each(['rabbitmq', 'postgres'])(
  'runs on %s: plots end to end, one of two workers killed',
  {
    timeout: 400_000,
  },
  async (profile) => {
    const args = [...process.execArgv, 'scripts/compose-smoke.mjs', profile]
    const { code, stdout, stderr } = await command(process.execPath, args, { cwd: ROOT, limit: 390_000 })
    expect({ code, stdout, stderr }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the other one draws it'),
    })
  },
)
