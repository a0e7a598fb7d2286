import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { milliseconds } from '../../src/std/duration.ts'
import { commandWords } from './compose.ts'

/** What a systemd unit says of its service. */
export interface Unit {
  readonly start: readonly string[]
  /** Undefined: it cannot be reloaded. `$MAINPID` stands for its process. */
  readonly reload: readonly string[] | undefined
  readonly environment: Readonly<Record<string, string>>
  readonly environmentFile: string
  readonly workingDirectory: string
  readonly stopSignal: NodeJS.Signals
  /** ms. */
  readonly stopTimeout: number
}

/** Reads a unit; `instance` is what stands behind the `@` of its name. */
export function readUnit(path: string, instance = ''): Unit {
  const values = new Map<string, string>()
  for (const [, key = '', value = ''] of readFileSync(path, 'utf8').matchAll(/^(\w+)=(.*)$/gm))
    values.set(key, value.replaceAll('%i', instance).replaceAll('%H', hostname()))
  const value = (key: string): string => {
    const found = values.get(key)
    if (found === undefined) throw new Error(`${path}: expected ${key}, got none`)
    return found
  }
  const reload = values.get('ExecReload')
  return {
    start: commandWords(value('ExecStart')),
    reload: reload?.split(' '),
    environment: readEnvironment(value('Environment')),
    environmentFile: value('EnvironmentFile'),
    workingDirectory: value('WorkingDirectory'),
    stopSignal: value('KillSignal') as NodeJS.Signals,
    stopTimeout: milliseconds(value('TimeoutStopSec') as '15s', 'TimeoutStopSec'),
  }
}

/** `NAME=value` by line; what begins with a # is a comment. */
export function readEnvironment(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => /^\w+=/.test(line))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}
