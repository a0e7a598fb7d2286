import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '@redocly/openapi-core'
import { describe, expect, it } from 'vitest'
import { milliseconds } from '../../src/std/duration.ts'
import { command } from '../command.ts'
import { commandWords, readCompose } from './compose.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'deploy/kubernetes')

interface Probe {
  httpGet?: { path: string; port: string }
  exec?: { command: string[] }
}
interface Container {
  name: string
  image: string
  args: string[]
  ports?: { name: string; containerPort: number }[]
  livenessProbe?: Probe
  readinessProbe?: Probe
  lifecycle?: { preStop: { exec: { command: [string, string] } } }
  securityContext: unknown
}
interface Labels {
  [name: string]: string
}
interface Resource {
  kind: string
  metadata: { name: string; labels?: Labels }
  resources?: string[]
  stringData?: Record<string, string>
  spec: {
    selector: { matchLabels: Labels } & Labels
    ports: { targetPort: string }[]
    template: {
      metadata: { labels: Labels }
      spec: { terminationGracePeriodSeconds: number; securityContext: unknown; containers: [Container] }
    }
  }
}

const files = readdirSync(FOLDER)
const resources = files.flatMap((name) =>
  readFileSync(join(FOLDER, name), 'utf8')
    .split(/^---$/m)
    .map((text) => parseYaml(text) as Resource),
)
const deployments = resources.filter(({ kind }) => kind === 'Deployment')
const pod = (name: string): Resource['spec']['template']['spec'] =>
  deployments.find(({ metadata }) => metadata.name === name)!.spec.template.spec
/** The port of workers and beats for probes and metrics. */
const HEALTH = ['--health-port', '9464', '--health-host', '0.0.0.0']
const compose = readCompose(join(ROOT, 'compose.yaml'))

it('kustomization lists every file but the example', () => {
  const { resources: listed = [] } = resources.find(({ kind }) => kind === 'Kustomization')!
  const others = ['kustomization.yaml', 'stores.example.yaml']
  expect([...listed].sort()).toEqual(files.filter((name) => !others.includes(name)).sort())
})

describe.each(deployments.map((each) => [each.metadata.name, each] as const))('%s', (name, { metadata, spec }) => {
  const [container] = spec.template.spec.containers

  it('selects its own pods, as does its service', () => {
    expect(spec.template.metadata.labels).toEqual(metadata.labels)
    expect(spec.selector.matchLabels).toEqual(metadata.labels)
    for (const service of resources.filter((each) => each.kind === 'Service' && each.metadata.name === name))
      expect(service.spec.selector).toEqual(metadata.labels)
  })

  it('runs what compose runs', () => {
    const { command = [], image } = compose.get(name)!
    expect(container.image).toBe(image)
    // There replicas are processes, and probes ask over a port.
    const own = name === 'web' ? command.slice(0, command.indexOf('--workers')) : command
    expect(container.args).toEqual(name === 'web' ? own : [...own, ...HEALTH])
  })

  it('is unprivileged', () => {
    expect(spec.template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 })
    const own = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
    expect(container.securityContext).toEqual(own)
  })
})

it('web: probes at the paths of the API, its port by name, and time to stop', () => {
  const [{ ports = [], livenessProbe, readinessProbe, lifecycle }] = pod('web').containers
  expect(ports).toEqual([{ name: 'http', containerPort: 5000 }])
  expect([livenessProbe?.httpGet, readinessProbe?.httpGet]).toEqual([
    { path: '/livez', port: 'http' },
    { path: '/readyz', port: 'http' },
  ])
  const [, seconds] = lifecycle!.preStop.exec.command
  expect(pod('web').terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + 10)
})

it.each(['worker', 'beat'])('%s: probes at the paths of its health port', (name) => {
  const [{ ports = [], readinessProbe, livenessProbe }] = pod(name).containers
  expect(ports).toEqual([{ name: 'health', containerPort: Number(HEALTH[1]) }])
  expect([livenessProbe?.httpGet, readinessProbe?.httpGet]).toEqual([
    { path: '/livez', port: 'health' },
    { path: '/readyz', port: 'health' },
  ])
})

it('worker: more time than its grace', () => {
  const {
    terminationGracePeriodSeconds: seconds,
    containers: [{ args }],
  } = pod('worker')
  const grace = milliseconds(args[args.indexOf('--grace') + 1] as '25s', 'grace')
  expect(seconds * 1000).toBeGreaterThan(grace + 5000)
})

it('the secret has the variables that compose gives', () => {
  const { stringData = {} } = resources.find(({ kind }) => kind === 'Secret')!
  expect(Object.keys(stringData)).toEqual(Object.keys(compose.get('worker')!.environment))
})

it('kubectl kustomize takes it', async ({ skip }) => {
  const [file = '', ...args] = commandWords('kubectl kustomize deploy/kubernetes')
  const { code, stdout, stderr } = await command(file, args, { cwd: ROOT })
  if (code === undefined) skip('kubectl is not installed')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.match(/image: registry\.example\.com\/celeriac-plots:1/g)?.length).toBe(3)
})
