import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { milliseconds } from '../../src/std/duration.ts'
import { readCompose } from './compose.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const services = readCompose(join(ROOT, 'compose.yaml'))
const STORES = ['rabbitmq', 'redis', 'postgres']
const ours = [...services.values()].filter(({ image }) => image === 'celeriac-plots')

it('web, worker and beat wait for healthy stores, as unprivileged as can be', () => {
  expect([...services.keys()]).toEqual(['web', 'worker', 'beat', 'rabbitmq', 'redis', 'postgres'])
  for (const { after, raw } of ours) {
    expect(after).toEqual({ rabbitmq: 'service_healthy', redis: 'service_healthy', postgres: 'service_healthy' })
    expect(raw.depends_on).toMatchObject({ postgres: { required: false } })
    expect(raw).toMatchObject({ init: true, read_only: true, cap_drop: ['ALL'], restart: 'unless-stopped' })
  }
})

it('stores keep their data, have a health check, and no port outside', () => {
  for (const name of STORES) {
    const { health, raw } = services.get(name)!
    expect(health?.length).toBeGreaterThan(0)
    expect(raw.volumes).toEqual([expect.stringMatching(new RegExp(`^${name}:/`))])
    expect(raw.ports).toBeUndefined()
  }
  expect(STORES.map((name) => services.get(name)?.image)).toEqual([
    expect.stringMatching(/^rabbitmq:\d/),
    expect.stringMatching(/^redis:\d/),
    expect.stringMatching(/^postgres:\d/),
  ])
  expect(services.get('web')?.raw.ports).toEqual(['127.0.0.1:5000:5000'])
})

it('a worker may stop in its own time; any number of them may run', () => {
  const { command = [], grace, raw } = services.get('worker')!
  const own = command[command.indexOf('--grace') + 1]
  expect(grace).toBeGreaterThan(milliseconds(own as '25s', 'grace') + 5000)
  expect([raw.container_name, raw.hostname, raw.ports]).toEqual([undefined, undefined, undefined])
})

it('a password of the shell goes to both sides', () => {
  const own = readCompose(join(ROOT, 'compose.yaml'), { RABBITMQ_PASSWORD: 'other' })
  expect(own.get('web')?.environment.BROKER_URL).toBe('amqp://plots:other@rabbitmq:5672/plots')
  expect(own.get('rabbitmq')?.environment.RABBITMQ_DEFAULT_PASS).toBe('other')
})

it('PostgreSQL is a profile: nothing but it is needed, and its password comes from the shell', () => {
  const url = 'postgres://plots:other@postgres:5432/plots'
  const own = readCompose(join(ROOT, 'compose.yaml'), { POSTGRES_PASSWORD: 'other', STORE_URL: url })
  expect(own.get('postgres')?.raw.profiles).toEqual(['postgres'])
  expect(own.get('postgres')?.environment.POSTGRES_PASSWORD).toBe('other')
  for (const name of ['web', 'worker', 'beat'])
    expect(own.get(name)?.environment).toEqual({ BROKER_URL: url, RESULT_BACKEND: url })
})
