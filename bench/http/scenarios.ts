import { setTimeout as sleep } from 'node:timers/promises'
import { difference, type Server } from '../redis/server.ts'
import type { Figures } from '../report.ts'
import { cpuOf } from './cpu.ts'
import { type Asked, load } from './load.ts'
import type { Order } from './order.ts'
import type { HttpSide, Service } from './sides.ts'

/** Where a measurement takes place. */
export interface Place {
  readonly server: Server
  /** Where npm has installed what is measured beside ours. */
  readonly folder: string
  /** How long a measurement takes, s. */
  readonly seconds: number
}

/** Jobs whose status is asked for in turn, and the time for which code gets warm, s. */
const JOBS = 200
const WARMUP = 2

export const urlOf = ({ port }: Server): string => `redis://127.0.0.1:${port}/0`

/** Calls that are accepted, nobody works. Every answer counts only with its message in the queue. */
export async function submitScenario(place: Place, side: HttpSide): Promise<Figures> {
  return serving(place, side, async (url, service) => {
    const { path, body } = side.submit
    const figures = await measure(place, service, url, { method: 'POST', body, paths: [path] })
    const waiting = await place.server.number(side.waiting)
    const answered = figures.requests as number
    if (waiting < answered) throw new Error(`${side.name}: expected ${answered} messages or more, got ${waiting}`)
    return figures
  })
}

/** The states of jobs that wait, or that have ended. */
export async function statusScenario(place: Place, side: HttpSide, ended: boolean): Promise<Figures> {
  return serving(place, side, async (url, service) => {
    const ids: string[] = []
    for (let number = 0; number < JOBS; number++) ids.push(await submitOne(url, side))
    if (ended) await workOff(place, side)
    return measure(place, service, url, { method: 'GET', body: '', paths: ids.map((id) => side.statusPath(id)) })
  })
}

async function serving(
  place: Place,
  side: HttpSide,
  use: (url: string, service: Service) => Promise<Figures>,
): Promise<Figures> {
  const service = await side.start(orderOf(place, 'serve'))
  try {
    return await use(`http://127.0.0.1:${service.ready.port}`, service)
  } finally {
    await service.end()
  }
}

async function measure({ server, seconds }: Place, { pid }: Service, url: string, asked: Asked): Promise<Figures> {
  await load(url, WARMUP, asked)
  const cpu = cpuOf(pid)
  const before = await server.counters()
  const { requests, p50, p99, ...answered } = await load(url, seconds, asked)
  const used = cpuOf(pid) - cpu
  const served = difference(before, await server.counters())
  return {
    'requests/s': requests / answered.seconds,
    'CPU us/request': (1e6 * used) / requests,
    'server CPU us/request': (1e6 * served.cpu) / requests,
    'operations/request': served.operations / requests,
    'p50 ms': p50,
    'p99 ms': p99,
    requests,
  }
}

async function submitOne(url: string, { submit: { path, body }, idOf }: HttpSide): Promise<string> {
  const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(url + path, { method: 'POST', headers, body: body === '' ? undefined : body })
  if (answer.status !== 202) throw new Error(`POST ${path}: expected 202, got ${answer.status}: ${await answer.text()}`)
  return idOf(await answer.json())
}

async function workOff(place: Place, side: HttpSide): Promise<void> {
  const worker = await side.start(orderOf(place, 'work'))
  try {
    const left = async (): Promise<number> => {
      let count = 0
      for (const command of side.left) count += await place.server.number(command)
      return count
    }
    while ((await left()) > 0) await sleep(100)
  } finally {
    await worker.end()
  }
}

function orderOf({ server, folder }: Place, role: Order['role']): Order {
  return { role, url: urlOf(server), folder }
}
