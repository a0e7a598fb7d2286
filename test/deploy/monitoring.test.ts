import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '@redocly/openapi-core'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import { createWorkerHttp } from '../../src/http/routes/worker.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Lab } from '../app/lab.ts'
import { command } from '../command.ts'
import { Exposition } from '../http/exposition.ts'
import { faultsOf, metricsIn } from './promql.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const documents = <Value>(path: string): Value[] =>
  read(path)
    .split(/^---$/m)
    .map((text) => parseYaml(text) as Value)

interface Panel {
  title: string
  targets?: { expr: string }[]
}
const dashboard = JSON.parse(read('deploy/grafana/celeriac.json')) as {
  panels: Panel[]
  templating: { list: { name: string; definition?: string }[] }
}
const shown = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const))
const RULES = 'deploy/prometheus/celeriac.rules.yaml'
const rules = documents<{ groups: { rules: { alert: string; expr: string }[] }[] }>(RULES)
  .flatMap(({ groups }) => groups)
  .flatMap((group) => group.rules)

/** What a process that has an API, a worker, a beat, limits and a bound of its queues reports, once each has done something. */
let known: Exposition
beforeAll(async () => {
  // A store that keeps limits.
  const lab = new Lab('memory')
  const app = new Celeriac({
    broker: lab.url,
    maxQueueLength: 1000,
    maxQueueBytes: '1 MiB',
    logger: createLogger('silent'),
  })
  const add = app.task('add', (x: number) => x)
  app.limit('api', { breaker: { failures: 1, within: '1m', pause: '1h' } })
  const fail = app.task('fail', () => Promise.reject(new Error('down')), { uses: 'api' })
  const api = app.http({ expose: [add] })
  const beat = new Beat(app)
  const worker = new Worker(app)
  const probes = createWorkerHttp(worker)
  await Promise.all([worker.start(), beat.start()])
  await add.delay(1).get({ timeout: '20s' })
  await fail
    .delay()
    .get({ timeout: '20s' })
    .catch(() => undefined)
  await app.limits.pause({ limit: 'api' })
  await api.request('http://localhost/livez')
  known = new Exposition(await (await probes.request('http://localhost/metrics')).text())
  await beat.stop()
  await worker.stop({ grace: 0 })
  await app.close()
  await lab.end()
})

it('dashboard: each panel and each variable reads metrics and labels that are there', () => {
  const variables = dashboard.templating.list.flatMap(({ name, definition }) =>
    definition ? [[name, definition]] : [],
  )
  const faults = [...shown, ...variables].flatMap(([title = '', expr = '']) =>
    faultsOf(expr, known).map((fault) => `${title}: ${fault}`),
  )
  expect(faults).toEqual([])
  expect(shown.every(([, expr]) => metricsIn(expr).length > 0)).toBe(true)
})

it('dashboard: no metric of ours is missing', () => {
  const read = new Set(
    shown.flatMap(([, expr]) => metricsIn(expr)).map((name) => name.replace(/_(?:bucket|sum|count)$/, '')),
  )
  const own = [...known.types.keys()].filter((name) => name.startsWith('celeriac_'))
  expect(own.filter((name) => !read.has(name))).toEqual([])
})

it('docs/http.md has each metric of ours, with its type and its labels', () => {
  const rows = read('docs/http.md').matchAll(/^\| `(celeriac_\w+)` +\| (\w+) +\| ([^|]*?) +\|/gm)
  const documented = [...rows].map(([, name, type, labels = '']) => [name, type, labels.replaceAll(/[` ]/g, '')])
  const labelsOf = (name: string): string => {
    const all = known.samples.filter((sample) => sample.name === name || sample.name.startsWith(`${name}_`))
    const labels = all.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le')
    return [...new Set(labels)].join()
  }
  const own = [...known.types].filter(([name]) => name.startsWith('celeriac_'))
  expect(documented.sort()).toEqual(own.map(([name, type]) => [name, type, labelsOf(name)]).sort())
})

it('alerts: each reads metrics and labels that are there', () => {
  expect(rules.flatMap(({ alert, expr }) => faultsOf(expr, known).map((fault) => `${alert}: ${fault}`))).toEqual([])
})

it('promtool takes the expressions, and the alerts fire when they should', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-rules-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const panels = shown.map(([, expr], at) => ({
    record: `panel_${at}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
  }))
  writeFileSync(join(folder, 'panels.yaml'), JSON.stringify({ groups: [{ name: 'panels', rules: panels }] }))
  for (const args of [
    ['check', 'rules', join(folder, 'panels.yaml'), RULES],
    ['test', 'rules', 'test/deploy/celeriac.rules.test.yaml'],
  ]) {
    const end = await command('promtool', args, { cwd: ROOT })
    if (end.code === undefined) skip('promtool is not installed')
    expect(end).toMatchObject({ code: 0, stderr: '' })
  }
})

it('autoscaling: of the worker, by size and age of its queue, as they are counted', () => {
  const [worker] = documents<{ metadata: { name: string } }>('deploy/kubernetes/worker.yaml')
  const [{ namespace }] = documents<{ namespace: string }>('deploy/kubernetes/kustomization.yaml') as [never]
  const [keda] = documents<Scaler>('deploy/autoscale/keda.yaml') as [Scaler]
  const [hpa] = documents<Scaler>('deploy/autoscale/hpa.yaml') as [Scaler]
  for (const { metadata, spec } of [keda, hpa]) {
    expect([metadata.namespace, spec.scaleTargetRef.name]).toEqual([namespace, worker?.metadata.name])
    expect(spec.minReplicas ?? spec.minReplicaCount).toBeGreaterThan(0)
  }
  const queries = (keda.spec.triggers ?? []).map(({ metadata }) => metadata.query)
  expect(queries.flatMap((query) => faultsOf(query, known))).toEqual([])
  const SIZE = 'celeriac_queue_messages'
  const AGE = 'celeriac_queue_oldest_age_seconds'
  expect(queries.map((query) => metricsIn(query)[0])).toEqual([SIZE, AGE])
  const external = (hpa.spec.metrics ?? []).map(({ external: { metric } }) => metric)
  expect(external.map(({ name }) => name)).toEqual([SIZE, AGE])
  for (const { name, selector } of external) {
    const labels = Object.keys(selector.matchLabels)
    expect(faultsOf(`${name}{${labels.map((label) => `${label}=""`).join()}}`, known)).toEqual([])
  }
  const [adapter] = documents<{ rules: { external: { seriesQuery: string }[] } }>(
    'deploy/autoscale/prometheus-adapter.yaml',
  )
  expect(adapter?.rules.external.map(({ seriesQuery }) => seriesQuery)).toEqual([SIZE, AGE])
})

interface Scaler {
  metadata: { namespace: string }
  spec: {
    scaleTargetRef: { name: string }
    minReplicas?: number
    minReplicaCount?: number
    triggers?: { metadata: { query: string } }[]
    metrics?: { external: { metric: { name: string; selector: { matchLabels: Record<string, string> } } } }[]
  }
}
