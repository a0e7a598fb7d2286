import { readFileSync } from 'node:fs'
import { parseYaml } from '@redocly/openapi-core'
import { milliseconds } from '../../src/std/duration.ts'

/** A service of a compose file, as Compose understands it. */
export interface Service {
  readonly name: string
  readonly image: string
  /** Undefined: the image's own. */
  readonly command: readonly string[] | undefined
  readonly environment: Readonly<Record<string, string>>
  /** The command of its health check; undefined: the image's own. */
  readonly health: readonly string[] | undefined
  /** How long it may take to stop, ms. */
  readonly grace: number
  /** Services that have to be healthy, or to have started, before. */
  readonly after: Readonly<Record<string, string>>
  /** Everything, as it is written. */
  readonly raw: Readonly<Record<string, unknown>>
}

interface Written {
  image: string
  command?: string
  environment?: Record<string, string>
  healthcheck?: { test?: string[] }
  stop_grace_period?: string
  depends_on?: Record<string, { condition: string }>
}

/** Compose's own default. */
const GRACE = '10s'

/** Reads a compose file. `variables` stand for those of the shell. */
export function readCompose(path: string, variables: Readonly<Record<string, string>> = {}): Map<string, Service> {
  const text = interpolate(readFileSync(path, 'utf8'), variables)
  const { services } = parseYaml(text) as { services: Record<string, Written> }
  return new Map(Object.entries(services).map(([name, service]) => [name, serviceOf(name, service)]))
}

function serviceOf(name: string, written: Written): Service {
  const { image, command, environment = {}, healthcheck, stop_grace_period: grace = GRACE, depends_on = {} } = written
  const [kind, ...test] = healthcheck?.test ?? []
  if (kind !== undefined && kind !== 'CMD') throw new Error(`${name}: healthcheck: expected CMD, got ${kind}`)
  return {
    name,
    image,
    command: command === undefined ? undefined : commandWords(command),
    environment,
    health: kind === undefined ? undefined : test,
    grace: milliseconds(grace as '10s', `${name}: stop_grace_period`),
    after: Object.fromEntries(Object.entries(depends_on).map(([other, { condition }]) => [other, condition])),
    raw: { ...written },
  }
}

/** Words of a command that has no quotes in it. */
export function commandWords(command: string): string[] {
  if (/['"\\$]/.test(command)) throw new Error(`expected a command without quotes, got ${command}`)
  return command.trim().split(/\s+/)
}

/** `${NAME:-default}`; the default may contain another one. */
function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  const inner = /\$\{(\w+):-([^${}]*)\}/g
  const next = text.replaceAll(inner, (_, name: string, other: string) => variables[name] ?? other)
  return next === text ? text : interpolate(next, variables)
}
